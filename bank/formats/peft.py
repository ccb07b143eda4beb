"""Prompt-tuning adapters of PEFT: a folder of adapter_config.json and adapter_model.safetensors.

Read and written without PEFT or torch. The layout is PEFT's own: one tensor `prompt_embeddings` of
num_virtual_tokens x num_transformer_submodules rows. For prefix tuning see `bank.formats.peft_prefix`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bank.arrays import Array
from bank.errors import BankError, reason_of, shown
from bank.files import replace_file
from bank.formats import safetensors
from bank.formats.prompt import Export, PromptFile
from bank.reading import read_json

log = logging.getLogger("bank")

CONFIG, WEIGHTS, PICKLE = "adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"
PROMPT_TUNING = "PROMPT_TUNING"
# Keys of the config that are used, where they are set, and the type of each.
OPTIONAL = {
    "base_model_name_or_path": str,
    "num_attention_heads": int,
    "num_layers": int,
    "num_transformer_submodules": int,
    "num_virtual_tokens": int,
    "prefix_projection": bool,
    "task_type": str,
    "token_dim": int,
}


@dataclass(frozen=True)
class Adapter:
    """A prompt [P, H] and facts of its config; `base_model` is None for a model without a name."""

    prompt: Array
    base_model: str | None
    task_type: str


def is_adapter(folder: Path) -> bool:
    """True for a folder that PEFT saved, of any method."""
    return (folder / CONFIG).is_file()


def recognises(path: Path) -> bool:
    """True for an adapter's folder, and for one that lacks its config but holds the weights."""
    return is_adapter(path) or (path / WEIGHTS).is_file()


def read(path: Path) -> PromptFile:
    """The prompt of an adapter's folder. Raises BankError as `read_adapter` does."""
    if not is_adapter(path):
        return safetensors.read(path / WEIGHTS)
    return PromptFile(read_adapter(path).prompt)


def read_adapter(folder: Path) -> Adapter:
    """The prompt-tuning adapter in a folder.

    PEFT's default for encoder-decoders allocates the rows twice and uses the first half: of such a
    file that half is read, with a warning. Raises BankError: another method, a pickle, an array
    that does not fit the config, and as `safetensors.read` does.
    """
    config = read_config(folder)
    method = config.get("peft_type")
    if method != PROMPT_TUNING:
        raise BankError(
            f"{folder / CONFIG}: expected the peft_type {PROMPT_TUNING}, found {_shown(method)}",
            "of PEFT's methods only prompt tuning and prefix tuning can be used here",
        )
    prompt = _used_rows(folder, config, read_array(folder))
    return Adapter(
        prompt, config.get("base_model_name_or_path") or None, str(config.get("task_type"))
    )


def read_config(folder: Path) -> dict[str, Any]:
    """The content of adapter_config.json; the keys in OPTIONAL are of their types. Raises BankError."""
    path = folder / CONFIG
    try:
        config = read_json(path)
    except (OSError, ValueError) as error:
        raise BankError(
            f"{path} cannot be read as JSON: {reason_of(error)}", "copy the adapter's folder again"
        ) from error
    if not isinstance(config, dict):
        raise BankError(f"{path}: expected a JSON object, found {type(config).__name__}")
    for name, types in OPTIONAL.items():
        value = config.get(name)
        if value is not None and type(value) is not types:
            raise BankError(f"{path}: expected {types.__name__} as {name}, found {shown(value)}")
    return config


def read_array(folder: Path) -> Array:
    """The one array of an adapter. Raises BankError: a pickle, and as `safetensors.read` does."""
    if not (folder / WEIGHTS).is_file():
        pickled = (folder / PICKLE).is_file()
        raise BankError(
            f"{folder}: expected {WEIGHTS}, found {PICKLE if pickled else 'no weights'}",
            "save it again with safe_serialization=True: a pickle may run code when it is read"
            if pickled
            else "copy the whole folder",
        )
    return safetensors.read(folder / WEIGHTS).prompt


def write(path: Path, prompt: PromptFile, export: Export) -> Path:
    """Write the folder of an adapter that `PeftModel.from_pretrained` loads.

    export.model: the name or folder that `AutoModel…from_pretrained` takes. Files that exist are
    replaced. Raises BankError when they cannot be written.
    """
    length, width = prompt.prompt.shape
    config = {
        "base_model_name_or_path": export.model,
        "inference_mode": True,
        "num_attention_heads": None,  # PEFT fills these two in from the model
        "num_layers": None,
        "num_transformer_submodules": 1,
        "num_virtual_tokens": length,
        "peft_type": PROMPT_TUNING,
        "prompt_tuning_init": "RANDOM",  # overwritten when the weights are loaded
        "prompt_tuning_init_text": None,
        "revision": None,
        "task_type": "CAUSAL_LM" if export.causal else "SEQ_2_SEQ_LM",
        "token_dim": width,
        "tokenizer_name_or_path": None,
    }
    return write_adapter(path, config, prompt.prompt)


def write_adapter(path: Path, config: Mapping[str, Any], array: Array) -> Path:
    """Write the two files of an adapter, its config last. Raises BankError."""
    safetensors.write(path / WEIGHTS, PromptFile(array), Export())
    replace_file(path / CONFIG, (json.dumps(config, indent=2) + "\n").encode())
    return path


def _shown(kind: object) -> str:
    return kind if isinstance(kind, str) and len(kind) < 60 else shown(kind)


def _used_rows(folder: Path, config: dict[str, Any], array: Array) -> Array:
    """The rows that PEFT puts in front of an encoder's or a decoder's input. Raises BankError."""
    length, copies = config.get("num_virtual_tokens"), config.get("num_transformer_submodules") or 1
    width = config.get("token_dim") or array.shape[1]
    if length is None or copies not in (1, 2) or array.shape != (length * copies, width):
        raise BankError(
            f"{folder}: expected {length} x {copies} rows of {width} as {CONFIG} says, "
            f"found {array.shape[0]} of {array.shape[1]}",
            "the two files are not of one adapter: copy the whole folder again",
        )
    if copies == 1:
        return array
    if config.get("task_type") != "SEQ_2_SEQ_LM":
        raise BankError(
            f"{folder}: expected two sets of rows only for SEQ_2_SEQ_LM, "
            f"found them for {config.get('task_type')}",
            "PEFT itself cannot use this adapter",
        )
    log.warning(
        "%s holds %d rows, of which PEFT uses the first %d; only these are read",
        folder,
        len(array),
        length,
    )
    return array[:length]

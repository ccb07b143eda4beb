"""Prefix-tuning adapters of PEFT, read and written without PEFT or torch.

Their one tensor `prompt_embeddings` [P, L*2*heads*D] has of every token the keys and values of all layers,
as they stand in the model's cache: a decoder has turned its keys to their places already. Heads are
those that have keys and values of their own, and token_dim is heads*D, whatever the width of the model.

A T5 has the tensor in its decoder, where PEFT (`PeftModel.get_prompt`) gives layer i the numbers of layer
2i mod L, num_layers being L. With an odd L no two layers share one; a T5 of an even number of layers is
therefore written with one more, of zeros, which its cache keeps and nothing reads.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bank.arrays import Array
from bank.errors import BankError
from bank.formats import peft
from bank.formats.prompt import Export, PromptFile

PREFIX_TUNING = "PREFIX_TUNING"
READER, WRITER = "keys-values", "decoder-keys-values"  # of a decoder, and of a T5's decoder
ARRAYS = {"keys_values", "scale", "start"}  # of the kinds that an adapter can hold
ENCODER_DECODER = "SEQ_2_SEQ_LM"
SUBMODULES = {"CAUSAL_LM": 1, ENCODER_DECODER: 2}


def recognises(path: Path) -> bool:
    """True for an adapter's folder whose config, where it can be read, says prefix tuning."""
    try:
        return peft.is_adapter(path) and peft.read_config(path).get("peft_type") == PREFIX_TUNING
    except BankError:  # `peft` says what is wrong with it
        return False


def read(path: Path) -> PromptFile:
    """The keys and values of an adapter's folder as the array "keys_values" [L, 2, heads, P, D].

    Their kind has a scale and a start beside them, which no adapter has, and a key as wide as the model:
    `prompt` is the adapter's own tensor. Raises BankError: another task type, arrays that do not fit the
    config, a projection that is not applied, and as `peft.read_array` does.
    """
    config = peft.read_config(path)
    task = config.get("task_type")
    several = config.get("num_transformer_submodules") or SUBMODULES.get(str(task))
    if task not in SUBMODULES or several != SUBMODULES[task]:
        raise BankError(
            f"{path}: expected the task_type {' or '.join(SUBMODULES)} with "
            f"{' or '.join(map(str, SUBMODULES.values()))} num_transformer_submodules, found {task} "
            f"with {several}",
            "only adapters of decoders and of T5 models can be used here",
        )
    table, (length, layers, heads, numbers) = _table(path, config)
    every = table.reshape(length, layers, 2, heads, numbers).transpose(1, 2, 3, 0, 4)
    causal = task != ENCODER_DECODER
    used = np.arange(layers) if causal else _places(layers)
    return PromptFile(table, READER if causal else WRITER, {"keys_values": every[used].copy()})


def write(path: Path, prompt: PromptFile, export: Export) -> Path:
    """Write the folder of an adapter that `PeftModel.from_pretrained` loads.

    export.model: as for `peft.write`; export.causal: the model is a decoder. Raises BankError for keys
    and values that PEFT has no place for, and when files cannot be written.
    """
    numbers = _numbers(path, prompt, export.causal)
    layers, _, heads, length, size = numbers.shape
    if export.causal:
        every = numbers
    else:
        every = np.zeros((layers + 1 - layers % 2, *numbers.shape[1:]), np.float32)
        every[_places(len(every))[:layers]] = numbers
    task = "CAUSAL_LM" if export.causal else ENCODER_DECODER
    config = {
        "base_model_name_or_path": export.model,
        "encoder_hidden_size": heads * size,
        "inference_mode": True,
        "init_weights": None,
        "num_attention_heads": heads,
        "num_layers": len(every),
        "num_transformer_submodules": SUBMODULES[task],
        "num_virtual_tokens": length,
        "peft_type": PREFIX_TUNING,
        "prefix_projection": False,
        "revision": None,
        "task_type": task,
        "token_dim": heads * size,
    }
    table = np.ascontiguousarray(every.transpose(3, 0, 1, 2, 4).reshape(length, -1))
    return peft.write_adapter(path, config, table)


def _places(layers: int) -> Any:
    """Of each layer of a T5's decoder, that of an adapter with so many layers whose numbers it gets."""
    return 2 * np.arange(layers) % layers


def _table(folder: Path, config: dict[str, Any]) -> tuple[Array, tuple[int, int, int, int]]:
    """The tensor of an adapter, and (P, L, heads, D) as its config has them. Raises BankError."""
    sizes = ("num_virtual_tokens", "num_layers", "num_attention_heads", "token_dim")
    length, layers, heads, width = (config.get(name) or 0 for name in sizes)
    if min(length, layers, heads, width) < 1 or width % heads:
        found = ", ".join(f"{name} {config.get(name)}" for name in sizes)
        raise BankError(
            f"{folder / peft.CONFIG}: expected counts from 1, token_dim a multiple of "
            f"num_attention_heads, found {found}",
            "save the adapter again with a PEFT that writes them",
        )
    projected = bool(config.get("prefix_projection"))
    try:
        table = peft.read_array(folder)
    except BankError as error:
        if not projected:
            raise
        raise _unapplied(folder, error.message) from error
    if table.shape == (length, 2 * layers * width):
        return table, (length, layers, heads, width // heads)
    found = f"{table.shape[0]} of {table.shape[1]}"
    if projected:
        raise _unapplied(folder, found)
    raise BankError(
        f"{folder}: expected {length} rows of 2 x {layers} x {width} as {peft.CONFIG} says, "
        f"found {found}",
        "the two files are not of one adapter: copy the whole folder again",
    )


def _unapplied(folder: Path, found: str) -> BankError:
    return BankError(
        f"{folder}: expected the keys and values that its projection makes (prefix_projection), found "
        f"{found}",
        "save it with PEFT's save_pretrained, which applies the projection and leaves it out",
    )


def _numbers(path: Path, prompt: PromptFile, causal: bool) -> Array:
    """The keys and values [L, 2, heads, P, D] of a prompt that an adapter can hold. Raises BankError."""
    arrays, form = prompt.arrays, prompt.kind.partition(":")[0]
    if not {"keys_values", "scale"} <= set(arrays) <= ARRAYS:
        raise BankError(
            f"{path}: expected keys and values alone, found {', '.join(sorted(arrays)) or 'rows'}",
            "convert the prompt with spot.prompts.as_prefix_tuning, as spot bank export does",
        )
    if causal != (form == READER):
        raise BankError(
            f"{path}: a prefix-tuning adapter has keys and values of a decoder or of a T5's decoder, found "
            f"{form} of {'a decoder' if causal else 'an encoder-decoder'}",
            "PEFT puts nothing in front of what the encoder of a T5 reads; a decoder has no other stack",
        )
    numbers, scale = arrays["keys_values"], arrays["scale"]
    if numbers.ndim != 5 or numbers.shape[1] != 2 or scale.shape != (len(numbers), 2, 1, 1, 1):
        raise BankError(
            f"{path}: expected keys and values [L, 2, heads, P, D] with a scale [L, 2, 1, 1, 1], found "
            f"{list(numbers.shape)} with {list(scale.shape)}",
            "train the prompt again",
        )
    return np.asarray(numbers * scale, np.float32)

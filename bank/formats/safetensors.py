"""Safetensors files: the only format that holds every kind of prompt.

The [P, H] is the tensor "prompt_embeddings", PEFT's name for it; a kind other than the plain one
is named in the metadata, and its named arrays are tensors `value.<name>`. The facts are JSON in the
metadata, too, with a checksum of the whole content; files of other programs have neither.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from bank.arrays import as_floats
from bank.entry import NAMED, PREFIX, PROMPT_KIND, named
from bank.errors import BankError, reason_of
from bank.files import canonical_json, replace_file, sha256_hex
from bank.formats.facts import read_facts
from bank.formats.prompt import Export, PromptFile
from bank.reading import read_bytes
from bank.tensors import LIMIT, Tensor, parse_tensors

log = logging.getLogger("bank")

FACTS, CHECKSUM = "spot_facts", "spot_sha256"  # metadata keys
# Names under which a prompt is found in a file that holds more than one tensor.
PROMPT_NAMES = ("prompt_embeddings", "value", "prompt", "key")
VIEWS = ("init", "key", "value")  # tensors of an entry's file, of which one is read


def recognises(path: Path) -> bool:
    """True for a file whose name ends in .safetensors."""
    return path.suffix == ".safetensors" and path.is_file()


def read(path: Path) -> PromptFile:
    """The prompt of a file with one tensor, or one of `PROMPT_NAMES`; an entry's file as well.

    Raises BankError: damaged, another content than its checksum's, no such tensor, no floats [P, H], NaN
    or infinity, and for facts that `read_facts` refuses.
    """
    try:
        tensors, metadata = parse_tensors(read_bytes(path, LIMIT))
    except OSError as error:
        raise BankError(f"cannot read the prompt {path}: {reason_of(error)}") from error
    except ValueError as error:
        raise BankError(f"{path} is {error}") from error
    if CHECKSUM in metadata and _checksum(tensors, metadata) != metadata[CHECKSUM]:
        raise BankError(
            f"{path}: its content does not match its own checksum: it was changed",
            "copy it again; a program that changes prompts must not keep the metadata",
        )
    names = [name for name in PROMPT_NAMES if name in tensors]
    if not names and len(tensors) != 1:
        raise BankError(
            f"expected one tensor or one named {' or '.join(PROMPT_NAMES)} in {path}, "
            f"found {', '.join(sorted(tensors)) or 'none'}"
        )
    chosen = names[0] if names else next(iter(tensors))
    unused = [
        name for name in tensors if name not in (chosen, *VIEWS) and not name.startswith(NAMED)
    ]
    if unused:
        log.warning("%s: tensors that are passed over: %s", path, ", ".join(sorted(unused)))
    prompt = _numbers(path, tensors[chosen])
    arrays = {
        name: as_floats(_numbers(path, tensor), f"the array {name} in {path}", matrix=False)
        for name, tensor in named(tensors).items()
    }
    facts = read_facts(metadata[FACTS], str(path)) if FACTS in metadata else None
    kind = metadata.get(PROMPT_KIND, PREFIX)
    return PromptFile(as_floats(prompt, f"the prompt in {path}"), kind, arrays, facts)


def write(path: Path, prompt: PromptFile, export: Export) -> Path:
    """Write the prompt as float32, with its kind, named arrays and facts. Raises BankError."""
    import safetensors.numpy

    tensors = {PROMPT_NAMES[0]: prompt.prompt} | {
        NAMED + name: prompt.arrays[name] for name in sorted(prompt.arrays)
    }
    metadata = {"format": "pt"}  # the tensors' framework: transformers and PEFT ask for it
    if prompt.kind != PREFIX:
        metadata[PROMPT_KIND] = prompt.kind
    if prompt.facts is not None:
        metadata[FACTS] = prompt.facts.to_json()
        stored = {name: Tensor("F32", each.shape, each.tobytes()) for name, each in tensors.items()}
        metadata[CHECKSUM] = _checksum(stored, metadata)
    replace_file(path, safetensors.numpy.save(tensors, metadata=metadata))
    return path


def _checksum(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """The SHA-256 of a file's content, its own checksum aside."""
    arrays = {
        name: [each.dtype, each.shape, sha256_hex(bytes(each.data))]
        for name, each in tensors.items()
    }
    about = {name: text for name, text in metadata.items() if name != CHECKSUM}
    return sha256_hex(canonical_json([arrays, about]))


def _numbers(path: Path, tensor: Tensor) -> NDArray[Any]:
    try:
        return tensor.floats()
    except ValueError as error:
        raise BankError(f"{path}: {error}", "save the prompt as float32") from error

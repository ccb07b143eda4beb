"""Prompts of other programs in, ours out: NumPy files, safetensors, T5X and PEFT folders.

Nothing here runs what it reads: NumPy files are read without pickle.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bank.entry import Backbone, Entry, Prompts, entry_id
from bank.errors import BankError, did_you_mean
from bank.files import replace_file, sha256_hex
from bank.outcomes import Outcome
from bank.store import Bank

# Names under which a prompt is found in a safetensors file that holds more than one tensor.
PROMPT_NAMES = ("prompt_embeddings", "value", "prompt", "key")
T5X_FOLDER, T5X_PROMPT = "numpy_checkpoints", "encoder.prompt.prompt.prompt"
PEFT_PROMPT = "adapter_model.safetensors"
UNVERIFIED = "unverified:"  # first letters of a fingerprint made from a model's name alone


@dataclass(frozen=True)
class ImportReport:
    """What an import did: ids added, ids that were there, (file, reason) of those passed over."""

    backbone: Backbone
    added: tuple[str, ...]
    present: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    outcomes: int


def import_folder(bank: Bank, folder: Path, backbone: Backbone | None = None) -> ImportReport:
    """Adds every `<task>.npy` of a folder as an entry whose key and value are that prompt.

    `meta.json` beside them may name the model ("model"), which then is the backbone with a
    fingerprint marked unverified, and the arrays' checksums; `transfer.json` may hold measured
    zero-shot scores ({"scores": {target: {source: 0 to 1}}}), which become outcomes of 0 to 100.
    Files that cannot be used are passed over and reported. Raises BankError: no such folder, no
    usable prompt, no backbone known, a damaged JSON file, or as `Bank.add_many` does.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise BankError(f"expected a folder of prompts at {folder}, found none")
    meta = _read_json(folder / "meta.json")
    backbone = backbone or _backbone(folder, meta)
    sums = {one.get("file"): one.get("sha256") for one in _prompt_list(folder, meta)}
    items: list[tuple[Entry, Prompts]] = []
    skipped: list[tuple[str, str]] = []
    for path in sorted(folder.glob("*.npy")):
        try:
            items.append(_imported(path, backbone, sums.get(path.name)))
        except BankError as error:
            skipped.append((path.name, error.message))
    if not items:
        reasons = "; ".join(reason for _, reason in skipped) or "it has no .npy file"
        raise BankError(f"expected prompts in {folder}, found none that can be used: {reasons}")
    outcomes = _transfer(folder / "transfer.json", {one.task: one.id for one, _ in items})
    added = bank.add_many(items)
    count = bank.add_outcomes(outcomes) if outcomes else 0
    present = tuple(entry.id for entry, _ in items if entry.id not in added)
    return ImportReport(backbone, tuple(added), present, tuple(skipped), count)


def read_prompt_file(path: Path) -> NDArray[np.float32]:
    """One prompt [P, H] from a file or folder of this or another program, as float32.

    Read are: NumPy files with any name (float16 to float64), safetensors (PEFT's
    `prompt_embeddings` too), the folder of a prompt-tuning run (its newest
    `numpy_checkpoints/checkpoint_N/encoder.prompt.prompt.prompt`) and a PEFT adapter's folder.
    Raises BankError: absent, damaged, of another kind, not [P, H] floats, NaN or infinity.
    """
    path = Path(path)
    file = _prompt_in(path) if path.is_dir() else path
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BankError(f"cannot read the prompt {file}: {error.strerror or error}") from error
    if content.startswith(b"\x93NUMPY"):
        try:
            array = np.load(io.BytesIO(content), allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise BankError(f"{file} is no complete NumPy file of numbers: {error}") from error
    elif file.suffix == ".safetensors":
        array = _from_safetensors(file, content)
    else:
        raise BankError(
            f"expected a NumPy or safetensors file, found another kind: {file}",
            "save the prompt's array [P, H] with numpy.save",
        )
    return _as_prompt(file, array)


def export_prompt(path: Path, array: NDArray[Any]) -> None:
    """Writes a prompt [P, H] as float32 to `.npy` or `.safetensors` (tensor "prompt_embeddings").

    The first is what `prompt_tuning`'s from-file initialiser reads, the second's tensor name is
    PEFT's. A file that exists is replaced. Raises BankError: another suffix, not [P, H] floats, a
    place that cannot be written.
    """
    path = Path(path)
    prompt = _as_prompt(path, np.asarray(array))
    if path.suffix == ".npy":
        buffer = io.BytesIO()
        np.save(buffer, prompt, allow_pickle=False)
        replace_file(path, buffer.getvalue())
    elif path.suffix == ".safetensors":
        import safetensors.numpy

        replace_file(path, safetensors.numpy.save({PROMPT_NAMES[0]: prompt}))
    else:
        raise BankError(
            f'expected a file name that ends in .npy or .safetensors, found "{path.name}".'
            + did_you_mean(path.suffix, [".npy", ".safetensors"])
        )


def _imported(path: Path, backbone: Backbone, sha256: str | None) -> tuple[Entry, Prompts]:
    """The entry of one prompt file; the array's digest is part of the recipe and so of the id."""
    prompt = read_prompt_file(path)
    digest = sha256_hex(prompt.tobytes())
    raw = sha256_hex(np.load(path, allow_pickle=False).tobytes())
    if sha256 is not None and sha256 not in (raw, sha256_hex(path.read_bytes())):
        raise BankError(f"{path.name}: its content does not match the checksum in meta.json")
    recipe = {"imported": path.name, "sha256": digest, "prompt_length": len(prompt)}
    id = entry_id(
        kind="imported",
        task=path.stem,
        members=(),
        seed=0,
        backbone=backbone.fingerprint,
        recipe=recipe,
        data="",
    )
    entry = Entry(id, "imported", path.stem, (), "", 0, backbone, recipe)
    return entry, Prompts(None, prompt, prompt)


def _backbone(folder: Path, meta: dict[str, Any]) -> Backbone:
    model = meta.get("model")
    if not isinstance(model, str) or not model:
        raise BankError(
            f'expected the backbone\'s name as "model" in {folder / "meta.json"}, found none',
            "say which model the prompts belong to",
        )
    return named_backbone(model)


def named_backbone(model: str) -> Backbone:
    """A backbone of which only the name is known; its fingerprint is marked unverified."""
    return Backbone(model, UNVERIFIED + sha256_hex(model)[:16])


def _prompt_list(folder: Path, meta: dict[str, Any]) -> list[dict[str, Any]]:
    listed = meta.get("prompts", [])
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise BankError(f'{folder / "meta.json"}: expected a list of objects as "prompts"')
    return listed


def _transfer(path: Path, ids: dict[str, str]) -> list[Outcome]:
    """The outcomes of a transfer.json; sources that are imported get their entry's id."""
    scores = _read_json(path).get("scores", {})
    outcomes = []
    try:
        for target, row in scores.items():
            for source, score in row.items():
                if not 0 <= score <= 1:
                    raise ValueError(f"{source} -> {target}: {score} is not between 0 and 1")
                outcomes.append(
                    Outcome(ids.get(source, source), target, "zero-shot", 0, "score", 100 * score)
                )
    except (AttributeError, TypeError, ValueError) as error:
        raise BankError(
            f'{path}: expected "scores" as {{target: {{source: score of 0 to 1}}}}: {error}'
        ) from error
    return outcomes


def _read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty when there is no file. Raises BankError when damaged."""
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BankError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise BankError(f"{path}: expected a JSON object, found {type(content).__name__}")
    return content


def _prompt_in(folder: Path) -> Path:
    """The prompt's file in the folder of a T5X prompt-tuning run or of a PEFT adapter."""
    if (folder / PEFT_PROMPT).is_file():
        return folder / PEFT_PROMPT
    runs = folder / T5X_FOLDER if (folder / T5X_FOLDER).is_dir() else folder
    found = [
        (int(one.parent.name.removeprefix("checkpoint_")), one)
        for one in runs.glob(f"checkpoint_*/{T5X_PROMPT}")
        if one.parent.name.removeprefix("checkpoint_").isdigit()
    ]
    if (folder / T5X_PROMPT).is_file():
        return folder / T5X_PROMPT
    if found:
        return max(found)[1]
    raise BankError(
        f"expected {T5X_FOLDER}/checkpoint_N/{T5X_PROMPT} or {PEFT_PROMPT} in {folder}, "
        "found neither",
        "name the prompt's file itself",
    )


def _from_safetensors(path: Path, content: bytes) -> NDArray[Any]:
    import safetensors

    try:
        tensors: dict[str, Any] = dict(safetensors.deserialize(content))
    except safetensors.SafetensorError as error:
        raise BankError(f"{path} is no complete safetensors file: {error}") from error
    names = [name for name in PROMPT_NAMES if name in tensors]
    if not names and len(tensors) != 1:
        raise BankError(
            f"expected one tensor or one named {' or '.join(PROMPT_NAMES)} in {path}, "
            f"found {', '.join(sorted(tensors)) or 'none'}"
        )
    tensor = tensors[names[0] if names else next(iter(tensors))]
    kinds = {"F16": np.float16, "F32": np.float32, "F64": np.float64, "BF16": np.uint16}
    if tensor["dtype"] not in kinds:
        raise BankError(f"{path}: expected a tensor of floats, found {tensor['dtype']}")
    array = np.frombuffer(tensor["data"], dtype=kinds[tensor["dtype"]]).reshape(tensor["shape"])
    if tensor["dtype"] == "BF16":  # NumPy has no bfloat16: it is the upper half of a float32
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return array


def _as_prompt(path: Path, array: NDArray[Any]) -> NDArray[np.float32]:
    """The array as float32 [P, H]. Raises BankError, naming the file, when it is something else."""
    if array.ndim != 2 or array.size == 0 or array.dtype.kind != "f":
        raise BankError(
            f"{path}: expected a prompt of floats [P, H], "
            f"found shape {array.shape} of {array.dtype}"
        )
    with np.errstate(over="ignore"):  # too large for float32 becomes inf, refused just below
        prompt = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(prompt).all():
        raise BankError(f"{path}: the prompt holds NaN, infinity or numbers beyond float32")
    return prompt

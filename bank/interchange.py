"""Prompts of other programs in, ours out: NumPy files, safetensors, T5X and PEFT folders.

Nothing here runs what it reads: no pickle is ever loaded.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bank import peft
from bank.entry import Backbone, Entry, Prompts, entry_id
from bank.errors import BankError
from bank.files import replace_file, sha256_hex
from bank.outcomes import Outcome
from bank.prompt_file import as_prompt, numpy_bytes, read_prompt_array, write_prompt_array
from bank.store import Bank

T5X_FOLDER, T5X_PROMPT = "numpy_checkpoints", "encoder.prompt.prompt.prompt"
Form = Literal["npy", "safetensors", "t5x", "peft"]
UNVERIFIED = "unverified:"  # first letters of a fingerprint made from a model's name alone


@dataclass(frozen=True)
class ImportReport:
    """What an import did: ids added, ids that were there, (file, reason) of those passed over."""

    backbone: Backbone
    added: tuple[str, ...]
    present: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    outcomes: int


def import_folder(bank: Bank, folder: Path, given: Backbone | None = None) -> ImportReport:
    """Adds every `<task>.npy` of a folder as an entry whose key and value are that prompt, and every
    PEFT adapter, which is the folder itself or a folder `<task>` in it.

    `meta.json` beside them may name the model ("model"), which then is the backbone with a
    fingerprint marked unverified, and the arrays' checksums; else the first adapter's config names
    it; `transfer.json` may hold measured
    zero-shot scores ({"scores": {target: {source: 0 to 1}}}), which become outcomes of 0 to 100.
    Files that cannot be used are passed over and reported. Raises BankError: no such folder, no
    usable prompt, no backbone known, a damaged JSON file, or as `Bank.add_many` does.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise BankError(f"expected a folder of prompts at {folder}, found none")
    meta = _read_json(folder / "meta.json")
    adapters = _adapters(folder)
    backbone = given or _backbone(folder, meta, adapters)
    sums = {one.get("file"): one.get("sha256") for one in _prompt_list(folder, meta)}
    items: list[tuple[Entry, Prompts]] = []
    skipped: list[tuple[str, str]] = []
    for path in [*sorted(folder.glob("*.npy")), *adapters]:
        try:
            if peft.is_adapter(path):
                items.append(_of_adapter(path, backbone, trusted=given is not None))
            else:
                items.append(_of_file(path, backbone, sums.get(path.name)))
        except BankError as error:
            skipped.append((path.name, error.message))
    if not items:
        reasons = "; ".join(reason for _, reason in skipped) or "it has no .npy file and no adapter"
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
    if peft.is_adapter(path):
        return peft.read_adapter(path).prompt
    return read_prompt_array(_prompt_in(path) if path.is_dir() else path)


def export_prompt(path: Path, array: NDArray[Any]) -> None:
    """Writes a prompt [P, H] as float32 to `.npy` or `.safetensors` (tensor "prompt_embeddings").

    The first is what `prompt_tuning`'s from-file initialiser reads. Raises BankError as
    `write_prompt_array` does.
    """
    write_prompt_array(Path(path), array)


def export_entry(
    out: Path,
    array: NDArray[Any],
    entry: Entry,
    form: Form | None,
    base_model: str,
    task_type: peft.TaskType,
) -> Path:
    """Writes a prompt [P, H] of an entry in a form that others read; returns the file or folder.

    `npy` and `safetensors` are `out` itself where it ends so, else `<task>` in the folder `out`;
    without a form the suffix of `out` decides. `peft` is an adapter's folder, with `base_model` as
    the model's name; `t5x` the folder of a prompt-tuning run. Raises BankError as `export_prompt` does.
    """
    if form == "peft":
        peft.write_adapter(out, array, base_model, task_type)
        return out
    if form == "t5x":
        prompt = as_prompt(out, np.asarray(array))
        place = out / T5X_FOLDER / f"checkpoint_{entry.value_step or 0}"
        replace_file(place / T5X_PROMPT, numpy_bytes(prompt))
        return out
    name = entry.id.rpartition("-s")[0]  # the task, as a file may be called
    path = out if form is None or out.suffix == f".{form}" else out / f"{name}.{form}"
    export_prompt(path, array)
    return path


def _of_file(path: Path, backbone: Backbone, sha256: str | None) -> tuple[Entry, Prompts]:
    """The entry of one prompt file; `sha256` is of the array or of the file."""
    prompt = read_prompt_file(path)
    raw = sha256_hex(np.load(path, allow_pickle=False).tobytes())
    if sha256 is not None and sha256 not in (raw, sha256_hex(path.read_bytes())):
        raise BankError(f"{path.name}: its content does not match the checksum in meta.json")
    return _entry(path.stem, path.name, prompt, backbone)


def _of_adapter(folder: Path, backbone: Backbone, trusted: bool) -> tuple[Entry, Prompts]:
    """The entry of one adapter; unless the user named the backbone (`trusted`), it must be the
    adapter's own.
    """
    adapter = peft.read_adapter(folder)
    if not trusted and adapter.base_model != backbone.name:
        raise BankError(
            f"{folder.name}: its base model is {adapter.base_model}, not {backbone.name}",
            "prompts of different models never mix: import them into different banks",
        )
    name = folder.resolve().name
    return _entry(name, name, adapter.prompt, backbone)


def _entry(
    task: str, origin: str, prompt: NDArray[np.float32], backbone: Backbone
) -> tuple[Entry, Prompts]:
    """An imported prompt's entry; the array's digest is part of the recipe and so of the id."""
    digest = sha256_hex(prompt.tobytes())
    recipe = {"imported": origin, "sha256": digest, "prompt_length": len(prompt)}
    id = entry_id(
        kind="imported",
        task=task,
        members=(),
        seed=0,
        backbone=backbone.fingerprint,
        recipe=recipe,
        data="",
    )
    entry = Entry(id, "imported", task, (), "", 0, backbone, recipe)
    return entry, Prompts(None, prompt, prompt)


def _adapters(folder: Path) -> list[Path]:
    """The folder itself when it is an adapter, else the adapters in it, by name."""
    if peft.is_adapter(folder):
        return [folder]
    return sorted(path for path in folder.iterdir() if peft.is_adapter(path))


def _backbone(folder: Path, meta: dict[str, Any], adapters: list[Path]) -> Backbone:
    model = meta.get("model")
    if not model and adapters:
        model = peft.read_adapter(adapters[0]).base_model
    if not isinstance(model, str) or not model:
        place = adapters[0] / peft.CONFIG if adapters else folder / "meta.json"
        key = "base_model_name_or_path" if adapters else "model"
        raise BankError(
            f'expected the backbone\'s name as "{key}" in {place}, found none',
            "say which model the prompts belong to, there or with --backbone",
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
    """The prompt's file in the folder of a T5X prompt-tuning run."""
    if (folder / peft.WEIGHTS).is_file():  # an adapter without its config
        return folder / peft.WEIGHTS
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
        f"expected {T5X_FOLDER}/checkpoint_N/{T5X_PROMPT} or {peft.WEIGHTS} in {folder}, "
        "found neither",
        "name the prompt's file itself",
    )

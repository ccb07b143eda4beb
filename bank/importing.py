"""Import of a folder of prompts that other programs wrote: NumPy files and PEFT adapters."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bank.arrays import Array
from bank.entry import Backbone, Entry, Prompts, checked, entry_id
from bank.errors import BankError, reason_of
from bank.files import sha256_hex
from bank.formats import npy, peft, peft_prefix
from bank.outcomes import Outcome
from bank.reading import read_json
from bank.store import Bank

UNVERIFIED = "unverified:"  # prefix of a fingerprint made from a model's name alone


@dataclass(frozen=True)
class ImportReport:
    """Result of an import: new ids, ids already present, (file, reason) of files skipped."""

    backbone: Backbone
    added: tuple[str, ...]
    present: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    outcomes: int


def import_folder(bank: Bank, folder: str | Path, backbone: Backbone | None = None) -> ImportReport:
    """Add every `<task>.npy` of a folder as an entry whose key and value are that prompt, and every
    PEFT adapter: the folder itself, or a folder `<task>` in it.

    `meta.json` may name the model ("model"), unless `backbone` is given: its fingerprint is marked
    unverified. It may also list the arrays' checksums. Without it the first adapter's config names
    the model. `transfer.json` may hold measured zero-shot scores ({"scores": {target: {source: 0 to
    1}}}), which become outcomes of 0 to 100. Files that cannot be used are skipped and reported.
    Raises BankError: no such folder, no usable prompt, no backbone known, a damaged JSON file, or
    as `Bank.add_many` does.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise BankError(f"expected a folder of prompts at {folder}, found none")
    meta = _read_json(folder / "meta.json")
    arrays, adapters = _prompt_files(folder)
    trusted = backbone is not None
    backbone = backbone or _backbone(folder, meta, adapters)
    sums = _checksums(folder, meta)
    items: list[tuple[Entry, Prompts]] = []
    skipped: list[tuple[str, str]] = []
    for path in [*arrays, *adapters]:
        try:
            if path in adapters:
                items.append(_of_adapter(path, backbone, trusted=trusted))
            else:
                items.append(_of_file(path, backbone, sums.get(path.name)))
        except BankError as error:
            skipped.append((path.name, error.message))
    items, apart = _of_one_shape(items, bank)
    skipped += apart
    if not items:
        reasons = "; ".join(reason for _, reason in skipped) or "it has no .npy file and no adapter"
        raise BankError(f"expected prompts in {folder}, found none that can be used: {reasons}")
    outcomes = _transfer(folder / "transfer.json", {entry.task: entry.id for entry, _ in items})
    added = bank.add_many(items)
    count = bank.add_outcomes(outcomes) if outcomes else 0
    present = tuple(entry.id for entry, _ in items if entry.id not in added)
    return ImportReport(backbone, tuple(added), present, tuple(skipped), count)


def _of_one_shape(
    items: list[tuple[Entry, Prompts]], bank: Bank
) -> tuple[list[tuple[Entry, Prompts]], list[tuple[str, str]]]:
    """The items of the bank's shape [P, H], in a new bank of the most common one, and (file, reason) of
    others. What `Bank.add_many` refuses of one prompt alone is found here, too.
    """
    manifest = bank.manifest
    if manifest is None:
        shapes = Counter(prompts.key.shape for _, prompts in items)
        expected = shapes.most_common(1)[0][0] if shapes else ()
    else:
        expected = (manifest.prompt_length, manifest.width)
    fitting: list[tuple[Entry, Prompts]] = []
    skipped: list[tuple[str, str]] = []
    for entry, prompts in items:
        try:
            if prompts.key.shape != expected:
                raise BankError(
                    f"expected the shape {expected} of the others, found {prompts.key.shape}"
                )
            fitting.append((entry, checked(entry, prompts)))
        except BankError as error:
            skipped.append((str(entry.recipe["imported"]), error.message))
    return fitting, skipped


def _checksums(folder: Path, meta: dict[str, Any]) -> dict[str, str]:
    """The checksums that meta.json lists by the name of a file."""
    return {
        listed["file"]: listed["sha256"]
        for listed in _prompt_list(folder, meta)
        if isinstance(listed.get("file"), str) and isinstance(listed.get("sha256"), str)
    }


def _of_file(path: Path, backbone: Backbone, sha256: str | None) -> tuple[Entry, Prompts]:
    """The entry of one prompt file; `sha256` is of the array or of the file."""
    content, array = npy.read_array(path)
    if sha256 is not None and sha256 not in (sha256_hex(array.tobytes()), sha256_hex(content)):
        raise BankError(f"{path.name}: its content does not match the checksum in meta.json")
    return _entry(path.stem, path.name, npy.prompt_of(path, array), backbone)


def _of_adapter(folder: Path, backbone: Backbone, trusted: bool) -> tuple[Entry, Prompts]:
    """The entry of one adapter, of its own base model unless the user named it (`trusted`)."""
    if peft_prefix.recognises(folder):
        raise BankError(
            f"{folder.name}: it is prefix tuning, whose keys and values are compared by a key as wide as the "
            "model, of which only the name is known here; spot bank add reads it with the model"
        )
    adapter = peft.read_adapter(folder)
    if not trusted and adapter.base_model != backbone.name:
        raise BankError(
            f"{folder.name}: its base model is {adapter.base_model}, not {backbone.name}",
            "prompts of different models never mix: import them into different banks",
        )
    name = folder.resolve().name
    return _entry(name, name, adapter.prompt, backbone)


def _entry(task: str, origin: str, prompt: Array, backbone: Backbone) -> tuple[Entry, Prompts]:
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


def _prompt_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """The .npy files of a folder by name, and the folder itself if it is an adapter, else the adapters
    in it. Raises BankError for a folder that may not be read.
    """
    try:
        arrays = sorted(path for path in folder.iterdir() if path.suffix == ".npy")
        if peft.is_adapter(folder):
            return arrays, [folder]
        return arrays, sorted(path for path in folder.iterdir() if peft.is_adapter(path))
    except OSError as error:
        raise BankError(f"cannot read the folder {folder}: {reason_of(error)}") from error


def _backbone(folder: Path, meta: dict[str, Any], adapters: list[Path]) -> Backbone:
    model = meta.get("model")
    if not model:
        model = next(filter(None, map(_base_model, adapters)), None)
    if not isinstance(model, str) or not model:
        place = adapters[0] / peft.CONFIG if adapters else folder / "meta.json"
        key = "base_model_name_or_path" if adapters else "model"
        raise BankError(
            f'expected the backbone\'s name as "{key}" in {place}, found none',
            "name the model that the prompts belong to, there or with --backbone",
        )
    return named_backbone(model)


def _base_model(adapter: Path) -> str | None:
    """The model that an adapter names; None for one that cannot be read, which is reported elsewhere."""
    try:
        if peft_prefix.recognises(adapter):
            return peft.read_config(adapter).get("base_model_name_or_path")
        return peft.read_adapter(adapter).base_model
    except BankError:
        return None


def named_backbone(model: str) -> Backbone:
    """The backbone of a model known by name alone; its fingerprint is marked unverified."""
    return Backbone(model, UNVERIFIED + sha256_hex(model)[:16])


def _prompt_list(folder: Path, meta: dict[str, Any]) -> list[dict[str, Any]]:
    listed = meta.get("prompts", [])
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
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
        content = read_json(path)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BankError(f"{path} cannot be read as JSON: {reason_of(error)}") from error
    if not isinstance(content, dict):
        raise BankError(f"{path}: expected a JSON object, found {type(content).__name__}")
    return content

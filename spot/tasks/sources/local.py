"""Local folders: one a task, with train.jsonl, validation.jsonl, perhaps test.jsonl and meta.json."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from bank.reading import read_json
from spot.errors import SpotError
from spot.tasks.files import file_sha256, jsonl_rows
from spot.tasks.sources.store import Store

HINT = "set data.dir (--set data.dir=… or SPOT_DATA_DIR)"


def local_store(
    name: str,
    folder: Path | None,
    cache_dir: Path | None = None,
    *,
    required: tuple[str, ...] = ("train", "validation"),
    answer: str = "label",
) -> Store:
    """The task's rows in `folder`/`name`; `folder` None when no folder is named.

    Reads meta.json and the first row of test.jsonl only. test.jsonl is used when it is `required`,
    or when its rows have an `answer`. SpotError for a meta.json that is not a JSON object.
    """
    place = (folder or Path(os.devnull)) / name
    files = _files(place, required, answer)

    def hashes() -> dict[str, str]:
        return {split: file_sha256(file, cache_dir) for split, file in files.items()}

    def available() -> str:
        if folder is None:
            return f"no folder of local data is named; {HINT}"
        absent = [files[split] for split in required if not files[split].is_file()]
        return f"{absent[0]} is not there; {HINT}" if absent else ""

    about = _meta(place / "meta.json")
    return Store("local", files, jsonl_rows, hashes, available, lambda: None, HINT, about)


def _files(place: Path, required: tuple[str, ...], answer: str) -> dict[str, Path]:
    """The files by split; test.jsonl only when it is required or its rows have answers."""
    files = {split: place / f"{split}.jsonl" for split in required}
    test = place / "test.jsonl"
    if "train" in required and test.is_file() and _has_answers(test, answer):
        files["test"] = test
    return files


def _has_answers(file: Path, answer: str) -> bool:
    """True if the first row has an answer; TFDS writes none as -1 or as an empty list."""
    first = next(jsonl_rows(file), None)
    return first is not None and first.fields.get(answer) not in (None, -1, [], {"text": []})


def _meta(file: Path) -> Mapping[str, object]:
    """The content of meta.json, {} without one."""
    if not file.exists():
        return {}
    try:
        meta = read_json(file)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SpotError(f"expected JSON in {file}, found: {reason}", "correct the file") from error
    if not isinstance(meta, dict):
        raise SpotError(f"expected a JSON object in {file}, found another value", "correct it")
    return meta

"""Local tasks by name: from a folder of JSONL files to a TaskDefinition."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from spot.errors import SpotError
from spot.tasks.definition import Example, TaskDefinition, counted, digest
from spot.tasks.files import Row, file_sha256, jsonl_rows
from spot.tasks.local import glue, qa, sentiment, superglue, topic, tweeteval
from spot.tasks.local.form import LocalTask
from spot.tasks.splits import SPLITS, plan, read_part

VERSION = 1
"""Counts changes of the forms in this package; part of every fingerprint."""

HINT = "set data.dir (--set data.dir=… or SPOT_DATA_DIR)"

TASKS: Mapping[str, LocalTask] = {
    **glue.TASKS,
    **superglue.TASKS,
    **sentiment.TASKS,
    **topic.TASKS,
    **tweeteval.TASKS,
    **qa.TASKS,
}

MIXTURES: Mapping[str, tuple[str, ...]] = {
    "glue": ("cola", "sst2", "mrpc", "qqp", "stsb", "mnli", "qnli"),
    "superglue": ("boolq", "cb", "copa", "multirc", "record", "rte", "wic", "wsc"),
    "tweet_eval": ("tweet_eval_emotion", "tweet_eval_irony", "tweet_eval_stance"),
}


def local_task(name: str, folder: Path | None, cache_dir: Path | None = None) -> TaskDefinition:
    """The task `name` (a key of TASKS) read from `folder`/`name`/{train,validation[,test]}.jsonl.

    Nothing but meta.json and the first row of test.jsonl is read here; missing data shows in
    `available()` and as a SpotError when rows are asked for.
    """
    task = TASKS[name]
    available = functools.partial(_missing, name, folder)
    there = functools.partial(_require, name, available)
    files = _files(task, name, folder or Path(os.devnull))
    meta = _meta(files["train"].parent / "meta.json")
    labels = _label_names(meta, name, available()) if task.labels_in_meta else task.labels
    parts, rule = plan(files, task.shared or "input text")

    def read(split: str) -> Iterator[Example]:
        there()
        key = functools.partial(_key, task.shared)
        examples = functools.partial(_examples, task, labels)
        yield from read_part(name, split, parts, jsonl_rows, examples, key)

    def fingerprint() -> str:
        there()
        hashes = {split: file_sha256(file, cache_dir) for split, file in files.items()}
        return digest("local", VERSION, name, labels, hashes)

    return TaskDefinition(
        name=name,
        family=task.family,
        labels=labels,
        metrics=task.metrics,
        scoring=task.scoring,
        splits=SPLITS,
        read=read,
        fingerprint=fingerprint,
        description=task.description,
        rows=counted(read),
        license=str(meta.get("licence", "")),
        available=available,
        split_rule=rule,
    )


def _examples(task: LocalTask, labels: tuple[str, ...], row: Row) -> list[Example]:
    return task.examples(row, labels)


def _key(shared: str, row: Row, example: Example) -> str:
    """The text that decides a row's side of a cut."""
    return row.text(shared) if shared else example.inputs


def _require(name: str, available: Callable[[], str]) -> None:
    """SpotError with the reason when the data is not there."""
    if reason := available():
        raise SpotError(f'task "{name}": {reason}', HINT)


def _missing(name: str, folder: Path | None) -> str:
    """Why the data is not there, or ""."""
    if folder is None:
        return f"no folder of local data is named; {HINT}"
    for split in ("train", "validation"):
        file = folder / name / f"{split}.jsonl"
        if not file.is_file():
            return f"{file} is not there; {HINT}"
    return ""


def _files(task: LocalTask, name: str, folder: Path) -> dict[str, Path]:
    """The files by split; test.jsonl only when its rows have answers."""
    files = {s: folder / name / f"{s}.jsonl" for s in ("train", "validation")}
    test = folder / name / "test.jsonl"
    if test.is_file() and _labelled(test, task.answer):
        files["test"] = test
    return files


def _labelled(file: Path, answer: str) -> bool:
    """Whether the first row has an answer; -1 and an empty list are how TFDS writes none."""
    first = next(jsonl_rows(file), None)
    return first is not None and first.fields.get(answer) not in (None, -1, [], {"text": []})


def _meta(file: Path) -> dict:
    """The folder's meta.json, {} when there is none; SpotError when it is not a JSON object."""
    if not file.is_file():
        return {}
    try:
        meta = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise SpotError(f"expected JSON in {file}, found: {error}", "correct the file") from error
    if not isinstance(meta, dict):
        raise SpotError(f"expected a JSON object in {file}, found another value", "correct it")
    return meta


def _label_names(meta: dict, name: str, missing: str) -> tuple[str, ...]:
    """The label words that meta.json lists; () while the data is missing altogether."""
    names = meta.get("label_names")
    if missing:
        return ()
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise SpotError(
            f'task "{name}": expected a list of texts in "label_names" of its meta.json',
            "restore meta.json beside train.jsonl",
        )
    return tuple(names)

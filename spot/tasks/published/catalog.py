"""Published tasks by name: from the rows of a source to a Task."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from spot.errors import SpotError, did_you_mean
from spot.tasks.files import Row, file_sha256, jsonl_rows
from spot.tasks.published import completion, glue, qa, sentiment, superglue, topic, tweeteval
from spot.tasks.published.form import Examples, LocalTask
from spot.tasks.published.templates import T5, Template, templated
from spot.tasks.sources.hub import hub_store
from spot.tasks.sources.hub_tasks import HUB
from spot.tasks.sources.store import Source, Store
from spot.tasks.sources.tfds import tfds_store
from spot.tasks.sources.tfds_tasks import TFDS
from spot.tasks.splits import SPLITS, Part, plan, read_part
from spot.tasks.task import Example, Task, counted, digest

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
    **completion.TASKS,
}

# The families that the paper mixes (Vu et al. 2022, section 2.2), of the tasks that are here. RTE is
# in superglue alone, for the same texts must not be a source and a target.
MIXTURES: Mapping[str, tuple[str, ...]] = {
    "glue": ("cola", "sst2", "mrpc", "qqp", "stsb", "mnli", "qnli"),
    "superglue": ("boolq", "cb", "copa", "multirc", "record", "rte", "wic", "wsc"),
    "nli": ("anli_r1", "anli_r2", "anli_r3", "docnli", "mnli", "qnli", "snli"),
    "mrqa": (
        "mrqa_hotpot_qa", "mrqa_natural_questions", "mrqa_news_qa", "mrqa_search_qa",
        "mrqa_trivia_qa", "squad",
    ),
    "paraphrase": ("cxc", "mrpc", "paws", "qqp", "stsb"),
    "rainbow": ("alpha_nli", "cosmos_qa", "hellaswag", "piqa", "social_iqa", "winogrande"),
    "sentiment": ("cr", "imdb", "sst2", "yelp2"),
    "tweet_eval": ("tweet_eval_emotion", "tweet_eval_irony", "tweet_eval_stance"),
}  # fmt: skip


@dataclass(frozen=True)
class Places:
    """Where each source keeps its files; `cache_dir` remembers hashes of files."""

    local: Path | None = None
    tfds: Path = Path("tensorflow_datasets")
    hf: Path = Path("huggingface")
    cache_dir: Path | None = None


def local_task(name: str, folder: Path | None, cache_dir: Path | None = None) -> Task:
    """The task `name` read from `folder`/`name`/{train,validation[,test]}.jsonl in T5's form."""
    return published_task(name, "local", Places(folder, cache_dir=cache_dir))


def published_task(name: str, source: Source, places: Places, template: Template = T5) -> Task:
    """The task `name` (a key of TASKS) from one source; SpotError when the template does not fit it.

    Reads meta.json and the first row of test.jsonl only; missing data shows in `available()`, and
    as a SpotError when rows are asked for.
    """
    task, store = TASKS[name], _store(name, source, places)
    folder = places.local if source == "local" else None
    meta = _meta((folder or Path(os.devnull)) / name / "meta.json")
    labels = _label_names(meta, name, store.available()) if task.labels_in_meta else task.labels
    examples, words = task.examples, labels
    if template is not T5:
        examples, words = templated(name, task, labels, template)
    mark = [] if template is T5 else [template.digest()]
    parts, rule = _parts(store, task)
    read = functools.partial(_read, name, task, labels, examples, store, parts)

    def fingerprint() -> str:
        _require(name, store)
        return digest(source, VERSION, name, labels, store.hashes(), *mark)

    return Task(
        name=name,
        family=task.family,
        labels=words,
        metrics=task.metrics,
        scoring=task.scoring,
        splits=tuple(parts),
        read=read,
        fingerprint=fingerprint,
        description=task.description,
        rows=counted(read),
        license=str(meta.get("licence", "")),
        available=store.available,
        fetch=store.fetch,
        split_rule=rule,
        source=source,
    )


def _store(name: str, source: Source, places: Places) -> Store:
    """The task's rows in a source; SpotError when the source has no such task."""
    if source == "hf" and name in HUB:
        return hub_store(name, HUB[name], places.hf, places.cache_dir)
    if source == "tfds" and name in TFDS:
        return tfds_store(name, TFDS[name], places.tfds, places.cache_dir)
    if source == "local":
        return _local_store(name, places.local, places.cache_dir)
    known = TFDS if source == "tfds" else HUB
    reason = f'no data set is stated for the task "{name}" in the source "{source}"'
    hint = "choose data.source=local and put its rows there as JSONL"

    def nowhere() -> None:
        raise SpotError(f"{reason}.{did_you_mean(name, known)}", hint)

    def nothing(split: object = None) -> Iterator[Row]:
        raise SpotError(reason, hint)

    def no_hashes() -> dict[str, str]:
        raise SpotError(reason, hint)

    files = {s: Path(s) for s in (("test",) if TASKS[name].only_test else SPLITS[:2])}
    return Store(source, files, nothing, no_hashes, lambda: reason, nowhere, hint)


def _local_store(name: str, folder: Path | None, cache_dir: Path | None) -> Store:
    task = TASKS[name]
    files = _files(task, name, folder or Path(os.devnull))

    def hashes() -> dict[str, str]:
        return {split: file_sha256(file, cache_dir) for split, file in files.items()}

    def available() -> str:
        return _missing(name, folder)

    return Store("local", files, jsonl_rows, hashes, available, lambda: None, HINT)


def _parts(store: Store, task: LocalTask) -> tuple[dict[str, Part], str]:
    if task.only_test:
        return {"test": Part(store.files["test"])}, "test alone: the task is scored, not trained"
    return plan(store.files, task.shared or "input text")


def _read(
    name: str,
    task: LocalTask,
    labels: tuple[str, ...],
    examples: Examples,
    store: Store,
    parts: Mapping[str, Part],
    split: str,
) -> Iterator[Example]:
    """Examples of one split. Splits are cut by the text of T5's form, whatever the template."""
    _require(name, store)

    def made(row: Row) -> list[Example]:
        return examples(row, labels)

    def key(row: Row, example: Example) -> str:
        if task.shared:
            return row.text(task.shared)
        return (example if examples is task.examples else task.examples(row, labels)[0]).inputs

    for example in read_part(name, split, parts, store.rows, made, key):
        if split != "train" or task.trains(example):
            yield example


def _require(name: str, store: Store) -> None:
    """SpotError with the reason when the data is not there."""
    if reason := store.available():
        raise SpotError(f'task "{name}": {reason}', store.hint)


def _missing(name: str, folder: Path | None) -> str:
    """Why the local data is not there, or ""."""
    if folder is None:
        return f"no folder of local data is named; {HINT}"
    for split in ("test",) if TASKS[name].only_test else ("train", "validation"):
        file = folder / name / f"{split}.jsonl"
        if not file.is_file():
            return f"{file} is not there; {HINT}"
    return ""


def _files(task: LocalTask, name: str, folder: Path) -> dict[str, Path]:
    """The files by split; test.jsonl only when its rows have answers."""
    test = folder / name / "test.jsonl"
    if task.only_test:
        return {"test": test}
    files = {s: folder / name / f"{s}.jsonl" for s in ("train", "validation")}
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

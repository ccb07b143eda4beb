"""Published tasks by name: from the rows of a source to a Task."""

from __future__ import annotations

import functools
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from spot.errors import SpotError, did_you_mean
from spot.settings import shown
from spot.tasks.files import Row
from spot.tasks.published import completion, glue, qa, sentiment, superglue, topic, tweeteval
from spot.tasks.published.form import Examples, Labels
from spot.tasks.published.record import PublishedTask
from spot.tasks.published.sources import Places, open_store
from spot.tasks.published.templates import DEFAULT, T5, Template, template_of_file, templated
from spot.tasks.sources.store import Store
from spot.tasks.splits import SAME_TEXTS, Part, one_class_note, plan, read_part
from spot.tasks.task import Task, counted, digest
from spot.tasks.text import Example

_log = logging.getLogger("spot")

VERSION = 1
"""Counts changes of the forms in this package; part of every fingerprint."""

TASKS: Mapping[str, PublishedTask] = {
    **glue.TASKS,
    **superglue.TASKS,
    **sentiment.TASKS,
    **topic.TASKS,
    **tweeteval.TASKS,
    **qa.TASKS,
    **completion.TASKS,
}


def template_names(name: str) -> tuple[str, ...]:
    """The names of a published task's templates, T5's form first; that alone for other names."""
    return (DEFAULT, *(TASKS[name].templates if name in TASKS else ()))


def find_template(name: str, template: str) -> Template:
    """The task's template of that name, or that of a user's own .toml file at that path.

    SpotError for an unknown name, or a file whose content is no template.
    """
    if template == DEFAULT:
        return T5
    if template.endswith(".toml"):
        return template_of_file(name, Path(template))
    names = template_names(name)
    if template not in names:
        raise SpotError(
            f'task "{name}": expected the name of a template, found "{template}".'
            + did_you_mean(template, names),
            f"its templates: {', '.join(names)}; a path ending in .toml names your own",
        )
    return replace(TASKS[name].templates[template], name=template)


def local_task(name: str, folder: Path | None, cache_dir: Path | None = None) -> Task:
    """The task `name` read from `folder`/`name`/{train,validation[,test]}.jsonl in T5's form."""
    return published_task(name, "local", Places(folder, cache_dir=cache_dir))


def published_task(
    name: str,
    source: str,
    places: Places,
    template: Template = T5,
    tasks: Mapping[str, PublishedTask] = TASKS,
) -> Task:
    """The task `name` (a key of `tasks`) from one source, with its text by `template`.

    Opening it reads meta.json and the first row of test.jsonl only; missing data shows in
    `available()`, and as a SpotError when rows are read. SpotError for an unknown source, and for a
    template that does not fit the task.
    """
    record, store = tasks[name], open_store(name, source, places, tasks)
    labels = _label_names(name, store) if record.labels_in_meta else record.labels
    examples, words = record.examples, labels
    if template != T5:
        examples, words = templated(name, record.examples, labels, template)
    mark = [] if template == T5 else [template.digest()]
    parts, rule = _parts(store, record)
    raw = functools.partial(_raw, name, record, labels, examples, store, parts)

    def read(split: str) -> Iterator[Example]:
        return (example for _, example in raw(split))

    def fingerprint() -> str:
        _require(name, store)
        hashes = store.hashes()
        for pair, note in SAME_TEXTS.items():
            if len({hashes.get(split, split) for split in pair}) == 1:
                _warn(name, note)
        return digest(source, VERSION, name, labels, hashes, *mark)

    return Task(
        name=name,
        family=record.family,
        labels=words,
        metrics=record.metrics,
        scoring=record.scoring,
        splits=tuple(parts),
        read=read,
        fingerprint=fingerprint,
        description=record.description,
        rows=counted(read),
        license=str(store.about.get("licence", "")),
        available=store.available,
        fetch=store.fetch,
        split_rule=rule,
        source=source,
        template="" if template == T5 else template.name,
        shows_labels="{options}" in template.inputs,
        columns=examples.fields if examples.text else (),
        render=examples.text,
        inputs=examples.inputs,
        clean=examples.clean,
        label=record.answer if words else "",
        values={str(index): word for index, word in enumerate(words)},
        raw=raw,
    )


def _parts(store: Store, record: PublishedTask) -> tuple[dict[str, Part], str]:
    if record.only_test:
        return {"test": Part(store.files["test"])}, "test alone: the task is scored, not trained"
    return plan(store.files, record.shared or "input text")


def _raw(
    name: str,
    record: PublishedTask,
    labels: Labels,
    examples: Examples,
    store: Store,
    parts: Mapping[str, Part],
    split: str,
) -> Iterator[tuple[Row, Example]]:
    """Examples of one split with their rows. Splits are cut by T5's form, whatever the template."""
    _require(name, store)

    def made(row: Row) -> list[tuple[Row, Example]]:
        return [(row, example) for example in examples(row, labels)]

    def key(row: Row, pair: tuple[Row, Example]) -> str:
        if record.shared:
            return row.text(record.shared)
        plain = pair[1] if examples is record.examples else record.examples(row, labels)[0]
        return plain.inputs

    classes: Counter[int] = Counter()
    for row, example in read_part(name, split, parts, store.rows, made, key):
        if split != "train" or record.trains(example):
            classes[example.label] += 1
            yield row, example
    if labels and len(classes) == 1 and classes.total() > 1 and -1 not in classes:
        _warn(name, one_class_note(split, labels[next(iter(classes))]))


@functools.cache
def _warn(name: str, note: str) -> None:
    """Log what a user should know about a task's splits, once."""
    _log.warning('task "%s": %s', name, note)


def _require(name: str, store: Store) -> None:
    """SpotError with the reason when the data is missing."""
    if reason := store.available():
        raise SpotError(f'task "{name}": {reason}', store.hint)


def _label_names(name: str, store: Store) -> Labels:
    """The label words that meta.json lists, without the white space around them; () while the data is
    missing altogether.
    """
    if store.available():
        return ()
    names = store.about.get("label_names")
    if isinstance(names, list) and all(isinstance(word, str) for word in names):
        words = [word.strip() for word in names]
        if words and all(words) and len(set(words)) == len(words):
            return tuple(words)
    raise SpotError(
        f'task "{name}": expected a list of texts in "label_names" of its meta.json, all different, '
        f"found {shown(names)}",
        "restore meta.json beside train.jsonl",
    )

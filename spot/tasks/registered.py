"""seqio Tasks and Mixtures that a user's own modules register, used by their names.

The Task's own preprocessors make the token ids, so its vocabulary must be the backbone's file.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from spot.errors import SpotError, did_you_mean
from spot.tasks.metrics import NUMBER_METRICS, check_classes, to_number
from spot.tasks.seqio_import import import_seqio
from spot.tasks.splits import SPLITS, Part, check_split, plan
from spot.tasks.task import Task, counted, digest
from spot.tasks.text import Example
from spot.tasks.vocabulary import Vocabulary

FEATURES = ("inputs", "targets")


def load_modules(modules: tuple[str, ...]) -> None:
    """Import the user's modules, each once: `package.module`, or the path of a .py file."""
    import_seqio()
    for name in modules:
        try:
            _load_file(Path(name)) if name.endswith(".py") else importlib.import_module(name)
        except SpotError:
            raise
        except Exception as error:  # the user's code may raise anything
            raise SpotError(
                f'expected to import the module "{name}", found: {type(error).__name__}: {error}',
                "correct data.modules or the module",
            ) from error


def _load_file(file: Path) -> ModuleType:
    name = f"spot_user_{hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:16]}"
    if name in sys.modules:  # loading twice would register its tasks twice
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if not file.is_file() or spec is None or spec.loader is None:
        raise SpotError(f"expected a Python module at {file}, found no file", "check data.modules")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def registered_names(modules: tuple[str, ...]) -> tuple[frozenset[str], frozenset[str]]:
    """Names of all Tasks and of all Mixtures registered once `modules` are imported."""
    load_modules(modules)
    seqio = import_seqio()
    return frozenset(seqio.TaskRegistry.names()), frozenset(seqio.MixtureRegistry.names())


def registered_rates(name: str) -> dict[str, float]:
    """The rates of a registered seqio Mixture's members by name; their sum is 1."""
    mixture = import_seqio().MixtureRegistry.get(name)
    rates = {task.name: float(mixture.get_rate(task)) for task in mixture.tasks}
    total = sum(rates.values())
    return {task: rate / total for task, rate in rates.items()}


def checked_task(name: str, vocabulary: Vocabulary | None = None) -> Any:
    """The registered seqio Task, after checking its features and, if given, their `vocabulary`.

    SpotError when a feature is missing, or when its vocabulary is not the backbone's file: its ids
    would mean other words to the backbone.
    """
    registry = import_seqio().TaskRegistry
    if name not in registry.names():
        raise SpotError(
            f'expected a registered seqio Task, found "{name}".'
            + did_you_mean(name, registry.names()),
            "name the module that registers it in data.modules",
        )
    task = registry.get(name)
    missing = [f for f in FEATURES if f not in task.output_features]
    if missing:
        raise SpotError(
            f'seqio Task "{name}": expected the output features inputs and targets, found '
            f"{', '.join(task.output_features) or 'none'}",
            "rename the features in the Task's preprocessors",
        )
    if vocabulary is not None:
        for feature in FEATURES:
            _check_vocabulary(name, feature, task.output_features[feature].vocabulary, vocabulary)
    return task


def _check_vocabulary(name: str, feature: str, theirs: Any, ours: Vocabulary) -> None:
    import tensorflow as tf

    file = getattr(theirs, "sentencepiece_model_file", None)
    description = f"a {type(theirs).__name__}"
    same = False
    if file is not None:
        description = f"{file} ({theirs.extra_ids} extra)"
        with tf.io.gfile.GFile(file, "rb") as stream:
            same = hashlib.sha256(stream.read()).hexdigest() == ours.digest()
        same = same and theirs.extra_ids in (0, ours.extra_ids)
    if not same:
        raise SpotError(
            f'seqio Task "{name}", feature "{feature}": expected the backbone\'s vocabulary '
            f"{ours.name} ({ours.extra_ids} extra ids), found {description}",
            "give the Task's features the backbone's vocabulary, choose the backbone that they are "
            "for, or describe the task in TOML",
        )


def registered_task(
    name: str,
    *,
    task_name: str = "",
    labels: tuple[str, ...] = (),
    metrics: tuple[str, ...] = (),
    family: str = "",
    description: str = "",
    license: str = "",
) -> Task:
    """A registered seqio Task as a Task called `task_name` (default: its own name).

    Without label words it is scored by exact match; with them a target must be one. Splits that it
    lacks are cut as in `spot.tasks.splits`. The fingerprint hashes every row, once a process. Raises
    SpotError for metrics of another number of classes.
    """
    if labels:
        check_classes(f'task "{task_name or name}"', metrics, len(labels))
    parts, rule = _parts(checked_task(name))

    def read(split: str) -> Iterator[Example]:
        return (example for example, _, _ in registered_rows(task, split, None))

    @functools.cache
    def fingerprint() -> str:
        return digest("registered", name, labels, metrics, _content(name, parts))

    task = Task(
        name=task_name or name,
        family=family,
        labels=labels,
        metrics=metrics or (("accuracy",) if labels else ("exact_match",)),
        scoring="rank" if labels else "generate",
        splits=tuple(parts),
        read=read,
        fingerprint=fingerprint,
        description=description or f"seqio Task {name}",
        rows=counted(read),
        license=license,
        split_rule=rule,
        registered=name,
    )
    return task


def _parts(task: Any) -> tuple[dict[str, Part], str]:
    """The Task's splits, those it lacks cut from others; a Part's file is the split's name."""
    splits = {str(split): Path(str(split)) for split in task.splits}
    if "train" not in splits:
        return {s: Part(p) for s, p in splits.items()}, "splits of the seqio Task"
    parts, rule = plan({s: p for s, p in splits.items() if s in SPLITS})
    others = {s: Part(p) for s, p in splits.items() if s not in SPLITS}
    return {**parts, **others}, rule


def registered_rows(
    task: Task, split: str, vocabulary: Vocabulary | None
) -> Iterator[tuple[Example, np.ndarray, np.ndarray]]:
    """Each example of a split with the ids of its input and target as the Task makes them.

    `vocabulary` None skips the check of the vocabulary, for callers that read the text only.
    SpotError for an empty split, and for a target that is none of the label words.
    """
    theirs = checked_task(task.registered, vocabulary)
    parts, _ = _parts(theirs)
    check_split(task.name, split, tuple(parts))
    numeric = any(name in NUMBER_METRICS for name in task.metrics)
    part, empty = parts[split], True
    for number, row in enumerate(_dataset(theirs, part.file.name)):
        inputs, targets = _text(theirs, row, "inputs"), _text(theirs, row, "targets")
        if not part.keeps(inputs):
            continue
        empty = False
        label = _label(task, split, number, targets)
        reference = to_number(targets) if numeric else (targets,)
        yield Example(inputs, targets, label, reference), row["inputs"], row["targets"]
    if empty:
        raise SpotError(
            f'task "{task.name}": expected rows in the split "{split}", found none',
            "check the seqio Task",
        )


def _label(task: Task, split: str, number: int, target: str) -> int:
    if not task.labels:
        return -1
    if target not in task.labels:
        raise SpotError(
            f'task "{task.name}", {split} row {number}: expected a target among the label '
            f'words {", ".join(task.labels)}, found "{target}".'
            + did_you_mean(target, task.labels),
            "correct labels",
        )
    return task.labels.index(target)


def _dataset(task: Any, split: str) -> Iterator[Mapping[str, Any]]:
    """Rows of a Task in order, whole (no trimming), with int32 ids."""
    try:
        dataset = task.get_dataset(sequence_length=None, split=split, shuffle=False)
        for row in dataset.as_numpy_iterator():
            yield {**row, **{f: np.asarray(row[f], np.int32).reshape(-1) for f in FEATURES}}
    except Exception as error:  # the user's pipeline may raise anything
        raise SpotError(
            f'seqio Task "{task.name}", split "{split}": expected rows without a fixed '
            f"sequence_length, found: {type(error).__name__}: {error}",
            "run the Task's get_dataset by itself to see the cause",
        ) from error


def _text(task: Any, row: Mapping[str, Any], feature: str) -> str:
    """The text before tokenisation, or the ids decoded when the Task did not keep it."""
    text = row.get(f"{feature}_pretokenized")
    if isinstance(text, bytes):
        return text.decode("utf-8", "replace")
    vocabulary = task.output_features[feature].vocabulary
    return str(vocabulary.decode([int(i) for i in row[feature]]))


def _content(name: str, parts: Mapping[str, Part]) -> dict[str, str]:
    """sha256 of the rows of each split that the Task itself has."""
    task, hashes = checked_task(name), {}
    for split in sorted({part.file.name for part in parts.values()}):
        content = hashlib.sha256()
        for row in _dataset(task, split):
            for feature in FEATURES:
                content.update(len(row[feature]).to_bytes(8, "big") + row[feature].tobytes())
                content.update(_text(task, row, feature).encode())
        hashes[split] = content.hexdigest()
    return hashes

"""A split as token arrays: built once, cached on disk.

The cache is content-addressed: its name holds the digest of the task's fingerprint, the split, the
vocabulary and the lengths, so no entry is ever stale. One process builds while others wait for it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from bank.errors import BankError
from spot.errors import SpotError
from spot.settings import MOST_INPUT, MOST_TOKENS
from spot.settings import cache_dir as default_cache
from spot.tasks.examples import Ragged, TokenizedSplit
from spot.tasks.shots import Length, with_few_shot
from spot.tasks.splits import check_split
from spot.tasks.task import Task, digest
from spot.tasks.text import Example
from spot.tasks.vocabulary import Vocabulary, ended, target_end

VERSION = 4
"""Counts changes in how text becomes tokens and in their files; part of every cache name."""

PATIENCE = 3600.0
"""Seconds to wait for another process that builds the same token arrays."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lengths:
    """The most tokens that a row may have, EOS included."""

    inputs: int
    targets: int


def tokens(
    task: Task,
    split: str,
    vocabulary: Vocabulary,
    lengths: Lengths,
    cache_dir: Path | None = None,
) -> TokenizedSplit:
    """Token arrays of one split, with the task's text prompt and training examples in front of
    every text; read from the cache (in `cache_dir`, default the user's) or built into it.

    Inputs longer than `lengths.inputs` are cut, as the vocabulary does it, and counted in
    `.truncated`. SpotError for missing data, an unknown or empty split, a target that does not fit
    (naming the row), lengths out of range, or a cache folder that cannot be written. A damaged cache
    file is rebuilt.
    """
    check_lengths(lengths)
    check_split(task.name, split, task.splits)
    if reason := task.available():
        raise SpotError(f'task "{task.name}": {reason}', "spot tasks lists what is there")
    task = with_few_shot(task, token_count(vocabulary), lengths.inputs)
    rows = _cached(task, split, vocabulary, lengths, cache_dir or default_cache())
    if not len(rows):
        raise SpotError(f'task "{task.name}": the {split} split is empty', "add rows to it")
    return rows


def check_lengths(lengths: Lengths) -> None:
    """Raises SpotError for lengths that nothing fits in, or that no memory has room for."""
    found = f"found {lengths.inputs} for inputs and {lengths.targets} for targets"
    if min(lengths.inputs, lengths.targets) < 2:
        raise SpotError(
            f"expected lengths of at least 2 tokens (one and EOS), {found}", "raise the lengths"
        )
    if lengths.inputs > MOST_INPUT or lengths.targets > MOST_TOKENS:
        raise SpotError(
            f"expected lengths of at most {MOST_INPUT} tokens for inputs and {MOST_TOKENS} for "
            f"targets, {found}",
            "lower the lengths",
        )


def token_count(vocabulary: Vocabulary) -> Length:
    """A function that counts a text's tokens, with EOS."""
    return lambda text: len(vocabulary.encode(text)) + 1


def cache_file(
    task: Task,
    split: str,
    vocabulary: Vocabulary,
    lengths: Lengths,
    cache_dir: Path,
) -> Path:
    """The file of the split's token arrays, whether or not it exists yet."""
    key = digest(
        "tokens",
        VERSION,
        task.fingerprint(),
        split,
        [vocabulary.digest(), vocabulary.extra_ids],
        [lengths.inputs, lengths.targets],
        *([] if target_end(task, vocabulary) else ["no end"]),
    )
    name = re.sub(r"[^\w.+-]", "_", task.name)[:80]
    return cache_dir / "tokens" / f"{name}-{split}-{key[:20]}.npz"


def _cached(
    task: Task, split: str, vocabulary: Vocabulary, lengths: Lengths, cache_dir: Path
) -> TokenizedSplit:
    path = cache_file(task, split, vocabulary, lengths, cache_dir)
    if rows := _loaded(path):
        return rows
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock"), timeout=PATIENCE):
            if rows := _loaded(path):  # another process built it while this one waited
                return rows
            rows = _built(task, split, vocabulary, lengths)
            if cache_file(task, split, vocabulary, lengths, cache_dir) == path:
                rows.save(path)  # else the data changed while they were read
            return rows
    except Timeout as error:
        raise SpotError(
            f"another process has held {error.lock_file} for {PATIENCE / 60:.0f} minutes",
            "wait until it has finished; if none runs any more, delete that file",
        ) from error
    except (OSError, BankError) as error:
        reason = error.message if isinstance(error, BankError) else error.strerror or error
        raise SpotError(
            f"expected to write the token cache {path}, found: {reason}",
            "free some space, or name another folder (SPOT_CACHE_DIR)",
        ) from error


def _loaded(path: Path) -> TokenizedSplit | None:
    if not path.is_file():
        return None
    try:
        return TokenizedSplit.load(path)
    except SpotError as error:
        _log.warning("%s; rebuilding it", error.message)
        return None


def _built(task: Task, split: str, vocabulary: Vocabulary, lengths: Lengths) -> TokenizedSplit:
    examples: list[Example] = []
    inputs, targets, truncated = [], [], 0
    end = target_end(task, vocabulary)
    for number, (example, source, target) in enumerate(_encoded(task, split, vocabulary)):
        whole = vocabulary.as_input(source)
        target = ended(target, vocabulary.eos) if end else target
        long = len(whole) > lengths.inputs
        if len(target) > lengths.targets:
            raise SpotError(
                f'task "{task.name}", {split} row {number}: expected a target of at most '
                f'{lengths.targets} tokens, found {len(target)}: "{example.targets[:60]}"',
                f"raise the target length to {len(target)} or more",
            )
        truncated += long
        examples.append(example)
        inputs.append(vocabulary.as_input(source, lengths.inputs) if long else whole)
        targets.append(target)
    if truncated:
        share = 100 * truncated / len(examples)
        _log.warning(
            'task "%s", %s: %d of %d inputs (%.1f %%) were cut to %d tokens (data.input_length)',
            *(task.name, split, truncated, len(examples), share, lengths.inputs),
        )
    return TokenizedSplit(
        inputs=Ragged.of(inputs),
        targets=Ragged.of(targets),
        labels=np.array([e.label for e in examples], np.int32),
        references=[e.reference for e in examples],
        groups=[e.group for e in examples],
        target_texts=[e.targets for e in examples],
        truncated=truncated,
    )


def _encoded(task: Task, split: str, vocabulary: Vocabulary) -> Iterator[tuple[Example, Any, Any]]:
    """Each example with its input and target ids, not yet cut.

    Only a user's registered Task goes through seqio, whose preprocessors may do anything. For other
    tasks the ids would be the same, and TensorFlow takes longer to start than the text to encode.
    """
    if task.registered:
        from spot.tasks.registered import registered_rows

        yield from registered_rows(task, split, vocabulary)
        return
    for example in task.read(split):
        source, target = example.inputs, example.targets
        yield example, vocabulary.encode(source), vocabulary.encode_target(target)

"""A split as token arrays: built once, kept on disk.

The cache is content-addressed: its name holds the digest of the task's fingerprint, the split, the
vocabulary and the lengths, so nothing is ever stale and nothing has to be deleted. One process
builds while others wait for it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from spot.errors import SpotError
from spot.tasks.examples import Ragged, TokenizedSplit
from spot.tasks.splits import check_split
from spot.tasks.task import Example, Task, digest
from spot.tasks.vocabulary import Vocabulary, ended, target_end

VERSION = 3
"""Counts changes in how text becomes tokens; part of every cache name."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lengths:
    """The most tokens that a row may have, EOS included."""

    inputs: int
    targets: int


def cache_file(
    definition: Task,
    split: str,
    vocabulary: Vocabulary,
    lengths: Lengths,
    cache_dir: Path,
) -> Path:
    """Where the split's token arrays are, or will be."""
    key = digest(
        "tokens",
        VERSION,
        definition.fingerprint(),
        split,
        [vocabulary.digest(), vocabulary.extra_ids],
        [lengths.inputs, lengths.targets],
        *([] if target_end(definition, vocabulary) else ["no end"]),
    )
    name = re.sub(r"[^\w.+-]", "_", definition.name)[:80]
    return cache_dir / "tokens" / f"{name}-{split}-{key[:20]}.npz"


def tokenized(
    definition: Task,
    split: str,
    vocabulary: Vocabulary,
    lengths: Lengths,
    cache_dir: Path,
) -> TokenizedSplit:
    """Token arrays of one split, from the cache or built into it.

    Inputs longer than `lengths.inputs` are cut, as the vocabulary does it, and counted in
    `.truncated`. SpotError for missing data, an unknown split, a target that does not fit (naming
    the row), lengths under 2, or a cache folder that cannot be written. A damaged cache file is
    rebuilt.
    """
    if min(lengths.inputs, lengths.targets) < 2:
        raise SpotError(
            f"expected lengths of at least 2 tokens (one and EOS), found {lengths.inputs} for "
            f"inputs and {lengths.targets} for targets",
            "raise the lengths",
        )
    check_split(definition.name, split, definition.splits)
    if reason := definition.available():
        raise SpotError(f'task "{definition.name}": {reason}', "spot tasks lists what is there")
    path = cache_file(definition, split, vocabulary, lengths, cache_dir)
    if found := _loaded(path):
        return found
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            found = _loaded(path)  # another process may have built it while we waited
            if found is None:
                found = _built(definition, split, vocabulary, lengths)
                found.save(path)
            return found
    except OSError as error:
        raise SpotError(
            f"expected to write the token cache {path}, found: {error.strerror or error}",
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


def _built(
    definition: Task, split: str, vocabulary: Vocabulary, lengths: Lengths
) -> TokenizedSplit:
    examples: list[Example] = []
    inputs, targets, truncated = [], [], 0
    end = target_end(definition, vocabulary)
    for number, (example, source, target) in enumerate(_rows(definition, split, vocabulary)):
        whole = vocabulary.as_input(source)
        target = ended(target, vocabulary.eos) if end else target
        long = len(whole) > lengths.inputs
        kept = vocabulary.as_input(source, lengths.inputs) if long else whole
        if len(target) > lengths.targets:
            raise SpotError(
                f'task "{definition.name}", {split} row {number}: expected a target of at most '
                f'{lengths.targets} tokens, found {len(target)}: "{example.targets[:60]}"',
                f"raise the target length to {len(target)} or more",
            )
        truncated += long
        examples.append(example)
        inputs.append(kept)
        targets.append(target)
    if truncated:
        share = 100 * truncated / len(examples)
        _log.warning(
            'task "%s", %s: %d of %d inputs (%.1f %%) were cut to %d tokens (data.input_length)',
            *(definition.name, split, truncated, len(examples), share, lengths.inputs),
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


def _rows(
    definition: Task, split: str, vocabulary: Vocabulary
) -> Iterator[tuple[Example, Any, Any]]:
    """Each example with its input and target ids, not yet cut.

    Only a user's registered Task goes through seqio: its preprocessors may do anything. Elsewhere
    the ids would be the same, and TensorFlow takes longer to start than all of the text to encode.
    """
    if definition.registered:
        from spot.tasks.registered import registered_rows

        yield from registered_rows(definition, split, vocabulary)
        return
    for example in definition.read(split):
        source, target = example.inputs, example.targets
        yield example, vocabulary.encode(source), vocabulary.encode_target(target)

"""What a task is to the rest of the toolkit: a name, label words, metrics and a way to read rows.

Plain values, so that training, transfer and study never learn where a task's text comes from.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from spot.errors import SpotError

Reference = tuple[str, ...] | float | None


@dataclass(frozen=True)
class Example:
    """One row as text.

    `inputs` and `targets` are what the model reads and must write. `label` is the class index, or
    -1 when the task has no classes. `reference` is what metrics compare with where the target text
    alone is not enough: every accepted answer (extraction) or the exact score (regression).
    `group` names what belongs together, such as the answers to one question; "" when nothing does.
    """

    inputs: str
    targets: str
    label: int = -1
    reference: Reference = None
    group: str = ""


def _same(text: str) -> str:
    return text


@dataclass(frozen=True)
class Task:
    """A task: where its rows come from and how its predictions are scored.

    `labels` are the label words in class order, () when there are none. `metrics` are names in
    `spot.tasks.metrics.METRICS`; the main metric is the mean of all their values. `scoring` is "rank"
    (likelihood of each label word) or "generate" (greedy decoding). `read(split)` yields examples
    in file order and raises SpotError for a bad row. `fingerprint()` is a hex digest of data and
    definition, cheap to call again. `available()` is "" or the reason why the data is missing.
    `rows(split)` counts examples. `split_rule` says in words how the splits were made.
    `registered` is the name of the user's own registered seqio Task that this task stands for, ""
    for every other task; its token ids are used as that Task makes them. `front` is what stands in
    front of every text, label words that are listed there; `read` puts it there. `complete` puts a
    text that comes from elsewhere behind all that this task's texts stand behind. `fetch()` brings
    missing data here if its `source` can, and raises SpotError where it cannot.
    """

    name: str
    family: str
    labels: tuple[str, ...]
    metrics: tuple[str, ...]
    scoring: Literal["rank", "generate"]
    splits: tuple[str, ...]
    read: Callable[[str], Iterator[Example]]
    fingerprint: Callable[[], str]
    description: str
    rows: Callable[[str], int]
    license: str = ""
    available: Callable[[], str] = lambda: ""
    split_rule: str = ""
    registered: str = ""
    front: str = ""
    complete: Callable[[str], str] = _same
    fetch: Callable[[], None] = lambda: None
    source: str = ""


def listing_labels(definition: Task) -> Task:
    """The task with its label words, in class order, in front of every text (FLAN's options, Wei et
    al. 2022, section 2.1): "no | yes. passage: …". Without label words it stays as it is.

    A prompt then need not hold them, so one prompt can serve tasks of different label words. Raises
    SpotError for a registered seqio Task, whose tokens are its own.
    """
    if not definition.labels or definition.front:
        return definition
    if definition.registered:
        raise SpotError(
            f'task "{definition.name}": expected a text to list label words in, found the '
            f'registered seqio Task "{definition.registered}", which makes its own tokens',
            "list them in its preprocessors, and leave data.list_labels off",
        )
    front = f"{' | '.join(definition.labels)}. "

    def read(split: str) -> Iterator[Example]:
        for example in definition.read(split):
            yield replace(example, inputs=front + example.inputs)

    def fingerprint() -> str:
        return digest("lists labels", definition.fingerprint(), front)

    def complete(text: str) -> str:
        return front + definition.complete(text)

    return replace(definition, read=read, fingerprint=fingerprint, front=front, complete=complete)


@dataclass(frozen=True)
class Mixture:
    """Tasks trained together: `rates[i]` is the share of examples from `members[i]`; sum 1."""

    name: str
    members: tuple[str, ...]
    rates: tuple[float, ...]


MIXING_LIMIT = 2**19
"""Examples-proportional mixing counts no task as larger than this (Vu et al. 2022, section 3.1)."""


def proportional_rates(sizes: Mapping[str, int], limit: int = MIXING_LIMIT) -> tuple[float, ...]:
    """Examples-proportional rates min(n_i, K) / sum_j min(n_j, K), in the order of `sizes`.

    >>> proportional_rates({"a": 300, "b": 900}, limit=600)
    (0.3333333333333333, 0.6666666666666666)
    """
    capped = [min(n, limit) for n in sizes.values()]
    return tuple(n / sum(capped) for n in capped)


def digest(*parts: object) -> str:
    """Hex sha256 of the canonical JSON of `parts`; the fingerprint of anything JSON can write.

    >>> digest("a", 1) == digest("a", 1) != digest("a", 2)
    True
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def counted(read: Callable[[str], Iterator[Example]]) -> Callable[[str], int]:
    """A `rows` function that reads a split once and remembers how many examples it has."""

    @functools.cache
    def rows(split: str) -> int:
        return sum(1 for _ in read(split))

    return rows

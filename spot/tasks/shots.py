"""Prompt design: a text prompt and training examples in front of every text (Brown et al. 2020), the
baseline that the prompt-tuning paper compares with (Lester et al. 2021, section 3).
"""

from __future__ import annotations

import functools
import heapq
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace

from spot.errors import SpotError
from spot.tasks.splits import hashed
from spot.tasks.task import Example, Task, digest

_log = logging.getLogger(__name__)

GAP = "\n\n"


def with_shots(
    definition: Task,
    shots: int,
    seed: int,
    length: Callable[[str], int],
    limit: int,
    text: str = "",
) -> Task:
    """The task with `text`, then up to `shots` training examples with answers, before every text.

    They are drawn from train by `seed`, whatever its order of rows. A text gets as many as leave it
    whole (`length(all)` at most `limit`), and never its own answer; `read` logs it where some did
    not fit. SpotError for a registered seqio Task, and for a text prompt too long by itself.
    """
    _check(definition, text, length, limit)
    place, told = placing(definition, shots, seed, length, limit, text), set[str]()

    def read(split: str) -> Iterator[Example]:
        fitted: list[int] = []
        for example in definition.read(split):
            inputs, count = place(example.inputs)
            fitted.append(count)
            yield replace(example, inputs=inputs)
        if split not in told:  # a split may be read more than once
            _report(definition.name, split, shots, fitted)
        told.add(split)

    return replace(
        definition,
        read=read,
        fingerprint=lambda: digest("shots", definition.fingerprint(), shots, seed, text),
        complete=lambda given: place(definition.complete(given))[0],
    )


def placing(
    definition: Task,
    shots: int,
    seed: int,
    length: Callable[[str], int],
    limit: int,
    text: str = "",
) -> Callable[[str], tuple[str, int]]:
    """A function: a text -> it behind `text` and examples, as in `with_shots`, and how many of these
    fitted.
    """
    front = text + GAP if text else ""

    @functools.cache
    def drawn() -> tuple[str, ...]:
        return tuple(shown(one) for one in draw(definition, shots, seed))

    def place(given: str) -> tuple[str, int]:
        others = [one for one in drawn() if not one.startswith(given + " ")]
        return _fitted(front, others, given, length, limit)

    return place


def _check(definition: Task, text: str, length: Callable[[str], int], limit: int) -> None:
    if definition.registered:
        raise SpotError(
            f'task "{definition.name}": expected a text to put a prompt in front of, found the '
            f'registered seqio Task "{definition.registered}", which makes its own tokens',
            "add the prompt in its preprocessors, and leave data.text and data.shots off",
        )
    if text and length(text) >= limit:
        raise SpotError(
            f"data.text: expected fewer than {limit} tokens, found {length(text)}",
            "shorten it, or raise data.input_length",
        )


def _fitted(
    front: str, others: list[str], text: str, length: Callable[[str], int], limit: int
) -> tuple[str, int]:
    """The text behind `front` and as many of the first `others` as fit, and how many these are."""
    for count in range(len(others), 0, -1):
        whole = front + "".join(one + GAP for one in others[:count]) + text
        if length(whole) <= limit:
            return whole, count
    return front + text, 0


def draw(definition: Task, shots: int, seed: int) -> list[Example]:
    """The `shots` training examples of the smallest hashes of seed and text; fewer if train is."""

    def rank(example: Example) -> int:
        return hashed(f"spot-shots-v1:{seed}:", f"{example.inputs}\n{example.targets}")

    return heapq.nsmallest(shots, definition.read("train"), key=rank) if shots else []


def shown(example: Example) -> str:
    """An example with its answer behind it, as it stands in front of another."""
    return f"{example.inputs} {example.targets}"


def _report(name: str, split: str, shots: int, fitted: list[int]) -> None:
    """Says how many examples fitted, when fewer than asked for."""
    if fitted and min(fitted) < shots:
        mean = sum(fitted) / len(fitted)
        _log.warning(
            'task "%s", %s: of %d examples asked for, %.1f fitted on average (%d to %d)',
            *(name, split, shots, mean, min(fitted), max(fitted)),
        )

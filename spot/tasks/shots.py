"""Prompt design: a text prompt and training examples in front of every text (Brown et al. 2020), the
baseline that the prompt-tuning paper compares with (Lester et al. 2021, section 3).
"""

from __future__ import annotations

import functools
import heapq
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from statistics import fmean

from spot.errors import SpotError
from spot.tasks.splits import hashed
from spot.tasks.task import Task, digest
from spot.tasks.text import Example

_log = logging.getLogger(__name__)

GAP = "\n\n"

Length = Callable[[str], int]
"""The number of tokens of a text, with EOS."""


def with_few_shot(task: Task, length: Length, limit: int) -> Task:
    """The task with its `text`, then up to `shots` training examples with answers, before every text.

    They are drawn from train by `shot_seed`, whatever its order of rows. A text gets as many as
    leave it whole (`length(all)` at most `limit`), and never its own answer; `read` logs a warning
    where some did not fit. Without text and shots the task is unchanged. SpotError for a text
    prompt that is too long by itself.
    """
    if not task.text and not task.shots:
        return task
    if task.text and length(task.text) >= limit:
        raise SpotError(
            f"data.text: expected fewer than {limit} tokens, found {length(task.text)}",
            "shorten it, or raise data.input_length",
        )
    place = _placing(task, length, limit)
    reported: set[str] = set()

    def read(split: str) -> Iterator[Example]:
        counts: list[int] = []
        for example in task.read(split):
            inputs, count = place(example.inputs)
            counts.append(count)
            yield replace(example, inputs=inputs)
        if split not in reported:  # a split may be read more than once
            _report(task.name, split, task.shots, counts)
        reported.add(split)

    return replace(
        task,
        read=read,
        fingerprint=lambda: digest(
            "shots", task.fingerprint(), task.shots, task.shot_seed, task.text
        ),
        complete=lambda text: place(task.complete(text))[0],
        text="",
        shots=0,
        shot_seed=0,
    )


def mean_shots(task: Task, split: str, length: Length, limit: int) -> float:
    """The mean number of training examples that fit in front of a text of the split."""
    if not task.shots:
        return 0.0
    place = _placing(task, length, limit)
    return fmean(place(example.inputs)[1] for example in task.read(split))


def draw(task: Task, shots: int, seed: int) -> list[Example]:
    """The `shots` training examples of the smallest hashes of seed and text; fewer if train is."""

    def rank(example: Example) -> int:
        return hashed(f"spot-shots-v1:{seed}:", f"{example.inputs}\n{example.targets}")

    return heapq.nsmallest(shots, task.read("train"), key=rank) if shots else []


def _placing(task: Task, length: Length, limit: int) -> Callable[[str], tuple[str, int]]:
    """A function from a text to that text behind text prompt and examples, and their number."""
    front = task.text + GAP if task.text else ""

    @functools.cache
    def drawn() -> tuple[str, ...]:
        return tuple(f"{e.inputs} {e.targets}" for e in draw(task, task.shots, task.shot_seed))

    def place(text: str) -> tuple[str, int]:
        others = [shot for shot in drawn() if not shot.startswith(text + " ")]
        for count in range(len(others), 0, -1):
            whole = front + "".join(shot + GAP for shot in others[:count]) + text
            if length(whole) <= limit:
                return whole, count
        return front + text, 0

    return place


def _report(name: str, split: str, shots: int, counts: list[int]) -> None:
    """Log how many examples fitted, when fewer than `shots`."""
    if counts and min(counts) < shots:
        mean = sum(counts) / len(counts)
        _log.warning(
            'task "%s", %s: of %d examples asked for, %.1f fitted on average (%d to %d)',
            *(name, split, shots, mean, min(counts), max(counts)),
        )

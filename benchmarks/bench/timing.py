"""Time contenders in turns, so that whatever else the machine does slows all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from benchmarks.bench.lines import Measured

Key = TypeVar("Key")
Clock = Callable[[], float]


class Contender(NamedTuple):
    """Something that is timed: `run` takes the number of the round.

    start: what it computed before anything was timed, a loss for example, to be compared with the
    others'. warm: rounds run once before any is timed, for programs and caches.
    """

    name: str
    run: Callable[[int], object]
    start: Any = None
    warm: int = 1


def in_turns(
    contenders: Sequence[Contender], rounds: int, clock: Clock = time.perf_counter
) -> dict[str, Measured]:
    """Seconds of every round of every contender, by name."""
    for contender in contenders:
        for number in range(contender.warm):
            contender.run(number)
    seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for number in range(rounds):
        for contender in contenders:
            begin = clock()
            contender.run(number)
            seconds[contender.name].append(clock() - begin)
    return {name: Measured(name, tuple(values)) for name, values in seconds.items()}


def quickest(
    makers: Mapping[Key, Callable[[], Contender]], clock: Clock = time.perf_counter
) -> list[Key]:
    """The keys of the contenders, the quickest first, by one run of each after it has run once. Each is made
    when its turn comes and dropped after it, for all of them would not fit into memory.
    """
    seconds = {}
    for key, make in makers.items():
        contender = make()
        contender.run(0)
        begin = clock()
        contender.run(0)
        seconds[key] = clock() - begin
    return sorted(seconds, key=lambda key: seconds[key])


def agree(what: str, ours: Any, theirs: Any, tolerance: float) -> None:
    """Raise ValueError if two results differ by more than a part of the largest number of theirs: then
    two different things would be timed.
    """
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    difference = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
    if not difference <= tolerance:  # NaN fails, too
        raise ValueError(
            f"{what}: expected equal results, found a relative difference of {difference:.1e}, more than "
            f"{tolerance:.0e}"
        )

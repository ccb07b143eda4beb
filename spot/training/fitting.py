"""Fit a run into memory: what it will take, before its first step, and how a step is run so that it fits.

What a program takes is read from the compiled program, which the run calls afterwards and which is not
compiled again for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from spot.errors import SpotError

MARGIN = 0.1
"""The share of the free memory that is left alone as long as a step can be run with less."""


@dataclass(frozen=True)
class Execution:
    """How a step is run: in `times` as many parts as is fastest, and with `remat` so that the gradient keeps
    the inputs of layers only. Neither changes a result beyond rounding.
    """

    times: int = 1
    remat: bool = False

    def __str__(self) -> str:
        parts = f"a step in {self.times} times as many parts" if self.times > 1 else ""
        remat = "layers computed again for the gradient" if self.remat else ""
        return " and ".join(filter(None, (parts, remat))) or "a step as is fastest"


@dataclass(frozen=True)
class Need:
    """Bytes that a run takes beyond what is held before it: for the prompts with their optimiser, and for
    the largest program of a step and of scoring, which do not run at once.
    """

    state: int
    step: int
    scoring: int

    @property
    def bytes(self) -> int:
        """The most at once."""
        return self.state + max(self.step, self.scoring)


@dataclass(frozen=True)
class Prediction:
    """What a run will take, in bytes: `held` before it; `programs`, what its largest programs took while they
    were compiled, and the others are assumed to take as much again; and `need`. `free` is None where nothing
    tells.
    """

    execution: Execution
    need: Need
    held: int
    programs: int
    free: int | None

    @property
    def peak(self) -> int:
        """The most that is held at once."""
        return self.held + 2 * self.programs + self.need.bytes

    def __str__(self) -> str:
        free = "" if self.free is None else f" of {gigabytes(self.free)} free"
        return (
            f"peak memory about {gigabytes(self.peak)}: {gigabytes(self.held)} held before, "
            f"{gigabytes(2 * self.programs)} for programs, {gigabytes(self.need.bytes)}{free} for the run"
        )

    def to_json(self) -> dict[str, int | bool | None]:
        """JSON-serialisable dict."""
        parts, remat = self.execution.times, self.execution.remat
        return {"peak": self.peak, "free": self.free, "parts": parts, "remat": remat}

    def check(self) -> None:
        """Raises SpotError where the run cannot have what it needs."""
        if self.free is not None and self.need.bytes > self.free:
            scoring = self.need.scoring > self.need.step
            raise SpotError(
                f"expected {gigabytes(self.need.bytes)} of free memory for "
                f"{'scoring' if scoring else 'a step'}, found {gigabytes(self.free)}",
                "free memory, or lower "
                + ("" if scoring else "train.slots, ")
                + "data.input_length or prompt.length, or choose a smaller model",
            )


def choose(
    need_of: Callable[[Execution], Need], most: int, free: int | None
) -> tuple[Execution, Need]:
    """The quickest execution whose need fits into the free bytes, or the one that needs least.

    need_of: compiles the programs of an execution. most: the largest `times`.
    """
    every = [Execution(2**power) for power in range(most.bit_length())]
    every.append(Execution(every[-1].times, remat=True))
    execution, need = every[0], need_of(every[0])
    room = None if free is None else int((1 - MARGIN) * free)
    for other in every[1:]:
        if room is None or need.state + need.step <= room:
            break
        # Memory falls by the number of parts at most: what cannot be enough is not compiled.
        least = need.state + need.step * execution.times // other.times
        if least <= room or other.remat:
            execution, need = other, need_of(other)
    return execution, need


def gigabytes(count: int) -> str:
    """Bytes as text.

    >>> gigabytes(1_234_000_000), gigabytes(56_700_000)
    ('1.23 GB', '57 MB')
    """
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"

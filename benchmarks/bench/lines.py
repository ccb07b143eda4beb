"""A measured line: ours beside another, the ratio of their medians, and lines as a Markdown table."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Measured:
    """Every value that was measured of one contender."""

    name: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle value."""
        return statistics.median(self.values)

    def __str__(self) -> str:
        """The median, with the least and the most where there are several values."""
        if len(self.values) == 1:
            return _number(self.median)
        least, most = _number(min(self.values)), _number(max(self.values))
        return f"{_number(self.median)} ({least} to {most})"


@dataclass(frozen=True)
class Line:
    """What was measured, in `unit`, of ours and of what stands beside it.

    speed: the values are work by time, so that more is better; else less is.
    """

    what: str
    unit: str
    ours: Measured
    other: Measured
    speed: bool = False

    @property
    def ratio(self) -> float:
        """How many times better ours is, by the medians."""
        ours, other = self.ours.median, self.other.median
        return ours / other if self.speed else other / ours

    def to_json(self) -> dict[str, Any]:
        """JSON-serialisable dict, with all values."""
        return {**asdict(self), "ratio": self.ratio}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Line:
        """The line of `to_json`."""
        ours, other = (
            Measured(stored[side]["name"], tuple(stored[side]["values"]))
            for side in ("ours", "other")
        )
        return cls(stored["what"], stored["unit"], ours, other, stored["speed"])


def markdown(lines: Sequence[Line]) -> str:
    """The lines as rows of a table, without its head."""
    return "\n".join(
        f"| {line.what} | {line.unit} | {line.ours.name} | {line.ours} | {line.other.name} | "
        f"{line.other} | **{line.ratio:.2f}** |"
        for line in lines
    )


HEAD = (
    "| what | unit | ours | median (least to most) | beside | median (least to most) | ratio |\n"
    "|---|---|---|---:|---|---:|---:|"
)


def _number(value: float) -> str:
    """Three digits.

    >>> [_number(value) for value in (0.01234, 1.2, 99.96, 1234.5)]
    ['0.0123', '1.20', '100', '1234']
    """
    if abs(value) >= 99.95:
        return f"{value:.0f}"
    return f"{value:#.3g}"

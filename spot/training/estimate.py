"""Estimate the duration of a build from one measured step."""

from __future__ import annotations

from dataclasses import dataclass

# A validation row costs a forward pass and a decoder pass a label; a training row also a backward pass.
VALIDATION_COST = 0.5


@dataclass(frozen=True)
class Work:
    """The work that is left, in rows of training and of validation."""

    training: int
    validation: int

    @property
    def rows(self) -> float:
        """All of it in training rows."""
        return self.training + VALIDATION_COST * self.validation


def seconds_left(work: Work, rows: int, compiling: float, step: float) -> float:
    """The duration of work, in seconds, when a step of `rows` rows took `step` seconds after `compiling`
    seconds for its programs.

    The programs of other lengths and of validation are assumed to compile about as long again.
    """
    return compiling + step / rows * work.rows


def duration(seconds: float) -> str:
    """A duration as text.

    >>> duration(42), duration(100), duration(5400)
    ('42 seconds', '1.7 minutes', '1.5 hours')
    """
    if seconds < 60:
        return f"{seconds:.0f} seconds"
    if seconds < 3600:
        return f"{seconds / 60:.1f} minutes"
    return f"{seconds / 3600:.1f} hours"

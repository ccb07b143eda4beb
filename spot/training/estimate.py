"""How long a build will take, said before its first group trains: a measured step, scaled."""

from __future__ import annotations

from dataclasses import dataclass

# A validation row is one forward pass and a decoder pass a label; a training row runs backwards, too.
VALIDATION_COST = 0.5


@dataclass(frozen=True)
class Work:
    """What is left to do, in rows: of training, and of validation."""

    training: int
    validation: int

    @property
    def rows(self) -> float:
        """Everything as training rows."""
        return self.training + VALIDATION_COST * self.validation


def seconds_left(work: Work, rows: int, compiling: float, step: float) -> float:
    """Of work whose step of so many rows took `step` seconds, after `compiling` seconds for its
    programs. Rows of other lengths, and validation, will want about as many programs again.
    """
    return compiling + step / rows * work.rows


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(42), duration(100), duration(5400)
    ('42 seconds', '1.7 minutes', '1.5 hours')
    """
    if seconds < 60:
        return f"{seconds:.0f} seconds"
    if seconds < 3600:
        return f"{seconds / 60:.1f} minutes"
    return f"{seconds / 3600:.1f} hours"

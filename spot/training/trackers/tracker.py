"""What a tool that tracks trainings is, and what it is told of a run."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from spot.errors import SpotError

PROJECT = "spot"
"""What runs are filed under, where the user's environment names nothing else."""


@dataclass(frozen=True)
class Tracked:
    """One prompt in training: its name (task and seed) and that of its group, a text that identifies the run
    however often it is resumed, the folder of its files, and its settings as JSON values.
    """

    name: str
    group: str
    identity: str
    folder: Path
    config: Mapping[str, Any]


class Tracker(Protocol):
    """One run in one tool."""

    def log(self, step: int, scalars: Mapping[str, float]) -> None:
        """Add numbers after so many steps; steps do not fall."""

    def close(self, finished: bool) -> None:
        """Write what is left. finished: training ended by itself."""


@dataclass(frozen=True)
class Tool:
    """A tool by the name of its package, which is that of the extra, too.

    `begin` starts the record of a run anew, without what an interrupted training of the same run recorded:
    it is told all of it again.
    """

    name: str
    about: str
    begin: Callable[[Tracked], Tracker]

    def check(self) -> None:
        """Raises SpotError where the package is not installed."""
        spec = importlib.util.find_spec(self.name)  # located, not imported
        if (
            spec is None or spec.origin is None
        ):  # a folder of this name, as wandb makes, is no package
            raise SpotError(
                f"train.trackers: {self.name} needs the package {self.name}, which is not installed",
                f"pip install 'spot-transfer[{self.name}]', or leave it out of train.trackers",
            )


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values below nested mappings by their path.

    >>> flat({"score": 1.5, "metrics": {"f1": 2.0}})
    {'score': 1.5, 'metrics/f1': 2.0}
    """
    leaves: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            leaves |= flat(value, f"{prefix}{name}/")
        else:
            leaves[prefix + name] = value
    return leaves

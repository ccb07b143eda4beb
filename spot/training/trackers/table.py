"""The tools that may track trainings, by name."""

from __future__ import annotations

from collections.abc import Sequence

from spot.errors import SpotError, did_you_mean
from spot.training.trackers.mlflow import MLFLOW
from spot.training.trackers.tensorboard import TENSORBOARD
from spot.training.trackers.tracker import Tool
from spot.training.trackers.trackio import TRACKIO
from spot.training.trackers.wandb import WANDB

TRACKERS: dict[str, Tool] = {tool.name: tool for tool in (TENSORBOARD, WANDB, MLFLOW, TRACKIO)}


def check_trackers(names: Sequence[str]) -> None:
    """Raises SpotError for a name that is not in the table and for a tool that is not installed."""
    for name in names:
        if name not in TRACKERS:
            raise SpotError(
                f'expected a tracker, found "{name}".{did_you_mean(name, TRACKERS)}',
                f"there are {', '.join(TRACKERS)}",
            )
        TRACKERS[name].check()

"""Weights & Biases: offline, below `wandb` in a run's folder, unless WANDB_MODE says otherwise."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import Any

from spot.training.trackers.tracker import PROJECT, Tool, Tracked


class Wandb:
    """A run of wandb. Online, the service drops steps that it has."""

    def __init__(self, run: Tracked) -> None:
        import wandb

        for old in (run.folder / "wandb").glob(f"offline-run-*-{run.identity}"):
            shutil.rmtree(old, ignore_errors=True)
        self.run: Any = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=run.name,
            id=run.identity,
            group=run.group or None,
            dir=str(run.folder),
            config=dict(run.config),
            mode=os.environ.get("WANDB_MODE", "offline"),
            resume="allow",
            reinit="create_new",  # prompts that train at once have a run each
            settings=wandb.Settings(console="off", silent=True),
        )

    def log(self, step: int, scalars: Mapping[str, float]) -> None:
        """See `Tracker`."""
        self.run.log(dict(scalars), step=step)

    def close(self, finished: bool) -> None:
        """See `Tracker`."""
        self.run.finish(exit_code=0 if finished else 1)


WANDB = Tool(
    "wandb", "Weights & Biases, offline in the run's folder unless WANDB_MODE is set", Wandb
)

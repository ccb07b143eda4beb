"""Trackio: its local database, in the folder of TRACKIO_DIR, unless TRACKIO_SPACE_ID names a Space."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from typing import Any

from spot.training.trackers.tracker import PROJECT, Tool, Tracked


class Trackio:
    """A run of Trackio, not its current one, which is the user's own. What it prints goes to stderr, for
    stdout may be read as JSON lines.
    """

    def __init__(self, run: Tracked) -> None:
        import trackio

        project = os.environ.get("TRACKIO_PROJECT", PROJECT)
        name = f"{run.name}-{run.identity[:8]}"  # one database holds the runs of all folders
        current = trackio.context_vars.current_run.get()
        with contextlib.redirect_stdout(sys.stderr):
            with contextlib.suppress(ValueError):  # no run of this project yet
                for old in list(trackio.Api().runs(project)):
                    if old.name == name:
                        old.delete()
            self.run: Any = trackio.init(
                project,
                name=name,
                group=run.group or None,
                config=dict(run.config),
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )
        trackio.context_vars.current_run.set(current)

    def log(self, step: int, scalars: Mapping[str, float]) -> None:
        """See `Tracker`."""
        self.run.log(dict(scalars), step=step)

    def close(self, finished: bool) -> None:
        """See `Tracker`."""
        with contextlib.redirect_stdout(sys.stderr):
            self.run.finish()


TRACKIO = Tool("trackio", "Trackio's local database", Trackio)

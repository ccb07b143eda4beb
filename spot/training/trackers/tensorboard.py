"""TensorBoard event files, one folder a slot and seed, below `events` in a run's folder."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from typing import Any

from spot.training.trackers.tracker import Tool, Tracked


class Events:
    """An event file, flushed after every step, so that it can be watched."""

    def __init__(self, run: Tracked) -> None:
        from tensorboard.plugins.text.summary_v2 import text_pb
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        folder = run.folder / "events" / run.name.replace("/", "_").replace(" ", "_")
        shutil.rmtree(folder, ignore_errors=True)
        self.writer = EventFileWriter(str(folder))
        indented = "\n".join(f"    {line}" for line in json.dumps(run.config, indent=1).split("\n"))
        self.add(0, text_pb("config", indented))

    def add(self, step: int, summary: Any) -> None:
        """One summary after so many steps."""
        from tensorboard.compat.proto.event_pb2 import Event

        self.writer.add_event(Event(summary=summary, step=step, wall_time=time.time()))

    def log(self, step: int, scalars: Mapping[str, float]) -> None:
        """See `Tracker`."""
        from tensorboard.plugins.scalar.summary_v2 import scalar_pb

        for tag, value in scalars.items():
            self.add(step, scalar_pb(tag, value))
        self.writer.flush()

    def close(self, finished: bool) -> None:
        """See `Tracker`."""
        self.writer.close()


TENSORBOARD = Tool("tensorboard", "event files in the run's folder", Events)

"""MLflow: a SQLite file in a run's folder, unless MLFLOW_TRACKING_URI names another place."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from spot.training.trackers.tracker import PROJECT, Tool, Tracked, flat

TAG = "spot.run"
"""The tag by which a run is found again."""
LONGEST = 500  # characters of a parameter that every version takes


class Mlflow:
    """A run of MLflow, through its client: its global state stays the user's own."""

    def __init__(self, run: Tracked) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when it is imported
        from mlflow.tracking import MlflowClient

        place = f"sqlite:///{(run.folder / 'mlflow.db').absolute()}"
        self.client: Any = MlflowClient(os.environ.get("MLFLOW_TRACKING_URI", place))
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        found = self.client.get_experiment_by_name(name)
        experiment = self.client.create_experiment(name) if found is None else found.experiment_id
        for old in self.client.search_runs([experiment], f"tags.`{TAG}` = '{run.identity}'"):
            self.client.delete_run(old.info.run_id)
        tags = {TAG: run.identity, "group": run.group}
        self.run = self.client.create_run(experiment, tags=tags, run_name=run.name).info.run_id
        for key, value in flat(run.config).items():
            self.client.log_param(self.run, allowed(key), str(value)[:LONGEST])

    def log(self, step: int, scalars: Mapping[str, float]) -> None:
        """See `Tracker`."""
        for name, value in scalars.items():
            self.client.log_metric(self.run, allowed(name), value, step=step)

    def close(self, finished: bool) -> None:
        """See `Tracker`."""
        self.client.set_terminated(self.run, "FINISHED" if finished else "KILLED")


def allowed(name: str) -> str:
    """A name of the characters that MLflow takes.

    >>> allowed("metrics/my task: a+b/f1")
    'metrics/my task_ a_b/f1'
    """
    return re.sub(r"[^\w\-./ ]", "_", name)


MLFLOW = Tool(
    "mlflow", "MLflow, a file in the run's folder unless MLFLOW_TRACKING_URI is set", Mlflow
)

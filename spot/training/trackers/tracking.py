"""The trackers of one training: every prompt has a run in every tool, and no tool can end the training."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

from spot.training.slots import Reporter
from spot.training.trackers.table import TRACKERS
from spot.training.trackers.tracker import Tracked, Tracker, flat


class Tracking:
    """The runs of S prompts in each of these tools, for a `with` block that closes them.

    A tool that fails, as for want of disk or network, is warned of once and left alone from then on.
    """

    def __init__(self, names: Sequence[str], runs: Sequence[Tracked], reporter: Reporter) -> None:
        self.reporter = reporter
        self.trackers: dict[str, list[Tracker]] = {name: [] for name in names}
        if names:
            reporter.phase(f"starting {', '.join(names)}")
        for name in names:
            with self.tolerant(name):
                for run in runs:
                    self.trackers[name].append(TRACKERS[name].begin(run))

    def log(self, index: int, row: Mapping[str, Any]) -> None:
        """Send the numbers of a row of metrics.jsonl: all that are not whole, as counts and seeds are."""
        scalars = {tag: value for tag, value in flat(row).items() if isinstance(value, float)}
        for name in list(self.trackers):
            with self.tolerant(name):
                self.trackers[name][index].log(row["step"], scalars)

    @contextlib.contextmanager
    def tolerant(self, name: str) -> Iterator[None]:
        """A block in which a tool may fail with any error: it is not ours."""
        try:
            yield
        except Exception as error:
            for tracker in self.trackers.pop(name):
                with contextlib.suppress(Exception):
                    tracker.close(finished=False)
            text = str(error).strip().partition("\n")[0]
            self.reporter.warn(
                f"{name} failed and is told nothing more ({type(error).__name__}: {text}); training goes on, "
                "and metrics.jsonl has all numbers"
            )

    def __enter__(self) -> Tracking:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name in list(self.trackers):
            with self.tolerant(name):
                while self.trackers[name]:
                    self.trackers[name].pop().close(finished=kind is None)

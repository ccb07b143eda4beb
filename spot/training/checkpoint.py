"""Checkpoints of a run's arrays, written by Orbax: a kill at any moment leaves the last whole one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax

from spot.errors import SpotError


class Checkpoints:
    """A folder of numbered checkpoints of one pytree; the two newest are kept.

    A checkpoint that is unfinished or unreadable is passed over in favour of the one before it.
    """

    def __init__(self, folder: Path) -> None:
        from orbax.checkpoint import v1 as ocp

        self._folder = folder
        keep = ocp.training.preservation_policies.LatestN(2)
        self._inner = ocp.training.Checkpointer(
            folder.resolve(), preservation_policy=keep, cleanup_tmp_directories=True
        )

    def save(self, step: int, tree: Any) -> None:
        """Write the tree under `step`, durably, before returning; nothing is done if it is there.

        Raises SpotError when the folder cannot be written.
        """
        if step not in self.steps():
            try:
                self._inner.save(step, tree)
            except OSError as error:
                raise SpotError(
                    f"{self._folder}: the checkpoint of step {step} could not be written ({error})",
                    "free space or choose another folder; the run goes on from the one before",
                ) from error

    def steps(self) -> list[int]:
        """The steps that have a checkpoint, oldest first."""
        return sorted(item.step for item in self._inner.checkpoints)

    def restore(self, like: Any) -> tuple[int, Any] | None:
        """(step, tree) of the newest readable checkpoint, shaped as `like`; None if there is none."""
        for step in reversed(self.steps()):
            try:
                return step, jax.device_get(self._inner.load(step, like))
            except (ValueError, OSError, KeyError):
                continue
        return None

    def close(self) -> None:
        """Release Orbax's background threads."""
        self._inner.close()

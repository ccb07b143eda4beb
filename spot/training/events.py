"""TensorBoard event files, an option; metrics.jsonl is always written and holds the same numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spot.errors import SpotError


def write_events(folder: Path, row: dict[str, Any]) -> None:
    """Add one row of metrics.jsonl as scalars, in one TensorBoard run per slot and seed.

    Raises SpotError when the tensorboard package is not installed.
    """
    try:
        from tensorboard.summary import Writer
    except ImportError as error:
        raise SpotError(
            "train.tensorboard needs the package tensorboard, which is not installed",
            "pip install 'spot-transfer[tensorboard]', or leave train.tensorboard off",
        ) from error
    name = f"{row['slot']}-s{row['seed']}".replace("/", "_").replace(" ", "_")
    writer = Writer(str(folder / name))
    for tag, value in row.items():
        if isinstance(value, float):
            writer.add_scalar(tag, value, step=row["step"])
    writer.close()

"""`spot train`: train one prompt on one task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spot.commands.options import PATH, configured

if TYPE_CHECKING:
    from spot.config import Config
    from spot.models.counts import Counts
    from spot.report.output import Output
    from spot.training.slots import Trained


@click.command("train")
@click.option("--task", required=True, help="A task, or tasks joined by +.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--out", "path", type=PATH, required=True, help="The prompt: .npy or .safetensors")
@configured
def command(config: Config, out: Output, task: str, seed: int, path: Path) -> None:
    """Train one prompt on one task or mixture and write it to a file.

    \b
    Example: spot train --task mini_news --out news.safetensors
    """
    from spot.commands.objects import loader
    from spot.models.counts import count, prompt_counts
    from spot.report.console import progress
    from spot.serving.single import train_one

    backbone = loader(config)()
    with progress() as reporter:
        trained = train_one(task, seed, path, config, backbone, reporter)
    length, width = trained.value.shape
    counts = prompt_counts(length, width, count(backbone.parameters))
    show(trained, path, counts, out)


def show(trained: Trained, path: Path, counts: Counts, out: Output) -> None:
    """The file of a trained prompt, its validation score, and its share of all parameters."""
    best = trained.best
    out.record(
        {
            "path": str(path),
            "step": trained.value_step,
            "validation": best and best.score,
            "parameters": counts.to_json(),
        }
    )
    if best is not None:
        out.say(
            f"{trained.slot.name}: validation {best.score:.2f} (n {best.n}) at step {best.step}; "
            f"prompt: {path}"
        )
        out.say(str(counts))

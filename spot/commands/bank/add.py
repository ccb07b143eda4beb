"""`spot bank add`: add one prompt file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spot.commands.names import TASKS
from spot.commands.options import PATH, configured

if TYPE_CHECKING:
    from spot.config import Config
    from spot.report.output import Output


@click.command("add")
@click.argument("file", type=PATH)
@click.option(
    "--task", required=True, shell_complete=TASKS, help="The task that the prompt was trained on."
)
@configured
def command(config: Config, out: Output, file: Path, task: str) -> None:
    """Add one prompt file (.npy, .safetensors) that was trained on the config's model.

    \b
    Example: spot bank add news.safetensors --task mini_news
    """
    from spot.commands.objects import bank_to_fill, the_model
    from spot.prompts.files import prompt_file_entry
    from spot.report.console import progress

    with progress(out) as reporter:
        reporter.phase("reading the model")
        entry, prompts = prompt_file_entry(file, task, the_model(config))
    bank = bank_to_fill(config)
    added = bool(bank.add(entry, prompts))
    out.record({"id": entry.id, "added": added})
    out.say(f"added {entry.id}" if added else f"{entry.id} is in {bank.path} already")

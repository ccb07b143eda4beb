"""The `spot` command: each subcommand is a file of this folder, imported when it is called or listed.

A command's file holds its options, its call of the library, and how its result is shown.
"""

from __future__ import annotations

import click

from spot.commands.group import Spot

__all__ = ["COMMANDS", "main"]

# The name of a command -> the file that holds it. A new command is a new file and a line here.
COMMANDS = {
    "bank": "bank",
    "baselines": "baselines",
    "build-bank": "build_bank",
    "doctor": "doctor",
    "eval": "evaluate",
    "heatmap": "heatmap",
    "models": "models",
    "predict": "predict",
    "search": "search",
    "study": "study",
    "tasks": "tasks",
    "train": "train",
    "transfer": "transfer",
    "tune": "tune",
}


@click.group(
    cls=Spot,
    package=__name__,
    modules=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="spot-transfer", prog_name="spot")
def main() -> None:
    """SPoT: find the soft prompt that a new task should start from.

    \b
    spot build-bank                      train source prompts into a bank
    spot search --target mini_boolq      which of them are nearest to a target
    spot transfer --target mini_boolq    start there, and compare with scratch
    spot heatmap --out tasks.png         how the tasks relate

    Without arguments every command uses the embedded model and tasks, offline.
    """

"""The `spot` command: each subcommand is a file of this folder, imported when it is called.

A command's file holds its options, its call of the library, and how its result is shown. The other
public names turn a config file into the library's objects, for programs that read one.
"""

from __future__ import annotations

import click

from bank.lazy import attach
from spot.commands.group import Lazy, Spot

__getattr__, __dir__, __all__ = attach(
    globals(),
    {
        "Sources": "spot.commands.objects",
        "runs_of": "spot.commands.objects",
        "task_or_mixture": "spot.commands.objects",
        "the_model": "spot.commands.objects",
        "the_task": "spot.commands.objects",
        "Config": "spot.config",
        "load_config": "spot.config",
    },
)
__all__ += ["COMMANDS", "main"]

# A new command is a new file and a line here.
COMMANDS = {
    "analyze": Lazy("analyze", "Look inside a prompt."),
    "bank": Lazy("bank", "Look at, check, fill and share banks."),
    "baselines": Lazy("baselines", "Prompt design, prompt and model tuning."),
    "build-bank": Lazy("build_bank", "Train source prompts into a bank."),
    "compare": Lazy("compare", "Kinds, losses and starts of prompts."),
    "completion": Lazy("completion", "Complete words in your shell."),
    "config": Lazy("config", "List all settings, and what they mean."),
    "distil": Lazy("distil", "Train prompts on the scores of prompts."),
    "doctor": Lazy("doctor", "Check this machine."),
    "eval": Lazy("evaluate", "Score a prompt on a task."),
    "heatmap": Lazy("heatmap", "Draw how the tasks relate."),
    "init": Lazy("init", "Write the task of a table of your own."),
    "length": Lazy("length", "Find the shortest prompt that does."),
    "matrix": Lazy("matrix", "Every prompt on every task, zero-shot."),
    "meta": Lazy("meta", "Learn a start from several tasks."),
    "models": Lazy("models", "List models."),
    "predict": Lazy("predict", "Use a prompt on texts."),
    "report": Lazy("report", "A page of results to look at."),
    "search": Lazy("search", "Rank a bank's entries for a target."),
    "serve": Lazy("serve", "Answer requests with prompts."),
    "study": Lazy("study", "Is retrieval any good here? Tables."),
    "tasks": Lazy("tasks", "List tasks, and whether data is there."),
    "train": Lazy("train", "Train one prompt on one task."),
    "transfer": Lazy("transfer", "Start from the nearest prompt; compare."),
    "tune": Lazy("tune", "Train all weights, as a baseline."),
}


@click.group(
    cls=Spot,
    package=__name__,
    table=COMMANDS,
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
    spot init tickets.csv                a table of your own as a target: --target tickets.toml

    Without arguments every command uses the embedded model and tasks, offline.
    """

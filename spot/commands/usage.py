"""The last lines of commands: a prompt's file with the command that uses it, the one that makes a report."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spot.config import Config
    from spot.report.output import Output


def show_use(prompt: Path, config: Config, out: Output, task: str = "") -> None:
    """The file of a prompt and how to predict with it. task: named where the file does not carry it."""
    command = use_of(prompt, config, task)
    out.record({"best": str(prompt), "use": command})
    out.say(f"best prompt: {prompt}")
    out.say(f"use it: {command}")


def use_of(prompt: Path, config: Config, task: str = "") -> str:
    """The command that answers the rows of a file with this prompt on the config's model."""
    from spot.models.settings import ModelSettings

    words = ["spot", "predict", "--prompt", str(prompt)]
    if task:
        words += ["--task", task]
    words += ["--in", "new.csv", "--out", "answers.csv"]
    default = ModelSettings()
    for name in ModelSettings.model_fields:
        value = getattr(config.model, name)
        if value != getattr(default, name):
            words += ["--set", f"model.{name}={value}"]
    return shlex.join(words)


def show_report(out: Output, *places: Path) -> None:
    """The command that makes the page of these folders of results."""
    command = report_of(*places)
    out.record({"report": command})
    out.say(f"report: {command}")


def report_of(*places: Path) -> str:
    """The command that makes the page of these folders of results.

    >>> report_of(Path("spot-runs/transfer/rte 1"))
    "spot report 'spot-runs/transfer/rte 1' --out report.html"
    """
    return shlex.join(["spot", "report", *map(str, places), "--out", "report.html"])

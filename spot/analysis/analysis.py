"""Looking inside a prompt: all parts that can read it, each with its finding."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from bank.files import replace_file
from bank.reading import read_json
from spot.analysis.case import MOST_ROWS, case_of
from spot.analysis.finding import Finding
from spot.analysis.parts import PARTS
from spot.errors import SpotError, look_up
from spot.models.model import Model
from spot.prompts.prompt import SoftPrompt
from spot.tasks.task import Task
from spot.training.slots import Reporter

FILE = "analysis.json"


@dataclass(frozen=True)
class Analysis:
    """The findings about one prompt. skipped: why a part could not read it, by name."""

    prompt: str
    kind: str
    model: str
    task: str | None
    split: str
    n: int
    seed: int
    findings: tuple[Finding, ...]
    skipped: dict[str, str] = field(default_factory=dict)

    def write(self, folder: str | Path) -> Path:
        """Write `analysis.json` to a folder, made where there is none; its path. Raises BankError."""
        path = Path(folder) / FILE
        replace_file(path, _FORM.dump_json(self, indent=1) + b"\n")
        return path

    @classmethod
    def read(cls, folder: str | Path) -> Analysis:
        """The analysis in a folder. Raises SpotError for a file that is none, BankError where it cannot be
        read.
        """
        path = Path(folder) / FILE
        try:
            return _FORM.validate_json(json.dumps(read_json(path)))
        except (OSError, ValueError) as error:  # a ValidationError is a ValueError
            raise SpotError(
                f"{path}: expected an analysis, found another content: {str(error).splitlines()[0]}",
                "make it again with spot analyze --out",
            ) from error


_FORM = TypeAdapter(Analysis)


def analyze(
    model: Model,
    task: Task | None,
    prompt: SoftPrompt | np.ndarray,
    *,
    start: SoftPrompt | np.ndarray | None = None,
    parts: Sequence[str] | None = None,
    split: str = "test",
    most_rows: int = MOST_ROWS,
    seed: int = 0,
    name: str = "the prompt",
    reporter: Reporter | None = None,
) -> Analysis:
    """Look inside a prompt; nothing is trained or changed.

    task: the one to score on, None for the parts that score nothing. start: the prompt before it was
    trained, an array [P, H] or of the same kind. parts: some of PARTS, all by default; parts that
    were not named and cannot read the prompt are in `Analysis.skipped` with the reason. most_rows: of the
    split, a sample where there are more. name: of the prompt, for messages.

    Raises SpotError for an unknown part, a prompt of another model, and a named part that cannot read it.
    """
    for each in parts or ():
        look_up(PARTS, each, "part of an analysis", "--parts")
    reporter = reporter or Reporter()
    case = case_of(name, model, prompt, task, start, split=split, most_rows=most_rows, seed=seed)
    findings, skipped = [], {}
    for each in dict.fromkeys(parts or PARTS):
        reporter.phase(f"{each}: {PARTS[each].question}")
        try:
            findings.append(PARTS[each].find(case))
        except SpotError as error:
            if parts:
                raise
            skipped[each] = error.message
    n = 0 if case.rows is None else len(case.rows)
    return Analysis(
        name, case.prompt.kind.name, model.name, None if task is None else task.name, split, n, seed,
        tuple(findings), skipped,
    )  # fmt: skip

"""The settings of a comparison, of a matrix of prompts and tasks, and of a study."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from spot.settings import Length, Stage


class CompareSettings(Stage):
    """The cells of a comparison: every combination of the values below, on every target and model. A factor
    that has no values keeps the config's own. The budget of a cell is `train`'s."""

    targets: tuple[str, ...] = ()
    """Tasks to compare on; where none is set, the targets of the mini suite."""
    models: tuple[str, ...] = ()
    """Models, each with its own defaults; where none is set, model.name."""
    kinds: tuple[str, ...] = ()
    """Kinds of prompts, as prompt.kind; where none is set, that one."""
    losses: tuple[str, ...] = ()
    """Training losses, as train.loss; where none is set, that one."""
    starts: tuple[str, ...] = ()
    """Where prompts start, as prompt.init, or transfer: from the nearest value of the bank; where none is
    set, prompt.init."""
    lengths: tuple[Annotated[Length, Field(ge=1)], ...] = ()
    """Tokens of prompts, as prompt.length; where none is set, that one."""
    learning_rates: tuple[Annotated[float, Field(gt=0)], ...] = ()
    """Learning rates that every cell tries; validation chooses one for all seeds of a cell. None:
    train.learning_rate."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of every cell."""


class MatrixSettings(Stage):
    """Which prompts are scored on which tasks, zero-shot, and in what words."""

    entries: tuple[str, ...] = ()
    """Tasks, or ids, of the bank's entries, a row for each task; where none is set, all."""
    tasks: tuple[str, ...] = ()
    """Tasks to score on; where none is set, the prompts' own."""
    wording: Literal["source", "own"] = "source"
    """The text and label words of a task: source, those that the prompt was trained with, as far as they fit;
    own, the task's."""
    examples: int | None = Field(None, ge=1)
    """Rows of a split that are scored, a seeded sample; where it is not set, all."""


class StudySettings(Stage):
    """The targets and sources of a study, and what is made of several sources. The budget of a run is
    `transfer`'s."""

    targets: tuple[str, ...] = ()
    """Target tasks; where none is set, those of the mini suite."""
    sources: tuple[str, ...] = ()
    """Tasks, or ids, of the bank's entries to start from; where none is set, all that a search compares."""
    ks: tuple[Annotated[int, Field(ge=1)], ...] = (1, 3)
    """How many of the nearest sources are tried, averaged or mixed."""
    arms: tuple[str, ...] = ("average", "average-matched", "generic", "re-ranked")
    """What stands beside the single sources: starts from k sources at once, average, average-matched and
    mixture, which trains a prompt for each k; generic, the bank's mixtures; and re-ranked, a choice among the
    nearest by their loss on target rows, which trains nothing."""

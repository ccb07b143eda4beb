"""Whether a prompt fits a model and a task, and the lengths that it was trained with."""

from __future__ import annotations

import logging

import numpy as np

from spot.models.model import Model
from spot.prompts.facts import check_facts, differences
from spot.prompts.prompt import SoftPrompt
from spot.tasks.task import Task
from spot.tasks.tokens import Lengths
from spot.training.recipe import RowSettings

_log = logging.getLogger(__name__)


def fitting(
    model: Model,
    task: Task,
    prompt: SoftPrompt | np.ndarray | None,
    input_length: int | None,
    target_length: int | None,
) -> Lengths:
    """The maximal lengths of the task's texts: those that are given, else those that the prompt was
    trained with, else the defaults. What the prompt was trained on otherwise is logged.

    Raises SpotError for a prompt that is known to be of another model.
    """
    facts = prompt.facts if isinstance(prompt, SoftPrompt) else None
    own = dict(facts.recipe) if facts else {}
    defaults = RowSettings()
    lengths = Lengths(
        input_length or _length(own.get("input_length")) or defaults.input_length,
        target_length or _length(own.get("target_length")) or defaults.target_length,
    )
    if facts is not None:
        check_facts(facts, "the prompt", model)
        if apart := differences(facts, task, lengths.inputs):
            _log.warning("the prompt was trained otherwise: %s", apart)
    return lengths


def _length(recorded: object) -> int | None:
    return recorded if type(recorded) is int and recorded >= 2 else None

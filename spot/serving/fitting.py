"""Whether a prompt fits a model and a task, and the lengths that it was trained with."""

from __future__ import annotations

import logging

import numpy as np

from spot.models.model import Model
from spot.prompts.facts import check_facts, differences
from spot.prompts.prompt import SoftPrompt
from spot.settings import MOST_INPUT, MOST_TOKENS
from spot.tasks.task import Task
from spot.tasks.tokens import Lengths, check_lengths
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

    Raises SpotError for a prompt that is known to be of another model, and for lengths out of range.
    """
    facts = prompt.facts if isinstance(prompt, SoftPrompt) else None
    lengths = trained_lengths(prompt, input_length, target_length)
    if facts is not None:
        check_facts(facts, "the prompt", model)
        if apart := differences(facts, task, lengths.inputs):
            _log.warning("the prompt was trained otherwise: %s", apart)
    return lengths


def trained_lengths(
    prompt: SoftPrompt | np.ndarray | None, input_length: int | None, target_length: int | None
) -> Lengths:
    """The lengths that are given, else those that the prompt was trained with, else the defaults. Raises
    SpotError for lengths out of range.
    """
    facts = prompt.facts if isinstance(prompt, SoftPrompt) else None
    own = dict(facts.recipe) if facts else {}
    defaults = RowSettings()
    lengths = Lengths(
        input_length or _length(own.get("input_length"), MOST_INPUT) or defaults.input_length,
        target_length or _length(own.get("target_length"), MOST_TOKENS) or defaults.target_length,
    )
    check_lengths(lengths)
    return lengths


def _length(recorded: object, most: int) -> int | None:
    """A length from a prompt's facts, if it is one."""
    return recorded if type(recorded) is int and 2 <= recorded <= most else None

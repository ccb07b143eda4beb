"""Prompt design: the config's text prompt and training examples in front of a text; nothing is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from spot.models.counts import Counts, count
from spot.study.methods.method import Lines, Row, Runner, scored
from spot.tasks.shots import mean_shots
from spot.tasks.tokens import token_count

SHOTS = 4  # training examples in front of every text, where `data.shots` is 0


def zero_shot(runner: Runner) -> Lines:
    """Prompt design without examples: the bare model behind the target's text prompt."""
    return Lines((designed(runner, "zero-shot", 0, (None,)),))


def few_shot(runner: Runner) -> Lines:
    """Prompt design with examples, which the seed draws."""
    shots = runner.target.shots or SHOTS
    return Lines((designed(runner, "few-shot", shots, runner.plan.seeds),))


def designed(runner: Runner, name: str, shots: int, seeds: Sequence[int | None]) -> Row:
    """A row of prompt design: nothing is trained."""
    model, limit = runner.model, runner.recipe.input_length
    trials = []
    for seed in seeds:
        task = replace(runner.target, shots=shots, shot_seed=seed or 0)
        score = runner.runs.evaluate(model, None, *runner.test_split(task))
        examples = mean_shots(task, "test", token_count(model.vocabulary), limit)
        trials.append(scored(seed, score, examples=examples))
    return runner.row(name, shots, Counts(0, count(model.network)), trials)

"""What a change to a prompt costs, paired with the untouched prompt over the same rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from spot.analysis.case import Case
from spot.training.evaluate import floors, sample_of
from spot.training.judging import metric_name
from spot.verdicts.sample import Sample
from spot.verdicts.scores import judge_score
from spot.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from spot.models.scoring import Promptlike


class Drop(NamedTuple):
    """Points lost against the untouched prompt, with their 95 % interval over rows and, of several changed
    prompts, over these.
    """

    points: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.points:.1f} points ({self.low:.1f} to {self.high:.1f})"

    @property
    def negative(self) -> Drop:
        """The same as a gain."""
        return Drop(-self.points, -self.high, -self.low)

    @property
    def is_loss(self) -> bool:
        """True if the interval lies above 0."""
        return self.low > 0


def scores(case: Case, prompts: Sequence[Promptlike]) -> Sample:
    """The scores of several prompts, or of the bare model (None), on the case's rows. Raises SpotError
    where there is no task.
    """
    predictions = [case.evaluate(prompt).predictions for prompt in prompts]
    return resampled(case, predictions)


def resampled(case: Case, predictions: Sequence[Sequence[str]]) -> Sample:
    """The scores of several predictions of the case's rows. Raises SpotError where there is no task."""
    rows = case.scored_rows
    return sample_of(predictions, case.known_task, rows, case.seed)


def drop(untouched: Sample, changed: Sample) -> Drop:
    """What is lost from the untouched prompt to the mean of changed ones."""
    apart = untouched.minus(changed)
    return Drop(apart.mean, *apart.interval())


def together(samples: Iterable[Sample]) -> Sample:
    """The scores of several prompts in one sample, in order."""
    every = list(samples)
    return Sample(
        np.concatenate([each.scores for each in every]),
        np.concatenate([each.draws for each in every]),
    )


def judge(case: Case, untouched: Sample) -> Verdict:
    """Whether the untouched prompt is above chance: one at chance has nothing to lose."""
    task, rows = case.known_task, case.scored_rows
    return judge_score(
        metric_name(task), len(rows), untouched, floors(task, rows, case.seed), split=case.split
    )


def nothing_to_lose(verdict: Verdict) -> bool:
    """True if a score was judged no better than chance."""
    return verdict.kind in ("at chance", "too few rows")

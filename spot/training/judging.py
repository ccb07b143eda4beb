"""The verdict on the predictions of a split: they are made samples, and judged as numbers."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace

from spot.models.model import Model
from spot.prompts.prompt import SoftPrompt
from spot.tasks.examples import TokenizedSplit
from spot.tasks.task import Task
from spot.training.batches import Source, TaskData
from spot.training.evaluate import Evaluation, floors, sample_of
from spot.training.recipe import Recipe
from spot.training.runs import Runs
from spot.training.tfidf import tfidf_answers
from spot.verdicts.sample import Sample
from spot.verdicts.scores import Reference, judge_score
from spot.verdicts.verdict import Verdict

VALIDATION_NOTE = "; validation chose this prompt, so the test split judges finally"


@dataclass(frozen=True, eq=False)
class Compared:
    """What scores of a split are compared with: guessing and constant answers, and TF-IDF."""

    floors: list[Reference]
    tfidf: Sample | None

    @property
    def tfidf_score(self) -> float | None:
        """The score of TF-IDF with logistic regression."""
        return None if self.tfidf is None else self.tfidf.mean


def compared(
    task: Task,
    split: str,
    rows: TokenizedSplit,
    *,
    train_examples: int | None = None,
    split_examples: int | None = None,
    runs: Runs | None = None,
) -> Compared:
    """The comparisons for the rows of a split, of which `split_examples` may be a sample."""
    answers = tfidf_answers(
        task, split, train_examples=train_examples, split_examples=split_examples, runs=runs
    )
    tfidf = None if answers is None else sample_of([answers], task, rows)
    return Compared(floors(task, rows), tfidf)


def judged(
    evaluation: Evaluation,
    task: Task,
    split: str,
    rows: TokenizedSplit,
    *,
    runs: Runs | None = None,
) -> Evaluation:
    """The evaluation of a split with its verdict and the score of TF-IDF."""
    beside = compared(task, split, rows, runs=runs)
    sample = sample_of([evaluation.predictions], task, rows)
    verdict = judge_score(
        metric_name(task), len(rows), sample, beside.floors, beside.tfidf, split=split
    )
    return replace(evaluation, tfidf=beside.tfidf_score, verdict=verdict)


def judge_prompt(
    model: Model, prompt: SoftPrompt, source: Source, recipe: Recipe, runs: Runs
) -> Verdict:
    """The verdict on a prompt's validation scores; of a mixture, that on its members together."""
    verdicts = {
        member.definition.name: judge_member(model, prompt, member, recipe, runs)
        for member in source.members
    }
    if len(verdicts) == 1:
        return next(iter(verdicts.values()))
    return judge_members(verdicts)


def judge_member(
    model: Model, prompt: SoftPrompt, member: TaskData, recipe: Recipe, runs: Runs
) -> Verdict:
    """The verdict on a prompt's validation score of one task."""
    task, rows = member.definition, member.validation
    score = runs.evaluate(model, prompt, task, rows, member.labels)
    beside = compared(
        task,
        "validation",
        rows,
        train_examples=recipe.train_examples,
        split_examples=recipe.validation_examples,
        runs=runs,
    )
    return judge_score(
        metric_name(task),
        len(rows),
        sample_of([score.predictions], task, rows),
        beside.floors,
        beside.tfidf,
        split="validation",
        note=VALIDATION_NOTE,
    )


def judge_members(verdicts: dict[str, Verdict]) -> Verdict:
    """The verdict on a mixture: how many of its tasks are above chance, and which are not."""
    poor = [
        name
        for name, verdict in verdicts.items()
        if verdict.kind not in ("above chance", "measured")
    ]
    mean = statistics.fmean(verdict.numbers["score"] for verdict in verdicts.values())
    numbers = {"score": mean, "tasks": {name: v.to_json() for name, v in verdicts.items()}}
    learned = f"{len(verdicts) - len(poor)} of {len(verdicts)} tasks"
    sentence = f"above chance on {learned}: mean validation score {mean:.1f}"
    if poor:
        sentence += f"; not on {', '.join(poor)}"
    kind = "above chance" if not poor else "at chance" if len(poor) == len(verdicts) else "mixed"
    return Verdict(kind, sentence + VALIDATION_NOTE, numbers)


def metric_name(task: Task) -> str:
    """The name of the main metric: the metrics that it is the mean of."""
    return "+".join(task.metrics)

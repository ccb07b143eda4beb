"""TF-IDF with logistic regression: what can be told from the words alone, without the model."""

from __future__ import annotations

from spot.study.methods.method import (
    TFIDF,
    Lines,
    Refused,
    Runner,
    Trial,
    free_answers,
    undesigned,
)
from spot.tasks.metrics import main_metric
from spot.training.evaluate import split_metrics
from spot.training.tfidf import tfidf_answers


def tfidf(runner: Runner) -> Lines | Refused:
    """TF-IDF with logistic regression on the training rows."""
    task, test, _ = runner.test_split(undesigned(runner.target))
    answers = tfidf_answers(task, train_examples=runner.recipe.train_examples, runs=runner.runs)
    if answers is None:
        if task.scoring == "rank":
            return Refused(f"{task.name} is a registered seqio Task, whose texts are not read")
        return free_answers(task)
    metrics = split_metrics(task, test, answers)
    trial = Trial(None, main_metric(metrics), metrics, answers)
    return Lines((runner.row(TFIDF, 0, None, [trial]),))

"""The answers of TF-IDF with logistic regression on a task's split, computed once."""

from __future__ import annotations

from spot.errors import SpotError
from spot.tasks.task import Task
from spot.tasks.text import Example
from spot.tasks.tfidf import tfidf_classes
from spot.training.batches import sampled_rows
from spot.training.runs import Runs


def tfidf_answers(
    task: Task,
    split: str = "test",
    *,
    train_examples: int | None = None,
    split_examples: int | None = None,
    runs: Runs | None = None,
) -> tuple[str, ...] | None:
    """A label word for every row of a split, learned from the rows that a prompt is trained on.

    train_examples, split_examples: of the seeded samples of both splits. runs: where the answers are
    kept, if anywhere. None for free answers, for a registered seqio Task, whose rows TensorFlow makes,
    and for a task that has no training rows.
    """
    if task.scoring != "rank" or task.registered:
        return None

    def answers() -> list[str]:
        rows = chosen(task, "train", train_examples)
        new = chosen(task, split, split_examples)
        classes = tfidf_classes(
            [plain_text(task, row) for row in rows],
            [row.label for row in rows],
            [plain_text(task, row) for row in new],
        )
        return [task.labels[number] for number in classes]

    read = {"data": task.fingerprint(), "rows": [split, train_examples, split_examples]}
    try:
        known = answers() if runs is None else runs.remembered("tfidf", task.name, read, answers)
    except SpotError:
        return None
    return tuple(known)


def chosen(task: Task, split: str, count: int | None) -> list[Example]:
    """The rows of a split, or the same sample of them as of its token arrays."""
    rows = list(task.read(split))
    return [rows[number] for number in sampled_rows(len(rows), count)]


def plain_text(task: Task, row: Example) -> str:
    """A row's text without the label words that may be listed in front of it."""
    return row.inputs.removeprefix(task.front)

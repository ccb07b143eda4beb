"""Cases whose toy models answer some rows with one label word and some with the other."""

from __future__ import annotations

from typing import Any

from spot.analysis.case import Case, case_of
from spot.models.model import Model
from spot.tasks.task import Task
from tests.lab import answers
from tests.toys import sentences

WORDS = {"T5": ("blue", "yes"), "decoder": ("no", "yes")}
OTHER = {word: pair[1 - place] for pair in WORDS.values() for place, word in enumerate(pair)}
ROWS = 24


def mixed_case(
    model: Model, prompt: Any, start: Any = None, split: str = "test", labels: Any = None
) -> Case:
    """The case of a prompt on the question whether it is a bird. labels: the answers to the 24 test rows;
    by default those of this prompt, so that it scores 100.
    """
    words = WORDS[model.name]
    if labels is None:
        first = mixed_case(model, prompt, labels=[*words] * (ROWS // 2))
        labels = first.evaluate(prompt).predictions
    return case_of("toy", model, prompt, task_of(words, labels), start, split=split)


def task_of(words: tuple[str, str], labels: Any) -> Task:
    """Texts with these label words; the last answers where it is a bird, but for test rows."""
    drawn = list(dict.fromkeys(sentences(800, 0)))
    rows = [{"text": each[0], "label": words[answers("bird", *each) == "yes"]} for each in drawn]
    test = [{**row, "label": label} for row, label in zip(rows[:ROWS], labels, strict=True)]
    splits = {"test": test, "validation": rows[24:40], "train": rows[40:64]}
    return Task.from_rows("bird", inputs="{text}", labels=list(words), **splits)

"""Questions with choices or with an answer to copy: ARC and SQuAD."""

from __future__ import annotations

from collections.abc import Mapping

from spot.tasks.definition import Example
from spot.tasks.files import Row
from spot.tasks.local.form import Labels, LocalTask, form


def _arc(row: Row, labels: Labels) -> list[Example]:
    """The question and its four choices under the letters that are the label words."""
    label = row.label(labels)
    choices = dict(zip(labels, row.texts("choices", len(labels)), strict=True))
    inputs = form("arc_easy", {**choices, "question": row.text("question")})
    return [Example(inputs, labels[label], label)]


def _squad(row: Row, labels: Labels) -> list[Example]:
    """The first answer is the target, every answer is accepted."""
    answers = tuple(dict.fromkeys(row.inner_texts("answers", "text")))
    fields = {f: row.text(f) for f in ("context", "question")}
    return [Example(form("squad", fields), answers[0], reference=answers)]


TASKS: Mapping[str, LocalTask] = {
    "arc_easy": LocalTask(
        "multiple choice",
        ("A", "B", "C", "D"),
        ("accuracy",),
        _arc,
        "School science questions with four choices (ARC-Easy)",
    ),
    "squad_xquad_en": LocalTask(
        "extractive QA",
        (),
        ("squad_em", "squad_f1"),
        _squad,
        "Copy the answer from the paragraph (SQuAD rows of XQuAD English)",
        scoring="generate",
        shared="context",
        answer="answers",
    ),
}

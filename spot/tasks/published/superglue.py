"""SuperGLUE (Wang et al. 2019) in T5's forms; RTE stands with GLUE.

Two forms of WSC: `wsc` asks True or False about two named spans, so nothing has to be generated and
false pairs need not be left out of training; `wsc_referent` is T5's, which writes the referent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from spot.tasks.files import Row, shown
from spot.tasks.published.form import Examples, Labels, LocalTask, classified, form
from spot.tasks.task import Example

_FALSE_TRUE = ("False", "True")


def _multirc(row: Row, labels: Labels) -> list[Example]:
    """One answer to one question; the group is paragraph + question, for exact match a question."""
    label = row.label(labels)
    paragraph = re.sub(r"</?b>", "", row.text("paragraph").replace("<br>", " "))
    question, answer = row.text("question"), row.text("answer")
    group = f"{row.inner('idx', 'paragraph')}-{row.inner('idx', 'question')}"
    inputs = f"multirc question: {question} answer: {answer} paragraph: {paragraph}"
    return [Example(inputs, labels[label], label, group=group)]


def _record(row: Row, labels: Labels) -> list[Example]:
    """One example an answer; all answers are the reference, the query is the group."""
    passage = row.text("passage")
    passage = re.sub(r"(\.|\?|!|\"|')\n@highlight\n", r"\1 ", passage)
    passage = passage.replace("\n@highlight\n", ". ")
    query, entities = row.text("query"), ", ".join(row.texts("entities"))
    answers = tuple(dict.fromkeys(row.texts("answers")))
    group = f"{row.inner('idx', 'passage')}-{row.inner('idx', 'query')}"
    inputs = f"record query: {query} entities: {entities} passage: {passage}"
    return [Example(inputs, answer, reference=answers, group=group) for answer in answers]


def _wsc(row: Row, labels: Labels) -> list[Example]:
    """The two spans by name, and the pronoun marked *so* in the text, where it may occur often."""
    label = row.label(labels)
    pronoun, place = row.text("span2_text"), row.value("span2_index")
    if type(place) is not int or place < 0:
        raise row.error('the number of a word in "span2_index"', shown(place))
    fields = {"span1_text": row.text("span1_text"), "span2_text": pronoun}
    fields["text"] = _marked(row.text("text"), pronoun, place)
    return [Example(form("wsc", fields), labels[label], label)]


def _wsc_referent(row: Row, labels: Labels) -> list[Example]:
    """The pronoun marked; the target is the span, which 0 or 1 in `label` says to be the referent."""
    pronoun, place = row.text("span2_text"), row.value("span2_index")
    if type(place) is not int or place < 0:
        raise row.error('the number of a word in "span2_index"', shown(place))
    label, referent = row.label(_FALSE_TRUE), row.text("span1_text")
    inputs = f"wsc: {_marked(row.text('text'), pronoun, place)}"
    return [Example(inputs, referent, label, reference=(referent,))]


def _axb(row: Row, labels: Labels) -> list[Example]:
    """The diagnostic's sentences under RTE's names, so that a prompt of RTE reads them."""
    label = row.label(labels)
    pair = {"premise": row.text("sentence1"), "hypothesis": row.text("sentence2")}
    return [Example(form("rte", pair), labels[label], label)]


def _true(example: Example) -> bool:
    return example.label == 1


def _marked(text: str, word: str, place: int) -> str:
    """`text` with stars around the `word` that stands nearest to the place-th word.

    Nearest, because a few published places are wrong by some words; unmarked when it never occurs.

    >>> _marked("They saw them and fed them.", "them", 5)
    'They saw them and fed *them*.'
    """
    words = [match.start() for match in re.finditer(r"\S+", text)]
    pattern = rf"(?<!\w){re.escape(word)}(?!\w)"
    found = list(re.finditer(pattern, text, re.IGNORECASE))
    if not found:
        return text
    number = {m: sum(start <= m.start() for start in words) - 1 for m in found}
    best = min(found, key=lambda m: abs(number[m] - place))
    return f"{text[: best.start()]}*{best.group()}*{text[best.end() :]}"


TASKS: Mapping[str, LocalTask] = {
    "boolq": LocalTask(
        "yes/no question",
        _FALSE_TRUE,
        ("accuracy",),
        classified("boolq", "passage", "question"),
        "Is the answer to the question about the passage yes? (BoolQ)",
        shared="passage",
    ),
    "cb": LocalTask(
        "inference",
        ("entailment", "contradiction", "neutral"),
        ("cb_f1", "accuracy"),
        classified("cb", "hypothesis", "premise"),
        "Is the writer of the premise committed to the hypothesis? (CommitmentBank)",
        shared="premise",
    ),
    "copa": LocalTask(
        "multiple choice",
        ("choice1", "choice2"),
        ("accuracy",),
        classified("copa", "choice1", "choice2", "premise", "question"),
        "Which is the more plausible cause or effect? (COPA)",
    ),
    "multirc": LocalTask(
        "yes/no question",
        _FALSE_TRUE,
        ("multirc_f1a", "multirc_em"),
        Examples(_multirc, ("paragraph", "question", "answer")),
        "Is this an answer to the question about the paragraph? (MultiRC)",
        shared="paragraph",
    ),
    "record": LocalTask(
        "extractive QA",
        (),
        ("record_em", "record_f1"),
        Examples(_record, ("passage", "query", "entities")),
        "Which entity of the passage fills the gap? (ReCoRD)",
        scoring="generate",
        shared="passage",
        answer="answers",
    ),
    "wic": LocalTask(
        "word sense",
        _FALSE_TRUE,
        ("accuracy",),
        classified("wic", "sentence1", "sentence2", "word"),
        "Has the word the same sense in both sentences? (WiC)",
    ),
    "wsc": LocalTask(
        "coreference",
        _FALSE_TRUE,
        ("accuracy",),
        Examples(_wsc, ("text", "span1_text", "span2_text")),
        "Does the pronoun mean the other span? (WSC)",
        shared="text",
    ),
    "wsc_referent": LocalTask(
        "coreference",
        (),
        ("wsc_match",),
        Examples(_wsc_referent, ("text", "span1_text", "span2_text")),
        "Whom does the pronoun mean? Trained on true referents only (WSC in T5's form)",
        scoring="generate",
        shared="text",
        trains=_true,
    ),
    "axb": LocalTask(
        "inference",
        ("entailment", "not_entailment"),
        ("accuracy",),
        Examples(_axb, ("sentence1", "sentence2")),
        "SuperGLUE's broad diagnostic in RTE's form (AX-b)",
        only_test=True,
    ),
    "axg": LocalTask(
        "inference",
        ("entailment", "not_entailment"),
        ("accuracy",),
        classified("rte", "hypothesis", "premise"),
        "Winogender sentences in RTE's form (AX-g)",
        only_test=True,
    ),
}

"""SuperGLUE (Wang et al. 2019) in T5's forms, RTE included.

Two forms of WSC: `wsc` asks True or False about two named spans, so nothing has to be generated and
false pairs need not be left out of training; `wsc_referent` is T5's, which writes the referent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from spot.settings import shown
from spot.tasks.files import Row
from spot.tasks.published.form import Examples, Labels, classified, form, formed
from spot.tasks.published.record import PublishedTask
from spot.tasks.published.templates import Template
from spot.tasks.sources.hub import Hub, parquet_files
from spot.tasks.sources.tfds import TEST_ALONE, Tfds
from spot.tasks.text import Example

_FALSE_TRUE = ("False", "True")


def _multirc(row: Row, labels: Labels) -> list[Example]:
    """One answer to one question; the group is paragraph + question, for exact match a question."""
    label = row.label(labels)
    group = f"{row.inner('idx', 'paragraph')}-{row.inner('idx', 'question')}"
    return [Example(_multirc_text(row), labels[label], label, group=group)]


def _multirc_text(row: Row) -> str:
    paragraph = re.sub(r"</?b>", "", row.text("paragraph").replace("<br>", " "))
    question, answer = row.text("question"), row.text("answer")
    return f"multirc question: {question} answer: {answer} paragraph: {paragraph}"


def _record(row: Row, labels: Labels) -> list[Example]:
    """One example an answer; all answers are the reference, the query is the group."""
    inputs = _record_text(row)
    answers = tuple(dict.fromkeys(row.texts("answers")))
    group = f"{row.inner('idx', 'passage')}-{row.inner('idx', 'query')}"
    return [Example(inputs, answer, reference=answers, group=group) for answer in answers]


def _record_text(row: Row) -> str:
    passage = row.text("passage")
    passage = re.sub(r"(\.|\?|!|\"|')\n@highlight\n", r"\1 ", passage)
    passage = passage.replace("\n@highlight\n", ". ")
    query, entities = row.text("query"), ", ".join(row.texts("entities"))
    return f"record query: {query} entities: {entities} passage: {passage}"


def _wsc(row: Row, labels: Labels) -> list[Example]:
    """The two spans by name, and the pronoun marked *so* in the text, where it may occur often."""
    label = row.label(labels)
    return [Example(_wsc_text(row), labels[label], label)]


def _wsc_text(row: Row) -> str:
    fields = {name: row.text(name) for name in ("span1_text", "span2_text")}
    return form("wsc", {**fields, "text": _marked_text(row)})


def _wsc_referent(row: Row, labels: Labels) -> list[Example]:
    """The pronoun marked; the target is the span, which is the referent where `label` is 1."""
    label, referent = row.label(_FALSE_TRUE), row.text("span1_text")
    return [Example(_wsc_referent_text(row), referent, label, reference=(referent,))]


def _wsc_referent_text(row: Row) -> str:
    return f"wsc: {_marked_text(row)}"


def _marked_text(row: Row) -> str:
    """The text with its pronoun marked."""
    pronoun, place = row.text("span2_text"), row.value("span2_index")
    if type(place) is not int or place < 0:
        raise row.error('the number of a word in "span2_index"', shown(place))
    return _marked(row.text("text"), pronoun, place)


def _axb(row: Row, labels: Labels) -> list[Example]:
    """The diagnostic's sentences under RTE's names, so that a prompt of RTE reads them."""
    label = row.label(labels)
    pair = {"premise": row.text("sentence1"), "hypothesis": row.text("sentence2")}
    return [Example(form("rte", pair), labels[label], label)]


def _on_hub(config: str, *splits: str) -> Hub:
    """SuperGLUE on the hub; train and validation unless other `splits` are named."""
    files = parquet_files(f"{config}/", *(splits or ("train", "validation")))
    return Hub("aps/super_glue", "3de24cf8022e94f4ee4b9d55a6f539891524d646", files)


def _true(example: Example) -> bool:
    return example.label == 1


def _marked(text: str, word: str, place: int) -> str:
    """`text` with stars around the `word` nearest to the place-th word.

    Nearest, because a few published places are off by some words; unmarked when it never occurs.

    >>> _marked("They saw them and fed them.", "them", 5)
    'They saw them and fed *them*.'
    """
    words = [match.start() for match in re.finditer(r"\S+", text)]
    pattern = rf"(?<!\w){re.escape(word)}(?!\w)"
    matches = list(re.finditer(pattern, text, re.IGNORECASE))
    if not matches:
        return text
    number = {m: sum(start <= m.start() for start in words) - 1 for m in matches}
    best = min(matches, key=lambda m: abs(number[m] - place))
    return f"{text[: best.start()]}*{best.group()}*{text[best.end() :]}"


TASKS: Mapping[str, PublishedTask] = {
    "boolq": PublishedTask(
        family="yes/no question",
        labels=_FALSE_TRUE,
        metrics=("accuracy",),
        examples=classified("boolq", "passage", "question"),
        description="Is the answer to the question about the passage yes? (BoolQ)",
        shared="passage",
        tfds=Tfds("super_glue/boolq"),
        hf=_on_hub("boolq"),
        templates={
            "flan": Template(
                "{passage}\nGoing by the text, {question}\nOPTIONS:{options}",
                labels=("no", "yes"),
                clean={"question": ("question",)},
            ),
            "gpt3": Template(
                "{passage}\nQuestion: {question}\nAnswer:",
                labels=("no", "yes"),
                clean={"question": ("capitalized", "question")},
            ),
        },
    ),
    "cb": PublishedTask(
        family="inference",
        labels=("entailment", "contradiction", "neutral"),
        metrics=("cb_f1", "accuracy"),
        examples=classified("cb", "hypothesis", "premise"),
        description="Is the writer of the premise committed to the hypothesis? (CommitmentBank)",
        shared="premise",
        tfds=Tfds("super_glue/cb"),
        hf=_on_hub("cb"),
        templates={
            "flan": Template(
                "{premise}\nDoes the writer hold that {hypothesis}\nOPTIONS:{options}",
                labels=("yes", "no", "maybe"),
            ),
            "gpt3": Template(
                "{premise}\nQuestion: {hypothesis} True, False, or Neither?\nAnswer:",
                labels=("True", "False", "Neither"),
            ),
        },
    ),
    "copa": PublishedTask(
        family="multiple choice",
        labels=("choice1", "choice2"),
        metrics=("accuracy",),
        examples=classified("copa", "choice1", "choice2", "premise", "question"),
        description="Which is the more plausible cause or effect? (COPA)",
        tfds=Tfds("super_glue/copa"),
        hf=_on_hub("copa"),
        templates={
            "flan": Template(
                "{premise}\n"
                "Which of these is its likelier {question}?\n"
                "choice1: {choice1}\n"
                "choice2: {choice2}",
            )
        },
    ),
    "multirc": PublishedTask(
        family="yes/no question",
        labels=_FALSE_TRUE,
        metrics=("multirc_f1a", "multirc_em"),
        examples=Examples(_multirc, ("paragraph", "question", "answer"), _multirc_text),
        description="Is this an answer to the question about the paragraph? (MultiRC)",
        shared="paragraph",
        tfds=Tfds("super_glue/multirc"),
        hf=_on_hub("multirc"),
        templates={
            "flan": Template(
                "{paragraph}\n"
                "Question: {question}\n"
                'Is "{answer}" a right answer?\n'
                "OPTIONS:{options}",
                labels=("no", "yes"),
                clean={"paragraph": ("unhtml", "spaces")},
            ),
            "gpt3": Template(
                "{paragraph}\nQuestion: {question}\nAnswer: {answer}\nRight:",
                labels=("no", "yes"),
                clean={"paragraph": ("unhtml", "spaces")},
            ),
        },
    ),
    "record": PublishedTask(
        family="extractive QA",
        labels=(),
        metrics=("record_em", "record_f1"),
        examples=Examples(_record, ("passage", "query", "entities"), _record_text),
        description="Which entity of the passage fills the gap? (ReCoRD)",
        scoring="generate",
        shared="passage",
        answer="answers",
        tfds=Tfds("super_glue/record"),
        hf=_on_hub("record"),
    ),
    "rte": PublishedTask(
        family="inference",
        labels=("entailment", "not_entailment"),
        metrics=("accuracy",),
        examples=classified("rte", "hypothesis", "premise"),
        description="Does the premise entail the hypothesis? News (RTE)",
        shared="premise",
        tfds=Tfds("super_glue/rte"),
        hf=_on_hub("rte"),
        templates={
            "flan": Template(
                "{premise}\nCan we conclude from this that {hypothesis}\nOPTIONS:{options}",
                labels=("yes", "no"),
            ),
            "gpt3": Template(
                "{premise}\nQuestion: {hypothesis} True or False?\nAnswer:",
                labels=("True", "False"),
            ),
        },
    ),
    "wic": PublishedTask(
        family="word sense",
        labels=_FALSE_TRUE,
        metrics=("accuracy",),
        examples=classified("wic", "sentence1", "sentence2", "word"),
        description="Has the word the same sense in both sentences? (WiC)",
        tfds=Tfds("super_glue/wic"),
        hf=_on_hub("wic"),
        templates={
            "flan": Template(
                "First: {sentence1}\n"
                "Second: {sentence2}\n"
                'Has "{word}" the same sense in both sentences?\n'
                "OPTIONS:{options}",
                labels=("no", "yes"),
            ),
            "gpt3": Template(
                "{sentence1}\n"
                "{sentence2}\n"
                'Question: Is the word "{word}" used in the same sense in both?\n'
                "Answer:",
                labels=("no", "yes"),
            ),
        },
    ),
    "wsc": PublishedTask(
        family="coreference",
        labels=_FALSE_TRUE,
        metrics=("accuracy",),
        examples=Examples(_wsc, ("text", "span1_text", "span2_text"), _wsc_text),
        description="Does the pronoun mean the other span? (WSC)",
        shared="text",
        tfds=Tfds("super_glue/wsc.fixed"),
        hf=_on_hub("wsc.fixed"),
        templates={
            "flan": Template(
                '{text}\nIn this text, does "{span2_text}" mean {span1_text}?\nOPTIONS:{options}',
                labels=("no", "yes"),
            ),
            "gpt3": Template(
                '{text}\nQuestion: Does "{span2_text}" mean {span1_text}?\nAnswer:',
                labels=("no", "yes"),
            ),
        },
    ),
    "wsc_referent": PublishedTask(
        family="coreference",
        labels=(),
        metrics=("wsc_match",),
        examples=Examples(_wsc_referent, ("text", "span1_text", "span2_text"), _wsc_referent_text),
        description="Whom does the pronoun mean? Trained on true referents only (WSC in T5's form)",
        scoring="generate",
        shared="text",
        trains=_true,
        tfds=Tfds("super_glue/wsc.fixed"),
        hf=_on_hub("wsc.fixed"),
    ),
    "axb": PublishedTask(
        family="inference",
        labels=("entailment", "not_entailment"),
        metrics=("accuracy",),
        examples=formed(_axb, "rte", premise="sentence1", hypothesis="sentence2"),
        description="SuperGLUE's broad diagnostic in RTE's form (AX-b)",
        only_test=True,
        tfds=Tfds("super_glue/axb", TEST_ALONE),
        hf=_on_hub("axb", "test"),
    ),
    "axg": PublishedTask(
        family="inference",
        labels=("entailment", "not_entailment"),
        metrics=("accuracy",),
        examples=classified("rte", "hypothesis", "premise"),
        description="Winogender sentences in RTE's form (AX-g)",
        only_test=True,
        tfds=Tfds("super_glue/axg", TEST_ALONE),
        hf=_on_hub("axg", "test"),
    ),
}

"""Questions with choices or with an answer to copy: ARC, RACE, CosmosQA, SQuAD, DROP, MRQA."""

from __future__ import annotations

from collections.abc import Mapping

from spot.tasks.files import Row, shown
from spot.tasks.published.form import Examples, Labels, LocalTask, classified, form, lettered
from spot.tasks.task import Example

LETTERS = ("A", "B", "C", "D")
_SPAN = ("squad_em", "squad_f1")


def _squad(row: Row, labels: Labels) -> list[Example]:
    """The first answer is the target, every answer is accepted."""
    answers = tuple(dict.fromkeys(row.inner_texts("answers", "text")))
    fields = {f: row.text(f) for f in ("context", "question")}
    return [Example(form("squad", fields), answers[0], reference=answers)]


def _mrqa(row: Row, labels: Labels) -> list[Example]:
    """As SQuAD, whose prompts are tried on these sets (Lester et al. 2021, section 5)."""
    answers = tuple(dict.fromkeys(row.texts("answers")))
    fields = {f: row.text(f) for f in ("context", "question")}
    return [Example(form("squad", fields), answers[0], reference=answers)]


def _drop(row: Row, labels: Labels) -> list[Example]:
    """The answer is the target; those of the validators are accepted, too."""
    fields = {f: row.text(f) for f in ("passage", "question")}
    others = row.texts("validated_answers") if row.fields.get("validated_answers") else ()
    answers = tuple(dict.fromkeys((row.text("answer"), *others)))
    return [Example(form("drop", fields), answers[0], reference=answers)]


def _race(row: Row, labels: Labels) -> list[Example]:
    """One example a question; a row is an article with all its questions, as in TFDS."""
    article, made = row.text("article"), []
    questions, answers = row.texts("questions"), row.texts("answers")
    options = row.value("options")
    alike = isinstance(options, list) and len(options) == len(questions) == len(answers)
    if not isinstance(options, list) or not alike:
        raise row.error("as many options and answers as questions", shown(options))
    for question, offered, answer in zip(questions, options, answers, strict=True):
        if answer not in labels:
            raise row.error(f'one of {", ".join(labels)} in "answers"', shown(answer))
        if not isinstance(offered, list) or len(offered) != len(labels):
            raise row.error(f'lists of {len(labels)} texts in "options"', shown(offered))
        texts = {**dict(zip(labels, map(str, offered), strict=True)), "article": article}
        inputs = form("race", {**texts, "question": question})
        made.append(Example(inputs, answer, labels.index(answer)))
    return made


def _of_mrqa(description: str, *, only_test: bool = False) -> LocalTask:
    return LocalTask(
        "extractive QA",
        (),
        _SPAN,
        Examples(_mrqa, ("context", "question")),
        f"{description} (MRQA 2019)",
        scoring="generate",
        shared="context",
        answer="answers",
        only_test=only_test,
    )


def _in_domain(title: str) -> LocalTask:
    return _of_mrqa(f"Copy the answer from the paragraph, {title}")


def _out_of_domain(title: str) -> LocalTask:
    return _of_mrqa(f"{title}, out of domain for prompts of SQuAD", only_test=True)


TASKS: Mapping[str, LocalTask] = {
    "arc_easy": LocalTask(
        "multiple choice",
        LETTERS,
        ("accuracy",),
        lettered("arc_easy", "choices", "question"),
        "School science questions with four choices (ARC-Easy)",
    ),
    "race": LocalTask(
        "multiple choice",
        LETTERS,
        ("accuracy",),
        Examples(_race, ()),
        "English exams: a question about an article, four choices (RACE)",
        shared="article",
        answer="answers",
    ),
    "cosmos_qa": LocalTask(
        "multiple choice",
        ("answer0", "answer1", "answer2", "answer3"),
        ("accuracy",),
        classified("cosmos_qa", "answer0", "answer1", "answer2", "answer3", "context", "question"),
        "What a story leaves unsaid, four choices (CosmosQA)",
        shared="context",
    ),
    "squad": LocalTask(
        "extractive QA",
        (),
        _SPAN,
        Examples(_squad, ("context", "question")),
        "Copy the answer from the paragraph (SQuAD 1.1)",
        scoring="generate",
        shared="context",
        answer="answers",
    ),
    "squad_xquad_en": LocalTask(
        "extractive QA",
        (),
        _SPAN,
        Examples(_squad, ("context", "question")),
        "Copy the answer from the paragraph (SQuAD rows of XQuAD English)",
        scoring="generate",
        shared="context",
        answer="answers",
    ),
    "drop": LocalTask(
        "extractive QA",
        (),
        _SPAN,
        Examples(_drop, ("passage", "question")),
        "Count, add and compare what a passage says (DROP)",
        scoring="generate",
        shared="passage",
        answer="answer",
    ),
    "mrqa_hotpot_qa": _in_domain("HotpotQA"),
    "mrqa_natural_questions": _in_domain("Natural Questions"),
    "mrqa_news_qa": _in_domain("NewsQA"),
    "mrqa_search_qa": _in_domain("SearchQA"),
    "mrqa_trivia_qa": _in_domain("TriviaQA"),
    "mrqa_bio_asq": _out_of_domain("Biomedical abstracts, BioASQ"),
    "mrqa_drop": _out_of_domain("Reasoning over paragraphs, DROP"),
    "mrqa_duo_rc": _out_of_domain("Film plots, DuoRC"),
    "mrqa_race": _out_of_domain("English exams, RACE"),
    "mrqa_relation_extraction": _out_of_domain("Relations as questions"),
    "mrqa_textbook_qa": _out_of_domain("School textbooks, TextbookQA"),
}

"""Questions with choices or with an answer to copy: ARC, RACE, CosmosQA, SQuAD, DROP, MRQA."""

from __future__ import annotations

from collections.abc import Mapping

from spot.settings import shown
from spot.tasks.files import Row
from spot.tasks.published.form import LETTERS, Examples, Labels, classified, form, formed, lettered
from spot.tasks.published.record import PublishedTask
from spot.tasks.published.templates import Template
from spot.tasks.sources.adapters import Fields, relabelled
from spot.tasks.sources.hub import Hub, converted, parquet_files
from spot.tasks.sources.tfds import TEST_ALONE, TRAIN_VALIDATION, WITH_TEST, Tfds
from spot.tasks.text import Example

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


def _race_of_hub(fields: Fields) -> Fields:
    """A row is one question on the hub, one article with its questions in TFDS."""
    lists = {"questions": "question", "options": "options", "answers": "answer"}
    return {"article": fields.get("article"), **{k: [fields.get(v)] for k, v in lists.items()}}


def _drop_of_hub(fields: Fields) -> Fields | None:
    """The hub has spans: the first is the answer, all are accepted."""
    spans = fields.get("answers_spans")
    texts = spans.get("spans") if isinstance(spans, dict) else None
    return {**fields, "answer": texts[0], "validated_answers": texts} if texts else None


def _arc(fields: Fields) -> Fields | None:
    """Choices as a list of texts, the answer as a class; the few questions without four choices
    are left out.
    """
    choices = fields.get("choices")
    texts = choices.get("text") if isinstance(choices, dict) else None
    marks = choices.get("label") if isinstance(choices, dict) else None
    if not isinstance(texts, list) or not isinstance(marks, list) or len(texts) != len(LETTERS):
        return None
    return relabelled("answerKey", *marks)({**fields, "choices": texts})


def _arc_of_tfds(fields: Fields) -> Fields | None:
    """TFDS gives the answer as a class A, B, C, D or E, even where choices are numbered."""
    key = fields.get("answerKey")
    return _arc({**fields, "answerKey": "ABCDE"[key] if isinstance(key, int) else key})


def _of_mrqa(
    config: str,
    subset: str,
    splits: Mapping[str, str],
    description: str,
    *,
    only_test: bool = False,
) -> PublishedTask:
    """One set of MRQA: `config` in TFDS, the rows marked `subset` on the hub."""

    def adapt(fields: Fields) -> Fields | None:
        return fields if fields.get("subset") == subset else None

    commit = "f3178d9888471dfb2b67c93de14f0ddf499a8d9f"
    return PublishedTask(
        family="extractive QA",
        labels=(),
        metrics=_SPAN,
        examples=formed(_mrqa, "squad", context="context", question="question"),
        description=f"{description} (MRQA 2019)",
        scoring="generate",
        shared="context",
        answer="answers",
        only_test=only_test,
        tfds=Tfds(f"mrqa/{config}", splits),
        hf=Hub("mrqa-workshop/mrqa", commit, parquet_files("plain_text/", *splits), adapt),
    )


def _in_domain(config: str, subset: str, title: str) -> PublishedTask:
    description = f"Copy the answer from the paragraph, {title}"
    return _of_mrqa(config, subset, TRAIN_VALIDATION, description)


def _out_of_domain(config: str, subset: str, title: str) -> PublishedTask:
    description = f"{title}, out of domain for prompts of SQuAD"
    return _of_mrqa(config, subset, TEST_ALONE, description, only_test=True)


TASKS: Mapping[str, PublishedTask] = {
    "arc_easy": PublishedTask(
        family="multiple choice",
        labels=LETTERS,
        metrics=("accuracy",),
        examples=lettered("arc_easy", "choices", "question"),
        description="School science questions with four choices (ARC-Easy)",
        tfds=Tfds("ai2_arc/ARC-Easy", WITH_TEST, _arc_of_tfds),
        hf=Hub(
            "allenai/ai2_arc",
            "210d026faf9955653af8916fad021475a3f00453",
            parquet_files("ARC-Easy/", "train", "validation", "test"),
            _arc,
        ),
        templates={"gpt3": Template("Question: {question}\n{choices}\nAnswer:")},
    ),
    "race": PublishedTask(
        family="multiple choice",
        labels=LETTERS,
        metrics=("accuracy",),
        examples=Examples(_race, ()),
        description="English exams: a question about an article, four choices (RACE)",
        shared="article",
        answer="answers",
        tfds=Tfds("race/high", {"train": "train", "validation": "dev", "test": "test"}),
        hf=Hub(
            "ehovy/race",
            "2fec9fd81f1dc971569a9b729c43f2f0e6436637",
            parquet_files("high/", "train", "validation", "test"),
            _race_of_hub,
        ),
    ),
    "cosmos_qa": PublishedTask(
        family="multiple choice",
        labels=("answer0", "answer1", "answer2", "answer3"),
        metrics=("accuracy",),
        examples=classified(
            "cosmos_qa", "answer0", "answer1", "answer2", "answer3", "context", "question"
        ),
        description="What a story leaves unsaid, four choices (CosmosQA)",
        shared="context",
        tfds=Tfds("cosmos_qa"),
        hf=converted("allenai/cosmos_qa", "default", train="train", validation="validation"),
    ),
    "squad": PublishedTask(
        family="extractive QA",
        labels=(),
        metrics=_SPAN,
        examples=formed(_squad, "squad", context="context", question="question"),
        description="Copy the answer from the paragraph (SQuAD 1.1)",
        scoring="generate",
        shared="context",
        answer="answers",
        tfds=Tfds("squad/v1.1"),
        hf=Hub(
            "rajpurkar/squad",
            "7b6d24c440a36b6815f21b70d25016731768db1f",
            parquet_files("plain_text/", "train", "validation"),
        ),
        templates={
            "flan": Template("{context}\nAnswer with words of the text: {question}"),
            "gpt3": Template("{context}\nQuestion: {question}\nAnswer:"),
        },
    ),
    "squad_xquad_en": PublishedTask(
        family="extractive QA",
        labels=(),
        metrics=_SPAN,
        examples=formed(_squad, "squad", context="context", question="question"),
        description="Copy the answer from the paragraph (SQuAD rows of XQuAD English)",
        scoring="generate",
        shared="context",
        answer="answers",
    ),
    "drop": PublishedTask(
        family="extractive QA",
        labels=(),
        metrics=_SPAN,
        examples=formed(_drop, "drop", passage="passage", question="question"),
        description="Count, add and compare what a passage says (DROP)",
        scoring="generate",
        shared="passage",
        answer="answer",
        tfds=Tfds("drop", {"train": "train", "validation": "dev"}),
        hf=Hub(
            "ucinlp/drop",
            "95cda593fae71b60b5b19f82de3fcf3298c1239c",
            parquet_files("data/", "train", "validation"),
            _drop_of_hub,
        ),
    ),
    "mrqa_hotpot_qa": _in_domain("hotpot_qa", "HotpotQA", "HotpotQA"),
    "mrqa_natural_questions": _in_domain(
        "natural_questions", "NaturalQuestionsShort", "Natural Questions"
    ),
    "mrqa_news_qa": _in_domain("news_qa", "NewsQA", "NewsQA"),
    "mrqa_search_qa": _in_domain("search_qa", "SearchQA", "SearchQA"),
    "mrqa_trivia_qa": _in_domain("trivia_qa", "TriviaQA-web", "TriviaQA"),
    "mrqa_bio_asq": _out_of_domain("bio_asq", "BioASQ", "Biomedical abstracts, BioASQ"),
    "mrqa_drop": _out_of_domain("drop", "DROP", "Reasoning over paragraphs, DROP"),
    "mrqa_duo_rc": _out_of_domain("duo_rc", "DuoRC.ParaphraseRC", "Film plots, DuoRC"),
    "mrqa_race": _out_of_domain("race", "RACE", "English exams, RACE"),
    "mrqa_relation_extraction": _out_of_domain(
        "relation_extraction", "RelationExtraction", "Relations as questions"
    ),
    "mrqa_textbook_qa": _out_of_domain("textbook_qa", "TextbookQA", "School textbooks, TextbookQA"),
}

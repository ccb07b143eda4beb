"""The topic of a short text: news desk, kind of question, banking request."""

from __future__ import annotations

from collections.abc import Mapping

from spot.tasks.published.form import classified
from spot.tasks.published.record import PublishedTask
from spot.tasks.published.templates import Template
from spot.tasks.sources.adapters import Fields, relabelled, renamed
from spot.tasks.sources.hub import Hub, converted, parquet_files
from spot.tasks.sources.tfds import WITHOUT_VALIDATION, Tfds


def _title_and_description(fields: Fields) -> Fields:
    """Title and description as one text, as other copies of the data set hold them."""
    return {**fields, "text": f"{fields.get('title')} {fields.get('description')}"}


TASKS: Mapping[str, PublishedTask] = {
    "ag_news": PublishedTask(
        family="topic",
        labels=("World", "Sports", "Business", "Sci/Tech"),
        metrics=("accuracy",),
        examples=classified("ag_news", "text"),
        description="The desk of a news item (AG News)",
        tfds=Tfds("ag_news_subset", WITHOUT_VALIDATION, _title_and_description),
        hf=Hub(
            "fancyzhx/ag_news",
            "eb185aade064a813bc0b7f42de02595523103ca4",
            parquet_files("data/", "train", "test"),
        ),
        templates={
            "flan": Template(
                "{text}\nWhich desk of a newspaper does this item belong to?\nOPTIONS:{options}",
                labels=("World", "Sports", "Business", "Technology"),
            ),
            "gpt3": Template(
                "Article: {text}\nTopic:",
                labels=("World", "Sports", "Business", "Technology"),
            ),
        },
    ),
    "trec": PublishedTask(
        family="topic",
        labels=("description", "entity", "abbreviation", "human", "number", "location"),
        metrics=("accuracy",),
        examples=classified("trec", "text"),
        description="The kind of answer that a question asks for (TREC, coarse)",
        tfds=Tfds("trec", WITHOUT_VALIDATION, renamed(label="label-coarse")),
        # Classes there: ABBR, ENTY, DESC, HUM, LOC, NUM; here description is first, number fifth.
        hf=converted(
            "CogComp/trec",
            "default",
            relabelled("coarse_label", 2, 1, 0, 3, 5, 4),
            train="train",
            test="test",
        ),
        templates={
            "flan": Template(
                "{text}\nWhat does this question ask for?\nOPTIONS:{options}",
                clean={"text": ("untokenized",)},
            ),
            "gpt3": Template(
                "Question: {text}\nKind of answer:",
                labels=("description", "thing", "abbreviation", "person", "number", "place"),
                clean={"text": ("untokenized",)},
            ),
        },
    ),
    "banking77": PublishedTask(
        family="intent",
        labels=(),
        metrics=("accuracy",),
        examples=classified("banking77", "text"),
        description="What a bank's customer wants (Banking77; label words from meta.json)",
        labels_in_meta=True,
    ),
}

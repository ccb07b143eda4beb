"""Sentiment of longer reviews and of single aspects; SST-2 stands with GLUE."""

from __future__ import annotations

from collections.abc import Mapping

from spot.tasks.published.form import classified
from spot.tasks.published.record import PublishedTask
from spot.tasks.published.templates import Template
from spot.tasks.sources.hub import Hub, converted, parquet_files
from spot.tasks.sources.tfds import WITHOUT_VALIDATION, Tfds

TASKS: Mapping[str, PublishedTask] = {
    "imdb": PublishedTask(
        family="sentiment",
        labels=("negative", "positive"),
        metrics=("accuracy",),
        examples=classified("imdb", "text"),
        description="Sentiment of a whole film review (IMDB)",
        tfds=Tfds("imdb_reviews/plain_text", WITHOUT_VALIDATION),
        hf=Hub(
            "stanfordnlp/imdb",
            "e6281661ce1c48d982bc483cf8a173c1bbeb5d31",
            parquet_files("plain_text/", "train", "test"),
        ),
        templates={
            "flan": Template(
                "{text}\nDid the writer of this review like the film?\nOPTIONS:{options}",
                labels=("no", "yes"),
                clean={"text": ("unhtml", "spaces")},
            ),
            "gpt3": Template(
                "Review: {text}\nSentiment:",
                labels=("negative", "positive"),
                clean={"text": ("unhtml", "spaces")},
            ),
        },
    ),
    "absa_laptop": PublishedTask(
        family="sentiment",
        labels=("negative", "neutral", "positive"),
        metrics=("accuracy", "macro_f1"),
        examples=classified("absa_laptop", "aspect", "sentence"),
        description="Sentiment towards one aspect of a laptop (SemEval 2014 task 4)",
        shared="sentence",
    ),
    "yelp2": PublishedTask(
        family="sentiment",
        labels=("negative", "positive"),
        metrics=("accuracy",),
        examples=classified("yelp2", "text"),
        description="Sentiment of a review of a business (Yelp-2)",
        tfds=Tfds("yelp_polarity_reviews", WITHOUT_VALIDATION),
        hf=converted("fancyzhx/yelp_polarity", "plain_text", train="train", test="test"),
        templates={
            "flan": Template(
                "{text}\nWas the customer content?\nOPTIONS:{options}",
                labels=("no", "yes"),
                clean={"text": ("spaces",)},
            ),
            "gpt3": Template(
                "Review: {text}\nSentiment:",
                labels=("negative", "positive"),
                clean={"text": ("spaces",)},
            ),
        },
    ),
    "cr": PublishedTask(
        family="sentiment",
        labels=("negative", "positive"),
        metrics=("accuracy",),
        examples=classified("cr", "text"),
        description="Sentiment of a sentence about a product (Customer Reviews)",
        hf=converted("SetFit/CR", "default", train="train", test="test"),
        templates={
            "flan": Template(
                "{text}\nIs this opinion of a product negative or positive?\nOPTIONS:{options}",
                labels=("negative", "positive"),
                clean={"text": ("untokenized",)},
            ),
            "gpt3": Template(
                "Review: {text}\nSentiment:",
                labels=("negative", "positive"),
                clean={"text": ("untokenized",)},
            ),
        },
    ),
}

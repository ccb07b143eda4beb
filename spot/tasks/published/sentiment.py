"""Sentiment of longer reviews and of single aspects; SST-2 stands with GLUE."""

from __future__ import annotations

from collections.abc import Mapping

from spot.tasks.published.form import LocalTask, classified

TASKS: Mapping[str, LocalTask] = {
    "imdb": LocalTask(
        "sentiment",
        ("negative", "positive"),
        ("accuracy",),
        classified("imdb", "text"),
        "Sentiment of a whole film review (IMDB)",
    ),
    "absa_laptop": LocalTask(
        "sentiment",
        ("negative", "neutral", "positive"),
        ("accuracy", "macro_f1"),
        classified("absa_laptop", "aspect", "sentence"),
        "Sentiment towards one aspect of a laptop (SemEval 2014 task 4)",
        shared="sentence",
    ),
    "yelp2": LocalTask(
        "sentiment",
        ("negative", "positive"),
        ("accuracy",),
        classified("yelp2", "text"),
        "Sentiment of a review of a business (Yelp-2)",
    ),
    "cr": LocalTask(
        "sentiment",
        ("negative", "positive"),
        ("accuracy",),
        classified("cr", "text"),
        "Sentiment of a sentence about a product (Customer Reviews)",
    ),
}

"""What a short text is about: news desk, kind of question, banking request, reviewed aspect."""

from __future__ import annotations

from collections.abc import Mapping

from spot.tasks.published.form import LocalTask, classified

TASKS: Mapping[str, LocalTask] = {
    "ag_news": LocalTask(
        "topic",
        ("World", "Sports", "Business", "Sci/Tech"),
        ("accuracy",),
        classified("ag_news", "text"),
        "The desk of a news item (AG News)",
    ),
    "trec": LocalTask(
        "topic",
        ("description", "entity", "abbreviation", "human", "number", "location"),
        ("accuracy",),
        classified("trec", "text"),
        "The kind of answer that a question asks for (TREC, coarse)",
    ),
    "banking77": LocalTask(
        "intent",
        (),
        ("accuracy",),
        classified("banking77", "text"),
        "What a bank's customer wants (Banking77; label words from meta.json)",
        labels_in_meta=True,
    ),
}

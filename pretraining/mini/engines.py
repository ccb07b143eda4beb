"""The engines by family and kind, and the engine of a task of the suite."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from random import Random

from pretraining.mini import (
    acceptability,
    alternatives,
    boolean,
    inference,
    paraphrase,
    sense,
    sentiment,
    topic,
)
from pretraining.mini.item import Item
from pretraining.mini.lexicon.reviews import REVIEWS
from pretraining.mini.world import World
from spot.tasks.mini.suite import Spec

# Makes a small group of items that share most words and differ in label.
Engine = Callable[[Random, World], tuple[Item, ...]]

ENGINES: Mapping[tuple[str, str], Engine] = {
    **{("sentiment", name): partial(sentiment.engine, name=name) for name in REVIEWS},
    ("inference", "two-way"): inference.two_way,
    ("inference", "three-way"): inference.three_way,
    ("paraphrase", "statements"): paraphrase.statements,
    ("paraphrase", "swaps"): partial(paraphrase.statements, swaps=0.4),
    ("paraphrase", "questions"): paraphrase.questions,
    ("boolean", "all"): boolean.engine,
    ("boolean", "rooms"): partial(boolean.engine, makers=boolean.ROOMS),
    ("boolean", "history"): partial(boolean.engine, makers=boolean.HISTORY),
    ("acceptability", "all"): acceptability.engine,
    ("acceptability", "grammar"): partial(acceptability.engine, makers=acceptability.GRAMMAR),
    ("acceptability", "essay"): partial(acceptability.engine, makers=acceptability.ESSAY),
    ("sense", "all"): sense.engine,
    ("alternatives", "both"): alternatives.engine,
    ("alternatives", "choice"): alternatives.engine,
    ("alternatives", "cause"): partial(alternatives.engine, ask=alternatives.CAUSE),
    ("alternatives", "effect"): partial(alternatives.engine, ask=alternatives.EFFECT),
    ("alternatives", "pair"): alternatives.pairs,
    ("likeness", "choice"): alternatives.likes,
}
TOPIC_TEXTS = {"statements": topic.statement, "questions": topic.question}


def engine_of(family: str, kind: str, topics: tuple[str, ...] = ()) -> Engine:
    """The engine of a family's kind; that of a topic needs the topics, in class order."""
    if family == "topic":
        return partial(topic.engine, topics=topics, make=TOPIC_TEXTS[kind])
    return ENGINES[family, kind]


def engine_of_task(spec: Spec) -> Engine:
    """The engine that makes the rows of a task of the suite."""
    return engine_of(spec.family, spec.kind, spec.labels)

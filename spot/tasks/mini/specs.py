"""The tasks of the mini suite: family, role, slice, keys, label words and sizes of each."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from spot.tasks.mini import (
    acceptability,
    alternatives,
    boolean,
    inference,
    paraphrase,
    sense,
    sentiment,
    topic,
)
from spot.tasks.mini.item import Item
from spot.tasks.mini.world import World

# Raise it whenever a word list or a pattern changes: it is part of every fingerprint.
VERSION = "3"
SPLITS = ("train", "validation", "test")
SOURCE, TARGET = "source", "target"
# What the rest of the toolkit calls a family, where the engine's short name differs.
FAMILY_NAMES = {
    "boolean": "yes/no question",
    "sense": "word sense",
    "alternatives": "plausible alternatives",
}


@dataclass(frozen=True)
class Spec:
    """One task: `kind` names the family engine's variant, `keys` follow the engine's fields."""

    name: str
    family: str
    role: str
    kind: str
    keys: tuple[str, ...]
    labels: tuple[str, ...]
    sizes: tuple[int, int, int]
    description: str

    @property
    def family_name(self) -> str:
        """The family as the rest of the toolkit names it."""
        return FAMILY_NAMES.get(self.family, self.family)


def _source(
    name: str, family: str, kind: str, keys: str, labels: str, train: int, what: str
) -> Spec:
    return Spec(name, family, SOURCE, kind, tuple(keys.split("|")), tuple(labels.split("|")),
                (train, 300, 300), what)  # fmt: skip


def _target(
    name: str, family: str, kind: str, keys: str, labels: str, train: int, what: str
) -> Spec:
    return Spec(name, family, TARGET, kind, tuple(keys.split("|")), tuple(labels.split("|")),
                (train, 200, 400), what)  # fmt: skip


NEWS = ("world", "sport", "business", "science")
FORUM = ("cooking", "travel", "health", "music")
TREC = ("law", "animals", "weather", "computers", "school", "history")

# Targets come first in each family: they are generated without the larger sources.
SPECS: tuple[Spec, ...] = (
    _target("mini_sst", "sentiment", "theatre", "sentence", "negative|positive", 128,
            "theatre reviews: does the main clause praise?"),
    _target("mini_hotel", "sentiment", "hotel", "stay", "upset|pleased", 64,
            "hotel reviews: is the guest pleased?"),
    _source("mini_imdb", "sentiment", "film", "review", "bad|good", 3000,
            "film reviews: is the verdict good?"),
    _source("mini_yelp", "sentiment", "restaurant", "guest", "complaint|praise", 4000,
            "restaurant reviews: praise or complaint?"),
    _target("mini_rte", "inference", "two-way", "premise|hypothesis", "holds|fails", 250,
            "does the hypothesis follow from the premise?"),
    _target("mini_cb", "inference", "three-way", "context|hypothesis",
            "certain|possible|impossible", 60, "is the hypothesis certain, possible, impossible?"),
    _source("mini_mnli", "inference", "three-way", "situation|statement",
            "follows|open|conflicts", 4000, "three-way inference over everyday events"),
    _source("mini_snli", "inference", "two-way", "caption|remark", "proven|unproven", 3000,
            "two-way inference over everyday events"),
    _target("mini_mrpc", "paraphrase", "statements", "sentence1|sentence2", "unlike|alike", 200,
            "do two sentences mean the same?"),
    _source("mini_qqp", "paraphrase", "questions", "question1|question2", "different|duplicate",
            4000, "do two questions ask the same?"),
    _source("mini_paws", "paraphrase", "swaps", "line1|line2", "other|same", 3000,
            "sentences of nearly the same words: same meaning?"),
    _target("mini_boolq", "boolean", "all", "passage|question", "no|yes", 250,
            "yes/no questions about a short passage"),
    _source("mini_rooms", "boolean", "rooms", "scene|point", "false|true", 4000,
            "who is where, has what, did what: true or false?"),
    _source("mini_history", "boolean", "history", "record|issue", "incorrect|correct", 3000,
            "years, amounts and deeds: correct or not?"),
    _target("mini_trec", "topic", "questions", "question", "|".join(TREC), 120,
            "the subject of a question, six classes"),
    _source("mini_news", "topic", "statements", "article", "|".join(NEWS), 2000,
            "the section of a news line, four classes"),
    _source("mini_forum", "topic", "statements", "post", "|".join(FORUM), 2000,
            "the board of a forum post, four classes"),
    _target("mini_cola", "acceptability", "all", "sentence", "unacceptable|acceptable", 250,
            "is the sentence grammatical?"),
    _source("mini_grammar", "acceptability", "grammar", "example", "broken|clean", 4000,
            "agreement, tense and tags: broken or clean?"),
    _source("mini_essay", "acceptability", "essay", "writing", "error|ok", 3000,
            "verbs, comparisons and questions: is there an error?"),
    _target("mini_wic", "sense", "all", "word|sentence1|sentence2", "distinct|identical", 250,
            "does the word have the same sense in both sentences?"),
    _source("mini_dictionary", "sense", "all", "entry|example1|example2", "apart|together", 3000,
            "do two uses belong to one dictionary sense?"),
    _source("mini_crossword", "sense", "all", "answer|clue1|clue2", "double|single", 2000,
            "do two clues use a word in one sense?"),
    _target("mini_copa", "alternatives", "both", "premise|question|choice1|choice2",
            "first|second", 250, "the more plausible cause or effect"),
    _source("mini_why", "alternatives", "cause", "result|seek|reason1|reason2", "former|latter",
            3000, "the more plausible cause"),
    _source("mini_next", "alternatives", "effect", "start|seek|outcome1|outcome2", "one|two",
            3000, "the more plausible effect"),
)  # fmt: skip


def groups(spec: Spec, rng: Random, w: World) -> tuple[Item, ...]:
    """One group of items of that task."""
    if spec.family == "sentiment":
        return sentiment.engine(rng, spec.kind, w)
    if spec.family == "inference":
        return (inference.two_way if spec.kind == "two-way" else inference.three_way)(rng, w)
    if spec.family == "paraphrase":
        if spec.kind == "questions":
            return paraphrase.questions(rng, w)
        return paraphrase.statements(rng, w, swaps=0.4 if spec.kind == "swaps" else 0.2)
    if spec.family == "boolean":
        makers = {"all": boolean.ALL, "rooms": boolean.ROOMS, "history": boolean.HISTORY}
        return boolean.engine(rng, w, makers[spec.kind])
    if spec.family == "topic":
        return topic.engine(rng, spec.labels, w, ask=spec.kind == "questions")
    if spec.family == "acceptability":
        phenomena = {
            "all": acceptability.ALL,
            "grammar": acceptability.GRAMMAR,
            "essay": acceptability.ESSAY,
        }
        return acceptability.engine(rng, w, phenomena[spec.kind])
    if spec.family == "sense":
        return sense.engine(rng, w)
    return alternatives.engine(rng, w, spec.kind)

"""The tasks of the mini suite: English tasks of known kinship, for work offline.

Eight families, each with two source tasks and one or two low-resource targets. Every text begins
with its task's label words in class order ("no | yes. passage: …"), as FLAN lists options, so a
prompt has to say only what to do with them, which tasks of one family share. Sources have 300 rows
of validation and 300 of test, targets 200 and 400.

BoW is the test accuracy (percent) of logistic regression on word and bigram counts over up to 2,000
training rows.

task            family         role    train  BoW  labels
mini_sst        sentiment      target    128   59  negative/positive
mini_hotel      sentiment      target     64   56  upset/pleased
mini_imdb       sentiment      source   3000   79  bad/good
mini_yelp       sentiment      source   4000   83  complaint/praise
mini_rte        inference      target    250   48  holds/fails
mini_cb         inference      target     60   38  certain/possible/impossible
mini_mnli       inference      source   4000   40  follows/open/conflicts
mini_snli       inference      source   3000   50  proven/unproven
mini_mrpc       paraphrase     target    200   50  unlike/alike
mini_qqp        paraphrase     source   4000   52  different/duplicate
mini_paws       paraphrase     source   3000   49  other/same
mini_boolq      boolean        target    250   54  no/yes
mini_rooms      boolean        source   4000   54  false/true
mini_history    boolean        source   3000   57  incorrect/correct
mini_trec       topic          target    120   88  law/animals/weather/computers/school/history
mini_news       topic          source   2000   92  world/sport/business/science
mini_forum      topic          source   2000   90  cooking/travel/health/music
mini_cola       acceptability  target    250   47  unacceptable/acceptable
mini_grammar    acceptability  source   4000   46  broken/clean
mini_essay      acceptability  source   3000   51  error/ok
mini_wic        sense          target    250   49  distinct/identical
mini_dictionary sense          source   3000   54  apart/together
mini_crossword  sense          source   2000   53  double/single
mini_copa       alternatives   target    250   50  first/second
mini_why        alternatives   source   3000   50  former/latter
mini_next       alternatives   source   3000   57  one/two
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from spot.errors import SpotError, did_you_mean
from spot.tasks.files import Row
from spot.tasks.mini.rows import read_rows
from spot.tasks.rendering import rendering
from spot.tasks.task import Example, Task, listing_labels

# Part of every fingerprint: raise it whenever the stored rows change.
VERSION = "3"
SPLITS = ("train", "validation", "test")
SOURCE, TARGET = "source", "target"
# The family's name in reports, where it differs from the short one.
FAMILY_NAMES = {
    "boolean": "yes/no question",
    "sense": "word sense",
    "alternatives": "plausible alternatives",
}


@dataclass(frozen=True)
class Spec:
    """One task of the suite.

    `kind` is the variant of the family, `keys` name the texts of a row in reading order, `labels`
    are the label words in class order, `sizes` the rows of train, validation and test.
    """

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
        """The family's name in reports."""
        return FAMILY_NAMES.get(self.family, self.family)

    @property
    def fingerprint(self) -> str:
        """Hex digest of the rows' version and of everything here but the prose."""
        parts = [VERSION, self.name, self.kind, self.keys, self.labels, self.sizes]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


# Rows of validation and test.
HELD_OUT = {SOURCE: (300, 300), TARGET: (200, 400)}


def _entry(
    role: str, name: str, family: str, kind: str, keys: str, labels: str, train: int, about: str
) -> Spec:
    """A line of the table below, with "|" between keys and between label words."""
    sizes = (train, *HELD_OUT[role])
    return Spec(
        name, family, role, kind, tuple(keys.split("|")), tuple(labels.split("|")), sizes, about
    )


NEWS = ("world", "sport", "business", "science")
FORUM = ("cooking", "travel", "health", "music")
TREC = ("law", "animals", "weather", "computers", "school", "history")

# Targets come first in each family, so that their rows do not depend on the larger sources.
SPECS: tuple[Spec, ...] = (
    _entry(TARGET, "mini_sst", "sentiment", "theatre", "sentence", "negative|positive", 128,
        "theatre reviews: does the main clause praise?"),
    _entry(TARGET, "mini_hotel", "sentiment", "hotel", "stay", "upset|pleased", 64,
        "hotel reviews: is the guest pleased?"),
    _entry(SOURCE, "mini_imdb", "sentiment", "film", "review", "bad|good", 3000,
        "film reviews: is the verdict good?"),
    _entry(SOURCE, "mini_yelp", "sentiment", "restaurant", "guest", "complaint|praise", 4000,
        "restaurant reviews: praise or complaint?"),
    _entry(TARGET, "mini_rte", "inference", "two-way", "premise|hypothesis", "holds|fails", 250,
        "does the hypothesis follow from the premise?"),
    _entry(TARGET, "mini_cb", "inference", "three-way", "context|hypothesis",
        "certain|possible|impossible", 60, "is the hypothesis certain, possible, impossible?"),
    _entry(SOURCE, "mini_mnli", "inference", "three-way", "situation|statement",
        "follows|open|conflicts", 4000, "three-way inference over everyday events"),
    _entry(SOURCE, "mini_snli", "inference", "two-way", "caption|remark", "proven|unproven", 3000,
        "two-way inference over everyday events"),
    _entry(TARGET, "mini_mrpc", "paraphrase", "statements", "sentence1|sentence2", "unlike|alike", 200,
        "do two sentences mean the same?"),
    _entry(SOURCE, "mini_qqp", "paraphrase", "questions", "question1|question2", "different|duplicate",
        4000, "do two questions ask the same?"),
    _entry(SOURCE, "mini_paws", "paraphrase", "swaps", "line1|line2", "other|same", 3000,
        "sentences of nearly the same words: same meaning?"),
    _entry(TARGET, "mini_boolq", "boolean", "all", "passage|question", "no|yes", 250,
        "yes/no questions about a short passage"),
    _entry(SOURCE, "mini_rooms", "boolean", "rooms", "scene|point", "false|true", 4000,
        "who is where, has what, did what: true or false?"),
    _entry(SOURCE, "mini_history", "boolean", "history", "record|issue", "incorrect|correct", 3000,
        "years, amounts and deeds: correct or not?"),
    _entry(TARGET, "mini_trec", "topic", "questions", "question", "|".join(TREC), 120,
        "the subject of a question, six classes"),
    _entry(SOURCE, "mini_news", "topic", "statements", "article", "|".join(NEWS), 2000,
        "the section of a news line, four classes"),
    _entry(SOURCE, "mini_forum", "topic", "statements", "post", "|".join(FORUM), 2000,
        "the board of a forum post, four classes"),
    _entry(TARGET, "mini_cola", "acceptability", "all", "sentence", "unacceptable|acceptable", 250,
        "is the sentence grammatical?"),
    _entry(SOURCE, "mini_grammar", "acceptability", "grammar", "example", "broken|clean", 4000,
        "agreement, tense and tags: broken or clean?"),
    _entry(SOURCE, "mini_essay", "acceptability", "essay", "writing", "error|ok", 3000,
        "verbs, comparisons and questions: is there an error?"),
    _entry(TARGET, "mini_wic", "sense", "all", "word|sentence1|sentence2", "distinct|identical", 250,
        "does the word have the same sense in both sentences?"),
    _entry(SOURCE, "mini_dictionary", "sense", "all", "entry|example1|example2", "apart|together", 3000,
        "do two uses belong to one dictionary sense?"),
    _entry(SOURCE, "mini_crossword", "sense", "all", "answer|clue1|clue2", "double|single", 2000,
        "do two clues use a word in one sense?"),
    _entry(TARGET, "mini_copa", "alternatives", "both", "premise|question|choice1|choice2",
        "first|second", 250, "the more plausible cause or effect"),
    _entry(SOURCE, "mini_why", "alternatives", "cause", "result|seek|reason1|reason2", "former|latter",
        3000, "the more plausible cause"),
    _entry(SOURCE, "mini_next", "alternatives", "effect", "start|seek|outcome1|outcome2", "one|two",
        3000, "the more plausible effect"),
)  # fmt: skip


def mini_task_names(role: str | None = None) -> tuple[str, ...]:
    """Names of the suite's tasks, all or those of the role "source" or "target".

    Raises SpotError for another role.
    """
    if role not in (None, SOURCE, TARGET):
        raise SpotError(
            f'the role of a mini task is "source" or "target", found "{role}"',
            "leave the role out to get every task",
        )
    return tuple(spec.name for spec in SPECS if role in (None, spec.role))


def source_names() -> tuple[str, ...]:
    """Names of the sixteen source tasks."""
    return mini_task_names(SOURCE)


def target_names() -> tuple[str, ...]:
    """Names of the ten low-resource target tasks."""
    return mini_task_names(TARGET)


def mini_task(name: str) -> Task:
    """The task of the suite with that name; SpotError when there is none."""
    spec = _spec(name)

    def raw(split: str) -> Iterator[tuple[Row, Example]]:
        _check_split(spec, split)
        for row in read_rows(spec.name, split):
            label = row.label(spec.labels)
            text = written(spec.keys, map(row.text, spec.keys))
            yield row, Example(text, spec.labels[label], label)

    def read(split: str) -> Iterator[Example]:
        return (example for _, example in raw(split))

    def rows(split: str) -> int:
        _check_split(spec, split)
        return spec.sizes[SPLITS.index(split)]

    inputs = written(spec.keys, (f"{{{key}}}" for key in spec.keys))
    plain = Task(
        name=spec.name,
        family=spec.family_name,
        labels=spec.labels,
        metrics=("accuracy",),
        scoring="rank",
        splits=SPLITS,
        read=read,
        fingerprint=lambda: spec.fingerprint,
        description=spec.description,
        license="generated by this project",
        rows=rows,
        split_rule="generated apart: no input and no main text occurs in two splits",
        columns=spec.keys,
        render=rendering(inputs),
        inputs=inputs,
        label="label",
        values={str(index): word for index, word in enumerate(spec.labels)},
        raw=raw,
    )
    return listing_labels(plain)


def written(keys: Iterable[str], texts: Iterable[str]) -> str:
    """Texts under their keys in one line.

    >>> written(("passage", "question"), ("Ann slept.", "Did Ann sleep?"))
    'passage: Ann slept. question: Did Ann sleep?'
    """
    return " ".join(f"{key}: {text}" for key, text in zip(keys, texts, strict=True))


def _spec(name: str) -> Spec:
    for spec in SPECS:
        if spec.name == name:
            return spec
    names = mini_task_names()
    raise SpotError(
        f'no mini task is called "{name}".{did_you_mean(name, names)}',
        f"the mini suite has: {', '.join(names)}",
    )


def _check_split(spec: Spec, split: str) -> None:
    if split not in SPLITS:
        raise SpotError(
            f'{spec.name} has the splits {", ".join(SPLITS)}, found "{split}"',
            "ask for one of these splits",
        )

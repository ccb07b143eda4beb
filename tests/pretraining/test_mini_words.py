"""Word lists and the small English helpers of the mini suite."""

from __future__ import annotations

import re

import pytest

from pretraining.mini import sentiment
from pretraining.mini.lexicon.reviews import REVIEWS
from pretraining.mini.lexicon.senses import SENSES
from pretraining.mini.lexicon.things import OPPOSITES
from pretraining.mini.words import PRETRAIN, Verb, article, plural
from pretraining.mini.world import world


def test_every_sense_has_four_phrases_with_its_word():
    for word, senses in SENSES.items():
        for phrases in senses:
            texts = phrases.split(";")
            assert len(texts) >= 4 and len(set(texts)) == len(texts)
            assert all(re.search(rf"\b{word}\b", text) for text in texts), word


def test_no_adjective_praises_and_blames():
    for name in REVIEWS:
        for cluster in sentiment.domain(name).clusters:
            blame, praise = cluster.words
            assert len(blame) >= 5 and len(praise) >= 5
            assert set(blame).isdisjoint(praise)


def test_opposites_never_meet_in_one_sentence_by_chance():
    words = [word for pair in OPPOSITES for word in pair]
    assert len(words) == len(set(words))


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [("apple", "an apple"), ("ukulele", "a ukulele"), ("owl", "an owl"), ("hour", "an hour"),
     ("university", "a university"), ("old saw", "an old saw"), ("European", "a European")],
)  # fmt: skip
def test_article(phrase, expected):
    assert article(phrase) == expected


@pytest.mark.parametrize(
    ("noun", "expected"),
    [("dog", "dogs"), ("box", "boxes"), ("lady", "ladies"), ("toy", "toys"), ("sheep", "sheep"),
     ("scarf", "scarves"), ("torch", "torches"), ("fisherman", "fishermen")],
)  # fmt: skip
def test_plural(noun, expected):
    assert plural(noun) == expected


def test_verb_lines_hold_three_forms_twice():
    for pair in world(PRETRAIN).object_verbs + world(PRETRAIN).person_verbs:
        for verb in pair:
            assert isinstance(verb, Verb)
            assert verb.base and verb.past and verb.participle

"""Sentiment engine: reviews with the verdict in the main clause, under negation and contrast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

from pretraining.mini.item import Item
from pretraining.mini.lexicon.reviews import PRETRAINING_REVIEWS, REVIEWS
from pretraining.mini.words import article, sentence
from pretraining.mini.world import World, when

# Indexed by label: blame, praise.
_GENERAL = (
    ("bad", "poor", "terrible", "awful", "dreadful", "horrible", "disappointing", "weak"),
    ("good", "great", "excellent", "wonderful", "lovely", "superb", "pleasing", "fantastic"),
)
_LIKED = (
    ("hated", "could not stand", "disliked", "was let down by", "did not enjoy", "regretted"),
    ("loved", "enjoyed", "admired", "really liked", "could not fault", "was delighted by"),
)
_DEGREES = ("", "", "very ", "really ", "truly ", "quite ", "so ", "rather ")
_NEGATORS = ("not {}", "not at all {}", "never {}", "hardly {}", "far from {}", "anything but {}")


@dataclass(frozen=True)
class Cluster:
    """Parts of the thing, as (name, is plural), and the adjectives that fit them by label."""

    aspects: tuple[tuple[str, bool], ...]
    words: tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True)
class Domain:
    """One reviewed thing: its clusters, and what it does as (blame, praise)."""

    thing: str
    clusters: tuple[Cluster, ...]
    acts: tuple[tuple[str, ...], tuple[str, ...]]

    def aspect(self, rng: Random) -> str:
        """A part of the thing."""
        return rng.choice(rng.choice(self.clusters).aspects)[0]


@cache
def domain(name: str) -> Domain:
    """The review domain of that name."""
    thing, lines, good, bad = REVIEWS[name]
    clusters = []
    for line in lines:
        aspects, praise, blame = (side.split() for side in line.split("|"))
        parts = tuple((a.rstrip("*").replace("_", " "), a.endswith("*")) for a in aspects)
        clusters.append(Cluster(parts, (tuple(blame), tuple(praise))))
    return Domain(thing, tuple(clusters), (tuple(bad.split(";")), tuple(good.split(";"))))


def _vocabulary(d: Domain) -> set[str]:
    """The words of a review that come from the domain."""
    words = set(f"{d.thing} {' '.join(d.acts[0] + d.acts[1])}".split())
    for cluster in d.clusters:
        words.update(cluster.words[0] + cluster.words[1])
        words.update(" ".join(name for name, _ in cluster.aspects).split())
    return words


@cache
def own_words(name: str) -> frozenset[str]:
    """The domain's words that no review of the pretraining mixture contains."""
    taken = set(_GENERAL[0] + _GENERAL[1])
    for other in PRETRAINING_REVIEWS:
        taken |= _vocabulary(domain(other))
    return frozenset(_vocabulary(domain(name)) - taken)


def _adjective(rng: Random, cluster: Cluster, label: int) -> str:
    pool: Sequence[str] = cluster.words[label] if rng.random() < 0.8 else _GENERAL[label]
    return rng.choice(pool)


def _judged(rng: Random, d: Domain, label: int) -> str:
    cluster = rng.choice(d.clusters)
    aspect, many = rng.choice(cluster.aspects)
    if rng.random() < 0.3:
        word = rng.choice(_NEGATORS).format(_adjective(rng, cluster, 1 - label))
    else:
        word = _adjective(rng, cluster, label)
        if word not in _GENERAL[label][2:]:  # nobody says "very superb"
            word = rng.choice(_DEGREES) + word
    return f"the {aspect} {'were' if many else 'was'} {word}"


def clause(rng: Random, d: Domain, label: int, place: World) -> str:
    """A clause of that polarity (0 blame, 1 praise), without capital or full stop."""
    roll = rng.random()
    if roll < 0.5:
        return _judged(rng, d, label)
    cluster = rng.choice(d.clusters)
    aspect = rng.choice(cluster.aspects)[0]
    who = rng.choice(("I", "my sister", "everyone", place.name(rng), "my friend"))
    if roll < 0.65:
        return f"{who} {rng.choice(_LIKED[label])} the {aspect}"
    if roll < 0.8:
        return f"the {d.thing} {rng.choice(d.acts[label])}"
    if roll < 0.9:
        return f"there was nothing {_adjective(rng, cluster, 1 - label)} about the {aspect}"
    noun = rng.choice((("failure", "mistake", "mess"), ("success", "triumph", "delight"))[label])
    wrong = rng.choice((("success", "triumph"), ("failure", "mistake"))[label])
    return rng.choice(
        (f"the {d.thing} was a {noun}", f"nobody could call the {d.thing} a {wrong}",
         f"the {d.thing} was hardly a {wrong}")
    )  # fmt: skip


def _contrast(rng: Random, main: str, side: str, d: Domain, wrong: str) -> str:
    return rng.choice(
        (
            f"although {side}, {main}",
            f"{main}, even though {side}",
            f"{side}, but {main}",
            f"while {side}, {main}",
            f"{side}; in the end, however, {main}",
            f"I expected {'an' if wrong[0] in 'aeiou' else 'a'} {wrong} {d.thing}, but {main}",
            f"some said before that {side}, yet {main}",
        )
    )


_PADDING = (
    "We chose this {thing} {when}.", "{who} had told me about it {when}.",
    "I went with {some} friends from {town}.", "It was our first {thing} in a long time.",
    "{who} and I talked about the {aspect} afterwards.",
    "My uncle is {a_job} and knows these things.", "This happened {when}.",
    "I will say a few words about the {aspect}.",
    "A friend of {other} from {town} had the same {thing} {when}.",
    "Let me add that I am {a_job} and not a critic.", "{who} and {other} came along.",
    "{other} asked me to describe the {aspect}.",
    "The {job} next door had mentioned this {thing} before.",
    "We live in {town}, so it took us an hour.", "I am writing this for {who} from {town}.",
    "{other} will want to know about the {aspect} as well.", "Here is what I think of it.",
    "{when_} I promised {who} to write a review.", "My expectations were neither high nor low.",
)  # fmt: skip


def _padding(rng: Random, d: Domain, place: World, count: int) -> list[str]:
    """Different sentences without a judgement."""
    done = []
    for pattern in rng.sample(_PADDING, count):
        who, other = place.names(rng)
        job, time = rng.choice(place.jobs), when(rng)
        done.append(
            pattern.format(
                thing=d.thing, who=who, other=other, town=rng.choice(place.towns), job=job,
                a_job=article(job), aspect=d.aspect(rng), when=time, when_=sentence(time, ""),
                some=rng.choice(("two", "three", "four", "five")),
            )
        )  # fmt: skip
    return done


def review(rng: Random, d: Domain, label: int, place: World) -> str:
    """A review of 5 to about 100 words whose main clause has that polarity."""
    main = clause(rng, d, label, place)
    if rng.random() < 0.55:
        # An act of the whole against an act of the whole would be a plain contradiction.
        whole = f"the {d.thing}" in main
        side = _judged(rng, d, 1 - label) if whole else clause(rng, d, 1 - label, place)
        main = _contrast(rng, main, side, d, rng.choice(_GENERAL[1 - label]))
    parts = [sentence(main)]
    extra = rng.choice((0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 6, 9))
    agreeing = sum(rng.random() < 0.5 for _ in range(extra))
    parts += [sentence(clause(rng, d, label, place)) for _ in range(agreeing)]
    for text in _padding(rng, d, place, extra - agreeing):
        parts.insert(rng.randrange(len(parts) + 1), text)
    return " ".join(parts)


def engine(rng: Random, place: World, name: str) -> tuple[Item, ...]:
    """One favourable and one unfavourable review of the same domain.

    Outside the pretraining domains every review contains a word of its own domain.
    """
    d = domain(name)
    labels = [0, 1]
    rng.shuffle(labels)
    items = []
    for label in labels:
        text = review(rng, d, label, place)
        while name not in PRETRAINING_REVIEWS and own_words(name).isdisjoint(
            text.lower().replace(".", " ").replace(",", " ").split()
        ):
            text = review(rng, d, label, place)
        items.append(Item((("text", text),), label))
    return tuple(items)

"""Running text: stories from pretraining's slices and general statements over every word list.

No task has sentences of the form of the general statements, so these can use the words of a task's
slice without containing any of its sentences.
"""

from __future__ import annotations

from random import Random

from pretraining.mini import acceptability, inference, paraphrase, sense, sentiment, topic
from pretraining.mini.lexicon import people, things
from pretraining.mini.lexicon.reviews import REVIEWS
from pretraining.mini.lexicon.senses import SENSES
from pretraining.mini.lexicon.topics import TOPICS
from pretraining.mini.words import article, pick_two, plural, sentence
from pretraining.mini.world import World, side_sentences


def _kinds(rng: Random) -> str:
    kind = rng.choice(tuple(things.KINDS))
    x, y = pick_two(rng, things.KINDS[kind])
    return rng.choice(
        (
            f"{sentence(article(x), '')} is {article(kind)}, and so is {article(y)}.",
            f"Among all kinds of things, {plural(x)} and {plural(y)} belong together.",
            f"You may call {article(x)} or {article(y)} {article(kind)}.",
        )
    )


def _people(rng: Random) -> str:
    a, b = rng.choice(people.FEMALE), rng.choice(people.MALE)
    job, town = rng.choice(people.JOBS), rng.choice(people.TOWNS)
    return rng.choice(
        (
            f"{a} is a girl's name and {b} is a boy's name; she is called {a} and he {b}.",
            f"Her name is {a}. She hopes to become {article(job)} herself one day in {town}.",
            f"His name is {b}. He hopes to become {article(job)} himself one day in {town}.",
            f"Between {town} and {rng.choice(people.TOWNS)} the road is long.",
            f"Rooms such as the {rng.choice(things.ROOMS)} and the {rng.choice(things.ROOMS)} "
            f"differ from the {rng.choice(things.SITES)}.",
        )
    )


def _opinions(rng: Random) -> str:
    name = rng.choice(tuple(REVIEWS))
    d = sentiment.domain(name)
    cluster = rng.choice(d.clusters)
    thing, bad, good = d.thing, *d.acts
    parts = [part for part, _ in cluster.aspects]
    x, y = pick_two(rng, cluster.words[1])
    p, q = pick_two(rng, cluster.words[0])
    return rng.choice(
        (
            f"People who are happy with {article(thing)} find its {rng.choice(parts)} {x} or {y}.",
            f"People who are unhappy with {article(thing)} find its {rng.choice(parts)} {p} "
            f"or {q}.",
            f"Those who judge {article(thing)} speak of the {rng.choice(parts)} and the "
            f"{rng.choice(parts)}.",
            f"To call something {x} is praise, and to call it {p} is blame.",
            f"Both {x} and {y} are kind words, while {p} and {q} are unkind.",
            f"It is good news that something {rng.choice(good)}.",
            f"It is bad news that something {rng.choice(bad)}.",
        )
    )


def _subjects(rng: Random) -> str:
    name = rng.choice(tuple(TOPICS))
    agents, _, objects = (slot.split(";") for slot in TOPICS[name])
    return rng.choice(
        (
            f"Articles on {name} mention {rng.choice(agents)} and {rng.choice(objects)}.",
            f"In the field of {name} one hears of {rng.choice(objects)} and {rng.choice(objects)}.",
            f"{sentence(rng.choice(agents), '')} has to do with {name}.",
        )
    )


def _opposites(rng: Random) -> str:
    p, q = rng.choice(things.OPPOSITES)
    m, n = pick_two(rng, things.COLOURS)
    i, j = sorted(rng.sample(range(len(things.NUMBERS)), 2))
    return rng.choice(
        (
            f"What is {p} is not {q}.",
            f"The opposite of {p} is {q}.",
            f"A thing that is {m} all over is not {n}.",
            f"{sentence(things.NUMBERS[j], '')} is more than {things.NUMBERS[i]}, and "
            f"{things.NUMBERS[i]} is fewer than {things.NUMBERS[j]}.",
        )
    )


def _words(rng: Random) -> str:
    word = rng.choice(tuple(SENSES))
    return f'The word "{word}" has more than one meaning.'


def _story(rng: Random, w: World, domains: tuple[str, ...], topics: tuple[str, ...]) -> str:
    roll = rng.randrange(7)
    if roll == 0:
        d = sentiment.domain(rng.choice(domains))
        return sentiment.review(rng, d, rng.randrange(2), w)
    if roll == 1:
        return sentence(rng.choice(inference.FRAMES)(rng, w).premises[0].text)
    if roll == 2:
        meaning = rng.choice(paraphrase.DETAILS + paraphrase.SWAPS)(rng, w)[0]
        return sentence(rng.choice(meaning[1:]))
    if roll == 3:
        name = rng.choice(topics)
        others = tuple(t for t in topics if t != name)
        return topic.statement(rng, name, others, w)
    if roll == 4:
        good = next(item for item in acceptability.engine(rng, w) if item.label)
        return good.fields[0][1]
    if roll == 5:
        return sense.engine(rng, w)[0].fields[1][1]
    return side_sentences(rng, w, 1)[0]


def paragraph(rng: Random, w: World, domains: tuple[str, ...], topics: tuple[str, ...]) -> str:
    """Two to six sentences."""
    general = (_kinds, _people, _opinions, _subjects, _opposites, _words)
    parts = [
        rng.choice(general)(rng) if rng.random() < 0.4 else _story(rng, w, domains, topics)
        for _ in range(rng.choice((2, 3, 4, 5, 6)))
    ]
    return " ".join(parts)

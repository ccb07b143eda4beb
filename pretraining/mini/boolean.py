"""Yes/no engine: questions about a short passage.

Facts: the passage's (subject, relation, value) triples, then the question as the last fact:
("is", subject, relation, value) or ("more", relation, subject, subject). The label is 1 when the
answer is yes.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from pretraining.mini.item import Fact, Item
from pretraining.mini.lexicon import things
from pretraining.mini.words import article, pick_two, plural, sentence
from pretraining.mini.world import World, described, side_sentences, when

# Sentences, their facts, and two questions with their facts; each question is answered yes
# by exactly one of the two passages.
Story = tuple[tuple[list[str], list[Fact]], tuple[list[str], list[Fact]], tuple[str, Fact]]


def _story(
    texts: tuple[list[str], list[str]], facts: tuple[list[Fact], list[Fact]], ask: tuple[str, Fact]
) -> Story:
    return (texts[0], facts[0]), (texts[1], facts[1]), ask


def attributes(rng: Random, w: World) -> Story:
    """Two things, two colours."""
    verb, _, pool = w.deed(rng)
    x, y = w.two_things(rng, pool)
    p, q = pick_two(rng, things.COLOURS)
    who, where = w.names(rng), w.place(rng)

    def tell(a: str, b: str) -> list[str]:
        if rng.random() < 0.5:
            return [f"{who[0]} {verb.past} {article(a)} {x} and {article(b)} {y} {where}."]
        return [f"The {x} {where} was {a}.", f"{who[1]} saw that the {y} was {b}."]

    state = rng.getstate()
    one = tell(p, q)
    rng.setstate(state)
    two = tell(q, p)
    one, two = ([t.replace("a " + c, article(c)) if c[0] in "aeiou" else t for t in s]
                for s, c in ((one, p), (two, q)))  # fmt: skip
    facts: tuple[list[Fact], list[Fact]] = (
        [(x, "colour", p), (y, "colour", q)],
        [(x, "colour", q), (y, "colour", p)],
    )
    asked = rng.choice((f"was the {x} {p}?", f"is it true that the {x} was {p}?",
                        f"did the passage say the {x} was {p}?"))  # fmt: skip
    return _story((one, two), facts, (asked, ("is", x, "colour", p)))


def moves(rng: Random, w: World) -> Story:
    """A person goes from place to place; where is she at the end?"""
    one, two = w.two_places(rng)
    who, other = w.names(rng)
    go = rng.choice(("went to a seat", "walked to a table", "sat down", "waited"))
    then = rng.choice(("After that", "An hour later", "Then", "Later in the day"))
    last = f"{other} stayed at home."

    def tell(p: str, q: str) -> list[str]:
        return [f"First {who} {go} {p}.", f"{then} {who} {go} {q}.", last]

    facts: tuple[list[Fact], list[Fact]] = (
        [(who, "start", one), (who, "end", two)], [(who, "start", two), (who, "end", one)],
    )  # fmt: skip
    end = rng.random() < 0.5
    asked = f"was {who} {two} at the {'end' if end else 'start'}?"
    relation = "end" if end else "start"
    return _story((tell(one, two), tell(two, one)), facts, (asked, ("is", who, relation, two)))


def ages(rng: Random, w: World) -> Story:
    """Two founding years, ages or prices: which is more?"""
    old, new = sorted(rng.sample(range(1650, 1990), 2))
    kind = rng.choice(("bridge", "church", "school", "station", "theatre", "mill", "library"))
    x, y = pick_two(rng, w.towns)
    a, b = f"the {kind} in {x}", f"the {kind} in {y}"
    built = rng.choice(("was built in", "was opened in", "dates from"))

    def tell(p: int, q: int) -> list[str]:
        return [sentence(f"{a} {built} {p}"), sentence(f"{b} {built} {q}")]

    facts: tuple[list[Fact], list[Fact]] = (
        [(a, "year", old), (b, "year", new)], [(a, "year", new), (b, "year", old)],
    )  # fmt: skip
    if rng.random() < 0.5:
        asked, fact = f"is {a} older than {b}?", ("more", "year", b, a)
    else:
        asked, fact = f"is {a} newer than {b}?", ("more", "year", a, b)
    return _story((tell(old, new), tell(new, old)), facts, (asked, fact))


def quantities(rng: Random, w: World) -> Story:
    """Who has more?"""
    few, many = sorted(rng.sample(range(len(things.NUMBERS)), 2))
    a, b = w.names(rng)
    x = plural(w.thing(rng, w.kinds))
    had = rng.choice(("has", "owns", "keeps"))

    def tell(p: int, q: int) -> list[str]:
        return [f"{a} {had} {things.NUMBERS[p]} {x}.", f"{b} {had} {things.NUMBERS[q]} {x}."]

    facts: tuple[list[Fact], list[Fact]] = (
        [(a, "count", few), (b, "count", many)], [(a, "count", many), (b, "count", few)],
    )  # fmt: skip
    fact: Fact
    if rng.random() < 0.4:
        asked, fact = f"does {a} have more {x} than {b}?", ("more", "count", a, b)
    elif rng.random() < 0.5:
        asked, fact = f"does {a} have fewer {x} than {b}?", ("more", "count", b, a)
    else:
        asked = f"does {b} have {things.NUMBERS[many]} {x}?"
        fact = ("is", b, "count", many)
    return _story((tell(few, many), tell(many, few)), facts, (asked, fact))


def deeds(rng: Random, w: World) -> Story:
    """Who did it to whom; or who did it and who did not."""
    a, b = w.people(rng)
    verb, synonym = rng.choice(w.person_verbs)
    tail = when(rng)
    if rng.random() < 0.6:
        texts = ([sentence(f"{a} {verb.past} {b} {tail}")],
                 [sentence(f"{b} {verb.past} {a} {tail}")])  # fmt: skip
        facts: tuple[list[Fact], list[Fact]] = ([(a, verb.base, b)], [(b, verb.base, a)])
        asked = f"did {a} {rng.choice((verb, synonym)).base} {b}?"
        return _story(texts, facts, (asked, ("is", a, verb.base, b)))
    act, also, pool = w.deed(rng)
    noun = w.thing(rng, pool)
    yes, no = f"{act.past} the {described(rng, noun)}", f"did not {act.base} the {noun}"
    texts = ([sentence(f"{a} {yes} {tail}, but {b} {no}")],
             [sentence(f"{a} {no} {tail}, but {b} {yes}")])  # fmt: skip
    facts = ([(a, act.base, noun), (b, "not " + act.base, noun)],
             [(b, act.base, noun), (a, "not " + act.base, noun)])  # fmt: skip
    asked = f"did {a} {rng.choice((act, also)).base} the {noun}?"
    return _story(texts, facts, (asked, ("is", a, act.base, noun)))


def gifts(rng: Random, w: World) -> Story:
    """A thing changes hands; who has it now?"""
    a, b = w.names(rng)
    x = w.thing(rng)
    gave = rng.choice(("gave", "handed", "lent", "sold"))
    colour = described(rng, x)

    def tell(p: str, q: str) -> list[str]:
        return [f"{p} {gave} the {colour} to {q} {tail}.", f"Since then {p} has been away."]

    tail = when(rng)
    facts: tuple[list[Fact], list[Fact]] = (
        [(x, "giver", a), (x, "holder", b)], [(x, "giver", b), (x, "holder", a)],
    )  # fmt: skip
    if rng.random() < 0.5:
        return _story((tell(a, b), tell(b, a)), facts,
                      (f"does {b} have the {x} now?", ("is", x, "holder", b)))  # fmt: skip
    return _story((tell(a, b), tell(b, a)), facts,
                  (f"did {b} get the {x} from {a}?", ("is", x, "giver", a)))  # fmt: skip


def tastes(rng: Random, w: World) -> Story:
    """Who likes which of two things."""
    a = w.person(rng)
    x, y = (plural(noun) for noun in w.two_things(rng, w.kinds))
    likes = rng.choice((("likes", "cannot stand"), ("collects", "never touches"),
                        ("draws", "refuses to draw"), ("dreams of", "is afraid of")))  # fmt: skip
    joint = rng.choice((" but ", ", yet ", " and "))

    def tell(p: str, q: str) -> list[str]:
        return [sentence(f"{a} {likes[0]} {p}{joint}{likes[1]} {q}")]

    facts: tuple[list[Fact], list[Fact]] = (
        [(a, "likes", x), (a, "minds", y)], [(a, "likes", y), (a, "minds", x)],
    )  # fmt: skip
    base = {"likes": "like", "collects": "collect", "draws": "draw", "dreams of": "dream of"}
    asked = f"does {a} {base[likes[0]]} {x}?"
    return _story((tell(x, y), tell(y, x)), facts, (asked, ("is", a, "likes", x)))


def sequence(rng: Random, w: World) -> Story:
    """Two deeds in an order that the passage tells."""
    a, b = w.people(rng)
    (v, _), (u, _) = pick_two(rng, w.object_verbs)
    x, y = w.two_things(rng, w.made)
    p, q = f"{a} {v.past} the {x}", f"{b} {u.past} the {y}"
    later = rng.choice(("Some time later", "After that", "Then, at last,", "The next day"))

    def tell(one: str, two: str) -> list[str]:
        return [sentence(one), f"{later} {two}."]

    facts: tuple[list[Fact], list[Fact]] = (
        [(p, "order", 1), (q, "order", 2)], [(p, "order", 2), (q, "order", 1)],
    )  # fmt: skip
    first = rng.random() < 0.5
    asked = f"was it {'before' if first else 'after'} {q} that {p}?"
    fact: Fact = ("more", "order", q, p) if first else ("more", "order", p, q)
    return _story((tell(p, q), tell(q, p)), facts, (asked, fact))


def stays(rng: Random, w: World) -> Story:
    """Two people in two places."""
    one, two = w.two_places(rng)
    a, b = w.people(rng)
    was = rng.choice(("was", "waited", "slept", "worked"))
    time = when(rng)

    def tell(p: str, q: str) -> list[str]:
        return [sentence(f"{time} {a} {was} {p}"), sentence(f"{b} {was} {q}")]

    facts: tuple[list[Fact], list[Fact]] = (
        [(a, "place", one), (b, "place", two)], [(a, "place", two), (b, "place", one)],
    )  # fmt: skip
    asked = rng.choice((f"was {a} {one}?", f"was it {one} that {a} {was}?",
                        f"could you find {a} {one} {time}?"))  # fmt: skip
    return _story((tell(one, two), tell(two, one)), facts, (asked, ("is", a, "place", one)))


def visits(rng: Random, w: World) -> Story:
    """Which town in which year or on which day."""
    who = w.person(rng)
    x, y = pick_two(rng, w.towns)
    if rng.random() < 0.5:
        m, n = (f"on {day}" for day in pick_two(rng, things.DAYS))
    else:
        m, n = (f"in {year}" for year in rng.sample(range(1650, 1990), 2))
    went = rng.choice(("went to", "came to", "spoke in", "lectured in"))

    def tell(p: str, q: str) -> list[str]:
        return [sentence(f"{m} {who} {went} {p}"), sentence(f"{n} {who} {went} {q}")]

    facts: tuple[list[Fact], list[Fact]] = (
        [(who, m, x), (who, n, y)], [(who, m, y), (who, n, x)],
    )  # fmt: skip
    asked = rng.choice((f"was {who} in {x} {m}?", f"did {who} spend time in {x} {m}?",
                        f"is it right that {m} {who} was in {x}?"))  # fmt: skip
    return _story((tell(x, y), tell(y, x)), facts, (asked, ("is", who, m, x)))


def holdings(rng: Random, w: World) -> Story:
    """How many things each of two people has."""
    m, n = pick_two(rng, things.NUMBERS)
    a, b = w.names(rng)
    x = plural(w.thing(rng, w.kinds))

    def tell(p: str, q: str) -> list[str]:
        return [f"{a} keeps {p} {x}.", f"{b} keeps {q} {x}."]

    facts: tuple[list[Fact], list[Fact]] = (
        [(a, "count", m), (b, "count", n)], [(a, "count", n), (b, "count", m)],
    )  # fmt: skip
    asked = rng.choice((f"does {a} keep {m} {x}?", f"are there {m} {x} that belong to {a}?",
                        f"is {m} the number of {x} that {a} keeps?"))  # fmt: skip
    return _story((tell(m, n), tell(n, m)), facts, (asked, ("is", a, "count", m)))


def denials(rng: Random, w: World) -> Story:
    """Whether someone did it at all."""
    who = w.person(rng)
    verb, synonym, pool = w.deed(rng)
    noun, time = w.thing(rng, pool), when(rng)
    rich = described(rng, noun)
    no = rng.choice((f"did not {verb.base}", f"never {verb.past}", f"refused to {verb.base}"))
    texts = ([sentence(f"{who} {verb.past} the {rich} {time}")],
             [sentence(f"{who} {no} the {rich} {time}")])  # fmt: skip
    facts: tuple[list[Fact], list[Fact]] = (
        [(who, verb.base, noun)], [(who, "not " + verb.base, noun)],
    )  # fmt: skip
    asked = f"did {who} {rng.choice((verb, synonym)).base} the {noun}?"
    return _story(texts, facts, (asked, ("is", who, verb.base, noun)))


Maker = Callable[[Random, World], Story]
# A maker that is named twice comes up twice as often; comparing and ordering are the hardest.
ROOMS: tuple[Maker, ...] = (attributes, attributes, stays, stays, denials, deeds, moves, gifts)
HISTORY: tuple[Maker, ...] = (
    visits, visits, visits, holdings, holdings, holdings, denials, denials, deeds, ages,
)  # fmt: skip
ALL: tuple[Maker, ...] = (
    attributes, attributes, stays, stays, visits, visits, holdings, holdings, tastes, tastes,
    denials, denials, deeds, moves, gifts, quantities, ages, sequence,
)  # fmt: skip


def answer(facts: tuple[Fact, ...]) -> bool:
    """The answer to the last fact (the question) given the others."""
    *passage, question = facts
    if question[0] == "is":
        return tuple(question[1:]) in passage
    values = {fact[0]: fact[2] for fact in passage if fact[1] == question[1]}
    return bool(values[question[2]] > values[question[3]])  # type: ignore[operator]


def engine(rng: Random, w: World, makers: tuple[Maker, ...] = ALL) -> tuple[Item, ...]:
    """The same question on two passages: label 1 yes, 0 no."""
    *passages, (asked, fact) = rng.choice(makers)(rng, w)
    about = asked + " ".join(text for texts, _ in passages for text in texts)
    count = rng.choice((0, 0, 1, 1, 2, 3, 5, 8))
    extra = side_sentences(rng, w, count, about)
    slots = [rng.random() < 0.5 for _ in extra]
    before = [e for e, first in zip(extra, slots, strict=True) if first]
    after = [e for e, first in zip(extra, slots, strict=True) if not first]
    rng.shuffle(passages)
    items = []
    for texts, known in passages:
        facts = (*known, fact)
        fields = (
            ("passage", " ".join([*before, *texts, *after])),
            ("question", sentence(asked, "")),
        )
        items.append(Item(fields, int(answer(facts)), facts))
    return tuple(items)

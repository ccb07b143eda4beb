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

# Two passages (sentences and their facts), and a question with its fact that exactly one of them
# answers with yes.
Story = tuple[tuple[list[str], list[Fact]], tuple[list[str], list[Fact]], tuple[str, Fact]]


def _story(
    texts: tuple[list[str], list[str]], facts: tuple[list[Fact], list[Fact]], ask: tuple[str, Fact]
) -> Story:
    return (texts[0], facts[0]), (texts[1], facts[1]), ask


def attributes(rng: Random, w: World) -> Story:
    """Two things of two colours."""
    verb, _, pool = w.deed(rng)
    x, y = w.two_things(rng, pool)
    p, q = pick_two(rng, things.COLOURS)
    who, where = w.names(rng), w.place(rng)

    def tell(a: str, b: str) -> list[str]:
        if rng.random() < 0.5:
            return [f"{who[0]} {verb.past} {article(a)} {x} and {article(b)} {y} {where}."]
        return [f"The {x} {where} was {a}.", f"{who[1]} saw that the {y} was {b}."]

    state = rng.getstate()
    first = tell(p, q)
    rng.setstate(state)
    second = tell(q, p)
    first, second = (
        [t.replace("a " + c, article(c)) if c[0] in "aeiou" else t for t in s]
        for s, c in ((first, p), (second, q))
    )
    facts: tuple[list[Fact], list[Fact]] = (
        [(x, "colour", p), (y, "colour", q)],
        [(x, "colour", q), (y, "colour", p)],
    )
    question = rng.choice(
        (
            f"was the {x} {p}?",
            f"is it true that the {x} was {p}?",
            f"did the passage say the {x} was {p}?",
        )
    )
    return _story((first, second), facts, (question, ("is", x, "colour", p)))


def moves(rng: Random, w: World) -> Story:
    """A person moves from one place to another: which at the start, which at the end?"""
    here, there = w.two_places(rng)
    who, other = w.names(rng)
    go = rng.choice(("went to a seat", "walked to a table", "sat down", "waited"))
    then = rng.choice(("After that", "An hour later", "Then", "Later in the day"))
    last = f"{other} stayed at home."

    def tell(p: str, q: str) -> list[str]:
        return [f"First {who} {go} {p}.", f"{then} {who} {go} {q}.", last]

    facts: tuple[list[Fact], list[Fact]] = (
        [(who, "start", here), (who, "end", there)],
        [(who, "start", there), (who, "end", here)],
    )
    end = rng.random() < 0.5
    question = f"was {who} {there} at the {'end' if end else 'start'}?"
    relation = "end" if end else "start"
    return _story(
        (tell(here, there), tell(there, here)), facts, (question, ("is", who, relation, there))
    )


def ages(rng: Random, w: World) -> Story:
    """Two founding years: which building is older?"""
    old, new = sorted(rng.sample(range(1650, 1990), 2))
    kind = rng.choice(("bridge", "church", "school", "station", "theatre", "mill", "library"))
    x, y = pick_two(rng, w.towns)
    a, b = f"the {kind} in {x}", f"the {kind} in {y}"
    built = rng.choice(("was built in", "was opened in", "dates from"))

    def tell(p: int, q: int) -> list[str]:
        return [sentence(f"{a} {built} {p}"), sentence(f"{b} {built} {q}")]

    facts: tuple[list[Fact], list[Fact]] = (
        [(a, "year", old), (b, "year", new)],
        [(a, "year", new), (b, "year", old)],
    )
    if rng.random() < 0.5:
        question, fact = f"is {a} older than {b}?", ("more", "year", b, a)
    else:
        question, fact = f"is {a} newer than {b}?", ("more", "year", a, b)
    return _story((tell(old, new), tell(new, old)), facts, (question, fact))


def quantities(rng: Random, w: World) -> Story:
    """Two people's numbers of things: who has more?"""
    few, many = sorted(rng.sample(range(len(things.NUMBERS)), 2))
    a, b = w.names(rng)
    x = plural(w.thing(rng, w.kinds))
    had = rng.choice(("has", "owns", "keeps"))

    def tell(p: int, q: int) -> list[str]:
        return [f"{a} {had} {things.NUMBERS[p]} {x}.", f"{b} {had} {things.NUMBERS[q]} {x}."]

    facts: tuple[list[Fact], list[Fact]] = (
        [(a, "count", few), (b, "count", many)],
        [(a, "count", many), (b, "count", few)],
    )
    fact: Fact
    if rng.random() < 0.4:
        question, fact = f"does {a} have more {x} than {b}?", ("more", "count", a, b)
    elif rng.random() < 0.5:
        question, fact = f"does {a} have fewer {x} than {b}?", ("more", "count", b, a)
    else:
        question = f"does {b} have {things.NUMBERS[many]} {x}?"
        fact = ("is", b, "count", many)
    return _story((tell(few, many), tell(many, few)), facts, (question, fact))


def deeds(rng: Random, w: World) -> Story:
    """Subject and object of a deed, or its doer and a person who refrained."""
    a, b = w.people(rng)
    verb, synonym = rng.choice(w.person_verbs)
    tail = when(rng)
    if rng.random() < 0.6:
        texts = (
            [sentence(f"{a} {verb.past} {b} {tail}")],
            [sentence(f"{b} {verb.past} {a} {tail}")],
        )
        facts: tuple[list[Fact], list[Fact]] = ([(a, verb.base, b)], [(b, verb.base, a)])
        question = f"did {a} {rng.choice((verb, synonym)).base} {b}?"
        return _story(texts, facts, (question, ("is", a, verb.base, b)))
    act, also, pool = w.deed(rng)
    noun = w.thing(rng, pool)
    yes, no = f"{act.past} the {described(rng, noun)}", f"did not {act.base} the {noun}"
    texts = (
        [sentence(f"{a} {yes} {tail}, but {b} {no}")],
        [sentence(f"{a} {no} {tail}, but {b} {yes}")],
    )
    facts = (
        [(a, act.base, noun), (b, "not " + act.base, noun)],
        [(b, act.base, noun), (a, "not " + act.base, noun)],
    )
    question = f"did {a} {rng.choice((act, also)).base} the {noun}?"
    return _story(texts, facts, (question, ("is", a, act.base, noun)))


def gifts(rng: Random, w: World) -> Story:
    """A thing changes hands: giver and holder."""
    a, b = w.names(rng)
    x = w.thing(rng)
    gave = rng.choice(("gave", "handed", "lent", "sold"))
    colour = described(rng, x)

    def tell(p: str, q: str) -> list[str]:
        return [f"{p} {gave} the {colour} to {q} {tail}.", f"Since then {p} has been away."]

    tail = when(rng)
    facts: tuple[list[Fact], list[Fact]] = (
        [(x, "giver", a), (x, "holder", b)],
        [(x, "giver", b), (x, "holder", a)],
    )
    if rng.random() < 0.5:
        return _story(
            (tell(a, b), tell(b, a)), facts, (f"does {b} have the {x} now?", ("is", x, "holder", b))
        )
    return _story(
        (tell(a, b), tell(b, a)), facts, (f"did {b} get the {x} from {a}?", ("is", x, "giver", a))
    )


def tastes(rng: Random, w: World) -> Story:
    """A person likes one of two things and minds the other."""
    a = w.person(rng)
    x, y = (plural(noun) for noun in w.two_things(rng, w.kinds))
    likes = rng.choice(
        (
            ("likes", "cannot stand"),
            ("collects", "never touches"),
            ("draws", "refuses to draw"),
            ("dreams of", "is afraid of"),
        )
    )
    conjunction = rng.choice((" but ", ", yet ", " and "))

    def tell(p: str, q: str) -> list[str]:
        return [sentence(f"{a} {likes[0]} {p}{conjunction}{likes[1]} {q}")]

    facts: tuple[list[Fact], list[Fact]] = (
        [(a, "likes", x), (a, "minds", y)],
        [(a, "likes", y), (a, "minds", x)],
    )
    base = {"likes": "like", "collects": "collect", "draws": "draw", "dreams of": "dream of"}
    question = f"does {a} {base[likes[0]]} {x}?"
    return _story((tell(x, y), tell(y, x)), facts, (question, ("is", a, "likes", x)))


def sequence(rng: Random, w: World) -> Story:
    """The order of two deeds."""
    a, b = w.people(rng)
    (v, _), (u, _) = pick_two(rng, w.object_verbs)
    x, y = w.two_things(rng, w.made)
    p, q = f"{a} {v.past} the {x}", f"{b} {u.past} the {y}"
    later = rng.choice(("Some time later", "After that", "Then, at last,", "The next day"))

    def tell(before: str, after: str) -> list[str]:
        return [sentence(before), f"{later} {after}."]

    facts: tuple[list[Fact], list[Fact]] = (
        [(p, "order", 1), (q, "order", 2)],
        [(p, "order", 2), (q, "order", 1)],
    )
    first = rng.random() < 0.5
    question = f"was it {'before' if first else 'after'} {q} that {p}?"
    fact: Fact = ("more", "order", q, p) if first else ("more", "order", p, q)
    return _story((tell(p, q), tell(q, p)), facts, (question, fact))


def stays(rng: Random, w: World) -> Story:
    """Two people in two places."""
    here, there = w.two_places(rng)
    a, b = w.people(rng)
    was = rng.choice(("was", "waited", "slept", "worked"))
    time = when(rng)

    def tell(p: str, q: str) -> list[str]:
        return [sentence(f"{time} {a} {was} {p}"), sentence(f"{b} {was} {q}")]

    facts: tuple[list[Fact], list[Fact]] = (
        [(a, "place", here), (b, "place", there)],
        [(a, "place", there), (b, "place", here)],
    )
    question = rng.choice(
        (f"was {a} {here}?", f"was it {here} that {a} {was}?", f"could you find {a} {here} {time}?")
    )
    return _story(
        (tell(here, there), tell(there, here)), facts, (question, ("is", a, "place", here))
    )


def visits(rng: Random, w: World) -> Story:
    """Two visits to two towns in two years or on two days."""
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
        [(who, m, x), (who, n, y)],
        [(who, m, y), (who, n, x)],
    )
    question = rng.choice(
        (
            f"was {who} in {x} {m}?",
            f"did {who} spend time in {x} {m}?",
            f"is it right that {m} {who} was in {x}?",
        )
    )
    return _story((tell(x, y), tell(y, x)), facts, (question, ("is", who, m, x)))


def holdings(rng: Random, w: World) -> Story:
    """Two people's numbers of things."""
    m, n = pick_two(rng, things.NUMBERS)
    a, b = w.names(rng)
    x = plural(w.thing(rng, w.kinds))

    def tell(p: str, q: str) -> list[str]:
        return [f"{a} keeps {p} {x}.", f"{b} keeps {q} {x}."]

    facts: tuple[list[Fact], list[Fact]] = (
        [(a, "count", m), (b, "count", n)],
        [(a, "count", n), (b, "count", m)],
    )
    question = rng.choice(
        (
            f"does {a} keep {m} {x}?",
            f"are there {m} {x} that belong to {a}?",
            f"is {m} the number of {x} that {a} keeps?",
        )
    )
    return _story((tell(m, n), tell(n, m)), facts, (question, ("is", a, "count", m)))


def denials(rng: Random, w: World) -> Story:
    """A deed or its denial."""
    who = w.person(rng)
    verb, synonym, pool = w.deed(rng)
    noun, time = w.thing(rng, pool), when(rng)
    rich = described(rng, noun)
    no = rng.choice((f"did not {verb.base}", f"never {verb.past}", f"refused to {verb.base}"))
    texts = (
        [sentence(f"{who} {verb.past} the {rich} {time}")],
        [sentence(f"{who} {no} the {rich} {time}")],
    )
    facts: tuple[list[Fact], list[Fact]] = (
        [(who, verb.base, noun)],
        [(who, "not " + verb.base, noun)],
    )
    question = f"did {who} {rng.choice((verb, synonym)).base} the {noun}?"
    return _story(texts, facts, (question, ("is", who, verb.base, noun)))


Maker = Callable[[Random, World], Story]
# A maker that is listed twice is drawn twice as often; comparing and ordering are the hardest.
ROOMS: tuple[Maker, ...] = (attributes, attributes, stays, stays, denials, deeds, moves, gifts)
HISTORY: tuple[Maker, ...] = (
    visits,
    visits,
    visits,
    holdings,
    holdings,
    holdings,
    denials,
    denials,
    deeds,
    ages,
)
ALL: tuple[Maker, ...] = (
    attributes,
    attributes,
    stays,
    stays,
    visits,
    visits,
    holdings,
    holdings,
    tastes,
    tastes,
    denials,
    denials,
    deeds,
    moves,
    gifts,
    quantities,
    ages,
    sequence,
)


def answer(facts: tuple[Fact, ...]) -> bool:
    """The answer to the question, the last fact, by the others."""
    *passage, question = facts
    if question[0] == "is":
        return tuple(question[1:]) in passage
    values = {fact[0]: fact[2] for fact in passage if fact[1] == question[1]}
    return bool(values[question[2]] > values[question[3]])  # type: ignore[operator]


def engine(rng: Random, w: World, makers: tuple[Maker, ...] = ALL) -> tuple[Item, ...]:
    """The same question on two passages: label 1 yes, 0 no."""
    *passages, (question, fact) = rng.choice(makers)(rng, w)
    about = question + " ".join(text for texts, _ in passages for text in texts)
    count = rng.choice((0, 0, 1, 1, 2, 3, 5, 8))
    extra = side_sentences(rng, w, count, about)
    slots = [rng.random() < 0.5 for _ in extra]
    before = [e for e, first in zip(extra, slots, strict=True) if first]
    after = [e for e, first in zip(extra, slots, strict=True) if not first]
    rng.shuffle(passages)
    items = []
    for texts, passage_facts in passages:
        facts = (*passage_facts, fact)
        fields = (
            ("passage", " ".join([*before, *texts, *after])),
            ("question", sentence(question, "")),
        )
        items.append(Item(fields, int(answer(facts)), facts))
    return tuple(items)

"""Inference engine: does the premise settle the hypothesis?

Facts are (subject, relation, value). A hypothesis follows (0) when its fact is among the
premise's, conflicts (2) when the premise has the same subject and relation with another value
only, and is open (1) otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from pretraining.mini.item import Fact, Item
from pretraining.mini.lexicon import actions, things
from pretraining.mini.words import article, pick_two, plural, sentence
from pretraining.mini.world import World, described, side_sentences, when

FOLLOWS, OPEN, CONFLICTS = 0, 1, 2


@dataclass(frozen=True)
class Side:
    """A text and the facts it states."""

    text: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Frame:
    """Two premises and two hypotheses: each hypothesis follows from its own premise only."""

    premises: tuple[Side, Side]
    hypotheses: tuple[Side, Side]


def label_of(premise: tuple[Fact, ...], hypothesis: Fact) -> int:
    """FOLLOWS, OPEN or CONFLICTS, by the rule at the top of this file."""
    if hypothesis in premise:
        return FOLLOWS
    same = any(fact[:2] == hypothesis[:2] for fact in premise)
    return CONFLICTS if same else OPEN


def _two(texts: tuple[str, str], facts: tuple[tuple[Fact, ...], ...]) -> tuple[Side, Side]:
    return Side(texts[0], facts[0]), Side(texts[1], facts[1])


def roles(rng: Random, w: World) -> Frame:
    """Subject and object of a deed; at times with a passive hypothesis."""
    a, b = w.people(rng)
    verb, synonym = rng.choice(w.person_verbs)
    tail = " " + rng.choice((when(rng), w.place(rng)))
    texts = (f"{a} {verb.past} {b}{tail}", f"{b} {verb.past} {a}{tail}")
    if rng.random() < 0.4 and verb.participle != "-":
        hyp = (f"{b} was {verb.participle} by {a}", f"{a} was {verb.participle} by {b}")
    else:
        past = rng.choice((verb, synonym)).past
        hyp = (f"{a} {past} {b}", f"{b} {past} {a}")
    fact, swapped = ((a, b), verb.base, True), ((b, a), verb.base, True)
    return Frame(_two(texts, ((fact,), (swapped,))), _two(hyp, ((fact,), (swapped,))))


def possessions(rng: Random, w: World) -> Frame:
    """Two people's deeds to two things; the hypothesis may name only the kind of thing."""
    a, b = w.people(rng)
    verb, synonym, pool = w.deed(rng)
    (x, kind_x), (y, kind_y) = w.two_kinds(rng, pool)
    tail = rng.choice(("", " " + when(rng)))
    rich_x, rich_y = article(described(rng, x)), article(described(rng, y))
    join = rng.choice((" and ", " while ", ", but "))
    texts = (
        f"{a} {verb.past} {rich_x}{join}{b} {verb.past} {rich_y}{tail}",
        f"{a} {verb.past} {rich_y}{join}{b} {verb.past} {rich_x}{tail}",
    )
    kinds = rng.random() < 0.4
    named = (article(kind_x), article(kind_y)) if kinds else (article(x), article(y))
    past = rng.choice((verb, synonym)).past
    hyp = (f"{a} {past} {named[0]}", f"{a} {past} {named[1]}")
    value = (kind_x, kind_y) if kinds else (x, y)
    facts = tuple(
        tuple(
            (who, f"{verb.base} {word}", True)
            for who, pair in zip(order, of, strict=True)
            for word in pair
        )
        for order, of in (
            ((a, b), ((x, kind_x), (y, kind_y))),
            ((a, b), ((y, kind_y), (x, kind_x))),
        )
    )
    goals = tuple(((a, f"{verb.base} {word}", True),) for word in value)
    return Frame(_two(texts, facts), _two(hyp, goals))


def places(rng: Random, w: World) -> Frame:
    """The places of two things or people."""
    here, there = w.two_places(rng)
    if rng.random() < 0.5:
        x, y = (f"the {noun}" for noun in w.two_things(rng, w.kinds))
    else:
        x, y = w.people(rng)
    was = rng.choice(("was", "stayed", "remained"))
    join = rng.choice((" and ", " while ", ", whereas "))
    texts = (f"{x} {was} {here}{join}{y} {was} {there}", f"{x} {was} {there}{join}{y} {was} {here}")
    hyp = (f"{x} was {here}", f"{x} was {there}")
    facts = (((x, "place", here), (y, "place", there)), ((x, "place", there), (y, "place", here)))
    goals = (((x, "place", here),), ((x, "place", there),))
    return Frame(_two(texts, facts), _two(hyp, goals))


def negated(rng: Random, w: World) -> Frame:
    """A deed or its denial."""
    who = w.person(rng)
    verb, synonym, pool = w.deed(rng)
    noun = w.thing(rng, pool)
    tail = " " + rng.choice((when(rng), w.place(rng)))
    relation = f"{verb.base} {noun}"
    no = rng.choice(("did not", "never"))
    base = verb.base if no == "did not" else verb.past
    rich = described(rng, noun)
    texts = (f"{who} {verb.past} the {rich}{tail}", f"{who} {no} {base} the {rich}{tail}")
    hyp = (f"{who} {synonym.past} the {noun}", f"{who} did not {synonym.base} the {noun}")
    yes: Fact = (who, relation, True)
    false: Fact = (who, relation, False)
    return Frame(_two(texts, ((yes,), (false,))), _two(hyp, ((yes,), (false,))))


def opposites(rng: Random, w: World) -> Frame:
    """A property against its opposite, or an act against its reverse."""
    if rng.random() < 0.4:
        who, noun = w.person(rng), w.thing(rng)
        p, q = rng.choice(actions.ANTONYM_VERBS)
        tail = " " + when(rng)
        fact: Fact = (who, f"act {noun}", p)
        opposite: Fact = (who, f"act {noun}", q)
        texts = (f"{who} {p} the {noun}{tail}", f"{who} {q} the {noun}{tail}")
        say = rng.choice(("the {n} was what {w} {v}", "it was {w} who {v} the {n}"))
        hyp = (say.format(n=noun, w=who, v=p), say.format(n=noun, w=who, v=q))
        return Frame(_two(texts, ((fact,), (opposite,))), _two(hyp, ((fact,), (opposite,))))
    p, q = rng.choice(things.OPPOSITES)
    noun, where = w.thing(rng), w.place(rng)
    x = f"the {noun}"
    texts = (f"the {p} {noun} {where} belonged to {w.name(rng)}",) * 2
    texts = (texts[0], texts[0].replace(f" {p} ", f" {q} ", 1))
    fact, opposite = (x, p + q, p), (x, p + q, q)
    hyp = (f"{x} was {p}", f"{x} was {q}")
    if rng.random() < 0.5:
        hyp = (f"{x} was not {q}", f"{x} was not {p}")
    return Frame(_two(texts, ((fact,), (opposite,))), _two(hyp, ((fact,), (opposite,))))


def counts(rng: Random, w: World) -> Frame:
    """Two people's numbers of things."""
    a, b = w.people(rng)
    m, n = pick_two(rng, things.NUMBERS)
    x = plural(w.thing(rng, w.kinds))
    had = rng.choice(("had", "counted", "sold", "bought", "wanted", "ordered"))
    texts = (
        f"{a} {had} {m} {x}, and {b} {had} {n}",
        f"{a} {had} {n} {x}, and {b} {had} {m}",
    )
    hyp = (f"{a} {had} {m} {x}", f"{a} {had} {n} {x}")
    facts = tuple(((a, f"{had} {x}", p), (b, f"{had} {x}", q)) for p, q in ((m, n), (n, m)))
    goals = (((a, f"{had} {x}", m),), ((a, f"{had} {x}", n),))
    return Frame(_two(texts, facts), _two(hyp, goals))


def shares(rng: Random, w: World) -> Frame:
    """All, some or none of a number of things."""
    noun = plural(w.thing(rng, w.kinds))
    where = w.place(rng)
    done = rng.choice(("sold", "painted", "counted", "stolen", "sent away", "needed", "numbered"))
    some, none = pick_two(rng, (("all", "some"), ("most", "some"), ("none", "none")))
    if "none" not in (some[0], none[0]):
        none = ("none", "none")
    texts = tuple(f"{how[0]} of the {noun} {where} were {done}" for how in (some, none))
    how = {"some": True, "none": False}
    facts = tuple(((("all", noun), "any " + done, how[side[1]]),) for side in (some, none))
    hyp = tuple(
        rng.choice((f"some of the {noun} were {done}", f"a few of the {noun} were {done}"))
        if side[1] == "some"
        else rng.choice((f"not one of the {noun} was {done}", f"none of the {noun} were {done}"))
        for side in (some, none)
    )
    return Frame(_two((texts[0], texts[1]), facts), _two((hyp[0], hyp[1]), facts))


def schedules(rng: Random, w: World) -> Frame:
    """Two visits on two days."""
    who = w.person(rng)
    m, n = pick_two(rng, things.DAYS)
    x, y = pick_two(rng, w.sites) if rng.random() < 0.5 else pick_two(rng, w.towns)
    the = "the " if x in w.sites else ""
    went = rng.choice(("went to", "visited", "drove to"))
    texts = (
        f"{who} {went} {the}{x} on {m} and {the}{y} on {n}",
        f"{who} {went} {the}{y} on {m} and {the}{x} on {n}",
    )
    hyp = (f"on {m} {who} was in {the}{x}", f"on {m} {who} was in {the}{y}")
    facts = tuple(((who, "on " + m, p), (who, "on " + n, q)) for p, q in ((x, y), (y, x)))
    goals = tuple(((who, "on " + m, p),) for p in (x, y))
    return Frame(_two(texts, facts), _two(hyp, goals))


FRAMES: tuple[Callable[[Random, World], Frame], ...] = (
    roles,
    possessions,
    places,
    negated,
    opposites,
    counts,
    shares,
    schedules,
)
_DEFINITE = (places, negated, opposites, counts, shares)


def _item(rng: Random, premise: Side, hypothesis: Side, label: int, extra: str) -> Item:
    text = sentence(premise.text)
    if extra:
        text = f"{extra} {text}" if rng.random() < 0.5 else f"{text} {extra}"
    fields = (("premise", text), ("hypothesis", sentence(hypothesis.text)))
    return Item(fields, label, (premise.facts, hypothesis.facts[0]))


def _extra(rng: Random, w: World, frame: Frame) -> str:
    """Zero to four distracting sentences about other people and things."""
    about = " ".join(side.text for side in frame.premises + frame.hypotheses)
    count = rng.choice((0, 0, 0, 1, 1, 2, 4))
    return " ".join(side_sentences(rng, w, count, about))


def two_way(rng: Random, w: World) -> tuple[Item, ...]:
    """Two items over one frame: 0 follows, 1 does not."""
    frame = rng.choice(FRAMES)(rng, w)
    extra = _extra(rng, w, frame)
    i = rng.randrange(2)
    p, h = frame.premises, frame.hypotheses
    if rng.random() < 0.5:
        pairs = [(p[i], h[i], 0), (p[i], h[1 - i], 1)]
    else:
        pairs = [(p[i], h[i], 0), (p[1 - i], h[i], 1)]
    rng.shuffle(pairs)
    return tuple(_item(rng, x, y, label, extra) for x, y, label in pairs)


def three_way(rng: Random, w: World) -> tuple[Item, ...]:
    """Three items over one premise: follows 0, open 1, conflicts 2."""
    frame = rng.choice(_DEFINITE)(rng, w)
    extra = _extra(rng, w, frame)
    i = rng.randrange(2)
    p, h = frame.premises, frame.hypotheses
    other = h[i]
    while label_of(p[i].facts, other.facts[0]) != OPEN:
        other = _open(rng, w, p[i])
    pairs = [(p[i], h[i], 0), (p[i], other, 1), (p[i], h[1 - i], 2)]
    rng.shuffle(pairs)
    return tuple(_item(rng, x, y, label, extra) for x, y, label in pairs)


def _open(rng: Random, w: World, premise: Side) -> Side:
    """A hypothesis about the premise's subject that the premise leaves open."""
    subject = premise.facts[0][0]
    if isinstance(subject, str) and not subject.startswith("the "):
        frame = rng.choice((possessions, places, counts, negated))(rng, w)
        side = rng.choice(frame.hypotheses)
        fact = side.facts[0]
        return Side(side.text.replace(str(fact[0]), subject, 1), ((subject, *fact[1:]),))
    side = rng.choice(rng.choice(_DEFINITE)(rng, w).hypotheses)
    if isinstance(subject, str) and side.facts[0][1] == "place":
        where = str(side.facts[0][2])
        return Side(f"{subject} was later moved to a place {where}", ((subject, "later", where),))
    return side

"""Alternatives engine: the likelier of two causes or effects.

Facts: (schema of the premise, asked for "cause" or "effect", schema and side of each option).
The label is the index of the option with the premise's schema and the side of the question.
"""

from __future__ import annotations

from functools import cache
from random import Random

from pretraining.mini.item import Fact, Item
from pretraining.mini.lexicon.causes import SCHEMAS
from pretraining.mini.words import PRETRAIN, pick_two, sentence, share
from pretraining.mini.world import World, when

CAUSE, EFFECT = "cause", "effect"
# Schemas whose causes and effects might stand for each other never meet in one item.
_CLOSE = tuple(
    frozenset(group.split(";"))
    for group in (
        "hungry;thirsty;tired;ill;cold;sun;diet;injury;bored;dark;practice;cook;exercise;"
        "toothache;boat trip;elevator",
        "sad;poor;angry;scared;fail;caught;slip of tongue;loud;late;stolen;funny;bored;shame;"
        "lonely;cheat;quarrel;"
        "library;lost key;wallet;passport;computer virus;trust",
        "rich;win;practice;birthday;gift;promotion;poor;moved;prize;bargain;trust;wedding;exam",
        "broken;dirty;storm;flood;wet paint;stolen;injury;leak;spill;crash;hole;bird",
        "rain;storm;cold;flood;drought;garden;sun;snow;wind;leak;harvest",
        "dark;fire;old battery;power;candle;smoke",
        "flat tyre;no fuel;late;caught;broken;crash;bus;moved",
        "empty;hungry;fire;cook;shop;drought;bargain",
        "bee;dog;scared;injury;cat;bird;sun",
        "fail;practice;win;late;exam;bored;language;cheat;shame",
    )
)


@cache
def schemas(owner: str) -> tuple[str, ...]:
    """The owner's schemas: all in pretraining, three quarters in a task."""
    return share(tuple(SCHEMAS), owner)


@cache
def meetings(schema: str, owner: str) -> tuple[tuple[int, int], ...]:
    """Numbers of the causes and effects that may meet in one item of the owner.

    Pretraining uses every cause and every effect, but not the pairs of the tasks: a cause with an
    effect of a smaller number. The other pairs still connect all of a schema.
    """
    causes, effects = (len(side.split(";")) for side in SCHEMAS[schema])
    pairs = [(i, j) for i in range(causes) for j in range(effects)]
    return tuple((i, j) for i, j in pairs if (i > j) != (owner == PRETRAIN))


def label_of(facts: tuple[Fact, ...]) -> int:
    """The index of the plausible option."""
    premise, ask, *options = facts[0]
    return options.index((premise, ask))


def _apart(rng: Random, pool: tuple[str, ...]) -> tuple[str, str]:
    """Two schemas that cannot be confused."""
    p, q = pick_two(rng, pool)
    while any(p in group and q in group for group in _CLOSE):
        p, q = pick_two(rng, pool)
    return p, q


def engine(rng: Random, w: World, ask: str = "") -> tuple[Item, ...]:
    """Two items with the same options, in random order, and two premises.

    The question is for the cause or the effect, drawn at random if `ask` is empty.
    """
    p, q = _apart(rng, schemas(w.owner))
    who, thing = w.name(rng), w.thing(rng, w.portable)
    ask = ask or rng.choice((CAUSE, EFFECT))
    shown = EFFECT if ask == CAUSE else CAUSE
    numbers = {schema: rng.choice(meetings(schema, w.owner)) for schema in (p, q)}
    options = [(p, ask), (q, ask)]
    rng.shuffle(options)
    texts = [_text(s, side, numbers[s], who, thing) for s, side in options]
    tail = f" {when(rng)}" if shown == EFFECT and rng.random() < 0.5 else ""
    premises = [p, q]
    rng.shuffle(premises)
    items = []
    for schema in premises:
        premise = _text(schema, shown, numbers[schema], who, thing, tail)
        fact: Fact = (schema, ask, *options)
        fields = (("premise", premise), ("ask", ask), ("one", texts[0]), ("two", texts[1]))
        items.append(Item(fields, label_of((fact,)), (fact,)))
    return tuple(items)


def pairs(rng: Random, w: World) -> tuple[Item, ...]:
    """A plausible (1) and an implausible (0) pair of cause and effect; only for pretraining."""
    p, q = _apart(rng, schemas(w.owner))
    who, thing = w.name(rng), w.thing(rng, w.portable)
    ask = rng.choice((CAUSE, EFFECT))
    shown = EFFECT if ask == CAUSE else CAUSE
    numbers = {schema: rng.choice(meetings(schema, w.owner)) for schema in (p, q)}
    premise = _text(p, shown, numbers[p], who, thing)
    schemas_shown = [p, q]
    rng.shuffle(schemas_shown)
    items = []
    for schema in schemas_shown:
        option = _text(schema, ask, numbers[schema], who, thing)
        fields = (("premise", premise), ("ask", ask), ("one", option))
        items.append(Item(fields, int(schema == p), ((p, ask, (schema, ask)),)))
    return tuple(items)


def likes(rng: Random, w: World) -> tuple[Item, ...]:
    """Two items with the same options: the one that could replace the premise as a cause, or an
    effect, of the same events; only for pretraining.

    It connects causes without a common effect in pretraining's own pairs.
    """
    sides = {s: [side.split(";") for side in SCHEMAS[s]] for s in schemas(w.owner)}
    place = rng.randrange(2)
    p, q = _apart(rng, tuple(s for s in sides if len(sides[s][place]) > 1))
    who, thing = w.name(rng), w.thing(rng, w.portable)
    side = (CAUSE, EFFECT)[place]
    numbers = {s: rng.sample(range(len(sides[s][place])), 2) for s in (p, q)}
    options = [(p, side), (q, side)]
    rng.shuffle(options)

    def text(s: str, which: int) -> str:
        pair = (numbers[s][which], numbers[s][which])
        return _text(s, side, pair, who, thing)

    shown = [p, q]
    rng.shuffle(shown)
    items = []
    for s in shown:
        fact: Fact = (s, side, *options)
        one, two = (text(option, 1) for option, _ in options)
        fields = (("premise", text(s, 0)), ("ask", "likeness"), ("one", one), ("two", two))
        items.append(Item(fields, label_of((fact,)), (fact,)))
    return tuple(items)


def _text(
    schema: str, side: str, pair: tuple[int, int], who: str, thing: str, tail: str = ""
) -> str:
    """The sentence of that side of the schema, for the (cause, effect) numbers of a meeting."""
    place = 0 if side == CAUSE else 1
    text = SCHEMAS[schema][place].split(";")[pair[place]]
    return sentence(text.replace("{a}", who).replace("{x}", thing) + tail)

"""Acceptability engine: minimal pairs that differ in an agreement between distant words.

Every phenomenon crosses two choices (a far word and the word that must agree with it), so that
each word occurs as often in good as in bad sentences.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from pretraining.mini.item import Item
from pretraining.mini.words import pick_two, plural, sentence
from pretraining.mini.world import World, when

# (sentence, first choice, second choice): good exactly when the two choices are equal.
Case = tuple[str, int, int]
# Verbs that always take an object.
_TRANSITIVE = (
    "buy", "repair", "find", "throw away", "describe", "carry", "get", "need", "own", "mention",
    "examine", "want", "decorate",
)  # fmt: skip
_NEAR = ("near", "behind", "beside", "in front of", "next to", "opposite")


def _attractor(rng: Random, w: World) -> str:
    noun = rng.choice(w.sites)
    many = rng.random() < 0.5
    return f"{rng.choice(_NEAR)} the {plural(noun) if many else noun}"


def be_agreement(rng: Random, w: World, i: int, j: int) -> Case:
    """Number of subject and "is/are" or "was/were" across a phrase."""
    noun = w.thing(rng)
    verb = rng.choice((("is", "are"), ("was", "were")))[j]
    end = rng.choice(("very old", "painted white", "ready for sale", "covered with dust",
                      "easy to see", "known to everyone", "made of wood", "in bad shape",
                      "of little use", "almost forgotten"))  # fmt: skip
    return f"the {(noun, plural(noun))[i]} {_attractor(rng, w)} {verb} {end}", i, j


def verb_agreement(rng: Random, w: World, i: int, j: int) -> Case:
    """Number of subject and a full verb across a relative clause."""
    noun = rng.choice(w.jobs)
    verb = rng.choice((("lives", "live"), ("works", "work"), ("sleeps", "sleep"),
                       ("smiles", "smile"), ("sings", "sing"), ("waits", "wait")))[j]  # fmt: skip
    other = rng.choice(w.jobs)
    clause = f"that {w.name(rng)} and the {rng.choice((other, plural(other)))} know"
    return f"the {(noun, plural(noun))[i]} {clause} {verb} {w.place(rng)}", i, j


def reflexive(rng: Random, w: World, i: int, j: int) -> Case:
    """Gender of a name and its reflexive."""
    who = rng.choice((w.female, w.male)[i])
    other = rng.choice([name for name in w.female + w.male if name != who])
    self_word = ("herself", "himself")[j]
    act = rng.choice(("washed", "hurt", "praised", "blamed", "saw", "taught", "introduced"))
    means = rng.choice(("the friend of {}", "the brother of {}", "the neighbour of {}"))
    extra = rng.choice((f"who knew {other}", f"who lived near {other}",
                        f"after meeting {means.format(other)}"))  # fmt: skip
    return f"{who}, {extra}, {act} {self_word} {when(rng)}", i, j


def correlative(rng: Random, w: World, i: int, j: int) -> Case:
    """Correlative conjunctions: either … or, neither … nor, both … and."""
    pairs = (("either", "or"), ("neither", "nor"), ("both", "and"))
    p, q = pick_two(rng, pairs)
    x, y = w.two_things(rng)
    verb = rng.choice(w.object_verbs)[0].past
    first, second = (p, q)[i][0], (p, q)[j][1]
    return f"{w.person(rng)} {verb} {first} the {x} {w.place(rng)} {second} the {y}", i, j


def comparison(rng: Random, w: World, i: int, j: int) -> Case:
    """Comparisons: as … as, more … than."""
    quality = rng.choice(("careful", "patient", "generous", "skilful", "honest", "nervous",
                          "cheerful", "curious", "polite", "stubborn"))  # fmt: skip
    a, b = w.people(rng)
    job = rng.choice(w.jobs)
    kin = rng.choice(("uncle", "sister", "boss", "neighbour", "cousin"))
    first, second = ("as", "more")[i], ("as", "than")[j]
    about = rng.choice(("with the {}", "about the {}")).format(w.thing(rng))
    return f"{a} is {first} {quality} {about} {second} {b} or the {kin} of the {job}", i, j


def degree(rng: Random, w: World, i: int, j: int) -> Case:
    """Degree clauses: so … that, too … to."""
    quality = rng.choice(("tired", "weak", "busy", "angry", "sad", "ill", "slow"))
    who, noun = w.person(rng), w.thing(rng)
    first = ("so", "too")[i]
    end = (f"that nobody asked about the {noun}", f"to look for the {noun}")[j]
    return f"{who} was {first} {quality} {when(rng)} {end}", i, j


def tense(rng: Random, w: World, i: int, j: int) -> Case:
    """Time adverbial and verb tense."""
    adverb = rng.choice(
        (
            ("yesterday", "tomorrow"),
            ("last week", "next week"),
            ("a year ago", "a year from now"),
            ("last summer", "next summer"),
        )
    )
    verb = rng.choice(w.object_verbs)[0]
    act = (verb.past, f"will {verb.base}")[j]
    who = rng.choice((f"the friends of {w.name(rng)}", w.person(rng) + " and a neighbour",
                      f"the {rng.choice(w.jobs)} from {rng.choice(w.towns)}"))  # fmt: skip
    return f"{adverb[i]} {who} {act} the {w.thing(rng)}", i, j


def tag(rng: Random, w: World, i: int, j: int) -> Case:
    """Tag question: the auxiliary is repeated."""
    auxiliaries = (("has", "finished"), ("will", "finish"), ("did", "finish"),
                   ("can", "finish"), ("should", "finish"))  # fmt: skip
    negated = {"has": "hasn't", "will": "won't", "did": "didn't", "can": "can't",
               "should": "shouldn't"}  # fmt: skip
    one, two = pick_two(rng, [a for a in auxiliaries if a[0] != "did"])
    who = rng.choice(w.female + w.male)
    she = "she" if who in w.female else "he"
    aux, verb = (one, two)[i]
    text = f"{who} {aux} {verb} the work on the {w.thing(rng)} {w.place(rng)}"
    return f"{text}, {negated[(one, two)[j][0]]} {she}?", i, j


def gap(rng: Random, w: World, i: int, j: int) -> Case:
    """A question word needs a gap."""
    a, b = w.names(rng)
    verb = rng.choice([v[0] for v in w.object_verbs if v[0].base in _TRANSITIVE])
    said = rng.choice(("say", "think", "believe", "hope", "hear"))
    start = ("did", "what did")[i]
    end = (f" the {w.thing(rng)}", "")[j]
    return f"{start} {a} {said} that {b} {verb.past}{end} {w.place(rng)}?", i, j


def amount(rng: Random, w: World, i: int, j: int) -> Case:
    """Quantifiers: much of a mass, many of a number."""
    first = ("much", "many")[i]
    quality = rng.choice(("old", "wet", "clean", "black", "cheap", "new", "heavy", "soft"))
    mass = rng.choice(("sand", "flour", "rice", "wool", "paper", "milk", "coal", "snow", "soap",
                       "wood", "butter", "grass"))  # fmt: skip
    noun = (mass, plural(w.thing(rng)))[j]
    verb = rng.choice(("bought", "found", "carried", "got", "needed", "wanted", "threw away",
                       "ordered", "returned", "delivered"))  # fmt: skip
    return f"{w.person(rng)} {verb} {first} of the {quality} {noun} {w.place(rng)}", i, j


def relative(rng: Random, w: World, i: int, j: int) -> Case:
    """Relative pronouns: who for people, which for things."""
    head = (rng.choice(w.jobs), w.thing(rng))[i]
    word = ("who", "which")[j]
    end = rng.choice(("had been missing for days was found", "everyone in {} knew was famous",
                      "stood at the door was soaked", "everyone liked was gone",
                      "{} described was never seen again"))  # fmt: skip
    end = end.format(rng.choice(w.towns) if "everyone in" in end else w.name(rng))
    return f"the {head} from {rng.choice(w.towns)} {word} {end}", i, j


GRAMMAR: tuple[Callable[[Random, World, int, int], Case], ...] = (
    be_agreement, reflexive, correlative, tense, tag, amount,
)  # fmt: skip
ESSAY = (verb_agreement, correlative, comparison, degree, gap, amount)
ALL = (
    be_agreement, verb_agreement, reflexive, correlative, comparison, degree, tense, tag, gap,
    amount, relative,
)  # fmt: skip


def engine(
    rng: Random, w: World, makers: tuple[Callable[[Random, World, int, int], Case], ...] = ALL
) -> tuple[Item, ...]:
    """A minimal pair: label 1 acceptable, 0 not."""
    make = rng.choice(makers)
    i = rng.randrange(2)
    vary_first = rng.random() < 0.5
    state = rng.getstate()
    cases = []
    for other in (i, 1 - i):
        # The same draws for both members, so that only the crossed choice differs.
        rng.setstate(state)
        cases.append(make(rng, w, *((other, i) if vary_first else (i, other))))
    if rng.random() < 0.5:
        cases.reverse()
    items = []
    for text, one, two in cases:
        fields = (("sentence", sentence(text, "" if text.endswith("?") else ".")),)
        items.append(Item(fields, int(one == two), ((make.__name__, one, two),)))
    return tuple(items)

"""The slice of the lexicons for the sentences of one task, or of pretraining."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from pretraining.mini.lexicon import actions, people, things
from pretraining.mini.words import Verb, article, part, pick_two, plural, verb_pair

Kinds = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class World:
    """Names, things, places and verbs of one owner, with functions that draw from them."""

    owner: str
    female: tuple[str, ...]
    male: tuple[str, ...]
    jobs: tuple[str, ...]
    towns: tuple[str, ...]
    kinds: Kinds
    made: Kinds
    portable: Kinds
    rooms: tuple[str, ...]
    sites: tuple[str, ...]
    object_verbs: tuple[tuple[Verb, Verb], ...]
    person_verbs: tuple[tuple[Verb, Verb], ...]

    def name(self, rng: Random) -> str:
        """A first name."""
        return rng.choice(self.female if rng.random() < 0.5 else self.male)

    def names(self, rng: Random) -> tuple[str, str]:
        """Two different first names."""
        return pick_two(rng, self.female + self.male)

    def person(self, rng: Random) -> str:
        """A name or "the baker"."""
        return self.name(rng) if rng.random() < 0.6 else "the " + rng.choice(self.jobs)

    def people(self, rng: Random) -> tuple[str, str]:
        """Two different people."""
        if rng.random() < 0.3:
            job, other_job = pick_two(rng, self.jobs)
            return "the " + job, "the " + other_job
        name, other = self.names(rng)
        return (name, other) if rng.random() < 0.7 else (name, "the " + rng.choice(self.jobs))

    def deed(self, rng: Random) -> tuple[Verb, Verb, Kinds]:
        """A verb, its synonym, and the kinds of thing that fit as its object."""
        verb, synonym = rng.choice(self.object_verbs)
        return verb, synonym, self.kinds if verb.base in actions.FIT_ANYTHING else self.made

    def thing(self, rng: Random, kinds: Kinds = ()) -> str:
        """A concrete noun of one of the kinds, by default a made thing."""
        return rng.choice(rng.choice(kinds or self.made)[1])

    def two_kinds(self, rng: Random, kinds: Kinds = ()) -> tuple[tuple[str, str], tuple[str, str]]:
        """(noun, kind) twice, of two different kinds."""
        (kind, nouns), (other, other_nouns) = pick_two(rng, kinds or self.made)
        return (rng.choice(nouns), kind), (rng.choice(other_nouns), other)

    def two_things(self, rng: Random, kinds: Kinds = ()) -> tuple[str, str]:
        """Two different concrete nouns."""
        (noun, _), (other, _) = self.two_kinds(rng, kinds)
        return noun, other

    def place(self, rng: Random) -> str:
        """A room, a public place or a town with its preposition."""
        roll = rng.random()
        if roll < 0.45:
            room = rng.choice(self.rooms)
            return f"{'on' if room in ('balcony', 'porch') else 'in'} the {room}"
        if roll < 0.85:
            return "at the " + rng.choice(self.sites)
        return "in " + rng.choice(self.towns)

    def two_places(self, rng: Random) -> tuple[str, str]:
        """Two different places."""
        here, there = self.place(rng), self.place(rng)
        return (here, there) if here != there else self.two_places(rng)


def world(owner: str) -> World:
    """The owner's slice of every lexicon (deterministic)."""
    kinds = tuple((kind, part(nouns, owner)) for kind, nouns in things.KINDS.items())
    return World(
        owner=owner,
        female=part(people.FEMALE, owner),
        male=part(people.MALE, owner),
        jobs=part(people.JOBS, owner),
        towns=part(people.TOWNS, owner),
        kinds=kinds,
        made=tuple(pair for pair in kinds if pair[0] not in things.GROWN),
        portable=tuple(pair for pair in kinds if pair[0] not in things.GROWN + things.BULKY),
        rooms=part(things.ROOMS, owner),
        sites=part(things.SITES, owner),
        object_verbs=tuple(verb_pair(line) for line in actions.OBJECT_VERBS),
        person_verbs=tuple(verb_pair(line) for line in actions.PERSON_VERBS),
    )


def when(rng: Random) -> str:
    """A time adverbial."""
    roll = rng.random()
    if roll < 0.35:
        return "on " + rng.choice(things.DAYS)
    if roll < 0.6:
        return "in " + rng.choice(things.MONTHS)
    return rng.choice(
        ("last week", "this morning", "yesterday", "last night", "two days ago", "last summer",
         "after lunch", "before dinner", "a month ago", "last year", "at noon", "last weekend")
    )  # fmt: skip


def described(rng: Random, noun: str) -> str:
    """The noun, at times behind a colour or a size."""
    roll = rng.random()
    if roll < 0.35:
        return noun
    return f"{rng.choice(things.COLOURS if roll < 0.7 else things.SIZES)} {noun}"


_SIDE = (
    "It rained all day {day}.", "{who} arrived with {a_noun} under one arm.",
    "Nobody asked {who} about the {noun}.",
    "{who} and the {job} had known each other for {number} years.",
    "The weather in {town} was mild for the season.", "{who} was waiting {place}.",
    "There was also {a_thing} near the door.", "About {number} people were there.",
    "Later {who} went home by train.", "Meanwhile the {job} was busy with other work.",
    "{who} has {kin} in {town}.", "A letter from {town} had come {when}.",
    "The {job} talked about {nouns} for an hour.", "{who} took no part in this.",
    "The news reached {town} {when}.", "{who} wrote everything down in a notebook.",
    "By then {who} had already left for {town}.", "Somebody had left {a_noun} by the window.",
    "{who} and {other} were talking quietly.", "The road to {town} was closed {day}.",
    "Nobody from {town} had been invited.", "{who} kept looking at the clock.",
    "The {job} had brought sandwiches for everyone.", "{other} thought of {who} all the time.",
    "An old {noun} stood in the corner.", "{who} hoped to see {town} one day.",
    "It was already dark outside.", "Everyone was a little tired.",
)  # fmt: skip


def _free(rng: Random, pool: tuple[str, ...], taken: str) -> str:
    """A member of the pool that the text does not contain."""
    word = rng.choice(pool)
    while word.lower() in taken:
        word = rng.choice(pool)
    return word


def side_sentences(rng: Random, w: World, count: int, about: str = "") -> list[str]:
    """Different neutral sentences that share no name and no thing with the text `about`."""
    taken = about.lower()
    made = tuple(noun for _, nouns in w.made for noun in nouns)
    done = []
    for pattern in rng.sample(_SIDE, count):
        noun = _free(rng, made, taken)
        text = pattern.format(
            who=_free(rng, w.female, taken), other=_free(rng, w.male, taken), noun=noun,
            nouns=plural(noun), a_noun=article(noun), a_thing=article(described(rng, noun)),
            job=_free(rng, w.jobs, taken), town=_free(rng, w.towns, taken),
            number=rng.choice(things.NUMBERS), place=w.place(rng), when=when(rng),
            day=rng.choice(("yesterday", "last Sunday", "on " + rng.choice(things.DAYS))),
            kin=rng.choice(("a sister", "a brother", "an aunt", "two cousins")),
        )  # fmt: skip
        done.append(text)
    return done

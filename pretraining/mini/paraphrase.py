"""Paraphrase engine: two sentences or two questions that do or do not mean the same.

Facts are the meanings of the two texts; the label is 1 exactly when they are equal.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from pretraining.mini.item import Fact, Item
from pretraining.mini.lexicon import actions, things
from pretraining.mini.words import Verb, article, pick_two, plural, sentence
from pretraining.mini.world import World, described, side_sentences, when

# A meaning and its two wordings.
Meaning = tuple[Fact, str, str]
Pair = tuple[Meaning, Meaning]


def _reword(rng: Random, a: str, verb: Verb, synonym: Verb, b: str, tail: str) -> str:
    options = [
        f"{tail} {a} {synonym.past} {b}",
        f"it was {a} who {verb.past} {b} {tail}",
        f"{a} {synonym.past} {b} {tail}",
        f"the one who {synonym.past} {b} {tail} was {a}",
    ]
    if verb.participle != "-":
        options += [f"{b} was {verb.participle} by {a} {tail}"] * 2
        options.append(f"{tail} {b} was {verb.participle} by {a}")
    return rng.choice(options)


def deeds(rng: Random, w: World) -> Pair:
    """Doer, thing and time of a deed; one of them differs in the second meaning."""
    who, other = w.people(rng)
    verb, synonym, pool = w.deed(rng)
    x, y = w.two_things(rng, pool)
    x, y = "the " + described(rng, x), "the " + described(rng, y)
    tail, later = when(rng), when(rng)
    place = rng.choice(("", "", " " + w.place(rng)))
    meaning = (who, x, tail)
    changed = {"who": (other, x, tail), "what": (who, y, tail), "when": (who, x, later)}[
        rng.choice(("who", "what", "what") if later == tail else ("who", "what", "when"))
    ]

    def say(a: str, b: str, t: str) -> Meaning:
        second = _reword(rng, a, verb, synonym, b, t + place)
        return ((a, verb.base, b, t), f"{a} {verb.past} {b} {t}{place}", second)

    return say(*meaning), say(*changed)


def acts(rng: Random, w: World) -> Pair:
    """Two deeds to one thing."""
    who = w.person(rng)
    (v, v_too), (u, u_too) = pick_two(rng, w.object_verbs)
    while any(v.base in group and u.base in group for group in actions.CLOSE_VERBS):
        (v, v_too), (u, u_too) = pick_two(rng, w.object_verbs)
    noun, tail = "the " + described(rng, w.thing(rng)), when(rng)

    def say(verb: Verb, synonym: Verb) -> Meaning:
        second = _reword(rng, who, verb, synonym, noun, tail)
        return ((who, verb.base, noun, tail), f"{who} {verb.past} {noun} {tail}", second)

    return say(v, v_too), say(u, u_too)


def denials(rng: Random, w: World) -> Pair:
    """A deed or its denial."""
    who = w.person(rng)
    verb, synonym, pool = w.deed(rng)
    noun, tail = "the " + described(rng, w.thing(rng, pool)), when(rng)

    def say(true: bool) -> Meaning:
        if true:
            one, two = f"{who} {verb.past} {noun} {tail}", f"{tail} {who} {synonym.past} {noun}"
        else:
            one = f"{who} did not {verb.base} {noun} {tail}"
            never = (
                f"{who} never {synonym.past} {noun} {tail}",
                f"it is false that {who} {synonym.past} {noun} {tail}",
            )
            two = rng.choice(never)
        return ((who, verb.base, noun, tail, true), one, two)

    return say(True), say(False)


def amounts(rng: Random, w: World) -> Pair:
    """Two numbers of things."""
    who, tail = w.person(rng), when(rng)
    x = plural(w.thing(rng, w.kinds))
    m, n = pick_two(rng, things.NUMBERS)
    (had, too) = rng.choice(
        (
            ("bought", "purchased"),
            ("counted", "had a count of"),
            ("owned", "was the owner of"),
            ("found", "discovered"),
        )
    )

    def say(number: str) -> Meaning:
        second = rng.choice(
            (
                f"{tail} {who} {too} {number} {x}",
                f"the number of {x} that {who} {had} {tail} was {number}",
                f"it was {number} {x} that {who} {too} {tail}",
            )
        )
        return ((who, had, x, tail, number), f"{who} {had} {number} {x} {tail}", second)

    return say(m), say(n)


def whereabouts(rng: Random, w: World) -> Pair:
    """A meeting; place or company differs."""
    who, other = w.people(rng)
    third = w.person(rng)
    while third in (who, other):
        third = w.person(rng)
    here, there = w.two_places(rng)
    tail = when(rng)

    def say(place: str, friend: str) -> Meaning:
        second = rng.choice(
            (
                f"{tail} {who} and {friend} were together {place}",
                f"{place} {who} ran into {friend} {tail}",
                f"{who} came across {friend} {tail} {place}",
            )
        )
        return ((who, friend, place, tail), f"{who} met {friend} {place} {tail}", second)

    return say(here, other), (say(there, other) if rng.random() < 0.5 else say(here, third))


def people(rng: Random, w: World) -> Pair:
    """Subject and object of a deed."""
    a, b = w.people(rng)
    verb, synonym = rng.choice(w.person_verbs)
    tail = when(rng)

    def say(x: str, y: str) -> Meaning:
        first = f"{x} {verb.past} {y} {tail}"
        return ((x, verb.base, y, tail), first, _reword(rng, x, verb, synonym, y, tail))

    return say(a, b), say(b, a)


def objects(rng: Random, w: World) -> Pair:
    """Two people's deeds to two things."""
    a, b = w.people(rng)
    verb, synonym, pool = w.deed(rng)
    x, y = w.two_things(rng, pool)
    x, y = article(described(rng, x)), article(described(rng, y))

    def say(m: str, n: str) -> Meaning:
        second = rng.choice(
            (
                f"{b} {synonym.past} {n} and {a} {synonym.past} {m}",
                f"while {b} {verb.past} {n}, {a} {synonym.past} {m}",
                f"{m} was what {a} {verb.past}, and {n} was what {b} {verb.past}",
            )
        )
        return ((a, m, b, n, verb.base), f"{a} {verb.past} {m} and {b} {verb.past} {n}", second)

    return say(x, y), say(y, x)


def travel(rng: Random, w: World) -> Pair:
    """Start and end of a journey."""
    start, end = pick_two(rng, w.towns)
    who, tail = w.person(rng), when(rng)
    how = rng.choice(("by train", "by car", "on foot", "by bus", "with two friends"))

    def say(x: str, y: str) -> Meaning:
        second = rng.choice(
            (
                f"{who} left {x} {tail} and reached {y} {how}",
                f"{tail} {who} made the journey to {y} from {x} {how}",
                f"the trip that {who} made {tail} {how} began in {x} and ended in {y}",
            )
        )
        return ((who, x, y, tail, how), f"{who} travelled {how} from {x} to {y} {tail}", second)

    return say(start, end), say(end, start)


def order(rng: Random, w: World) -> Pair:
    """The order of two deeds."""
    who = w.person(rng)
    x, y = w.two_things(rng)
    v, u = pick_two(rng, w.object_verbs)

    def say(p: str, q: str) -> Meaning:
        second = rng.choice(
            (
                f"after {who} {p}, {who} {q}",
                f"{who} {q} after {p_ing(p)}",
                f"{who} first {p} and then {q}",
            )
        )
        return ((who, p, q), f"{who} {p} before {p_ing(q)}", second)

    def p_ing(clause: str) -> str:
        return f"{who} {clause}"

    p, q = f"{v[0].past} the {x}", f"{u[0].past} the {y}"
    return say(p, q), say(q, p)


# Questions about {a} and {b} in two wordings.
_THING = (
    ("how do I carry {a} on {b}?", "what is the best way to carry {a} on {b}?"),
    ("is {a} bigger than {b}?", "does {a} have a larger size than {b}?"),
    ("can I exchange {a} for {b}?", "is it possible to swap {a} for {b}?"),
    ("why does {a} cost more than {b}?", "for what reason is {a} pricier than {b}?"),
    ("where can I put {a} if I have {b}?",
     "what is a good spot for {a} when you own {b}?"),
    ("should I buy {a} before {b}?", "is it wise to get {a} earlier than {b}?"),
    ("does {a} last longer than {b}?", "is the life of {a} longer than that of {b}?"),
    ("how do I protect {a} from {b}?", "what keeps {a} safe from {b}?"),
    ("can {a} stand on {b}?", "is {b} strong enough to hold {a}?"),
    ("why would anyone trade {a} for {b}?",
     "for what reason would people give {a} away to get {b}?"),
    ("what does {a} have that {b} lacks?", "which feature of {a} is missing in {b}?"),
    ("is {a} a better gift than {b}?", "would {b} be a worse present than {a}?"),
    ("how long after {a} was {b} invented?",
     "when {b} was invented, how long had {a} been around?"),
)  # fmt: skip
_TOWN = (
    ("how far is it from {a} to the west of {b}?",
     "what is the distance between {a} and the west of {b}?"),
    ("is {a} older than {b}?", "was {a} founded earlier than {b}?"),
    ("how do I get from {a} to {b}?", "which way leads to {b} when I am in {a}?"),
    ("why did people move from {a} to {b}?",
     "what made people leave {a} and settle in {b}?"),
    ("does it rain more in {a} than in {b}?", "is {b} drier than {a}?"),
    ("how many people from {a} work in {b}?",
     "what number of workers in {b} come from {a}?"),
    ("when does the train from {a} to {b} leave?",
     "at what time can I catch the {b} train in {a}?"),
)  # fmt: skip
_PERSON = (
    ("why did {a} write to {b}?", "what was the reason for the letter {a} sent {b}?"),
    ("when did {a} first meet the mother of {b}?",
     "at what time did the mother of {b} first meet {a}?"),
    ("how much does {a} owe {b}?", "what sum must {a} pay back to {b}?"),
    ("did {a} win the game against {b}?", "was {b} beaten by {a} in the game?"),
    ("is {a} the boss of {b}?", "does {b} work under {a}?"),
    ("what did {a} buy from {b}?", "which thing did {b} sell to {a}?"),
    ("where did {a} wait for {b}?", "in what place was {b} expected by {a}?"),
    ("is {a} taller than {b}?", "is {b} shorter than {a}?"),
    ("who told {a} the secret of {b}?", "from whom did {a} learn what {b} hid?"),
)  # fmt: skip


def _subjects(rng: Random, w: World) -> tuple[list[str], list[tuple[str, str]]]:
    """Three things, towns or people, and the questions that fit two of them."""
    roll = rng.random()
    if roll < 0.5:
        x, y = w.two_things(rng)
        z = w.thing(rng)
        while z in (x, y):
            z = w.thing(rng)
        return [article(noun) for noun in (x, y, z)], list(_THING)
    if roll < 0.75:
        return rng.sample(w.towns, 3), list(_TOWN)
    return rng.sample(w.female + w.male, 3), list(_PERSON)


def _framed(rng: Random, w: World, first: Meaning, second: Meaning) -> Pair:
    """The meanings with a common lead or tail around their first wordings."""
    owner = w.name(rng)
    lead = rng.choice(("", "", f"{owner} asks: ", f"here is a question from {owner}: "))
    tail = rng.choice(("", "", f" I have been thinking about it since {rng.choice(things.DAYS)}."))
    tail = "" if lead else tail

    def frame(meaning: Meaning) -> Meaning:
        fact, wording, other_wording = meaning
        return fact, lead + wording + tail, other_wording

    return frame(first), frame(second)


def _question(ask: tuple[str, str], a: str, b: str) -> Meaning:
    first, second = (text.format(a=a, b=b) for text in ask)
    return (a, b, ask[0]), first, second


def other_questions(rng: Random, w: World) -> Pair:
    """The same question with another thing, town or person in one of the roles."""
    (x, y, z), asks = _subjects(rng, w)
    ask = rng.choice(asks)
    changed = (z, y) if rng.random() < 0.5 else (x, z)
    return _framed(rng, w, _question(ask, x, y), _question(ask, *changed))


def other_points(rng: Random, w: World) -> Pair:
    """Another question about the same two."""
    (x, y, _), asks = _subjects(rng, w)
    ask, other = pick_two(rng, asks)
    return _framed(rng, w, _question(ask, x, y), _question(other, x, y))


def swapped_questions(rng: Random, w: World) -> Pair:
    """The same question with the roles exchanged."""
    (x, y, _), asks = _subjects(rng, w)
    ask = rng.choice(asks)
    return _framed(rng, w, _question(ask, x, y), _question(ask, y, x))


Maker = Callable[[Random, World], Pair]
# The same words in other roles: the hardest, and the fewest.
SWAPS: tuple[Maker, ...] = (people, objects, travel, order)
DETAILS: tuple[Maker, ...] = (deeds, acts, denials, amounts, whereabouts)
QUESTIONS: tuple[Maker, ...] = (other_questions, other_points, swapped_questions)


def _finish(text: str) -> str:
    return sentence(text, "" if text.endswith(("?", ".")) else ".")


def _group(rng: Random, pair: Pair, extra: str) -> tuple[Item, ...]:
    i = rng.randrange(2)
    mine, other = pair[i], pair[1 - i]
    pairs = [(mine, mine), (mine, other) if rng.random() < 0.5 else (other, mine)]
    rng.shuffle(pairs)
    flip = rng.random() < 0.5
    items = []
    for left, right in pairs:
        texts = [_finish(left[1]) + extra, _finish(right[2]) + extra]
        if flip:
            texts.reverse()
        fields = (("first", texts[0]), ("second", texts[1]))
        items.append(Item(fields, int(left[0] == right[0]), (left[0], right[0])))
    return tuple(items)


def statements(rng: Random, w: World, swaps: float = 0.2) -> tuple[Item, ...]:
    """Two statements: 1 same meaning, 0 not. A share `swaps` differs in who has which role only."""
    pair = rng.choice(SWAPS if rng.random() < swaps else DETAILS)(rng, w)
    about = " ".join(text for meaning in pair for text in meaning[1:])
    extra = "".join(" " + text for text in side_sentences(rng, w, rng.choice((0, 0, 0, 1)), about))
    return _group(rng, pair, extra)


def questions(rng: Random, w: World) -> tuple[Item, ...]:
    """Two questions: 1 same meaning, 0 not."""
    make = rng.choices(QUESTIONS, (0.5, 0.35, 0.15))[0]
    return _group(rng, make(rng, w), "")

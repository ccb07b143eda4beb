"""Topic engine: the topic of the main clause; another topic may appear in a subordinate one."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from pretraining.mini.item import Item
from pretraining.mini.lexicon.topics import TOPICS
from pretraining.mini.words import pick_two, sentence
from pretraining.mini.world import World, when


def phrases(topic: str) -> tuple[list[str], list[str], list[str]]:
    """Agents, acts (with {o} for an object) and objects of texts on that topic."""
    agents, acts, objects = TOPICS[topic]
    return agents.split(";"), acts.split(";"), objects.split(";")


def clause(rng: Random, topic: str) -> str:
    """A clause on that topic."""
    agents, acts, objects = phrases(topic)
    return f"{rng.choice(agents)} {rng.choice(acts).format(o=rng.choice(objects))}"


def statement(rng: Random, topic: str, others: tuple[str, ...], w: World) -> str:
    """One or two sentences on that topic, at times with a subordinate clause on another."""
    main, side = clause(rng, topic), clause(rng, rng.choice(others))
    who, place = w.name(rng), "in " + rng.choice(w.towns)
    roll = rng.random()
    if roll < 0.4:
        text = sentence(f"{main} {rng.choice((when(rng), place))}")
    elif roll < 0.7:
        text = sentence(
            rng.choice(
                (
                    f"{when(rng)}, on the day when {side}, {main}",
                    f"{main} at the very moment when {side}",
                    f"not long after {side}, {main}",
                    f"{who} said that {main} while {side}",
                )
            )
        )
    else:
        text = sentence(f"{main} {place}") + " " + sentence(clause(rng, topic))
    if rng.random() < 0.4:
        text += " " + rng.choice(
            (
                f"{who} wrote about it {when(rng)}.",
                f"{who} from {rng.choice(w.towns)} was there.",
                f"It happened {place}.",
                f"People in {rng.choice(w.towns)} talked about it for days.",
            )
        )
    return text


def question(rng: Random, topic: str, others: tuple[str, ...], w: World) -> str:
    """A question on that topic."""
    agents, _, objects = phrases(topic)
    who, other = w.names(rng)
    agent, (thing, also) = rng.choice(agents), pick_two(rng, objects)
    side = rng.choice(phrases(rng.choice(others))[0])
    return rng.choice(
        (
            f"Why did {who} link {agent} with {thing} {when(rng)}?",
            f"Who told {other} about {agent} and {thing}?",
            f"What did {who} learn about {thing} {w.place(rng)}?",
            f"Was {who} right about {agent} and {thing}?",
            f"When did {who} last read about {thing}?",
            f"After a story about {side}, did {who} ask about {thing} and {also}?",
            f"How much did {who} know about {agent} and {thing}?",
            f"Which town has the best story about {thing}, {w.towns[0]} or "
            f"{rng.choice(w.towns[1:])}?",
            f"Is {thing} a greater worry for {agent} than {also}?",
            f"How would {who} explain {thing} to {other}?",
        )
    )


def engine(
    rng: Random,
    w: World,
    topics: tuple[str, ...],
    make: Callable[[Random, str, tuple[str, ...], World], str],
) -> tuple[Item, ...]:
    """One item a topic, in random order; the label is the index of the topic in `topics`."""
    labels = list(range(len(topics)))
    rng.shuffle(labels)
    return tuple(
        Item((("text", make(rng, topics[i], topics[:i] + topics[i + 1 :], w)),), i) for i in labels
    )

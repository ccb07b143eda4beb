"""Generated tables as a newcomer has them: support tickets of four queues, reviews good and bad.

Texts are drawn from phrases, so that no text of the world is needed; equal seeds draw equal tables.
"""

from __future__ import annotations

import csv
import random
from pathlib import Path

OPENINGS = ("", "Hello, ", "Hi team, ", "Good morning. ", "Please help: ", "Second message today. ")
CLOSINGS = (
    "",
    " Thanks.",
    " Please answer soon.",
    " This is urgent.",
    " Any news?",
    " Regards, {who}.",
)
NAMES = ("Ana", "Bo", "Chen", "Dora", "Emil", "Fatima", "Goran", "Hana", "Ivo", "June")
THINGS = ("jacket", "lamp", "printer", "blender", "tent", "keyboard", "chair", "kettle", "phone")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")

QUEUES = {
    "billing": (
        "the invoice for the {thing} shows the wrong amount",
        "I was charged twice for my {thing} on {day}",
        "my card was declined although there is money on it",
        "the refund for the {thing} has not reached my bank account",
        "why is there a fee of {n} euros on my bill",
        "please send me a receipt for the payment of {day}",
    ),
    "shipping": (
        "the parcel with my {thing} has not arrived since {day}",
        "the courier left the package with the {thing} at the wrong address",
        "tracking says that the {thing} was delivered, but it is not here",
        "can you send the {thing} to another address",
        "the delivery of {n} boxes is late",
        "the box was open and the {thing} was missing when it came by post",
    ),
    "account": (
        "I cannot log in since {day}",
        "my password reset email never comes",
        "please change the email address of my profile",
        "my account was locked after {n} wrong passwords",
        "how do I delete my account and my data",
        "somebody else seems to have signed in with my user name",
    ),
    "repair": (
        "the {thing} stopped working after {n} days",
        "the {thing} makes a strange noise and gets hot",
        "the screen of the {thing} is broken",
        "the {thing} does not switch on any more",
        "a screw fell out of the {thing}, can it be mended",
        "since {day} the button of the {thing} is stuck",
    ),
}  # fmt: skip

ASPECTS = ("food", "room", "service", "staff", "price", "view", "story", "acting", "music", "sound")
GOOD = (
    "wonderful",
    "great",
    "lovely",
    "excellent",
    "a pleasure",
    "better than we hoped",
    "perfect",
)
BAD = ("awful", "terrible", "poor", "a disappointment", "worse than we feared", "dull", "a mess")
FRAMES = (
    "the {aspect} was {word}",
    "we found the {aspect} {word}",
    "{word}, above all the {aspect}",
    "after {n} visits I still say that the {aspect} is {word}",
    "the {aspect}? {word}. and the {other} is {word2}",
)


def tickets(count: int, seed: int = 0) -> list[dict[str, str]]:
    """Rows with the columns id, body and queue."""
    draw = random.Random(f"tickets {seed}")
    rows = []
    for number in range(count):
        queue = draw.choice(list(QUEUES))
        text = draw.choice(OPENINGS) + draw.choice(QUEUES[queue]) + "." + draw.choice(CLOSINGS)
        body = text.format(
            thing=draw.choice(THINGS),
            day=draw.choice(DAYS),
            n=draw.randint(2, 90),
            who=draw.choice(NAMES),
        )
        rows.append({"id": f"T{number}", "body": body[0].upper() + body[1:], "queue": queue})
    return rows


def reviews(count: int, seed: int = 0) -> list[dict[str, str]]:
    """Rows with the columns text and verdict: good or bad."""
    draw = random.Random(f"reviews {seed}")
    rows = []
    for _ in range(count):
        verdict = draw.choice(("good", "bad"))
        words = draw.sample(GOOD if verdict == "good" else BAD, 2)
        aspect, other = draw.sample(ASPECTS, 2)
        text = draw.choice(FRAMES).format(
            aspect=aspect, other=other, word=words[0], word2=words[1], n=draw.randint(2, 9)
        )
        rows.append({"text": f"{text[0].upper()}{text[1:]}.", "verdict": verdict})
    return rows


def write_csv(path: Path, rows: list[dict[str, str]]) -> Path:
    """The rows as a CSV file with a header; returns its path."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path

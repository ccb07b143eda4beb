"""The facts that a prompt's file states beside its arrays: task, wording, label words, model, recipe.

They let another person use the file without the task's own files, and let a program notice that it
is used on another model or in other words.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from bank.entry import Backbone, Entry
from bank.errors import BankError
from bank.files import canonical_json
from bank.reading import parse_json

log = logging.getLogger("bank")

FORMAT = 1
LIMIT = 1 << 20  # characters of JSON: label words and a template, with room for a long text prompt


@dataclass(frozen=True)
class Facts:
    """What is known of a prompt; an empty value is not known.

    task: its name, `members` those of a mixture; file: the TOML file that describes it, if any.
    inputs: the text of one row with {column}s, in braces doubled where they are meant; `clean` names
    the cleanups of columns, `front` stands in front of every text. columns: those that the text reads.
    labels: the label words in class order; label: the column with the answer, whose `values` stand
    for label words. scoring: "rank" or "generate". recipe: as an entry records it, with the wording.
    step: training steps of this prompt. scores: as an entry has them. code: the version that wrote it.
    """

    task: str = ""
    members: tuple[str, ...] = ()
    file: str = ""
    inputs: str = ""
    columns: tuple[str, ...] = ()
    clean: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    front: str = ""
    labels: tuple[str, ...] = ()
    label: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    scoring: str = ""
    metrics: tuple[str, ...] = ()
    model: Backbone | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    step: int | None = None
    scores: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    code: str = ""

    @classmethod
    def of_entry(cls, entry: Entry, what: str = "value") -> Facts:
        """What a bank's entry knows of its "value", "key" or "init"; scores are the value's."""
        steps = {"value": entry.value_step, "key": entry.key_step, "init": 0}
        return cls(
            task=entry.task,
            members=entry.members,
            model=entry.backbone,
            recipe=entry.recipe,
            seed=entry.seed,
            step=steps[what],
            scores=entry.scores if what == "value" else {},
            code=entry.code,
        )

    def to_json(self) -> str:
        """The facts that are known, as canonical JSON. Raises BankError for what JSON cannot hold."""
        known = {
            own.name: value for own in fields(self) if _known(value := getattr(self, own.name))
        }
        if self.model is not None:
            known["model"] = {"name": self.model.name, "fingerprint": self.model.fingerprint}
        return canonical_json({"format": FORMAT, **known})


def read_facts(text: str, place: str) -> Facts:
    """The facts in JSON that `Facts.to_json` wrote; names that are not known here are logged.

    place: what the text stands in, for errors. Raises BankError: longer than LIMIT, no JSON object,
    another format, a fact of another type.
    """
    hint = "train it again, or write the prompt anew without its facts"
    if len(text) > LIMIT:
        raise BankError(
            f"{place}: expected facts of at most {LIMIT:,} characters, found {len(text):,}", hint
        )
    try:
        content = parse_json(text)
    except ValueError as error:
        raise BankError(f"{place}: its facts are not JSON ({error})", hint) from error
    if not isinstance(content, dict):
        raise BankError(
            f"{place}: expected its facts as a JSON object, found {_shown(content)}", hint
        )
    version = content.pop("format", None)
    if version != FORMAT:
        raise BankError(
            f"{place}: expected facts of format {FORMAT}, found {_shown(version)}",
            "update this program",
        )
    unknown = sorted(set(content) - set(READERS))
    if unknown:
        log.warning(
            "%s: facts that are not known here are passed over: %s", place, ", ".join(unknown)
        )
    values = {}
    for name in (name for name in READERS if name in content):
        expected, read = READERS[name]
        try:
            values[name] = read(content[name])
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise BankError(
                f'{place}: expected the fact "{name}" as {expected}, found {_shown(content[name])}',
                hint,
            ) from error
    return Facts(**values)


def _known(value: Any) -> bool:
    return value is not None and (isinstance(value, int) or bool(value))


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:59] + "…"


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple(map(_text, value))


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise TypeError
    return value


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _scores(value: Any) -> dict[str, dict[str, Any]]:
    scores = {split: _object(score) for split, score in _object(value).items()}
    for score in scores.values():
        for name in ("value", "n"):
            number = score.get(name)
            if number is not None and not (type(number) in (int, float) and math.isfinite(number)):
                raise TypeError
    return scores


def _backbone(value: Any) -> Backbone:
    return Backbone(_text(value["name"]), _text(value["fingerprint"]))


TEXT = ("a text", _text)
TEXTS = ("a list of texts", _texts)
COUNT = ("a whole number from 0", _count)

READERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "task": TEXT,
    "members": TEXTS,
    "file": TEXT,
    "inputs": TEXT,
    "columns": TEXTS,
    "clean": (
        "lists of texts by column",
        lambda value: {name: _texts(listed) for name, listed in _object(value).items()},
    ),
    "front": TEXT,
    "labels": TEXTS,
    "label": TEXT,
    "values": (
        "label words by value",
        lambda value: {name: _text(word) for name, word in _object(value).items()},
    ),
    "scoring": TEXT,
    "metrics": TEXTS,
    "model": ('a model\'s "name" and "fingerprint"', _backbone),
    "recipe": ("an object", _object),
    "seed": COUNT,
    "step": COUNT,
    "scores": ("numbers by split", _scores),
    "code": TEXT,
}
"""Of every fact, what it is in words, and the function from JSON to it."""

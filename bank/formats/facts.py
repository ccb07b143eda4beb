"""The facts that a prompt's file states beside its arrays: task, wording, label words, model, recipe.

They let another person use the file without the task's own files, and let a program notice that it
is used on another model or in other words.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from bank.entry import Backbone, Entry
from bank.errors import BankError
from bank.files import canonical_json
from bank.reading import parse_json
from bank.task_facts import (
    LIMIT,
    TASK_FACTS,
    TEXT,
    TEXTS,
    Reader,
    UnlikeFact,
    as_object,
    as_text,
    read_each,
)

log = logging.getLogger("bank")

FORMAT = 1


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
            **entry.task_facts,
        )

    def of_task(self) -> dict[str, Any]:
        """The facts of the task that are known, as an entry has them: without its name."""
        return {name: value for name in TASK_FACTS if _known(value := getattr(self, name))}

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
    try:
        return Facts(**read_each(content, READERS))
    except UnlikeFact as error:
        raise BankError(
            f'{place}: expected the fact "{error.name}" as {error.expected}, found '
            f"{_shown(error.found)}",
            hint,
        ) from error


def _known(value: Any) -> bool:
    return value is not None and (isinstance(value, int) or bool(value))


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:59] + "…"


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise TypeError
    return value


def _scores(value: Any) -> dict[str, dict[str, Any]]:
    scores = {split: as_object(score) for split, score in as_object(value).items()}
    for score in scores.values():
        for name in ("value", "n"):
            number = score.get(name)
            if number is not None and not (type(number) in (int, float) and math.isfinite(number)):
                raise TypeError
    return scores


def _backbone(value: Any) -> Backbone:
    return Backbone(as_text(value["name"]), as_text(value["fingerprint"]))


COUNT: Reader = ("a whole number from 0", _count)

READERS: dict[str, Reader] = {
    "task": TEXT,
    "members": TEXTS,
    **TASK_FACTS,
    "model": ('a model\'s "name" and "fingerprint"', _backbone),
    "recipe": ("an object", as_object),
    "seed": COUNT,
    "step": COUNT,
    "scores": ("numbers by split", _scores),
    "code": TEXT,
}
"""Of every fact, what it is in words, and the function from JSON to it."""

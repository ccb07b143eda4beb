"""What was run and with what: the provenance and the config of a folder, as far as they are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spot.analysis.finding import Cell, Table
from spot.report.pages.reading import read
from spot.training.provenance import FILE

CONFIG = "config.json"
DIGITS = 12  # of a fingerprint


@dataclass(frozen=True)
class ModelFacts:
    """A model as a provenance has it."""

    name: str
    fingerprint: str
    precision: str


@dataclass(frozen=True)
class BankFacts:
    """A bank as a provenance has it."""

    name: str
    entries: int


@dataclass(frozen=True)
class Provenance:
    """What a result was made with, as `spot.training.provenance` writes it."""

    models: tuple[ModelFacts, ...] = ()
    bank: BankFacts | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    recipe: dict[str, Any] | None = None
    releases: dict[str, str] = field(default_factory=dict)


def facts_of(folder: Path, command: str) -> tuple[Table, ...]:
    """The tables of a folder's provenance and config. command: that writes them, for errors.

    Raises SpotError for a file that is neither.
    """
    tables: list[Table] = []
    if (folder / FILE).is_file():
        tables += _of_provenance(read(folder / FILE, Provenance, command))
    if (folder / CONFIG).is_file():
        config = read(folder / CONFIG, dict[str, Any], command)
        tables.append(facts_table("The whole config", flat(config)))
    return tuple(tables)


def _of_provenance(facts: Provenance) -> Iterator[Table]:
    rows: list[tuple[str, Any]] = []
    for model in facts.models:
        rows.append(("model", model.name))
        rows.append(("its fingerprint", model.fingerprint[:DIGITS]))
        rows.append(("its precision", model.precision))
    if facts.bank is not None:
        rows.append(("bank", f"{facts.bank.name}, {facts.bank.entries} entries"))
    yield facts_table("Model and settings", [*rows, *flat(facts.settings)])
    if facts.recipe is not None:
        yield facts_table("Recipe", flat(facts.recipe))
    yield facts_table("Releases", list(facts.releases.items()))


def flat(values: Mapping[str, Any], front: str = "") -> list[tuple[str, Any]]:
    """The members of nested objects by dotted names.

    >>> flat({"train": {"steps": 5}})
    [('train.steps', 5)]
    """
    pairs: list[tuple[str, Any]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            pairs += flat(value, f"{front}{name}.")
        else:
            pairs.append((front + name, value))
    return pairs


def plain(value: object) -> str:
    """A setting as text; of a path from the root its last name alone, for a page is shown to others.

    >>> plain([0, 1]), plain(None), plain("/home/me/model"), plain("google/t5-base")
    ('0, 1', '–', 'model', 'google/t5-base')
    """
    if value is None or value == []:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(plain(each) for each in value)
    if isinstance(value, str) and Path(value).is_absolute():
        return Path(value).name
    return str(value)


def facts_table(title: str, pairs: Sequence[tuple[str, Any]]) -> Table:
    """Settings with their values, as text."""
    rows: tuple[tuple[Cell, ...], ...] = tuple((name, plain(value)) for name, value in pairs)
    return Table(title, ("setting", "value"), rows)

"""Recorded transfers: a source, a target and the score, one JSON line each.

Later searches show them, and `bank.evaluation` compares similarities with them.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bank.errors import BankError
from bank.files import canonical_json, replace_file, writing

OUTCOMES_FILE = "outcomes.jsonl"


@dataclass(frozen=True)
class Outcome:
    """The score of one target that started from one source.

    `source` is an entry's id or a task's name; `score` and `baseline` (the same target without
    transfer) are on the metric's scale of 0 to 100; `n` is the number of examples scored.
    """

    source: str
    target: str
    strategy: str
    seed: int
    metric: str
    score: float
    baseline: float | None = None
    split: str = "validation"
    n: int | None = None
    note: str = ""


def parse_lines(path: Path) -> tuple[list[Outcome], list[str]]:
    """The outcomes in a file, and one sentence for each damaged line ("… line 3: …").

    A missing file holds none. Raises BankError when it cannot be read.
    """
    good, bad = [], []
    for number, line in enumerate(_lines(path), start=1):
        outcome = _parsed(line)
        if isinstance(outcome, Outcome):
            good.append(outcome)
        elif outcome is not None:
            bad.append(f"{path.name} line {number}: {outcome}")
    return good, bad


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise BankError(f"cannot read {path}: {error}") from error


def _parsed(line: bytes) -> Outcome | Exception | None:
    """The outcome of a line, or what is wrong with it; None for an empty line."""
    if not line.strip():
        return None
    try:
        return _checked(Outcome(**json.loads(line)))
    except (ValueError, TypeError, BankError) as error:
        return error


def append(path: Path, outcomes: Iterable[Outcome]) -> int:
    """Append the outcomes that the file does not hold yet; returns how many. Hold the bank's lock.

    All lines are on the disk when it returns, or the file is as before. Raises BankError.
    """
    recorded = set(parse_lines(path)[0])
    unique = dict.fromkeys(_checked(outcome) for outcome in outcomes)
    fresh = [outcome for outcome in unique if outcome not in recorded]
    if not fresh:
        return 0
    text = "".join(canonical_json(asdict(outcome)) + "\n" for outcome in fresh).encode()
    with writing(path), open(path, "ab+") as file:
        start = file.seek(0, os.SEEK_END)
        try:
            if start and _last_byte(path) != b"\n":  # a crash cut the last line: do not join it
                text = b"\n" + text
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            os.truncate(path, start)
            raise
    return len(fresh)


def rename_sources(path: Path, names: Mapping[str, str]) -> None:
    """Write the file anew with other names of sources, {old: new}; damaged lines stay as they are.

    Hold the bank's lock. Raises BankError when it cannot be read or written.
    """
    lines, changed = _lines(path), False
    for place, line in enumerate(lines):
        outcome = _parsed(line)
        if isinstance(outcome, Outcome) and outcome.source in names:
            new = replace(outcome, source=names[outcome.source])
            lines[place], changed = canonical_json(asdict(new)).encode(), True
    if changed:
        replace_file(path, b"\n".join(lines))


def _last_byte(path: Path) -> bytes:
    with open(path, "rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)


def _checked(outcome: Outcome) -> Outcome:
    """The outcome, if its fields have the expected types and ranges. Raises BankError."""
    for name in ("source", "target", "strategy", "metric", "split", "note"):
        if not isinstance(getattr(outcome, name), str):
            raise BankError(f"outcome: expected text as {name}, found {getattr(outcome, name)!r}")
    for name, types in (("seed", (int,)), ("n", (int, type(None)))):
        if type(getattr(outcome, name)) not in types:
            raise BankError(f"outcome: expected a whole {name}, found {getattr(outcome, name)!r}")
    for name in ("score", "baseline"):
        value = getattr(outcome, name)
        if value is None and name == "baseline":
            continue
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value):
            raise BankError(
                f"outcome {outcome.source} -> {outcome.target}: expected a finite {name}, found {value!r}"
            )
    return outcome

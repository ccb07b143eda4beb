"""Recorded transfers: a source, a target and the score, one JSON line each.

Later searches show them, and `bank.evaluation` compares similarities with them.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from bank.errors import BankError
from bank.files import canonical_json, writing

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
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return [], []
    except OSError as error:
        raise BankError(f"cannot read {path}: {error}") from error
    good, bad = [], []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            good.append(_checked(Outcome(**json.loads(line))))
        except (ValueError, TypeError, BankError) as error:
            bad.append(f"{path.name} line {number}: {error}")
    return good, bad


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

"""Recorded transfers: a source, a target and the score, one JSON line each, with its checksum.

Later searches show them, and `bank.evaluation` compares similarities with them. An outcome of few
examples is noise for the most part, so it carries their number and the interval of its gain, and
counts by its precision.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bank.errors import BankError, reason_of, shown
from bank.files import canonical_json, replace_file, sha256_hex, writing
from bank.reading import parse_json, read_bytes

OUTCOMES_FILE = "outcomes.jsonl"
LIMIT = 1 << 28  # bytes of that file, 256 MiB: a million transfers
MOST = 1e6  # points that any score may have; what is beyond would only overflow in means


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
    low: float | None = None
    high: float | None = None

    @property
    def gain(self) -> float | None:
        """Points over the baseline, None without one."""
        return None if self.baseline is None else self.score - self.baseline

    @property
    def error(self) -> float | None:
        """The standard error of the gain: a 95 % interval is 3.92 of it, and not less than that of one
        row more or less; without an interval that of two independent shares of n rows; None without n.
        """
        if not self.n:
            return None
        least = 100 / self.n
        if self.low is not None and self.high is not None:
            return max((self.high - self.low) / 3.92, least)
        shares = [
            min(max(each / 100, 0.0), 1.0)
            for each in (self.score, self.baseline)
            if each is not None
        ]
        return max(100 * math.sqrt(sum(p * (1 - p) for p in shares) / self.n), least)


@dataclass(frozen=True)
class Pooled:
    """The mean gain of several outcomes, each weighted by its precision, with its 95 % interval; `n` is
    the number of examples of one outcome, the least of them. The interval is over examples, which seeds
    share, so it is that of the mean outcome, never narrower for more seeds. None where it is not known.
    """

    gain: float
    low: float | None
    high: float | None
    n: int | None
    outcomes: int


def weights(outcomes: Sequence[Outcome]) -> NDArray[np.float64]:
    """The share of each outcome in a mean, by inverse variance; equal where one has no known error."""
    errors = [outcome.error for outcome in outcomes]
    if any(error is None for error in errors):
        return np.full(len(errors), 1 / len(errors))
    precision = np.array([1 / error**2 for error in errors if error is not None])
    return np.asarray(precision / precision.sum())


def pooled(outcomes: Sequence[Outcome]) -> Pooled | None:
    """The mean gain of outcomes of one source and target; None if none has a baseline."""
    measured = [outcome for outcome in outcomes if outcome.gain is not None]
    if not measured:
        return None
    share = weights(measured)
    gain = float(sum(w * (each.gain or 0.0) for w, each in zip(share, measured, strict=True)))
    errors = [each.error for each in measured if each.error is not None]
    counts = [each.n for each in measured if each.n is not None]
    if len(errors) < len(measured):
        return Pooled(gain, None, None, min(counts, default=None), len(measured))
    half = 1.96 * float(share @ np.array(errors))
    return Pooled(gain, gain - half, gain + half, min(counts), len(measured))


def parse_lines(path: Path) -> tuple[list[Outcome], list[str]]:
    """The outcomes in a file, and one sentence for each damaged line ("… line 3: …").

    An outcome that was recorded again with its interval is there once, with the interval. A missing file
    holds none. Raises BankError when it cannot be read.
    """
    good, bad = [], []
    for number, line in enumerate(_lines(path), start=1):
        outcome = _parsed(line)
        if isinstance(outcome, Outcome):
            good.append(outcome)
        elif outcome:
            bad.append(f"{path.name} line {number}: {outcome}")
    latest = {replace(outcome, low=None, high=None): outcome for outcome in good}
    return list(latest.values()), bad


def _lines(path: Path) -> list[bytes]:
    try:
        return read_bytes(path, LIMIT).split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise BankError(
            f"cannot read {path}: {reason_of(error)}",
            "make it a file that may be read, or remove it",
        ) from error


def _line(outcome: Outcome) -> bytes:
    """The line of an outcome, with a checksum of its other facts."""
    facts = asdict(outcome)
    return canonical_json(facts | {"checksum": _checksum(facts)}).encode()


def _checksum(facts: dict[str, Any]) -> str:
    return sha256_hex(canonical_json(facts))[:16]


def _parsed(line: bytes) -> Outcome | str | None:
    """The outcome of a line, or what is wrong with it; None for an empty line."""
    if not line.strip():
        return None
    try:
        content = parse_json(line)
    except ValueError as error:
        return str(error)
    checksum = content.pop("checksum", None) if isinstance(content, dict) else None
    if checksum is not None and checksum != _checksum(content):  # earlier versions wrote none
        return "its content does not match its own checksum: it was changed"
    known = {own.name for own in fields(Outcome)}
    needed = {own.name for own in fields(Outcome) if own.default is MISSING}
    if not isinstance(content, dict) or set(content) - known or needed - set(content):
        return f"expected {', '.join(sorted(needed))}, found {shown(content)}"
    try:
        return _checked(Outcome(**content))
    except BankError as error:
        return error.message


def append(path: Path, outcomes: Iterable[Outcome]) -> int:
    """Append the outcomes that the file does not hold yet; returns how many. Hold the bank's lock.

    All lines are on the disk when it returns, or the file is as before. Raises BankError.
    """
    recorded = set(parse_lines(path)[0])
    unique = dict.fromkeys(_checked(outcome) for outcome in outcomes)
    fresh = [outcome for outcome in unique if outcome not in recorded]
    if not fresh:
        return 0
    text = b"".join(_line(outcome) + b"\n" for outcome in fresh)
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
            lines[place], changed = _line(new), True
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
            raise BankError(
                f"outcome: expected text as {name}, found {shown(getattr(outcome, name))}"
            )
    for name, types in (("seed", (int,)), ("n", (int, type(None)))):
        if type(getattr(outcome, name)) not in types:
            raise BankError(
                f"outcome: expected a whole {name}, found {shown(getattr(outcome, name))}"
            )
    if outcome.n is not None and not 0 <= outcome.n < 1 << 63:
        raise BankError(f"outcome: expected n of 0 or more, found {shown(outcome.n)}")
    for name in ("score", "baseline", "low", "high"):
        value = getattr(outcome, name)
        if value is None and name != "score":
            continue
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not abs(value) <= MOST:  # which NaN is not, either
            raise BankError(
                f"outcome {outcome.source} -> {outcome.target}: expected a finite {name} of points of a "
                f"scale of 0 to 100, found {shown(value)}"
            )
    bounds = (outcome.low, outcome.high)
    if bounds != (None, None) and (
        None in bounds or outcome.baseline is None or not outcome.n or bounds[0] > bounds[1]  # type: ignore[operator]
    ):
        raise BankError(
            f"outcome {outcome.source} -> {outcome.target}: expected an interval of the gain with low and "
            f"high in order, a baseline and n, found {bounds[0]} to {bounds[1]}, baseline "
            f"{outcome.baseline} and n {outcome.n}"
        )
    return outcome

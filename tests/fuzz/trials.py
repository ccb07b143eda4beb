"""Many trials of many subjects: workers are started, watched and started again after a crash."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fuzz.worker import FAILURES, HANG

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Tally:
    """What came of a subject's trials."""

    subject: str
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[dict[str, Any]] = field(default_factory=list)
    slowest: float = 0.0

    @property
    def trials(self) -> int:
        """Their number."""
        return sum(self.outcomes.values())

    def add(self, trial: dict[str, Any]) -> None:
        """Count a trial."""
        self.outcomes[trial["outcome"]] += 1
        self.slowest = max(self.slowest, trial.get("seconds", HANG))
        if trial["outcome"] in FAILURES:
            self.failures.append(trial)


def run(subject: str, count: int, seed: str) -> Tally:
    """`count` trials of a subject; raises RuntimeError if a worker stops outside a trial."""
    tally, first = Tally(subject), 0
    while first < count:
        first = _until_it_ends(tally, first, count, seed)
    return tally


def _until_it_ends(tally: Tally, first: int, last: int, seed: str) -> int:
    """The trials of one worker; the number of the next one."""
    arguments = [tally.subject, str(first), str(last), seed]
    command = [sys.executable, "-m", "tests.fuzz.worker", *arguments]
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running: int | None = None
    with subprocess.Popen(command, cwd=ROOT, **pipes) as worker:
        for line in _whole_lines(worker.stdout):
            if "begins" in line:
                running = line["begins"]
            else:
                running, first = None, first + 1
                tally.add(line)
        complaint = worker.stderr.read()
    if running is None:
        if worker.returncode:
            raise RuntimeError(f"{tally.subject}: no trial was running\n{complaint[-3000:]}")
        return first
    kind = "hang" if "Timeout" in complaint else "crash"
    trial = {
        "seed": f"{seed} {tally.subject} {running}", "outcome": kind,
        "why": f"exit {worker.returncode}\n{complaint[-2000:]}", "file": "", "change": "",
    }  # fmt: skip
    tally.add(trial)
    return running + 1


def _whole_lines(stream: Any) -> Iterator[dict[str, Any]]:
    for line in stream:
        if line.startswith("{"):
            try:
                yield json.loads(line)
            except ValueError:  # cut by a crash
                return

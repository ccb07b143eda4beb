"""Finished transfer runs, checked for completeness before any table is made of them.

A table over targets and seeds is only honest when every run is there: a missing run usually failed
for a reason that has to do with its score. So gaps are listed and refused, never skipped.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from spot.errors import SpotError, did_you_mean

BASELINE = "none"
SINGLE = ("best", "oracle")  # a run from one source, of either strategy
COMBINED = ("average", "average-matched", "mixture", "generic")  # a run from k sources at once
STRATEGIES = (BASELINE, *SINGLE, *COMBINED)


Arm = tuple[str, int, str]
"""What several sources were made into: the strategy, k, and for a generic prompt its mixture, else ""."""


@dataclass(frozen=True)
class TransferRecord:
    """One finished target run; scores in 0..100.

    `source` (entry id), `source_task` and `similarity` (of query and key) belong to runs from one
    source; `k` to an average, a mixture or a generic prompt of k sources, and a generic prompt has the
    first two as well. `validation` chooses, `test` reports.
    """

    target: str
    seed: int
    source: str | None
    source_task: str | None
    similarity: float | None
    validation: float
    test: float
    strategy: str
    k: int | None = None

    @property
    def arm(self) -> Arm:
        """The arm of a run from several sources."""
        name = self.source_task or "" if self.strategy == "generic" else ""
        return self.strategy, self.k or 0, name


@dataclass(frozen=True)
class Cell:
    """All runs of one target and seed: `single` best similarity first (ties by source id)."""

    baseline: TransferRecord
    single: tuple[TransferRecord, ...]
    combined: dict[Arm, TransferRecord]


@dataclass(frozen=True)
class Grid:
    """Complete runs: `cells[target, seed]` for every target and seed; `combined` in all cells."""

    targets: tuple[str, ...]
    seeds: tuple[int, ...]
    cells: dict[tuple[str, int], Cell]
    combined: tuple[Arm, ...]


def complete_grid(
    records: Sequence[TransferRecord],
    *,
    same_sources: bool = True,
    planned: Mapping[str, Collection[str]] | None = None,
) -> Grid:
    """Sort `records` into a grid of targets and seeds, refusing gaps.

    Expected: a baseline for every target and seed; with `same_sources` the same sources for every
    seed of a target (`planned` source ids per target, or those found for any of its seeds), else
    the same number of sources in every cell; every arm found anywhere in every cell. A
    source that failed for all seeds of a target is only noticed with `planned`. A run given twice
    counts once. Raises SpotError that lists what is missing, not finite, contradictory or unknown.
    """
    if not records:
        raise SpotError("expected transfer records, found none", "run `spot study` or transfers")
    _refuse([problem for record in records for problem in _problems(record)])
    targets = tuple(sorted({record.target for record in records}))
    seeds = tuple(sorted({record.seed for record in records}))
    runs = _by_place(records)
    combined = tuple(sorted({record.arm for record in records if record.strategy in COMBINED}))
    sources = {t: _sources(runs, t, planned) if same_sources else [] for t in targets}
    expected = [
        (target, seed, *place)
        for target in targets
        for place in [(BASELINE, ""), *sources[target], *((arm[0], arm) for arm in combined)]
        for seed in seeds
    ]
    missing = [_name(place) for place in expected if place not in runs]
    if same_sources and any(sources.values()):
        missing += [f'target "{t}": every run from one source' for t in targets if not sources[t]]
    if not same_sources:
        missing += _uneven(runs, targets, seeds)
    _refuse([f"missing: {name}" for name in missing])
    cells = {
        (target, seed): _cell(runs, target, seed, combined) for target in targets for seed in seeds
    }
    return Grid(targets, seeds, cells, combined)


Place = tuple[str, int, str, "str | Arm"]  # target, seed, strategy, source id or arm


def _problems(record: TransferRecord) -> list[str]:
    where = f'target "{record.target}", seed {record.seed}, {record.strategy} {record.source or ""}'
    problems = []
    if record.strategy not in STRATEGIES:
        near = did_you_mean(record.strategy, STRATEGIES)
        problems.append(f'{where}: unknown strategy "{record.strategy}".{near}')
    for split, score in (("validation", record.validation), ("test", record.test)):
        if not math.isfinite(score):
            problems.append(f"{where}: the {split} score is {score}")
    if record.strategy in SINGLE:
        if record.source is None:
            problems.append(f"{where}: a run from one source must name it")
        if record.similarity is None or not math.isfinite(record.similarity):
            problems.append(f"{where}: the similarity is {record.similarity}")
    if record.strategy in COMBINED and record.k is None:
        problems.append(f"{where}: a run from several sources must give k")
    return problems


def _by_place(records: Iterable[TransferRecord]) -> dict[Place, TransferRecord]:
    runs: dict[Place, TransferRecord] = {}
    contradictions = []
    for record in records:
        place = _place(record)
        first = runs.setdefault(place, record)
        values = (first.validation, first.test, first.similarity)
        if values != (record.validation, record.test, record.similarity):
            contradictions.append(f"two runs with different scores: {_name(place)}")
    _refuse(contradictions)
    return runs


def _place(record: TransferRecord) -> Place:
    if record.strategy in SINGLE:
        return (record.target, record.seed, "best", str(record.source))
    rest = record.arm if record.strategy in COMBINED else ""
    return (record.target, record.seed, record.strategy, rest)


def _sources(
    runs: dict[Place, TransferRecord], target: str, planned: Mapping[str, Collection[str]] | None
) -> list[tuple[str, str | Arm]]:
    names = {str(place[3]) for place in runs if place[0] == target and place[2] == "best"}
    names |= set(planned.get(target, ())) if planned else set()
    return [("best", name) for name in sorted(names)]


def _uneven(
    runs: dict[Place, TransferRecord], targets: Sequence[str], seeds: Sequence[int]
) -> list[str]:
    counts = {
        (target, seed): sum(1 for p in runs if p[:3] == (target, seed, "best"))
        for target in targets
        for seed in seeds
    }
    most = max(counts.values())
    return [
        f'target "{target}", seed {seed}: {most - count} of {most} runs from one source'
        for (target, seed), count in counts.items()
        if count < most
    ]


def _cell(
    runs: dict[Place, TransferRecord],
    target: str,
    seed: int,
    combined: Iterable[Arm],
) -> Cell:
    single = [run for place, run in runs.items() if place[:3] == (target, seed, "best")]
    single.sort(key=lambda run: (-float(run.similarity or 0.0), str(run.source)))
    combinations = {arm: runs[target, seed, arm[0], arm] for arm in combined}
    return Cell(runs[target, seed, BASELINE, ""], tuple(single), combinations)


def _name(place: Place) -> str:
    target, seed, strategy, rest = place
    if strategy == BASELINE:
        return f'target "{target}", seed {seed}: the run without transfer'
    if strategy == "best":
        return f'target "{target}", seed {seed}: the run from "{rest}"'
    return f'target "{target}", seed {seed}: {strategy} {rest[2]}'.rstrip() + f" of k={rest[1]}"


def _refuse(problems: list[str]) -> None:
    if not problems:
        return
    shown = problems[:20]
    rest = f"\n  … and {len(problems) - len(shown)} more" if len(problems) > len(shown) else ""
    raise SpotError(
        f"{len(problems)} transfer records cannot be used:\n  " + "\n  ".join(shown) + rest,
        "repeat these runs, or leave the whole target or seed out",
    )

"""The study: every target from every source, so that retrieval can be judged against the oracle.

Trains (or finds again) one run a source and seed for each target, and turns them into records.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bank.store import Bank
from spot.config import Config, dump
from spot.models.backbone import Backbone
from spot.retrieval import search_target
from spot.study.records import TransferRecord, reportable
from spot.study.statistics import Interval, paired_bootstrap
from spot.study.tables import TransferTable, method_scores, transfer_table
from spot.training.slots import Reporter
from spot.transfer import (
    Candidate,
    Start,
    check_target,
    count_for,
    discard_groups,
    hit_starts,
    run_folder,
    score_on_test,
    start_prompts,
    train_starts,
)


@dataclass(frozen=True)
class Study:
    """A finished study: the paper's table, and each method's mean gain over scratch with its
    interval.
    """

    table: TransferTable
    gains: dict[str, Interval]
    records: tuple[TransferRecord, ...]


def study(
    targets: Sequence[str],
    config: Config,
    bank: Bank,
    backbone: Backbone,
    reporter: Reporter | None = None,
    ks: Sequence[int] = (1, 3),
) -> Study:
    """Oracle, best of top k and scratch for every target, from all single-task entries that a search
    compares; each mixture entry is a generic start beside them.

    Choices are made on validation, scores are of the test split. Raises SpotError or BankError for
    unusable input; a run that fails stops the study, since a table with gaps would mislead.
    """
    reporter = reporter or Reporter()
    records: list[TransferRecord] = []
    planned: dict[str, list[str]] = {}
    warned: set[str] = set()
    for target in targets:
        check_target(target, config)
    for target in dict.fromkeys(targets):
        k = count_for(target, config, bank)
        answer = search_target(target, config, bank, lambda: backbone, reporter, k=k)
        for warning in answer.result.warnings:
            if warning not in warned:
                reporter.warn(warning)
                warned.add(warning)
        hits = [hit for hit in answer.result.hits if hit.kind != "mixture"]
        planned[target] = [hit.id for hit in hits]
        begin = [Start("none")]
        begin += hit_starts("oracle", target, hits, config, bank, backbone)
        begin += generic_starts(target, targets, config, bank, backbone)
        folder = run_folder(target, config, begin)
        found = stored_records(folder)
        if not found:
            trained = train_starts(target, begin, config, backbone, folder, reporter)
            found = scored(target, trained, config, backbone)
            store_records(folder, found, config)
            discard_groups(folder)
        records += found
    similarity = config.search.similarity
    usable = [k for k in ks if k <= min(len(ids) for ids in planned.values())]
    table = transfer_table(records, ks=usable, similarity=similarity, planned=planned)
    return Study(table, gains(records, usable, planned), tuple(records))


def generic_starts(
    target: str, targets: Sequence[str], config: Config, bank: Bank, backbone: Backbone
) -> list[Start]:
    """The bank's mixture entries that hold none of the targets, as starts that no search chooses
    (generic SPoT, section 2.2 of the paper); k is the number of their tasks.
    """
    mixtures = [
        one
        for one in bank.entries()
        if one.kind == "mixture" and not set(one.members) & set(targets)
    ]
    prompts = start_prompts(target, [one.id for one in mixtures], config, bank, backbone)
    return [
        Start("generic", one.id, one.task, None, prompt, len(one.members))
        for one, prompt in zip(mixtures, prompts, strict=True)
    ]


def gains(
    records: Sequence[TransferRecord], ks: Sequence[int], planned: dict[str, list[str]]
) -> dict[str, Interval]:
    """Each method's mean gain over scratch in points, with a 95 % bootstrap interval over targets
    and seeds.
    """
    _, _, methods = method_scores(records, ks=ks, planned=planned)
    baseline = methods[0]
    return {
        f"{one.method} k={one.k}" if one.k else one.method: paired_bootstrap(
            (one.test - baseline.test).tolist()
        )
        for one in methods[1:]
    }


def scored(
    target: str, candidates: Sequence[Candidate], config: Config, backbone: Backbone
) -> list[TransferRecord]:
    """The candidates as the tables read them; only what a table may report is scored on test."""
    plain = [
        TransferRecord(
            target, one.seed, one.start.source, one.start.task, one.start.similarity,
            one.validation, None, one.start.strategy, one.start.k,
        )
        for one in candidates
    ]  # fmt: skip
    wanted = reportable(plain)
    return [
        replace(row, test=score_on_test(one, target, config, backbone).test)
        if row in wanted
        else row
        for row, one in zip(plain, candidates, strict=True)
    ]


def store_records(folder: Path, records: Sequence[TransferRecord], config: Config) -> None:
    """Writes a target's records.json and the config that made them; its presence means they are
    whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(dump(config))
    temporary = folder / "records.part"
    temporary.write_text(json.dumps([asdict(one) for one in records], indent=1) + "\n")
    temporary.replace(folder / "records.json")


def stored_records(folder: Path) -> list[TransferRecord]:
    """The records that `store_records` wrote, or [] when the target has not been finished."""
    path = folder / "records.json"
    return [TransferRecord(**row) for row in json.loads(path.read_text())] if path.exists() else []

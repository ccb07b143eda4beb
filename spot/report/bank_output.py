"""What the commands on a bank print: builds, entries, imports, retrieval and searches."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.console import Console

from bank.entry import Entry, Prompts
from bank.outcomes import Outcome
from spot.report.console import print_json, say, table

if TYPE_CHECKING:
    from bank.evaluation import Evaluation as RetrievalEvaluation
    from bank.importing import ImportReport
    from bank.nearest import Hit
    from bank.store import Bank
    from spot.retrieval.target import Answer
    from spot.training.build import BuildReport


def print_build(report: BuildReport, bank: Bank, as_json: bool) -> None:
    """What a build added, found and lost, and where the bank is."""
    entries = {entry.id: entry for entry in bank.entries()}
    if as_json:
        print_json({"bank": str(bank.path), **asdict(report)})
        return
    rows = [_entry_row(entries[id]) for id in report.added]
    if rows:
        table("built", ENTRY_COLUMNS, rows)
    say(
        f"{len(report.added)} entries built, {len(report.present)} were there, {len(report.failed)} failed; "
        f"bank: {bank.path} ({len(entries)} entries)"
    )
    for id in report.failed:
        say(f"failed: {id} (its loss was not finite before it had a key and a value)")


# An id begins with task and seed, so that they need no columns and a row fits a narrow terminal.
ENTRY_COLUMNS = ("entry", "kind", "family", "key at ", "value at ", "validation ")


def _entry_row(entry: Entry) -> tuple[object, ...]:
    score = entry.scores.get("validation", {}).get("value")
    return (entry.id, entry.kind, entry.family, entry.key_step, entry.value_step, score)


def print_entries(
    entries: Sequence[Entry], damaged: Sequence[tuple[str, str]], as_json: bool
) -> None:
    """All entries, and the damaged ones by name."""
    if as_json:
        for entry in entries:
            print_json(asdict(entry))
        return
    table("", ENTRY_COLUMNS, [_entry_row(entry) for entry in entries])
    for name, reason in damaged:
        say(f"damaged: {name}: {reason}")


def print_entry(entry: Entry, prompts: Prompts, outcomes: Sequence[Outcome], as_json: bool) -> None:
    """One entry in full, with its prompts' norms and recorded transfers."""
    from bank.combine import norms

    sizes = {name: round(float(norms(array).mean()), 4) for name, array in prompts.views().items()}
    if as_json:
        print_json(
            {**asdict(entry), "mean_norms": sizes, "outcomes": [asdict(one) for one in outcomes]}
        )
        return
    rows = [
        (name, json.dumps(value) if isinstance(value, dict) else value)
        for name, value in asdict(entry).items()
    ]
    rows.append(("shape", " x ".join(map(str, prompts.key.shape))))
    rows.append(
        ("mean token norms", ", ".join(f"{name} {value:.2f}" for name, value in sizes.items()))
    )
    table("", ("field", "value"), rows)
    print_outcomes(outcomes)


def print_outcomes(outcomes: Sequence[Outcome]) -> None:
    """Recorded transfers, if any."""
    if outcomes:
        rows = [
            (o.source, o.target, o.strategy, o.seed, o.split, o.score, o.baseline) for o in outcomes
        ]
        table(
            "recorded transfers",
            ("source", "target", "strategy", "seed ", "split", "score ", "scratch "),
            rows,
        )


def print_problems(bank: Bank, problems: Sequence[str], as_json: bool) -> None:
    """What `verify` found."""
    if as_json:
        print_json({"bank": str(bank.path), "problems": list(problems)})
        return
    for problem in problems:
        say(problem)
    say(f"{bank.path}: {len(bank.entries())} entries whole, {len(problems)} problems")


def print_import(report: ImportReport, bank: Bank, as_json: bool) -> None:
    """What an import added and passed over."""
    if as_json:
        print_json({"bank": str(bank.path), **asdict(report)})
        return
    say(
        f"{len(report.added)} prompts of {report.backbone.name} added to {bank.path}, "
        f"{len(report.present)} were there, {report.outcomes} outcomes added"
    )
    for name, reason in report.skipped:
        say(f"passed over: {name}: {reason}")


def print_retrieval(evaluations: Sequence[RetrievalEvaluation], as_json: bool) -> None:
    """How well each similarity finds the best source, beside a random pick."""
    if as_json:
        for one in evaluations:
            print_json(asdict(one))
        return
    rows: list[tuple[object, ...]] = [
        (one.similarity, 100 * one.top1, 100 * one.top3, one.mean_regret, one.mean_spearman)
        for one in evaluations
    ]
    if evaluations:
        first = evaluations[0]
        rows.append(
            (
                "random pick",
                100 * first.random_top1,
                100 * first.random_top3,
                first.random_regret,
                None,
            )
        )
    targets = evaluations[0].targets if evaluations else 0
    table(
        f"best source found, {targets} targets, one left out at a time",
        ("similarity", "top-1 % ", "top-3 % ", "mean regret (points) ", "mean Spearman "),
        rows,
    )


def _similarity(hit: Hit) -> str:
    about = "" if hit.deviation is None else f" ± {hit.deviation:.4f}"
    return f"{hit.score:.4f}{about}"


def print_search(answer: Answer, as_json: bool) -> None:
    """The ranked entries, what to doubt about them, and transfers recorded earlier."""
    result = answer.result
    if as_json:
        for hit in result.hits:
            print_json({"target": answer.target, "similarity": result.similarity, **asdict(hit)})
    else:
        rows = [(hit.rank, _similarity(hit), hit.id, hit.kind, hit.family) for hit in result.hits]
        title = f"{answer.target}: nearest of {result.n} keys by {result.similarity} similarity"
        if any(hit.pairs > 1 for hit in result.hits):
            title += "; mean ± standard deviation over pairs of seeds"
        table(title, ("rank ", "score ", "entry", "kind", "family"), rows)
        print_outcomes(answer.outcomes)
    console = Console(stderr=True)
    for warning in result.warnings:
        console.print(f"warning: {warning}", markup=False, highlight=False, soft_wrap=True)

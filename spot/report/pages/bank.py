"""The part of a bank: its entries with their scores, how its tasks relate, and recorded transfers."""

from __future__ import annotations

from collections.abc import Sequence

from bank.entry import Entry
from bank.errors import BankError
from bank.outcomes import Outcome, pooled
from bank.store import Bank
from spot.analysis.finding import Cell, Table
from spot.report.bank_heatmap import heatmap_of
from spot.report.pages.facts import DIGITS, facts_table
from spot.report.pages.page import Linked, Part, Section


def bank_part(bank: Bank) -> Part:
    """What a bank has to show; damaged entries are left out, with a warning.

    Raises BankError for a bank that cannot be read.
    """
    entries = bank.entries()
    warnings = [
        f"the damaged entry {name} is left out: {reason}" for name, reason in bank.damaged()
    ]
    sections = [_entries(bank, entries)]
    if entries:
        try:
            note = "Related tasks are to lie beside each other; each cell is a mean over seeds."
            sections.append(Section("How the tasks relate", (heatmap_of(bank),), (), (note,)))
        except BankError as error:
            warnings.append(f"the tasks cannot be compared: {error.message}")
    sections += _outcomes(bank.outcomes())
    return Part(
        f"Bank {bank.path.name}",
        warnings=tuple(warnings),
        facts=(_facts(entries),),
        sections=tuple(sections),
    )


def _facts(entries: Sequence[Entry]) -> Table:
    models = {entry.backbone for entry in entries}
    pairs: list[tuple[str, object]] = [("entries", len(entries))]
    for model in models:
        pairs += [("model", model.name), ("its fingerprint", model.fingerprint[:DIGITS])]
    pairs.append(("tasks", len({entry.task for entry in entries})))
    pairs.append(("seeds", sorted({entry.seed for entry in entries})))
    pairs.append(("kinds of prompts", sorted({entry.prompt_kind for entry in entries})))
    pairs.append(("made by release", sorted({entry.code for entry in entries if entry.code})))
    shared = (
        set.intersection(*({*map(_pair, entry.recipe.items())} for entry in entries))
        if entries
        else set()
    )
    recipe = [
        (name, value)
        for name, value in (entries[0].recipe.items() if entries else ())
        if _pair((name, value)) in shared
    ]
    return facts_table("The bank and what its recipes share", [*pairs, *recipe])


def _pair(item: tuple[str, object]) -> tuple[str, str]:
    return item[0], repr(item[1])


def _entries(bank: Bank, entries: Sequence[Entry]) -> Section:
    rows: list[tuple[Cell, ...]] = []
    for entry in entries:
        score = entry.scores.get("validation", {})
        value, n = score.get("value"), score.get("n")
        linked = None if value is None else Linked(float(value), bank.folder(entry))
        rows.append(
            (
                entry.id, entry.task, entry.kind, entry.family, entry.seed, entry.prompt_kind,
                entry.key_step, entry.value_step, linked, score.get("metric"), n,
            )
        )  # fmt: skip
    columns = (
        "entry", "task", "kind", "family", "seed ", "prompt", "key at ", "value at ", "validation ",
        "metric", "rows ",
    )  # fmt: skip
    note = "A score that is a link leads to the entry's folder."
    return Section("Entries", (), (Table("Entries of the bank", columns, tuple(rows), note),))


def _outcomes(outcomes: Sequence[Outcome]) -> list[Section]:
    """The mean gain of each source and target over its seeds, weighted by precision."""
    if not outcomes:
        return []
    groups: dict[tuple[str, str, str, str], list[Outcome]] = {}
    for one in outcomes:
        groups.setdefault((one.source, one.target, one.strategy, one.split), []).append(one)
    rows: list[tuple[Cell, ...]] = []
    for (source, target, strategy, split), group in groups.items():
        mean = pooled(group)
        gain = (None, None, None) if mean is None else (mean.gain, mean.low, mean.high)
        score = sum(one.score for one in group) / len(group)
        n = min((one.n for one in group if one.n is not None), default=None)
        rows.append((source, target, strategy, split, len(group), score, *gain, n))
    columns = (
        "source", "target", "strategy", "split", "runs ", "score ", "gain ", "95 % from ", "to ", "rows ",
    )  # fmt: skip
    note = "Gains over scratch, means over seeds weighted by precision; intervals over rows."
    return [Section("Recorded transfers", (), (Table("Outcomes", columns, tuple(rows), note),))]

"""Rows of tables that several commands show: a bank's entries, and recorded transfers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from spot.report.output import Whole

if TYPE_CHECKING:
    from bank.entry import Entry
    from bank.outcomes import Outcome
    from spot.report.output import Output

# An id begins with task and seed, so that they need no columns and a row fits a narrow terminal.
ENTRY_COLUMNS = ("entry", "kind", "family", "key at ", "value at ", "validation ")


def entry_row(entry: Entry) -> tuple[object, ...]:
    """An entry under ENTRY_COLUMNS."""
    score = entry.scores.get("validation", {}).get("value")
    return (Whole(entry.id), entry.kind, entry.family, entry.key_step, entry.value_step, score)


def show_outcomes(outcomes: Sequence[Outcome], out: Output) -> None:
    """A table of recorded transfers, if there are any."""
    if not outcomes:
        return
    columns = ("source", "target", "strategy", "seed ", "split", "score ", "scratch ")
    rows = [
        (
            Whole(outcome.source),
            outcome.target,
            outcome.strategy,
            outcome.seed,
            outcome.split,
            outcome.score,
            outcome.baseline,
        )
        for outcome in outcomes
    ]
    out.table("recorded transfers", columns, rows)

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
    """A table of recorded transfers, if there are any, with the mean gain of each source over its seeds,
    weighted by precision.
    """
    from bank.outcomes import pooled

    if not outcomes:
        return
    groups: dict[tuple[str, str, str, str], list[Outcome]] = {}
    for outcome in outcomes:
        place = (outcome.source, outcome.target, outcome.strategy, outcome.split)
        groups.setdefault(place, []).append(outcome)
    rows = []
    for (source, target, strategy, split), group in groups.items():
        mean = pooled(group)
        gain = interval = None
        if mean is not None:
            gain = f"{mean.gain:+.1f}"
            if mean.low is not None and mean.high is not None:
                interval = f"{mean.low:+.1f} to {mean.high:+.1f}"
        count = min((each.n for each in group if each.n is not None), default=None)
        score = sum(each.score for each in group) / len(group)
        row = (source, target, strategy, len(group), split, score, gain, interval, count)
        rows.append(row)
    columns = ("source", "target", "strategy", "runs ", "split", "score ", "gain ", "95 % ", "n ")
    out.table("recorded transfers, and their gain over scratch", columns, rows)

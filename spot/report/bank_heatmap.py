"""The heatmap of a bank: its keys (or values), averaged over seeds by task."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from bank.errors import BankError
from bank.similarities import default_for_clusters
from bank.store import Bank
from spot.report.heatmap import Heatmap, clustered, write_heatmap
from spot.study.similarity import inits_of, similarity_of_items


class Drawn(NamedTuple):
    """The file of a heatmap, and the similarity that it shows."""

    path: Path
    similarity: str


def bank_heatmap(
    bank: Bank, out: Path, similarity: str | None = None, *, values: bool = False
) -> Drawn:
    """Draw the similarity of all tasks of a bank to `out`; the suffix decides the format.

    Raises BankError and SpotError as `heatmap_of`, and SpotError for another suffix.
    """
    drawing = heatmap_of(bank, similarity, values=values)
    return Drawn(write_heatmap(drawing, out), drawing.similarity.similarity)


def heatmap_of(bank: Bank, similarity: str | None = None, *, values: bool = False) -> Heatmap:
    """The similarity of all tasks of a bank with its clustering.

    similarity: default: `bank.similarities.default_for_clusters`.
    Damaged entries are left out, with a warning. Raises BankError for an empty bank or an unknown
    similarity.
    """
    items = bank.items()
    entries = [entry for entry, _ in items]
    if not entries:
        raise BankError(
            f"the bank {bank.path} has no entries to draw", "build some: spot build-bank"
        )
    similarity = similarity or default_for_clusters(inits_of(items), len(entries))
    similarities = similarity_of_items(items, similarity, values=values)
    families = {entry.task: entry.family for entry in entries}
    seeds = len({entry.seed for entry in entries})
    what = "values" if values else "keys"
    count = f"{len(entries)} prompts, {seeds} seed{'s' if seeds > 1 else ''}"
    subtitle = f"{similarity} similarity of {what}, {count}"
    return clustered(similarities, families, title="Task similarity", subtitle=subtitle)

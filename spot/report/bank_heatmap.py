"""The heatmap of a bank: its keys (or values), averaged over seeds by task."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bank.errors import BankError
from bank.store import Bank
from spot.report.heatmap import heatmap
from spot.study.similarity import task_similarity


def usual_similarity(bank: Bank) -> str:
    """The similarity that shows families best: "centered", or "average" of fewer than three
    prompts, which without their mean are opposites (or nothing), whatever they hold.
    """
    return "centered" if len(bank.entries()) >= 3 else "average"


def bank_heatmap(bank: Bank, out: Path, similarity: str, *, values: bool = False) -> Path:
    """Draws the similarity of all tasks of a bank to `out`; the suffix decides the format.

    Raises BankError for an empty bank or an unknown similarity, SpotError for another suffix.
    """
    entries = bank.entries()
    if not entries:
        raise BankError(
            f"the bank {bank.path} has no entries to draw", "build some: spot build-bank"
        )
    prompts = [bank.prompts(entry) for entry in entries]
    arrays = [one.start if values else one.key for one in prompts]
    inits = [one.init for one in prompts]
    known = (
        None
        if any(init is None for init in inits)
        else np.stack([init for init in inits if init is not None])
    )
    tasks = [entry.task for entry in entries]
    found = task_similarity(tasks, np.stack(arrays), similarity, inits=known)
    families = {entry.task: entry.family for entry in entries}
    seeds = len({entry.seed for entry in entries})
    what = "values" if values else "keys"
    count = f"{len(entries)} prompts, {seeds} seed{'s' if seeds > 1 else ''}"
    subtitle = f"{similarity} similarity of {what}, {count}"
    return heatmap(found, families, out, title="Task similarity", subtitle=subtitle)

"""The part of an analysis: what `spot analyze` has found in a prompt."""

from __future__ import annotations

from pathlib import Path

from spot.analysis.analysis import Analysis
from spot.analysis.finding import Table
from spot.report.pages.facts import facts_of, plain
from spot.report.pages.page import Part, section_of
from spot.verdicts.gains import counted

COMMAND = "spot analyze"


def analysis_part(folder: Path) -> Part:
    """What an analysis has to show. Raises SpotError for one that is damaged."""
    found = Analysis.read(folder)
    scored = (
        "nothing"
        if found.task is None
        else f"{counted(found.n, 'row')} of {found.task}, {found.split}"
    )
    facts = Table(
        "The prompt",
        ("setting", "value"),
        (
            ("prompt", plain(found.prompt)),
            ("kind", found.kind),
            ("model", found.model),
            ("scored on", scored),
            ("seed of shuffles and nulls", found.seed),
        ),
    )
    return Part(
        f"Inside the prompt {plain(found.prompt)}",
        warnings=tuple(f"{part} was skipped: {reason}" for part, reason in found.skipped.items()),
        facts=(facts, *facts_of(folder, COMMAND)),
        sections=tuple(map(section_of, found.findings)),
    )

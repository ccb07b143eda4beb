"""The values that a page is made of: parts of a folder or a bank, their sections, tables and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spot.analysis.finding import Chart, Finding, Table
from spot.report.heatmap import Heatmap
from spot.verdicts.verdict import Verdict

Picture = Chart | Heatmap


class Linked(float):
    """A number of a table with the folder or file of the run that it comes of."""

    folder: Path

    def __new__(cls, value: float, folder: Path) -> Linked:
        linked = super().__new__(cls, value)
        linked.folder = folder
        return linked


@dataclass(frozen=True, eq=False)
class Section:
    """One question of a page: its title, sentences that read the numbers, pictures and tables."""

    title: str
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Part:
    """What one folder or bank has to show. facts: what was run and with what."""

    title: str
    verdicts: tuple[Verdict, ...] = ()
    warnings: tuple[str, ...] = ()
    facts: tuple[Table, ...] = ()
    sections: tuple[Section, ...] = ()


def section_of(finding: Finding) -> Section:
    """A finding as a section."""
    title = finding.title[:1].upper() + finding.title[1:]
    return Section(title, finding.charts, finding.tables, finding.notes)


def pictures_of(parts: Sequence[Part]) -> list[Picture]:
    """The pictures of a page, in its order."""
    return [picture for part in parts for section in part.sections for picture in section.pictures]

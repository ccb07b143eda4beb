"""The kinds of folders that have a page: a file's name to the function that reads its folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bank.store import Bank
from spot.errors import SpotError
from spot.report.pages.analysis import analysis_part
from spot.report.pages.bank import bank_part
from spot.report.pages.baselines import baselines_part
from spot.report.pages.comparison import comparison_part
from spot.report.pages.matrix import matrix_part
from spot.report.pages.page import Part
from spot.report.pages.study import study_part
from spot.report.pages.transfer import transfer_part

Place = Bank | Path | str

KINDS: dict[str, Callable[[Path], Part]] = {
    "report.json": transfer_part,
    "study.json": study_part,
    "baselines.json": baselines_part,
    "comparison.json": comparison_part,
    "matrix.json": matrix_part,
    "analysis.json": analysis_part,
    "bank.json": lambda folder: bank_part(Bank.open(folder)),
}


def parts_of(place: Place) -> list[Part]:
    """What a bank, or a folder that commands have written results to, has to show: a part for each kind of
    results in it.

    Raises SpotError for a folder without any, and for results that are damaged or of another program.
    """
    if isinstance(place, Bank):
        return [bank_part(place)]
    folder = Path(place)
    kinds = [name for name in KINDS if (folder / name).is_file()]
    if not kinds:
        *most, last = KINDS
        found = "a folder without these" if folder.is_dir() else "no folder"
        raise SpotError(
            f"{folder}: expected a bank or a folder of results, which has {', '.join(most)} or {last}; "
            f"found {found}",
            "name a folder that spot transfer, study, compare, baselines, matrix or analyze says at its end",
        )
    return [KINDS[name](folder) for name in kinds]

"""How similar the keys of unrelated tasks are: what "near" has to be compared with.

A search always has a nearest source, also for a target that has no kin in the bank. Each task of the bank
is taken for such a target: its sources are the tasks of other families alone, and its nearest of them is
as near as a source comes to be by chance.
"""

from __future__ import annotations

from collections.abc import Iterable

from bank.errors import BankError
from bank.index import load_index
from bank.nearest import searchable, seeds_of_tasks
from bank.similarities import find_similarity
from bank.store import Bank

MOST = 200
"""The tasks that are compared, so that a bank of any size costs a second at most."""


def nearest_unrelated(
    bank: Bank,
    similarity: str = "average",
    *,
    exclude_tasks: Iterable[str] = (),
    unlearned: bool = False,
) -> list[float]:
    """For each task of the bank, the highest similarity of its keys to those of a task of another family.

    Similarities are means over pairs of seeds, and mixtures and tasks without a family are left out, as
    are `exclude_tasks` and entries that learned nothing (see `bank.nearest.searchable`). [] where
    fewer than two families are left. Raises BankError for an unknown similarity.
    """
    measure = find_similarity(similarity)
    entries, _ = searchable(bank.entries(), exclude_tasks, unlearned)
    try:
        index = load_index(bank, measure, bank.entries())
    except BankError:  # a bank of one key, or one without its init: a search explains
        return []
    places = {id: place for place, id in enumerate(index.ids)}
    tasks = [
        (group[0].family, rows)
        for group in seeds_of_tasks(entries)
        if group[0].family and group[0].kind != "mixture"
        if (rows := [places[entry.id] for entry in group if entry.id in places])
    ][:MOST]
    nearest = []
    for family, rows in tasks:
        others = [columns for other, columns in tasks if other != family]
        if others:
            similar = index.similar(measure, rows)
            nearest.append(max(float(similar[:, columns].mean()) for columns in others))
    return nearest

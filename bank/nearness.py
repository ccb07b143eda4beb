"""How similar the keys of unrelated tasks are: what "near" has to be compared with.

A search always has a nearest source, also for a target that has no kin in the bank. Each task of the bank
is taken for such a target: its sources are the tasks of other families alone, and its nearest of them is
as near as a source comes to be by chance.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bank.entry import OF_SEVERAL
from bank.index import Keys, read_keys
from bank.nearest import searchable, seeds_of_tasks
from bank.similarities import Similarity, find_similarity
from bank.similarities.record import MissingInit
from bank.store import Bank

MOST = 200
"""The tasks that are compared, so that a bank of any size costs a second at most."""


def nearest_unrelated(
    bank: Bank,
    similarity: str = "average",
    *,
    exclude_tasks: Iterable[str] = (),
    unlearned: bool = False,
    keys: Keys | None = None,
) -> list[float]:
    """For each task of the bank, the highest similarity of its keys to those of a task of another family.

    Similarities are means over pairs of seeds, and entries of several tasks or without a family are left
    out, as are `exclude_tasks` and entries that learned nothing (see `bank.nearest.searchable`). keys: the
    bank's, where `read_keys` has read them already. [] where fewer than two families are left, or an init is
    needed that is not known. Raises BankError for an unknown similarity.
    """
    measure = find_similarity(similarity)
    try:
        keys = read_keys(bank, measure) if keys is None else keys
    except MissingInit:
        return []
    row_of = dict(zip((entry.id for entry in keys.entries), keys.kept, strict=True))
    entries, _ = searchable(keys.entries, exclude_tasks, unlearned)
    groups = [
        group
        for group in seeds_of_tasks(entries)
        if group[0].family and group[0].kind not in OF_SEVERAL
    ][:MOST]
    if not groups:
        return []
    rows = np.stack([row_of[entry.id] for group in groups for entry in group])
    tasks = np.array([number for number, group in enumerate(groups) for _ in group])
    nearest = []
    for number, group in enumerate(groups):
        others = [
            np.flatnonzero(tasks == other)
            for other, candidates in enumerate(groups)
            if candidates[0].family != group[0].family
        ]
        if others:
            similar = _as_a_target(measure, rows, tasks == number)
            nearest.append(max(float(similar[:, columns].mean()) for columns in others))
    return nearest


def _as_a_target(
    measure: Similarity, rows: NDArray[Any], own: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Similarities of a task's own keys with all keys [own, N], in a bank that lacks the task: the mean
    that a centred similarity removes is over the others, as for a query.
    """
    if measure.compare is not None:
        return np.array([measure.compare(row, rows) for row in rows[own]], dtype=np.float64)
    vectors = measure.vectors(rows, measure.mean(rows[~own])).astype(np.float64)
    return np.asarray(vectors[own] @ vectors.T)

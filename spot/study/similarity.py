"""From a similarity of entries (task and seed) to a similarity of tasks.

A bank holds several seeds of one task. The paper's Figure 4 (Vu et al. 2022, arXiv 2110.07904)
shows tasks, each cell the mean over the nine pairs of three seeds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spot.errors import SpotError

if TYPE_CHECKING:
    from bank.entry import Entry, Prompts


@dataclass(frozen=True, eq=False)
class TaskSimilarity:
    """Similarity of M tasks: `matrix` [M,M] float64, row and column i belong to `tasks[i]`.

    `similarity` is the measure's name (for captions), `entries[i]` how many prompts `tasks[i]` had.
    Raises SpotError when the parts do not fit together or the matrix is not finite.
    """

    tasks: tuple[str, ...]
    matrix: NDArray[np.float64]
    similarity: str = "similarity"
    entries: tuple[int, ...] = field(default=())

    def __post_init__(self) -> None:
        size = len(self.tasks)
        if size == 0:
            raise SpotError("expected at least one task, found none", "add entries to the bank")
        if len(set(self.tasks)) != size:
            raise SpotError("expected distinct tasks, found a task twice", "average seeds first")
        if self.matrix.shape != (size, size):
            raise SpotError(
                f"expected a {size}x{size} matrix for {size} tasks, found {self.matrix.shape}",
                "give one row and one column per task",
            )
        require_finite(self.matrix, self.tasks)


def require_finite(matrix: NDArray[np.float64], names: Sequence[str]) -> None:
    """Raise SpotError naming the first pair of `names` whose value in `matrix` is NaN or inf."""
    rows, columns = np.nonzero(~np.isfinite(matrix))
    if rows.size:
        raise SpotError(
            f'the similarity of "{names[rows[0]]}" and "{names[columns[0]]}" is '
            f"{matrix[rows[0], columns[0]]} ({rows.size} such values)",
            "a prompt holds NaN or zeros: run `spot bank verify`",
        )


def average_by_task(
    tasks: Sequence[str], matrix: ArrayLike, similarity: str = "similarity"
) -> TaskSimilarity:
    """Average an entry-by-entry `matrix` [N,N] into a task-by-task one; `tasks` names each entry.

    Off the diagonal: the mean over all pairs of a seed of one task and a seed of the other. On the
    diagonal: the mean over ordered pairs of DIFFERENT seeds, the agreement between prompts of one
    task; a task with a single entry keeps that entry's similarity to itself (1 for a cosine).
    Raises SpotError for wrong shapes, no entries or values that are not finite.
    """
    values = np.asarray(matrix, dtype=np.float64)
    count = len(tasks)
    if values.shape != (count, count):
        raise SpotError(
            f"expected a {count}x{count} matrix for {count} entries, found {values.shape}",
            "give one row and one column per entry",
        )
    require_finite(values, tasks)
    sizes = Counter(tasks)
    names = tuple(sorted(sizes))
    member = np.array([[task == name for task in tasks] for name in names], dtype=np.float64)
    entries = np.array([sizes[name] for name in names], dtype=np.float64)
    if not names:
        return TaskSimilarity((), np.zeros((0, 0)), similarity)  # raises: there are no tasks
    averaged = member @ values @ member.T / np.outer(entries, entries)
    for row, name in enumerate(names):
        averaged[row, row] = _self_similarity(values, [i for i, t in enumerate(tasks) if t == name])
    return TaskSimilarity(names, averaged, similarity, tuple(sizes[name] for name in names))


def _self_similarity(matrix: NDArray[np.float64], members: list[int]) -> float:
    block = matrix[np.ix_(members, members)]
    if len(members) == 1:
        return float(block[0, 0])
    return float(block[~np.eye(len(members), dtype=bool)].mean())


def task_similarity(
    tasks: Sequence[str], keys: ArrayLike, similarity: str, *, inits: ArrayLike | None = None
) -> TaskSimilarity:
    """The task-by-task similarity of `keys` [N,P,H]; `tasks` names the task of each key.

    `similarity` is a name in `bank.SIMILARITIES`; some of them need the `inits` [N,P,H].
    See `average_by_task` for the averaging over seeds (Vu et al. 2022, Figure 4). Raises SpotError
    for shapes that do not fit and BankError for an unknown measure or missing `inits`.
    """
    prompts = np.asarray(keys)
    if prompts.ndim != 3 or len(prompts) != len(tasks):
        raise SpotError(
            f"expected keys of shape [{len(tasks)},P,H] for {len(tasks)} tasks, "
            f"found {list(prompts.shape)}",
            "stack one [P,H] key per entry",
        )
    if not len(tasks):
        raise SpotError("expected at least one task, found none", "add entries to the bank")
    from bank.similarities import find_similarity  # here: averaging alone does not need the bank

    starts = None if inits is None else np.asarray(inits)
    return average_by_task(tasks, find_similarity(similarity).matrix(prompts, starts), similarity)


def inits_of(items: Sequence[tuple[Entry, Prompts]]) -> NDArray[np.float32] | None:
    """The inits [N,P,H] of a bank's items; None where one is not known."""
    inits = [prompts.init for _, prompts in items]
    known = [init for init in inits if init is not None]
    return np.stack(known) if known and len(known) == len(inits) else None


def similarity_of_items(
    items: Sequence[tuple[Entry, Prompts]], similarity: str, *, values: bool = False
) -> TaskSimilarity:
    """The task-by-task similarity of the keys, or the values, of a bank's items; see `task_similarity`."""
    arrays = [prompts.start if values else prompts.key for _, prompts in items]
    tasks = [entry.task for entry, _ in items]
    return task_similarity(tasks, np.stack(arrays), similarity, inits=inits_of(items))

"""The compared form of a bank's keys, built from the entries' own arrays at every search.

Nothing of it is kept on disk. A search reads the arrays of all entries anyway, to compare them with
their checksums, and the means and the flat index of N of them then cost less than reading an index
back and proving that it belongs to them; and what is not there cannot be stale, damaged or foreign.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bank.entry import Entry, Prompts
from bank.errors import BankError
from bank.similarities import Similarity
from bank.similarities.record import MissingInit
from bank.store import Bank, Contents

Keys = Contents[NDArray[Any]]
"""Entries with the row that a similarity makes of each."""


@dataclass(frozen=True)
class KeyIndex:
    """N ids and, in their order, what a similarity compares a query with.

    `vectors` is a faiss.IndexFlatIP of [N, D]; `keys` is [N, P, H], for similarities that are not
    an inner product; `mean` [D] is what a centred similarity removes. `blank` are the ids whose
    vector is zero.
    """

    ids: tuple[str, ...]
    vectors: Any = None
    keys: NDArray[np.float32] | None = None
    mean: NDArray[np.float64] | None = None
    blank: tuple[str, ...] = ()

    def scores(self, similarity: Similarity, query: Prompts) -> NDArray[np.float64]:
        """The similarity of a query with each of the N keys [N].

        Raises BankError for a query without a direction, or without the init that is needed.
        """
        row = represent(similarity, query)
        if similarity.compare is not None and self.keys is not None:
            return similarity.compare(row, self.keys)
        vector = similarity.vectors(row[None], self.mean)
        if not vector.any():
            raise BankError(
                f'the query has no direction under the similarity "{similarity.name}"',
                "choose another similarity, or train the query for more steps",
            )
        scores, places = self.vectors.search(vector, len(self.ids))
        out = np.empty(len(self.ids))
        out[places[0]] = scores[0]
        return out


def represent(similarity: Similarity, prompts: Prompts) -> NDArray[Any]:
    """The row that a similarity makes of one prompt. Raises BankError without a needed init."""
    init = None if prompts.init is None else prompts.init[None]
    row: NDArray[Any] = similarity.rows(np.asarray(prompts.key)[None], init)[0]
    return row


def read_keys(bank: Bank, similarity: Similarity) -> Keys:
    """What the similarity compares, of every entry of a bank, whose arrays are read and verified.

    Raises MissingInit when an init is needed and an entry has none.
    """

    def row(entry: Entry, prompts: Prompts) -> NDArray[Any]:
        try:
            return represent(similarity, prompts)
        except MissingInit as error:
            raise MissingInit(f"{entry.id}: {error.message}", error.hint) from error

    return bank.contents(row)


def build_index(similarity: Similarity, keys: Keys) -> KeyIndex:
    """The index over a bank's keys. Raises BankError for a centred similarity of fewer than two."""
    ids = tuple(entry.id for entry in keys.entries)
    rows: NDArray[Any] = np.stack(keys.kept) if ids else np.zeros((0, 1))
    if similarity.compare is not None:
        return KeyIndex(ids, keys=rows)
    if similarity.centred and len(ids) < 2:
        raise BankError(
            f'the similarity "{similarity.name}" needs two keys or more, found {len(ids)}',
            "choose a similarity that removes no mean, or add entries",
        )
    mean = similarity.mean(rows)
    vectors = similarity.vectors(rows, mean)
    blank = tuple(id for id, vector in zip(ids, vectors, strict=True) if not vector.any())
    return KeyIndex(ids, _faiss_index(vectors), None, mean, blank)


def _faiss_index(vectors: NDArray[np.float32]) -> Any:
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    if len(vectors):
        index.add(np.ascontiguousarray(vectors))
    return index

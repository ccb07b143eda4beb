"""The tokens that rows of a prompt are nearest to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from spot.errors import look_up
from spot.models.model import Model
from spot.tasks.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False)
class Tokens:
    """The tokens that may stand in a text, `ids` [V'] rising, and their embeddings `rows` [V', H]."""

    ids: np.ndarray
    rows: np.ndarray

    @classmethod
    def of(cls, embeddings: np.ndarray, vocabulary: Vocabulary) -> Tokens:
        """Those of a model's embeddings [V, H]."""
        ids = text_ids(vocabulary)
        return cls(ids, np.asarray(embeddings[ids], np.float32))


def tokens_of(model: Model) -> Tokens:
    """The tokens that may stand in a model's texts."""
    return Tokens.of(model.embeddings, model.vocabulary)


def text_ids(vocabulary: Vocabulary) -> np.ndarray:
    """The ids that may stand in a text: those of text, and what begins and ends one. Padding, unknown and
    unused ids, sentinels and other special tokens are left out: no text puts them there.
    """
    size = vocabulary.size
    text = {*vocabulary.frequent(size), *vocabulary.meaningful(range(1, size))}
    edges = {vocabulary.eos, *([] if vocabulary.begin is None else [vocabulary.begin])}
    return np.array(sorted(text - set(vocabulary.special(sorted(text))) | edges), np.int64)


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows [N, H] of length one; a row of zeros stays as it is."""
    rows = np.asarray(rows, np.float32)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    out = np.zeros(rows.shape, np.float32)
    np.divide(rows, norms, out=out, where=norms > 0)
    return out


def by_cosine(rows: np.ndarray, others: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The places [N, count] among others [V', H] of largest cosine to each row [N, H], best first, and the
    cosines.
    """
    return by_product(unit(rows), unit(others), count)


def by_product(rows: np.ndarray, others: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """As `by_cosine`, of largest inner product."""
    import faiss

    products, places = faiss.knn(
        _floats(rows), _floats(others), count, metric=faiss.METRIC_INNER_PRODUCT
    )
    return places, products


def by_distance(rows: np.ndarray, others: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """As `by_cosine`, of smallest distance; negative distances."""
    import faiss

    squares, places = faiss.knn(_floats(rows), _floats(others), count, metric=faiss.METRIC_L2)
    return places, -np.sqrt(np.maximum(squares, 0))


def _floats(rows: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(rows, np.float32)


SIMILARITIES: dict[str, Callable[[np.ndarray, np.ndarray, int], tuple[np.ndarray, np.ndarray]]] = {
    "cosine": by_cosine,
    "distance": by_distance,
    "product": by_product,
}
"""How near a row is to an embedding. By cosine and by distance an embedding is nearest to itself; by the
product a longer one of about its direction is.
"""


def nearest_ids(rows: np.ndarray, tokens: Tokens, similarity: str = "cosine") -> np.ndarray:
    """The id [P] of the token nearest to each row [P, H]. Raises SpotError for an unknown similarity."""
    find = look_up(SIMILARITIES, similarity, "similarity of a row to a token", "similarity")
    return np.asarray(tokens.ids[find(rows, tokens.rows, 1)[0][:, 0]])

"""The table of similarities. A new one is a function that represents a prompt, and one line here."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from bank.errors import BankError, did_you_mean
from bank.similarities.cosine import every_change, mean_change, mean_token, mean_unit_token
from bank.similarities.max_inner_product import max_inner_products, whole_key
from bank.similarities.record import Similarity

__all__ = ["SIMILARITIES", "Similarity", "default_for_clusters", "find_similarity"]

_ALL = (
    Similarity("average", "cosine of mean tokens", mean_token),
    Similarity("per-token", "mean cosine over all pairs of tokens", mean_unit_token, unit=False),
    Similarity(
        "centered", "average after removing the mean of the bank's keys", mean_token, centred=True
    ),
    Similarity("delta", "average of the change by training (key - init)", mean_change, needs_inits=True),
    Similarity(
        "centered-delta", "delta after removing the bank's mean change", mean_change,
        centred=True, needs_inits=True,
    ),
    Similarity(
        "task-vector", "cosine of the changes of all tokens, mean-centred", every_change,
        centred=True, needs_inits=True,
    ),
    Similarity(
        "max-inner-product", "mean over the query's tokens of the largest inner product",
        whole_key, compare=max_inner_products,
    ),
)  # fmt: skip

SIMILARITIES: dict[str, Similarity] = {similarity.name: similarity for similarity in _ALL}


def find_similarity(name: str) -> Similarity:
    """The similarity of this name. Raises BankError, with the nearest name, when there is none."""
    try:
        return SIMILARITIES[name]
    except KeyError:
        raise BankError(
            f'expected a similarity out of {", ".join(SIMILARITIES)}, found "{name}".'
            + did_you_mean(name, SIMILARITIES)
        ) from None


def default_for_clusters(inits: NDArray[Any] | None, count: int) -> str:
    """The similarity that separates families of tasks best among `count` prompts.

    inits: [N, P, H], None where unknown. Prompts with one common init are compared by their change
    from it. Fewer than three are not centred: without their mean two prompts are opposites.
    """
    if count < 3:
        return "average"
    common_init = inits is not None and bool((inits == inits[0]).all())
    return "task-vector" if common_init else "centered"

"""The record of a kind of prompt: plain functions over named arrays, with a leading axis S on the
device and without it on the host.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from spot.models.effect import Effect

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Kind:
    """A kind of prompt: making it, its effect on a model, and the rows that a bank compares.

    init: start rows [P, H] -> the trained arrays by name.
    effect: (arrays with leading S, embedded texts [B, T, H], their mask [B, T], owner [B] or None)
    -> the effect on the forward pass; differentiable in the arrays.
    key: the trained arrays -> [P, H], the rows that search compares.
    count: (P, H) -> the number of trained values.
    before, after: P -> rows that it puts in front of and behind a text, for the context.
    packed: true if its effect is the same for every text of a prompt and stands in front of it, so
    that a decoder may read texts packed into rows.
    """

    name: str
    description: str
    init: Callable[[np.ndarray], Arrays]
    effect: Callable[[Mapping[str, Any], Any, Any, Any], Effect]
    key: Callable[[Mapping[str, Any]], Any]
    count: Callable[[int, int], int]
    before: Callable[[int], int]
    after: Callable[[int], int]
    packed: bool

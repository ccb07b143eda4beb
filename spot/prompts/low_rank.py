"""A prompt that all tasks share, times a change of low rank for each task: P_t = P * (U V), number by
number (MPT, Wang et al. 2023, section 3).

U V begins as ones, so that the prompt begins as the rows of the init; further ranks begin as nothing. The
shared rows may be frozen, such as a mixture's; MPT goes on training them on a target.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from spot.models.config import ModelConfig
from spot.prompts.kind import Arrays, Form, Kind, Start
from spot.prompts.matrices import drawn, size_of
from spot.variants import Option, written

if TYPE_CHECKING:
    from spot.models.effect import Effect

NAME = "low-rank"
DESCRIPTION = "rows in front of the text, of which only a factor of low rank is trained (MPT)"
OPTIONS = {
    "rank": Option(1, "the rank of the factor", least=1),
    "shared": Option(
        "frozen", "the rows that are multiplied: frozen, or trained", choices=("frozen", "trained")
    ),
}


def low_rank(rank: int, shared: str) -> Kind:
    """The kind with a factor of this rank on shared rows, `frozen` or `trained`."""

    def count(length: int, config: ModelConfig) -> int:
        rows = length * config.d_model if shared == "trained" else 0
        return rank * (length + config.d_model) + rows

    frozen = ("size", "shared") if shared == "frozen" else ("size",)
    return Kind(
        name=written(NAME, {"rank": rank, "shared": shared}, OPTIONS),
        description=DESCRIPTION,
        arrays=("shared", "left", "right", "size"),
        init=partial(_init, rank),
        effect=partial(_effect, frozen),
        key=_rows,
        count=count,
        before=lambda length: length,
        after=lambda length: 0,
        packed=True,
        rates=dict.fromkeys(frozen, 0.0),
        plain=_rows,
    )


def _init(rank: int, start: Start) -> Arrays:
    """The factors are kept as large as the rows, so that a step changes a share of them that it would
    change of the rows.
    """
    size, (length, width) = size_of(start.rows), start.rows.shape
    left = drawn(start.rng(), size, length, rank)
    right = np.zeros((rank, width), np.float32)
    left[:, 0], right[0] = size, size
    return {"shared": start.rows, "left": left, "right": right, "size": size}


def _effect(
    frozen: tuple[str, ...], arrays: Mapping[str, Any], _embedded: Any, _mask: Any, owner: Any
) -> Effect:
    import jax

    from spot.models.effect import Effect

    fixed = {name: jax.lax.stop_gradient(arrays[name]) for name in frozen}
    with jax.default_matmul_precision("highest"):  # the rows that are exported, on every device
        return Effect(before=_rows({**arrays, **fixed}), owner=owner)


def _rows(arrays: Mapping[str, Any]) -> Any:
    """[P, H], or [S, P, H] of S prompts."""
    size = arrays["size"][..., None]
    return arrays["shared"] * ((arrays["left"] / size) @ (arrays["right"] / size))


FORM = Form(NAME, DESCRIPTION, low_rank, OPTIONS)

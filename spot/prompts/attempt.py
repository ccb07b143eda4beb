"""A prompt, and a mixture of frozen ones of a bank that each text weighs for itself (ATTEMPT, Asai et al.
2022, section 3): P(x) = P + sum_j a_j P_j.

a = softmax(u(max P_j) . h / (H temperature)) with h = LN(W_up silu(W_down u(max x))): max is over tokens
or rows and u(x) is x divided by its root mean square: products are then means of numbers of size 1 on
every model, and one temperature suits all. LN has no gain and shift of its own, which W_up could be.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from spot.models.config import ModelConfig
from spot.prompts.kind import Arrays, Form, Kind, Start
from spot.prompts.matrices import INNER, drawn, size_of, through, unit
from spot.variants import Option, written

if TYPE_CHECKING:
    from spot.models.effect import Effect

NAME = "attempt"
DESCRIPTION = "rows in front of the text, and a mixture of a bank's prompts that the text decides"
OPTIONS = {
    "sources": Option(6, "prompts of the bank", least=1),
    "width": Option(100, "the numbers in the middle of the network that weighs them", least=1),
    "temperature": Option(0.1, "the higher, the more equal the weights are", least=1e-6),
}


def attempt(sources: int, width: int, temperature: float) -> Kind:
    """The kind with so many prompts of a bank, weighed by a network of `width` hidden numbers."""
    options = {"sources": sources, "width": width, "temperature": temperature}

    def count(length: int, config: ModelConfig) -> int:
        return (length + 2 * width) * config.d_model

    return Kind(
        name=written(NAME, options, OPTIONS),
        description=DESCRIPTION,
        arrays=("prompt", "sources", "down", "up", "size"),
        init=partial(_init, sources, width),
        effect=partial(_effect, temperature),
        key=lambda arrays: arrays["prompt"],
        count=count,
        before=lambda length: length,
        after=lambda length: 0,
        packed=False,
        rates={"sources": 0.0, "down": INNER, "up": INNER, "size": 0.0},
        depends_on_text=True,
        of_bank=True,
    )


def _init(sources: int, width: int, start: Start) -> Arrays:
    rng, size, numbers = start.rng(), size_of(start.rows), start.rows.shape[1]
    return {
        "prompt": start.rows,
        "sources": start.sources(sources),
        "down": drawn(rng, size, numbers, width),
        "up": drawn(rng, size, width, numbers),
        "size": size,
    }


def _effect(
    temperature: float, arrays: Mapping[str, Any], embedded: Any, mask: Any, owner: Any
) -> Effect:
    import jax

    from spot.models.effect import Effect, by_prompt

    frozen = {name: jax.lax.stop_gradient(arrays[name]) for name in ("sources", "size")}
    mixed = by_prompt(partial(_mixed, temperature), {**arrays, **frozen}, owner, embedded, mask)
    return Effect(before=mixed, owner=owner, by_row=True)


def _mixed(temperature: float, own: Mapping[str, Any], embedded: Any, mask: Any) -> Any:
    """The rows [N, P, H] of one prompt for texts [N, T, H]."""
    import jax.numpy as jnp

    weights = weights_of(temperature, own, embedded, mask)
    return own["prompt"] + jnp.tensordot(weights, own["sources"], 1)


def weights_of(temperature: float, own: Mapping[str, Any], embedded: Any, mask: Any) -> Any:
    """a [N, sources], the weights that texts [N, T, H] of one prompt give the frozen ones."""
    import jax
    import jax.numpy as jnp

    tokens = jnp.where(mask[..., None], embedded, -jnp.inf).max(axis=1)
    asked = unit(jnp.where(mask.any(axis=1, keepdims=True), tokens, 0.0))
    hidden = through(jax.nn.silu(through(asked, own["down"], own["size"])), own["up"], own["size"])
    query = unit(hidden - hidden.mean(axis=1, keepdims=True))
    found = unit(own["sources"].max(axis=1))
    return jax.nn.softmax(query @ found.T / (query.shape[1] * temperature), axis=1)


FORM = Form(NAME, DESCRIPTION, attempt, OPTIONS)

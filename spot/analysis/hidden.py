"""A trained prompt under another attention mask: columns that nothing sees, or who sees whom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from spot.analysis.altered import Altered
from spot.errors import SpotError
from spot.models.config import ModelConfig
from spot.models.effect import Effect, HostPrompt, Prompts, Visibility


@partial(
    jax.tree_util.register_dataclass, data_fields=["prompts", "hidden"], meta_fields=["visible"]
)
@dataclass(frozen=True, eq=False)
class Masked:
    """Prompts on the device whose effect has other masks."""

    prompts: Prompts
    hidden: jax.Array | None
    visible: Visibility | None

    def effect(self, embedded: jax.Array, mask: jax.Array) -> Effect:
        """See `Prompts`."""
        effect = self.prompts.effect(embedded, mask)
        visible = effect.visible if self.visible is None else self.visible
        return replace(effect, hidden=self.hidden, visible=visible)


@dataclass(frozen=True, eq=False)
class MaskedPrompt(Altered):
    """A prompt with other masks, for scoring. hidden: bool [R, C], see `Effect`; visible: who sees whom."""

    hidden: np.ndarray | None = None
    visible: Visibility | None = None

    def stacked(self) -> Masked:
        """The same prompt on the device."""
        hidden = None if self.hidden is None else jnp.asarray(self.hidden)
        return Masked(self.prompt.stacked(), hidden, self.visible)


def front_sizes(prompt: HostPrompt, config: ModelConfig) -> tuple[int, int]:
    """What a prompt puts in front of a text: the number of keys and values, and of rows."""
    embedded = jax.ShapeDtypeStruct((1, 1, config.d_model), jnp.float32)
    mask = jax.ShapeDtypeStruct((1, 1), bool)
    effect = jax.eval_shape(lambda x, seen: prompt.stacked().effect(x, seen), embedded, mask)
    given = 0 if effect.keys_values is None else effect.keys_values.shape[-2]
    return given, 0 if effect.before is None else effect.before.shape[1]


def front_columns(prompt: HostPrompt, config: ModelConfig) -> int:
    """C, the columns that a prompt puts in front of a text. Raises SpotError for a prompt that puts none
    there.
    """
    count = sum(front_sizes(prompt, config))
    if count == 0:
        raise SpotError(
            "the prompt puts nothing in front of the text, so no column of it can be hidden",
            "choose a prompt of a kind such as prefix",
        )
    return count


def readers(config: ModelConfig) -> int:
    """R, who sees a prompt's columns: the layers of the stack that reads and, of a T5, its decoder."""
    return config.stacks[0] + (len(config.stacks) > 1)


def without(
    prompt: HostPrompt,
    config: ModelConfig,
    columns: Iterable[int] | None = None,
    layers: Iterable[int] | None = None,
) -> MaskedPrompt:
    """A prompt some of whose columns (all by default) nobody sees in some layers (in all by default); the
    places of what follows stay. layers: 0 to R - 1, see `readers`.
    """
    count = front_columns(prompt, config)
    hidden = np.zeros((readers(config), count), bool)
    rows = list(range(readers(config)) if layers is None else layers)
    hidden[np.ix_(rows, list(range(count) if columns is None else columns))] = True
    return MaskedPrompt(prompt, hidden)

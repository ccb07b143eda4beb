"""A network as one value that passes through `jax.jit`: its shape is static, its weights are leaves.

Its methods are meant to be traced; `spot.models.scoring` and the training step compile them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import jax
from flax import nnx
from jax.sharding import Mesh

from spot.models.config import ModelConfig
from spot.models.decode import EOS, greedy
from spot.models.families import family_of
from spot.models.layers import ProductForm, RowKeys
from spot.models.sharding import computed_on


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["parameters"],
    meta_fields=["config", "form", "mesh", "remat"],
)
@dataclass(frozen=True, eq=False)
class Network:
    """An architecture with its weights, an nnx.State of arrays by T5X name.

    `form`: how bfloat16 products are computed. `mesh`: the devices that the weights lie on, None for one.
    `remat`: a gradient keeps the input of each layer only and computes the layer again. All methods return
    float32.
    """

    config: ModelConfig
    form: ProductForm
    parameters: Any
    mesh: Mesh | None = None
    remat: bool = False

    def module(self) -> Any:
        """The flax.nnx module, a `T5` or a `Decoder`, with these weights."""
        config, parameters = computed_on(self.config, self.parameters, self.mesh)
        module = nnx.merge(_graph(config, self.form), parameters)
        module.remat = self.remat
        return module

    def encode(self, texts: Any, prompts: Any = None, random: Any = None) -> Any:
        """Read texts [B, T] (0 is padding, behind each text), or packed ones, with their prompts.

        prompts: `Prompts`, an `Effect`, rows [S, P, H] in front of the text, or None. random: keys
        [S] or `RowKeys` that switch dropout on.
        """
        return self.module().encode(texts, prompts, random)

    def text_states(self, texts: jax.Array, prompts: Any = None) -> jax.Array:
        """Last states [B, T, H] of the tokens of texts [B, T] behind their prompts, without the prompts' own
        rows: of a T5 the encoder's, of a decoder those of its last layer; both normed.
        """
        states: jax.Array = self.module().text_states(texts, prompts)
        return states

    def decode(
        self, encoded: Any, targets: jax.Array, random: jax.Array | RowKeys | None = None
    ) -> jax.Array:
        """Teacher-forced logits [G*B, T, V] of targets [G*B, T]; G consecutive rows share a text."""
        logits: jax.Array = self.module().decode(encoded, targets, random)
        return logits

    def greedy(self, encoded: Any, length: int, eos: int = EOS) -> jax.Array:
        """Token ids [B, length] of greedy decoding, 0 after EOS."""
        return greedy(self.module(), encoded, length, eos)

    def embed(self, tokens: jax.Array) -> jax.Array:
        """Embeddings [..., H] of tokens [...]."""
        embedded: jax.Array = self.module().token_embedder(tokens)
        return embedded

    def read_rows(self, rows: jax.Array) -> tuple[jax.Array, jax.Array]:
        """What the stack that reads makes of rows [P, H] alone: (inputs [L, P, H] of its layers, their keys
        and values [L, 2, kv, P, D]).
        """
        inputs, pairs = self.module().read_rows(rows)
        return inputs, _own_heads(self.config, pairs)

    def written_rows(self, rows: jax.Array) -> tuple[jax.Array, jax.Array]:
        """As `read_rows`, of the stack that writes: of a T5 its decoder, after an empty text."""
        inputs, pairs = self.module().written_rows(rows)
        return inputs, _own_heads(self.config, pairs)

    def front(self, prompts: Any) -> jax.Array:
        """Keys and values [L, 2, kv, P, D] of all that a prompt puts in front of every text of a decoder."""
        return _own_heads(self.config, self.module().front(prompts))

    @property
    def embeddings(self) -> jax.Array:
        """The embedding table [V, H] in the dtype of the weights."""
        table: jax.Array = self.parameters["token_embedder"]["embedding"].get_value()
        size = self.config.vocab_size  # on a mesh the table may be padded
        return table if table.shape[0] == size else table[:size]

    def with_dropout(self, rate: float | None) -> Network:
        """The same weights with another dropout rate; None keeps the model's own."""
        if rate is None or rate == self.config.dropout:
            return self
        return replace(self, config=replace(self.config, dropout=rate))

    def with_remat(self, remat: bool) -> Network:
        """The same network, whose gradients take less memory and more time, or do not."""
        return self if remat == self.remat else replace(self, remat=remat)

    def with_parameters(self, parameters: Any) -> Network:
        """The same architecture with other weights, a tree like `parameters`."""
        return replace(self, parameters=parameters)


def _own_heads(config: ModelConfig, pairs: jax.Array) -> jax.Array:
    """Keys and values [L, 2, kv, P, D] without the copies that devices have which share a head."""
    return pairs[:, :, :: pairs.shape[2] // config.kv_heads]


def outline(config: ModelConfig, form: ProductForm) -> tuple[Any, Any]:
    """(graphdef, state) of an architecture, with shapes in place of arrays."""
    network = family_of(config).network()
    return nnx.split(nnx.eval_shape(lambda: network(config, form, nnx.Rngs(0))))


@lru_cache(maxsize=64)
def _graph(config: ModelConfig, form: ProductForm) -> Any:
    return outline(config, form)[0]

"""A decoder of Llama's kind in flax.nnx behind the same two methods as T5: read a text, then score
or write what follows it.

What comes first in a causal model does not depend on what follows. So keys and values of the prompt
are computed once for all rows of its slot, those of a text once for all its label words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from spot.models.config import DecoderConfig
from spot.models.layers import (
    MASKED,
    Dense,
    ProductForm,
    RMSNorm,
    dropout,
    fold,
    product,
    split_heads,
    unwidened,
)
from spot.models.memory import Memory, attend
from spot.models.rope import rotate, rotation
from spot.models.t5 import Embedder, hide

Pair = tuple[jax.Array, jax.Array]


class Packed(NamedTuple):
    """Texts without their last tokens, G of them side by side in a row, so that little is padding.

    `tokens` [M, W]; `ends` [M, G], the place behind each text's tokens; `last` [M, G], its last token.
    """

    tokens: jax.Array
    ends: jax.Array
    last: jax.Array


class Read(NamedTuple):
    """Texts that were read up to their last token.

    `prefix` (of S prompts, [S, kv, P, D]) and `text` ([M, kv, W, D], B/M texts a row) are keys and
    values of every layer; `mask` [B, W] tells each text's tokens; `last` [B] is the last token and
    `position` [B] its place, the prompt counted.
    """

    prefix: list[Pair]
    text: list[Pair]
    mask: jax.Array
    last: jax.Array
    position: jax.Array


class Writing(NamedTuple):
    """What greedy decoding carries: the text as read, and keys and values [L, 2, B, kv, length, D]
    of the tokens written.
    """

    read: Read
    cache: jax.Array


class Block(nnx.Module):
    """Causal self-attention and SwiGLU, each on a normed input and added back."""

    def __init__(self, config: DecoderConfig, form: ProductForm, rngs: nnx.Rngs) -> None:
        width, inner = config.d_model, config.num_heads * config.d_kv
        shared = config.num_kv_heads * config.d_kv
        self.attention_norm = RMSNorm(width, config.epsilon)
        self.query = Dense(width, inner, form, rngs)
        self.key = Dense(width, shared, form, rngs)
        self.value = Dense(width, shared, form, rngs)
        if config.biases:
            self.query_bias = nnx.Param(jnp.zeros((inner,)))
            self.key_bias = nnx.Param(jnp.zeros((shared,)))
            self.value_bias = nnx.Param(jnp.zeros((shared,)))
        self.out = Dense(inner, width, form, rngs)
        self.mlp_norm = RMSNorm(width, config.epsilon)
        self.gate = Dense(width, config.d_ff, form, rngs)
        self.up = Dense(width, config.d_ff, form, rngs)
        self.down = Dense(config.d_ff, width, form, rngs)
        self.config, self.form = config, form

    def project(self, x: jax.Array, turn: Pair) -> tuple[jax.Array, Pair]:
        """Queries [R, heads, Q, D], and keys and values [R, kv, Q, D], of x [R, Q, H]; `turn` are
        cosine and sine of the places.
        """
        normed = self.attention_norm(x)
        query, key, value = self.query(normed), self.key(normed), self.value(normed)
        if self.config.biases:
            query, key = query + self.query_bias[...], key + self.key_bias[...]
            value = value + self.value_bias[...]
        query = rotate(split_heads(query, self.config.num_heads), turn)
        key = rotate(split_heads(key, self.config.num_kv_heads), turn)
        return query, (key, split_heads(value, self.config.num_kv_heads))

    def rest(
        self, x: jax.Array, query: jax.Array, memories: Sequence[Memory], random: jax.Array | None
    ) -> jax.Array:
        """x [R, Q, H] after attention to the memories and the feed-forward part."""
        seen = attend(self.form, query, memories)
        x = x + dropout(self.out(seen), self.config.dropout, fold(random, 0))
        normed = self.mlp_norm(x)
        hidden = self.down(jax.nn.silu(self.gate(normed)) * self.up(normed))
        return x + dropout(hidden, self.config.dropout, fold(random, 1))


class Decoder(nnx.Module):
    """A causal language model whose text may be preceded by a soft prompt.

    Token ids have 0 as padding, behind a text; all methods return float32. `random` are keys [S],
    one a slot of consecutive rows, that switch dropout on.
    """

    def __init__(self, config: DecoderConfig, form: ProductForm, rngs: nnx.Rngs) -> None:
        self.token_embedder = Embedder(config, rngs)
        for index in range(config.layers):
            setattr(self, f"layers_{index}", Block(config, form, rngs))
        self.final_norm = RMSNorm(config.d_model, config.epsilon)
        if not config.tied_head:
            self.lm_head = Dense(config.d_model, config.vocab_size, form, rngs)
        self.config, self.form = config, form

    def layers(self) -> list[Block]:
        """The layers from first to last."""
        return [getattr(self, f"layers_{index}") for index in range(self.config.layers)]

    def encode(
        self,
        tokens: jax.Array | Packed,
        prompts: jax.Array | None = None,
        random: jax.Array | None = None,
    ) -> Read:
        """Reads texts, one a row [B, T] or packed, each B/S of them behind one of the prompts
        [S, P, H] (or none).
        """
        texts = tokens if isinstance(tokens, Packed) else _single(tokens)
        length = 0 if prompts is None else prompts.shape[1]
        prefix: list[Pair] = []
        if prompts is not None:
            places = jnp.arange(length)[None]
            prefix = self._read(prompts, places, _causal(length), [], fold(random, 1))
        width, count = texts.tokens.shape[1], texts.ends.shape[1]
        places = jnp.arange(width)
        # Behind the last text, tokens belong to one more, of padding, that nobody looks at.
        owner = (places[:, None] >= texts.ends[:, None]).sum(-1)
        starts = jnp.pad(texts.ends, ((0, 0), (1, 0)))
        own_place = length + places - jnp.take_along_axis(starts, owner, axis=1)
        same = owner[:, :, None] == owner[:, None]
        bias = jnp.where(same, _causal(width)[:, 0], MASKED)[:, None]
        x = self.token_embedder(texts.tokens)
        text = self._read(x, own_place, bias, prefix, fold(random, 2))
        mask = (owner[:, None] == jnp.arange(count)[:, None]).reshape(-1, width)
        position = length + jnp.diff(starts, axis=1)
        return Read(prefix, text, mask, texts.last.reshape(-1), position.reshape(-1))

    def _read(
        self,
        x: jax.Array,
        places: jax.Array,
        bias: jax.Array,
        prefix: list[Pair],
        random: jax.Array | None,
    ) -> list[Pair]:
        """Keys and values of every layer for x [R, Q, H] at places [R|1, Q] behind a prefix; the
        bias [R|1, 1, Q, Q] hides what a token must not see.
        """
        turn = rotation(self.config, places)
        pairs: list[Pair] = []
        for index, layer in enumerate(self.layers()):
            query, own = layer.project(x, turn)
            pairs.append(own)
            if index + 1 < self.config.layers:  # nobody asks for what the last layer gives
                memories = [Memory(*prefix[index], None)] if prefix else []
                memories.append(Memory(*own, bias))
                x = layer.rest(x, query, memories, fold(random, index))
        return pairs

    def decode(self, read: Read, targets: jax.Array, random: jax.Array | None = None) -> jax.Array:
        """Teacher-forced logits [G*B, T, V] of targets [G*B, T] after the texts; G consecutive rows
        share one text.
        """
        times = targets.shape[0] // read.last.shape[0]
        first = jnp.repeat(read.last, times)[:, None]
        length = targets.shape[1]
        places = jnp.repeat(read.position, times)[:, None] + jnp.arange(length)
        turn, causal = rotation(self.config, places), _causal(length)
        x = self.token_embedder(jnp.concatenate([first, targets[:, :-1]], axis=1))
        for index, layer in enumerate(self.layers()):
            query, own = layer.project(x, turn)
            memories = [*_memories(read, index), Memory(*own, causal)]
            x = layer.rest(x, query, memories, fold(random, 1000 + index))
        return self.head(x)

    def head(self, x: jax.Array) -> jax.Array:
        """The last layer's output [..., H] -> logits [..., V]; padding is never likely."""
        x = self.final_norm(x)
        if self.config.tied_head:
            logits = product(unwidened(self.form), x, self.token_embedder.embedding[...].T)
        else:
            logits = self.lm_head(x)
        return jnp.where(jnp.arange(self.config.vocab_size) == 0, MASKED, logits)

    def begin(self, read: Read, length: int) -> tuple[jax.Array, Writing]:
        """The token [B] that decoding starts from, and the state to write `length` tokens."""
        config, rows = self.config, read.last.shape[0]
        shape = (config.layers, 2, rows, config.num_kv_heads, length, config.d_kv)
        return read.last, Writing(read, jnp.zeros(shape, jnp.float32))

    def step(
        self, state: Writing, token: jax.Array, position: jax.Array
    ) -> tuple[jax.Array, Writing]:
        """Logits [B, V] behind token [B], the `position`-th from the text's last, and the state."""
        read, cache = state
        turn = rotation(self.config, read.position[:, None] + position)
        bias = jnp.where(jnp.arange(cache.shape[4]) <= position, 0.0, MASKED)[None, None, None]
        x = self.token_embedder(token[:, None])
        for index, layer in enumerate(self.layers()):
            query, own = layer.project(x, turn)
            cache = cache.at[index, :, :, :, position].set(jnp.stack(own)[:, :, :, 0])
            written = Memory(cache[index, 0], cache[index, 1], bias)
            x = layer.rest(x, query, [*_memories(read, index), written], None)
        return self.head(x)[:, 0], Writing(read, cache)


def _memories(read: Read, index: int) -> list[Memory]:
    """What a layer sees of the prompt and of the text before its last token."""
    prefix = [Memory(*read.prefix[index], None)] if read.prefix else []
    return [*prefix, Memory(*read.text[index], hide(read.mask))]


def _single(tokens: jax.Array) -> Packed:
    """Texts [B, T], one a row."""
    before = jnp.maximum((tokens > 0).sum(-1, keepdims=True) - 1, 0)
    return Packed(tokens[:, :-1], before, jnp.take_along_axis(tokens, before, axis=1))


def _causal(length: int) -> jax.Array:
    """The bias [1, 1, length, length] that hides what comes later."""
    places = jnp.arange(length)
    return jnp.where(places <= places[:, None], 0.0, MASKED)[None, None]

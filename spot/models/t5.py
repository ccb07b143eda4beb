"""T5 1.0 and 1.1 in flax.nnx; parameter paths are those of T5X, so a checkpoint maps onto it name
by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from spot.models.attention import (
    PADDING,
    PROMPT,
    TEXT,
    Look,
    Memory,
    Watch,
    attend,
    hide_columns,
    in_front,
)
from spot.models.config import ModelConfig, T5Config
from spot.models.decode import EOS
from spot.models.effect import Effect, behind, effect_of, of_texts, visibility
from spot.models.layers import (
    MASKED,
    Dense,
    FeedForward,
    ProductForm,
    RandomKeys,
    RelativeBias,
    RMSNorm,
    dropout,
    fold,
    forgotten,
    merge_heads,
    product,
    split_heads,
    unwidened,
)


class Encoded(NamedTuple):
    """Encoder output [B, P+T+P', H] and the mask [B, P+T+P'] of visible positions.

    writer: keys and values [M, L, 2, heads, P'', D] that every layer of the decoder finds in front of what
    it writes, each for B/M consecutive texts; None without.
    """

    output: jax.Array
    mask: jax.Array
    writer: jax.Array | None = None


class DecodeState(NamedTuple):
    """State of greedy decoding: keys and values of the text for every layer, the text's mask, keys and
    values [L, 2, B, heads, length, d_kv] of the tokens written so far, and those in front of them.
    """

    memories: list[tuple[jax.Array, jax.Array]]
    mask: jax.Array
    cache: jax.Array
    writer: jax.Array | None


class Embedder(nnx.Module):
    """Token embeddings [V, H]."""

    def __init__(self, config: ModelConfig, rngs: nnx.Rngs) -> None:
        shape = (config.vocab_size, config.d_model)
        self.embedding = nnx.Param(jax.random.normal(rngs.params(), shape))

    def __call__(self, tokens: jax.Array) -> jax.Array:
        return self.embedding[...][tokens].astype(jnp.float32)


class Attention(nnx.Module):
    """Multi-head attention with fused kernels [H, heads*d_kv] and no scaling of the logits, as in
    T5.
    """

    def __init__(self, config: T5Config, form: ProductForm, rngs: nnx.Rngs) -> None:
        inner = config.num_heads * config.d_kv
        self.query = Dense(config.d_model, inner, form, rngs)
        self.key = Dense(config.d_model, inner, form, rngs)
        self.value = Dense(config.d_model, inner, form, rngs)
        self.out = Dense(inner, config.d_model, form, rngs)
        # T5 has no 1/sqrt(d_kv): the query's initial scale carries it instead.
        self.query.kernel[...] = self.query.kernel[...] * config.d_kv**-0.5
        self.heads, self.form, self.dropout = config.num_heads, form, config.dropout

    def project(self, memory: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Keys and values [B, heads, K, d_kv] of memory [B, K, H]; computed once and reused when
        decoding.
        """
        return split_heads(self.key(memory), self.heads), split_heads(
            self.value(memory), self.heads
        )

    def queries(self, x: jax.Array) -> jax.Array:
        """Queries [B, heads, Q, d_kv] of x [B, Q, H]."""
        return split_heads(self.query(x), self.heads)

    def attend(
        self, x: jax.Array, memories: Sequence[Memory], random: RandomKeys = None
    ) -> jax.Array:
        """x [G*B, Q, H] over memories [B, heads, K, d_kv], each shared by G consecutive rows."""
        seen = attend(self.form, self.queries(x), memories, self.dropout, random)
        return self.out(merge_heads(seen))

    def attend_unprojected(
        self, x: jax.Array, memory: jax.Array, bias: jax.Array, random: RandomKeys = None
    ) -> jax.Array:
        """As `attend` over the keys and values of memory [B, K, H], for few queries: these are projected
        to the width of the memory instead, q W_k^T, and what they see of it by W_v, so that for each
        token of the memory only its weights are computed (DeepSeek-AI 2024, arXiv 2405.04434, section
        2.1.2).
        """
        queries = split_heads(self.query(x), self.heads)
        keys, values = (
            split_heads(layer.kernel[...][None], self.heads)[0] for layer in (self.key, self.value)
        )
        wide, shared = _by_head(queries, keys.swapaxes(-1, -2)), memory[:, None]
        seen = attend(self.form, wide, [Memory(shared, shared, bias)], self.dropout, random)
        return self.out(merge_heads(_by_head(seen, values)))


def _by_head(x: jax.Array, kernels: jax.Array) -> jax.Array:
    """x [B, heads, Q, A] times kernels [heads, A, C] -> [B, heads, Q, C]. In float32, for x is short, and
    both of its sides are rounded to the form's precision already.
    """
    wide = kernels.astype(jnp.float32)
    return jnp.einsum("bhqa,hac->bhqc", x, wide, precision=jax.lax.Precision.HIGHEST)


class EncoderLayer(nnx.Module):
    """Self-attention and feed-forward, each on a normed input and added back."""

    def __init__(self, config: T5Config, form: ProductForm, rngs: nnx.Rngs) -> None:
        self.pre_attention_layer_norm = RMSNorm(config.d_model, config.epsilon)
        self.attention = Attention(config, form, rngs)
        self.pre_mlp_layer_norm = RMSNorm(config.d_model, config.epsilon)
        self.mlp = FeedForward(config, form, rngs)
        self.dropout = config.dropout

    def keys_values(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Those [B, heads, K, d_kv] of self-attention over x [B, K, H]."""
        return self.attention.project(self.pre_attention_layer_norm(x))

    def look(
        self, x: jax.Array, bias: jax.Array, front: Memory | None
    ) -> tuple[jax.Array, list[Memory]]:
        """Queries, and memories, of self-attention over x [B, Q, H]; see `__call__`."""
        normed = self.pre_attention_layer_norm(x)
        own = Memory(*self.attention.project(normed), bias)
        return self.attention.queries(normed), in_front(front, own)

    def __call__(
        self, x: jax.Array, bias: jax.Array, front: Memory | None, random: RandomKeys
    ) -> jax.Array:
        """x [B, Q, H] after the layer, with a memory in front of it or without."""
        normed = self.pre_attention_layer_norm(x)
        own = Memory(*self.attention.project(normed), bias)
        seen = self.attention.attend(normed, in_front(front, own), fold(random, 0))
        x = x + dropout(seen, self.dropout, fold(random, 1))
        hidden = self.mlp(self.pre_mlp_layer_norm(x), fold(random, 2))
        return x + dropout(hidden, self.dropout, fold(random, 3))


class DecoderLayer(nnx.Module):
    """Causal self-attention, attention to the encoder, feed-forward."""

    def __init__(self, config: T5Config, form: ProductForm, rngs: nnx.Rngs) -> None:
        self.pre_self_attention_layer_norm = RMSNorm(config.d_model, config.epsilon)
        self.self_attention = Attention(config, form, rngs)
        self.pre_cross_attention_layer_norm = RMSNorm(config.d_model, config.epsilon)
        self.encoder_decoder_attention = Attention(config, form, rngs)
        self.pre_mlp_layer_norm = RMSNorm(config.d_model, config.epsilon)
        self.mlp = FeedForward(config, form, rngs)
        self.dropout = config.dropout

    def keys_values(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Those [B, heads, K, d_kv] of self-attention over x [B, K, H]."""
        return self.self_attention.project(self.pre_self_attention_layer_norm(x))

    def self_attend(
        self, x: jax.Array, memories: Sequence[Memory], random: RandomKeys = None
    ) -> jax.Array:
        """x [B, Q, H] after causal self-attention over memories."""
        normed = self.pre_self_attention_layer_norm(x)
        seen = self.self_attention.attend(normed, memories, fold(random, 0))
        return x + dropout(seen, self.dropout, fold(random, 1))

    def rest(
        self,
        x: jax.Array,
        memory: jax.Array | tuple[jax.Array, jax.Array],
        bias: jax.Array,
        random: RandomKeys = None,
    ) -> jax.Array:
        """x [G*B, Q, H] after cross-attention, under the bias [B, 1, 1, K], and feed-forward.

        memory: the text as the encoder left it [B, K, H], or its keys and values [B, heads, K, d_kv].
        G targets of one text (label words to rank) share them: nothing of the text is computed or copied
        G times.
        """
        normed = self.pre_cross_attention_layer_norm(x)
        cross = self.encoder_decoder_attention
        if isinstance(memory, tuple):
            seen = cross.attend(normed, [Memory(*memory, bias)], fold(random, 2))
        else:
            seen = cross.attend_unprojected(normed, memory, bias, fold(random, 2))
        x = x + dropout(seen, self.dropout, fold(random, 3))
        hidden = self.mlp(self.pre_mlp_layer_norm(x), fold(random, 4))
        return x + dropout(hidden, self.dropout, fold(random, 5))

    def looks(
        self, x: jax.Array, encoded: Encoded, bias: jax.Array, front: Memory | None
    ) -> Iterator[tuple[str, jax.Array, list[Memory]]]:
        """Queries, and memories, of self-attention ("write") and of attention to the text ("cross") over
        whole targets x [B, Q, H]; see `teach`.
        """
        memories = in_front(front, Memory(*self.keys_values(x), bias))
        yield "write", self.self_attention.queries(self.pre_self_attention_layer_norm(x)), memories
        cross = self.encoder_decoder_attention
        normed = self.pre_cross_attention_layer_norm(self.self_attend(x, memories))
        text = Memory(*cross.project(encoded.output), hide(encoded.mask))
        yield "cross", cross.queries(normed), [text]

    def teach(
        self,
        few: bool,
        x: jax.Array,
        encoded: Encoded,
        bias: jax.Array,
        front: Memory | None,
        random: RandomKeys,
    ) -> jax.Array:
        """x [G*B, Q, H] after the layer, of whole targets, with a memory in front of them or without; see
        `Decoder.is_few`.
        """
        cross = self.encoder_decoder_attention
        x = self.self_attend(x, in_front(front, Memory(*self.keys_values(x), bias)), random)
        memory = encoded.output if few else cross.project(encoded.output)
        return self.rest(x, memory, hide(encoded.mask), random)


class Encoder(nnx.Module):
    """The stack over text (and the prompt in front of it)."""

    def __init__(self, config: T5Config, form: ProductForm, rngs: nnx.Rngs) -> None:
        self.relpos_bias = RelativeBias(config, bidirectional=True, rngs=rngs)
        for index in range(config.encoder_layers):
            setattr(self, f"layers_{index}", EncoderLayer(config, form, rngs))
        self.encoder_norm = RMSNorm(config.d_model, config.epsilon)
        self.depth, self.dropout = config.encoder_layers, config.dropout

    def layers(self) -> list[EncoderLayer]:
        """The layers from first to last."""
        return [getattr(self, f"layers_{index}") for index in range(self.depth)]

    def __call__(
        self,
        x: jax.Array,
        mask: jax.Array,
        effect: Effect,
        random: RandomKeys,
        remat: bool = False,
        watch: Watch | None = None,
    ) -> jax.Array:
        """x [B, Q, H], with the prompts' rows there already, after all layers."""
        positions = jnp.arange(x.shape[1])
        bias = self.relpos_bias(positions, positions)[None] + hide(mask)
        if effect.visible is not None and effect.before is not None:
            seen = visibility(effect.visible, effect.before.shape[1], x.shape[1])
            bias = bias + jnp.where(seen, 0.0, MASKED)
        given = of_texts(effect.keys_values, effect.owner)
        fronts = _fronts(given, self.relpos_bias, positions, self.depth)
        fronts = _without_padding(fronts, effect)
        x = dropout(x, self.dropout, fold(random, 1000))
        for index, layer in enumerate(self.layers()):
            x = effect.at_layer(x, index, effect.owner) if index else x
            hidden = None if effect.hidden is None else effect.hidden[index]
            front, own_bias = hide_columns(hidden, fronts[index], bias)
            if watch is not None:
                watch("read", index, *layer.look(x, own_bias, front))
            x = forgotten(layer, remat)(x, own_bias, front, fold(random, index))
        return dropout(self.encoder_norm(x), self.dropout, fold(random, 1001))


class Decoder(nnx.Module):
    """The stack over targets, with its relative bias, final norm and (T5 1.1) output head."""

    def __init__(self, config: T5Config, form: ProductForm, rngs: nnx.Rngs) -> None:
        self.relpos_bias = RelativeBias(config, bidirectional=False, rngs=rngs)
        for index in range(config.decoder_layers):
            setattr(self, f"layers_{index}", DecoderLayer(config, form, rngs))
        self.decoder_norm = RMSNorm(config.d_model, config.epsilon)
        if not config.tied_head:
            self.logits_dense = Dense(config.d_model, config.vocab_size, form, rngs)
        self.depth, self.dropout, self.d_kv = config.decoder_layers, config.dropout, config.d_kv

    def is_few(self, queries: int) -> bool:
        """True if so many queries a text are computed sooner than keys and values of its tokens: a query
        of the width of the model costs H/d_kv times one of a head.
        """
        return 2 * queries <= self.d_kv

    def layers(self) -> list[DecoderLayer]:
        """The layers from first to last."""
        return [getattr(self, f"layers_{index}") for index in range(self.depth)]

    def bias(self, length: int) -> jax.Array:
        """The additive bias [1, heads, length, length] of causal self-attention."""
        positions = jnp.arange(length)
        causal = jnp.where(positions[None, :] <= positions[:, None], 0.0, MASKED)
        return (self.relpos_bias(positions, positions) + causal)[None]

    def fronts(self, writer: jax.Array | None, positions: jax.Array) -> list[Memory | None]:
        """For each layer what stands in front of positions [Q] of targets; see `Encoded`."""
        return _fronts(writer, self.relpos_bias, positions, self.depth)

    def __call__(
        self,
        x: jax.Array,
        encoded: Encoded,
        random: RandomKeys,
        remat: bool = False,
        watch: Watch | None = None,
    ) -> jax.Array:
        """x [G*B, Q, H], embedded targets, after all layers."""
        bias = self.bias(x.shape[1])
        fronts = self.fronts(encoded.writer, jnp.arange(x.shape[1]))
        x = dropout(x, self.dropout, fold(random, 1000))
        few = self.is_few(x.shape[0] // encoded.mask.shape[0] * x.shape[1])
        for index, layer in enumerate(self.layers()):
            if watch is not None:
                for stack, query, memories in layer.looks(x, encoded, bias, fronts[index]):
                    watch(stack, index, query, memories)
            teach = forgotten(partial(layer.teach, few), remat)
            x = teach(x, encoded, bias, fronts[index], fold(random, index))
        return dropout(self.decoder_norm(x), self.dropout, fold(random, 1001))


class T5(nnx.Module):
    """An encoder-decoder whose text may carry a soft prompt.

    All methods take token ids with 0 as padding and return float32. `random` are keys [S], one for
    each prompt of consecutive rows, or `RowKeys`; they switch dropout on.
    """

    remat = False  # see `Network`

    def __init__(self, config: T5Config, form: ProductForm, rngs: nnx.Rngs) -> None:
        self.token_embedder = Embedder(config, rngs)
        self.encoder = Encoder(config, form, rngs)
        self.decoder = Decoder(config, form, rngs)
        self.config, self.form = config, form

    def encode(self, tokens: jax.Array, prompts: Any = None, random: RandomKeys = None) -> Encoded:
        """Read tokens [B, T] with the rows of their prompts in front of or behind them.

        prompts: as `effect_of` takes them. Prompt rows take positions like tokens and are always
        visible (Lester et al. 2021, section 2); rows behind a text follow its EOS.
        """
        return self._encoded(*self._surrounded(tokens, prompts), random)

    def _surrounded(self, tokens: jax.Array, prompts: Any) -> tuple[jax.Array, jax.Array, Effect]:
        """Embedded texts with the prompts' rows [B, Q, H], the mask [B, Q] of what is no padding, and the
        effect.
        """
        x, mask = self.token_embedder(tokens), tokens > 0
        effect = effect_of(prompts, x, mask)
        return *_surrounded(x if effect.text is None else effect.text, mask, effect), effect

    def _encoded(
        self,
        x: jax.Array,
        mask: jax.Array,
        effect: Effect,
        random: RandomKeys,
        watch: Watch | None = None,
    ) -> Encoded:
        output = self.encoder(x, mask, effect, random, self.remat, watch)
        return Encoded(output, _readable(mask, effect), of_texts(effect.writer, effect.owner))

    def text_states(self, tokens: jax.Array, prompts: Any = None) -> jax.Array:
        """The encoder's output at the tokens [B, T] alone, behind their prompts: [B, T, H]; of padding it
        says nothing.
        """
        x, mask, effect = self._surrounded(tokens, prompts)
        front = 0 if effect.before is None else effect.before.shape[1]
        return self.encoder(x, mask, effect, None)[:, front : front + tokens.shape[1]]

    def looks(self, tokens: jax.Array, targets: jax.Array, prompts: Any = None) -> list[Look]:
        """Where every layer looks while it reads tokens [B, T] and writes targets [B, T']."""
        found: list[Look] = []
        x, mask, effect = self._surrounded(tokens, prompts)
        rows = _rows_of_prompt(mask, tokens > 0, effect)
        read = jnp.where(rows, PROMPT, jnp.where(mask, TEXT, PADDING))
        shifted = jnp.pad(targets, ((0, 0), (1, 0)))[:, :-1]
        written = jnp.where(targets > 0, TEXT, PADDING)
        none = jnp.zeros((1, targets.shape[1]), bool)
        columns = {"read": rows, "cross": rows, "write": none}

        def watch(stack: str, layer: int, query: jax.Array, memories: Sequence[Memory]) -> None:
            *front, _ = memories
            owned = [jnp.ones((1, each.keys.shape[2]), bool) for each in front]
            groups = read if stack == "read" else written
            found.append(Look(stack, layer, query, memories, [*owned, columns[stack]], groups))

        encoded = self._encoded(x, mask, effect, None, watch)
        self.decoder(self.token_embedder(shifted), encoded, None, watch=watch)
        return found

    def read_rows(self, rows: jax.Array) -> tuple[jax.Array, jax.Array]:
        """What the encoder makes of rows [P, H] alone: (inputs [L, P, H] of its layers, their keys and
        values [L, 2, heads, P, D]).
        """
        x, inputs, pairs = rows[None], [], []
        positions = jnp.arange(len(rows))
        bias = self.encoder.relpos_bias(positions, positions)[None]
        for layer in self.encoder.layers():
            inputs.append(x[0])
            pairs.append(jnp.stack(layer.keys_values(x))[:, 0])
            x = layer(x, bias, None, None)
        return jnp.stack(inputs), jnp.stack(pairs)

    def written_rows(self, rows: jax.Array) -> tuple[jax.Array, jax.Array]:
        """As `read_rows`, of the decoder, which writes the rows after an empty text."""
        encoded = self.encode(jnp.full((1, 1), EOS))
        x, inputs, pairs = rows[None], [], []
        for layer in self.decoder.layers():
            inputs.append(x[0])
            pairs.append(jnp.stack(layer.keys_values(x))[:, 0])
            x = layer.teach(False, x, encoded, self.decoder.bias(len(rows)), None, None)
        return jnp.stack(inputs), jnp.stack(pairs)

    def decode(self, encoded: Encoded, targets: jax.Array, random: RandomKeys = None) -> jax.Array:
        """Teacher-forced logits [G*B, T, V] of targets [G*B, T]; G consecutive rows share one
        encoded text.
        """
        shifted = jnp.pad(targets, ((0, 0), (1, 0)))[:, :-1]
        return self.head(self.decoder(self.token_embedder(shifted), encoded, random, self.remat))

    def head(self, x: jax.Array) -> jax.Array:
        """Decoder output [..., H] -> logits [..., V]."""
        if not self.config.tied_head:
            return self.decoder.logits_dense(x)
        scaled = x * self.config.d_model**-0.5
        return product(unwidened(self.form), scaled, self.token_embedder.embedding[...].T)

    def begin(self, encoded: Encoded, length: int) -> tuple[jax.Array, DecodeState]:
        """The embedding [B, H] that decoding starts from, and the state to write `length` tokens."""
        rows, layers = encoded.output.shape[0], self.decoder.layers()
        memories = [layer.encoder_decoder_attention.project(encoded.output) for layer in layers]
        shape = (len(layers), 2, rows, self.config.num_heads, length, self.config.d_kv)
        cache = jnp.zeros(shape, jnp.float32)
        state = DecodeState(memories, encoded.mask, cache, encoded.writer)
        return self.token_embedder(jnp.zeros((rows,), jnp.int32)), state

    def step(
        self, state: DecodeState, x: jax.Array, position: jax.Array
    ) -> tuple[jax.Array, DecodeState]:
        """Logits [B, V] after the embedding x [B, H] at `position`, and the state with its keys and
        values.
        """
        cache = state.cache
        places = jnp.arange(cache.shape[4])
        seen = jnp.where(places <= position, 0.0, MASKED)
        bias = (self.decoder.relpos_bias(position[None], places) + seen)[None]
        fronts = self.decoder.fronts(state.writer, position[None])
        x = x[:, None]
        for index, layer in enumerate(self.decoder.layers()):
            new = jnp.stack(layer.keys_values(x))[:, :, :, 0]
            cache = cache.at[index, :, :, :, position].set(new)
            own = Memory(cache[index, 0], cache[index, 1], bias)
            x = layer.self_attend(x, in_front(fronts[index], own))
            x = layer.rest(x, state.memories[index], hide(state.mask))
        return self.head(self.decoder.decoder_norm(x))[:, 0], state._replace(cache=cache)


def _surrounded(x: jax.Array, mask: jax.Array, effect: Effect) -> tuple[jax.Array, jax.Array]:
    """Embedded texts [B, T, H] and their mask [B, T] with the prompts' rows."""
    rows = x.shape[0]
    if effect.after is not None:
        lengths, after = mask.sum(-1), effect.to_rows(effect.after, rows)
        x = behind(x, lengths, after)
        mask = jnp.arange(x.shape[1]) < (lengths + after.shape[1])[:, None]
    if effect.before is not None:
        before = effect.to_rows(effect.before, rows)
        x = jnp.concatenate([before, x], axis=1)
        mask = jnp.concatenate([_filled(effect, *before.shape[:2]), mask], axis=1)
    return x, mask


def _filled(effect: Effect, rows: int, count: int) -> jax.Array:
    """bool [rows, count], which of the rows in front of each text are no padding."""
    given = 0 if effect.keys_values is None else effect.keys_values.shape[-2]
    empty = effect.empty(given + count)
    if empty is None:
        return jnp.ones((rows, count), bool)
    return ~effect.to_rows(empty[:, given:], rows)


def _without_padding(fronts: list[Memory | None], effect: Effect) -> list[Memory | None]:
    """Keys and values in front of the text, without the columns that are padding."""
    if effect.keys_values is None:
        return fronts
    empty = of_texts(effect.empty(effect.keys_values.shape[-2]), effect.owner)
    if empty is None:
        return fronts
    masked = jnp.where(empty, MASKED, 0.0)[:, None, None]
    return [
        each if each is None or each.bias is None else each._replace(bias=each.bias + masked)
        for each in fronts
    ]


def _readable(mask: jax.Array, effect: Effect) -> jax.Array:
    """The mask [B, Q] of what the decoder sees of a text and its prompt's rows."""
    if effect.hidden is None or effect.before is None:
        return mask
    hidden = effect.hidden[-1][-effect.before.shape[1] :]
    return mask & ~jnp.pad(hidden, (0, mask.shape[1] - len(hidden)))


def _rows_of_prompt(mask: jax.Array, text: jax.Array, effect: Effect) -> jax.Array:
    """bool [B, Q], the rows in front of texts and behind them, of texts whose tokens are marked [B, T]."""
    front = 0 if effect.before is None else effect.before.shape[1]
    places = jnp.arange(mask.shape[1])
    behind = places >= front + text.sum(-1, keepdims=True)
    return (places < front) | (behind & mask)


def _fronts(
    arrays: jax.Array | None, relpos_bias: RelativeBias, positions: jax.Array, depth: int
) -> list[Memory | None]:
    """For each layer keys and values [M, L, 2, heads, P, D] as a memory in front of position 0, seen from
    positions [Q].
    """
    if arrays is None:
        return [None] * depth
    count = arrays.shape[-2]
    bias = relpos_bias(positions, jnp.arange(-count, 0))[None]
    return [Memory(arrays[:, index, 0], arrays[:, index, 1], bias) for index in range(depth)]


def hide(mask: jax.Array) -> jax.Array:
    """Mask [B, K] -> additive bias [B, 1, 1, K]: 0 where visible, a large negative number elsewhere."""
    return jnp.where(mask, 0.0, MASKED)[:, None, None, :]

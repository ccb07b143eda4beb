"""A Llama-like decoder in flax.nnx with the methods of T5: read a text, then score or write its
continuation.

In a causal model nothing depends on what follows it. Keys and values of a prompt in front of the text
are therefore computed once for all its rows, and those of a text once for all its label words.
"""

from __future__ import annotations

from collections.abc import Sequence
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
from spot.models.config import DecoderConfig
from spot.models.effect import Effect, Visibility, behind, effect_of, visibility
from spot.models.layers import (
    MASKED,
    Dense,
    ProductForm,
    RandomKeys,
    RMSNorm,
    dropout,
    fold,
    forgotten,
    gated,
    merge_heads,
    product,
    prompt_keys,
    split_heads,
    unwidened,
)
from spot.models.rope import rotate, rotation
from spot.models.t5 import Embedder, hide

Pair = tuple[jax.Array, jax.Array]
PLAIN = Effect()


class Packed(NamedTuple):
    """Texts without their last tokens, G packed into each row to save padding.

    `tokens` [M, W]; `ends` [M, G], the place behind each text's tokens; `last` [M, G], its last token.
    """

    tokens: jax.Array
    ends: jax.Array
    last: jax.Array


class Read(NamedTuple):
    """Texts read up to the position before the first one that writes.

    `prefix` ([S, kv, P, D], or [B, kv, P, D] where rows choose their prompt or have their own) and `text`
    ([M, kv, W, D], B/M texts a row) are keys and values of every layer; `mask` [B, W] marks each
    text's positions; `first` [B, H] is the embedding that the answer starts from, the text's last
    token or the last prompt row behind it, and `position` [B] its place, prompt rows included. `hidden`
    [L, P]: columns of the prefix that nothing sees, see `Effect`.
    """

    prefix: list[Pair]
    text: list[Pair]
    mask: jax.Array
    first: jax.Array
    position: jax.Array
    hidden: jax.Array | None = None
    empty: jax.Array | None = None


class DecodeState(NamedTuple):
    """State of greedy decoding: the text as read, and keys and values [L, 2, B, kv, length, D] of the
    tokens written so far.
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

    def read(
        self, x: jax.Array, turn: Pair, prefix: Memory | None, bias: jax.Array, random: RandomKeys
    ) -> tuple[jax.Array, Pair]:
        """x [R, Q, H] after the layer, behind a prefix and under the additive bias [R|1, 1, Q, Q]; and its
        keys and values.
        """
        query, own = self.project(x, turn)
        memories = in_front(prefix, Memory(*own, bias))
        return self.rest(x, query, memories, random), own

    def look(
        self, x: jax.Array, turn: Pair, prefix: Memory | None, bias: jax.Array
    ) -> tuple[jax.Array, list[Memory]]:
        """Queries and memories of `read`."""
        query, own = self.project(x, turn)
        return _scaled(query), in_front(prefix, Memory(*own, bias))

    def rest(
        self, x: jax.Array, query: jax.Array, memories: Sequence[Memory], random: RandomKeys
    ) -> jax.Array:
        """x [R, Q, H] after attention to the memories and the feed-forward part."""
        seen = merge_heads(attend(self.form, _scaled(query), memories))
        x = x + dropout(self.out(seen), self.config.dropout, fold(random, 0))
        normed = self.mlp_norm(x)
        hidden = self.down(gated(self.form, jax.nn.silu, self.gate(normed), self.up(normed)))
        return x + dropout(hidden, self.config.dropout, fold(random, 1))


class Decoder(nnx.Module):
    """A causal language model whose text may carry a soft prompt.

    Token ids have 0 as padding, behind a text; all methods return float32. `random` are keys [S],
    one for each prompt of consecutive rows, or `RowKeys`; they switch dropout on.
    """

    remat = False  # see `Network`

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
        self, tokens: jax.Array | Packed, prompts: Any = None, random: RandomKeys = None
    ) -> Read:
        """Read texts, one a row [B, T] or packed, with the rows of their prompts.

        prompts: as `effect_of` takes them. Texts whose prompt has rows behind them, or that name
        their prompt by `owner`, stand one in a row.
        """
        return self._encoded(*self._embedded(tokens, prompts), random)

    def _encoded(
        self,
        texts: Packed,
        x: jax.Array,
        first: jax.Array,
        effect: Effect,
        random: RandomKeys,
        watch: Watch | None = None,
    ) -> Read:
        ends, (width, count) = texts.ends, (x.shape[1], texts.ends.shape[1])
        if count > 1 and (effect.after is not None or effect.owner is not None):
            raise ValueError("texts with rows behind them, or with an owner, cannot be packed")
        prefix = self._prefix(effect, random, watch)
        length, empty = _text_places(prefix, effect, x.shape[0])
        if effect.after is not None:
            after = effect.to_rows(effect.after, x.shape[0])
            rows = jnp.concatenate([first[:, None], after], axis=1)
            x, first = behind(x, ends[:, 0], rows[:, :-1]), rows[:, -1]
            ends, width = ends + after.shape[1], x.shape[1]
        places = jnp.arange(width)
        # Behind the last text, positions belong to one more text, of padding, that nothing attends to.
        text_of = (places[:, None] >= ends[:, None]).sum(-1)
        starts = jnp.pad(ends, ((0, 0), (1, 0)))
        own_place = length + places - jnp.take_along_axis(starts, text_of, axis=1)
        same = text_of[:, :, None] == text_of[:, None]
        bias = jnp.where(same, _causal(width)[:, 0], MASKED)[:, None]
        seen = prefix if effect.visible is None or effect.visible.seen else []
        fronts = _fronts(seen, effect.hidden, empty)
        text = self._read("read", x, own_place, bias, fronts, fold(random, 2), watch=watch)
        mask = (text_of[:, None] == jnp.arange(count)[:, None]).reshape(-1, width)
        position = length + jnp.diff(starts, axis=1)
        return Read(prefix, text, mask, first, position.reshape(-1), effect.hidden, empty)

    def text_states(self, tokens: jax.Array, prompts: Any = None) -> jax.Array:
        """The last layer's normed output at the tokens [B, T] alone, behind their prompts: [B, T, H]; of
        padding it says nothing. Rows behind a text change nothing: no token sees them.
        """
        x = self.token_embedder(tokens)
        effect = effect_of(prompts, x, tokens > 0)
        x = x if effect.text is None else effect.text
        prefix = self._prefix(effect, None)
        start, empty = _text_places(prefix, effect, x.shape[0])
        seen = prefix if effect.visible is None or effect.visible.seen else []
        fronts = _fronts(seen, effect.hidden, empty)
        length = tokens.shape[1]
        turn, causal = rotation(self.config, start + jnp.arange(length)[None]), _causal(length)
        for index, layer in enumerate(self.layers()):
            x, _ = layer.read(x, turn, fronts[index] if fronts else None, causal, None)
        normed: jax.Array = self.final_norm(x)
        return normed

    def looks(self, tokens: jax.Array, targets: jax.Array, prompts: Any = None) -> list[Look]:
        """Where every layer looks while it reads tokens [B, T] and writes targets [B, T']; the first
        query of what is written is the text's last token, or the last of the rows behind it.
        """
        found: list[Look] = []
        texts, x, first, effect = self._embedded(tokens, prompts)
        ends = texts.ends
        count = 0 if effect.after is None else effect.after.shape[1]
        places = jnp.arange(x.shape[1] + count)
        # Of the rows behind a text the last one writes: it stands among what is written.
        behind_text = (places > ends) & (places < ends + count) if count else places < 0
        behind_text = jnp.broadcast_to(behind_text, (x.shape[0], len(places)))
        mask = places < ends + count
        read = jnp.where(behind_text, PROMPT, jnp.where(mask, TEXT, PADDING))
        written = jnp.where(targets > 0, TEXT, PADDING)
        no_target = jnp.zeros((1, targets.shape[1]), bool)

        def watch(stack: str, layer: int, query: jax.Array, memories: Sequence[Memory]) -> None:
            ones = [jnp.ones((1, each.keys.shape[2]), bool) for each in memories]
            front = len(memories) - {"prompt": 0, "read": 1, "write": 2}[stack]
            own = {"prompt": [], "read": [behind_text], "write": [behind_text, no_target]}[stack]
            groups = {"read": read, "write": written}.get(stack)
            if groups is None:
                groups = jnp.full((1, query.shape[2]), PROMPT)
            found.append(Look(stack, layer, query, memories, [*ones[:front], *own], groups))

        encoded = self._encoded(texts, x, first, effect, None, watch)
        self._decoded(encoded, targets, None, watch)
        return found

    def _embedded(
        self, tokens: jax.Array | Packed, prompts: Any
    ) -> tuple[Packed, jax.Array, jax.Array, Effect]:
        """Texts without their last tokens, embedded [M, W, H], those [B, H], and the prompts' effect."""
        if isinstance(tokens, Packed):
            x = self.token_embedder(tokens.tokens)
            effect = effect_of(prompts, x, jnp.arange(x.shape[1]) < tokens.ends[:, -1:])
            return tokens, x, self.token_embedder(tokens.last.reshape(-1)), effect
        texts, whole = _single(tokens), self.token_embedder(tokens)
        effect = effect_of(prompts, whole, tokens > 0)
        whole = whole if effect.text is None else effect.text
        last = jnp.take_along_axis(whole, texts.ends[:, :, None], axis=1)[:, 0]
        return texts, whole[:, :-1], last, effect

    def front(self, prompts: Any) -> jax.Array:
        """Keys and values [L, 2, kv, P, D] of all that one prompt puts in front of every text.

        prompts: as `effect_of` takes them, S = 1, with an effect that is the same for all texts.
        """
        effect = self._embedded(jnp.ones((1, 1), jnp.int32), prompts)[3]
        return jnp.stack([jnp.stack(pair)[:, 0] for pair in self._prefix(effect, None)])

    def _prefix(self, effect: Effect, random: RandomKeys, watch: Watch | None = None) -> list[Pair]:
        """Keys and values of every layer for all that stands in front of the texts: given ones, then those
        of rows, which attend to them.
        """
        given: list[Pair] = []
        if effect.keys_values is not None:
            # On devices that share a head of keys and values each has a copy of it, see `key_heads`.
            copies = self.config.num_kv_heads // effect.keys_values.shape[3]
            wide = jnp.repeat(effect.keys_values, copies, axis=3)
            given = [(wide[:, index, 0], wide[:, index, 1]) for index in range(wide.shape[1])]
        owner = None if effect.by_row else effect.owner
        if effect.before is None:
            return _chosen(given, owner)
        start, rows = given[0][0].shape[2] if given else 0, effect.before.shape[1]
        causal = _causal(rows) if effect.visible is None else _among(effect.visible, rows)
        keys = fold(random if effect.by_row else prompt_keys(random), 1)
        places = start + jnp.arange(rows)[None]
        hidden, empty = effect.hidden, effect.empty(start + rows)
        if effect.padding is not None and empty is not None:
            places = places - effect.padding[:, None]
            causal = causal + jnp.where(empty[:, None, None, start:], MASKED, 0.0)
        fronts = _fronts(
            given,
            None if hidden is None else hidden[:, :start],
            None if empty is None else empty[:, :start],
        )
        own_hidden = None if hidden is None else hidden[:, start:]
        own = self._read(
            "prompt", effect.before, places, causal, fronts, keys, effect, own_hidden, watch
        )
        return _chosen(_joined(given, own) if given else own, owner)

    def read_rows(self, rows: jax.Array) -> tuple[jax.Array, jax.Array]:
        """What the model makes of rows [P, H] alone: (inputs [L, P, H] of its layers, their keys and
        values [L, 2, kv, P, D]).
        """
        x, inputs, pairs = rows[None], [], []
        turn, causal = rotation(self.config, jnp.arange(len(rows))[None]), _causal(len(rows))
        for layer in self.layers():
            inputs.append(x[0])
            x, own = layer.read(x, turn, None, causal, None)
            pairs.append(jnp.stack(own)[:, 0])
        return jnp.stack(inputs), jnp.stack(pairs)

    written_rows = read_rows

    def _read(
        self,
        stack: str,
        x: jax.Array,
        places: jax.Array,
        bias: jax.Array,
        fronts: list[Memory],
        random: RandomKeys,
        effect: Effect = PLAIN,
        hidden: jax.Array | None = None,
        watch: Watch | None = None,
    ) -> list[Pair]:
        """Keys and values of every layer for x [R, Q, H] at places [R|1, Q] behind a prefix, under
        the additive bias [R|1, 1, Q, Q]; effect: of the prompts whose rows x are, if they are, and which
        of them are hidden [L, Q]. stack: the name for `watch`.
        """
        turn = rotation(self.config, places)
        pairs: list[Pair] = []
        *layers, last = self.layers()
        for index, layer in enumerate(layers):
            front = fronts[index] if fronts else None
            x = effect.at_layer(x, index, None) if index else x
            own_bias = bias if hidden is None else hide_columns(hidden[index], None, bias)[1]
            if watch is not None:
                watch(stack, index, *layer.look(x, turn, front, own_bias))
            x, own = forgotten(layer.read, self.remat)(
                x, turn, front, own_bias, fold(random, index)
            )
            pairs.append(own)
        x = effect.at_layer(x, len(layers), None) if layers else x
        if watch is not None:
            own_bias = bias if hidden is None else hide_columns(hidden[-1], None, bias)[1]
            watch(stack, len(layers), *last.look(x, turn, fronts[-1] if fronts else None, own_bias))
        return [*pairs, last.project(x, turn)[1]]  # of the last layer nothing else is used

    def decode(self, read: Read, targets: jax.Array, random: RandomKeys = None) -> jax.Array:
        """Teacher-forced logits [G*B, T, V] of targets [G*B, T] after the texts; G consecutive rows
        share one text.
        """
        return self._decoded(read, targets, random)

    def _decoded(
        self, read: Read, targets: jax.Array, random: RandomKeys, watch: Watch | None = None
    ) -> jax.Array:
        times = targets.shape[0] // read.first.shape[0]
        length = targets.shape[1]
        places = jnp.repeat(read.position, times)[:, None] + jnp.arange(length)
        turn, causal = rotation(self.config, places), _causal(length)
        first = jnp.repeat(read.first, times, axis=0)[:, None]
        x = jnp.concatenate([first, self.token_embedder(targets[:, :-1])], axis=1)
        for index, layer in enumerate(self.layers()):
            query, own = layer.project(x, turn)
            memories = [*_memories(read, index), Memory(*own, causal)]
            if watch is not None:
                watch("write", index, _scaled(query), memories)
            x = layer.rest(x, query, memories, fold(random, 1000 + index))
        return self.head(x)

    def head(self, x: jax.Array) -> jax.Array:
        """Output of the last layer [..., H] -> logits [..., V]; padding is masked."""
        x = self.final_norm(x)
        if self.config.tied_head:
            logits = product(unwidened(self.form), x, self.token_embedder.embedding[...].T)
        else:
            logits = self.lm_head(x)
        return jnp.where(jnp.arange(self.config.vocab_size) == 0, MASKED, logits)

    def begin(self, read: Read, length: int) -> tuple[jax.Array, DecodeState]:
        """The embedding [B, H] that decoding starts from, and the state to write `length` tokens."""
        config, rows = self.config, read.first.shape[0]
        shape = (config.layers, 2, rows, config.num_kv_heads, length, config.d_kv)
        return read.first, DecodeState(read, jnp.zeros(shape, jnp.float32))

    def step(
        self, state: DecodeState, x: jax.Array, position: jax.Array
    ) -> tuple[jax.Array, DecodeState]:
        """Logits [B, V] after the embedding x [B, H], the `position`-th from the first, and the
        state.
        """
        read, cache = state
        turn = rotation(self.config, read.position[:, None] + position)
        bias = jnp.where(jnp.arange(cache.shape[4]) <= position, 0.0, MASKED)[None, None, None]
        x = x[:, None]
        for index, layer in enumerate(self.layers()):
            query, own = layer.project(x, turn)
            cache = cache.at[index, :, :, :, position].set(jnp.stack(own)[:, :, :, 0])
            written = Memory(cache[index, 0], cache[index, 1], bias)
            x = layer.rest(x, query, [*_memories(read, index), written], None)
        return self.head(x)[:, 0], DecodeState(read, cache)


def _memories(read: Read, index: int) -> list[Memory]:
    """Keys and values of the prompt in front and of the text, for one layer."""
    own = slice(index, index + 1)
    hidden = None if read.hidden is None else read.hidden[own]
    prefix = _fronts(read.prefix[own], hidden, read.empty)
    return [*prefix, Memory(*read.text[index], hide(read.mask))]


def _text_places(
    prefix: list[Pair], effect: Effect, rows: int
) -> tuple[jax.Array | int, jax.Array | None]:
    """The place of the first token of each of R rows, [R, 1] where prompts are padded, and which columns in
    front of them are padding [S|R, P].
    """
    length = prefix[0][0].shape[2] if prefix else 0
    empty = effect.empty(length) if prefix else None
    if empty is None or effect.padding is None:
        return length, None
    if effect.owner is not None and not effect.by_row:
        empty = empty[effect.owner]
    return length - effect.to_rows(effect.padding, rows)[:, None], empty


def _fronts(pairs: list[Pair], hidden: jax.Array | None, empty: jax.Array | None) -> list[Memory]:
    """Keys and values of what stands in front as memories, a layer each, without hidden columns [L, P] and
    without those that are padding [S|B, P].
    """
    if not pairs or (hidden is None and empty is None):
        return [Memory(*pair, None) for pair in pairs]
    unseen = jnp.zeros((len(pairs), 1, pairs[0][0].shape[2]), bool)
    unseen = unseen if hidden is None else unseen | hidden[:, None]
    unseen = unseen if empty is None else unseen | empty
    masked = jnp.where(unseen, MASKED, 0.0)[:, :, None, None]
    return [Memory(*pair, bias) for pair, bias in zip(pairs, masked, strict=True)]


def _scaled(query: jax.Array) -> jax.Array:
    scaled: jax.Array = query * query.shape[-1] ** -0.5
    return scaled


def _joined(front: list[Pair], behind: list[Pair]) -> list[Pair]:
    """Keys and values of every layer, behind others."""
    return [
        (jnp.concatenate([keys, more_keys], axis=2), jnp.concatenate([values, more_values], axis=2))
        for (keys, values), (more_keys, more_values) in zip(front, behind, strict=True)
    ]


def _chosen(pairs: list[Pair], owner: jax.Array | None) -> list[Pair]:
    """Keys and values [S, ...] as rows choose them [B, ...]."""
    return pairs if owner is None else [(key[owner], value[owner]) for key, value in pairs]


def _among(visible: Visibility, rows: int) -> jax.Array:
    """The additive bias [1, 1, rows, rows] of rows that see what they may of those in front of them."""
    return _causal(rows) + jnp.where(visibility(visible, rows, rows), 0.0, MASKED)


def _single(tokens: jax.Array) -> Packed:
    """Texts [B, T], one a row."""
    before = jnp.maximum((tokens > 0).sum(-1, keepdims=True) - 1, 0)
    return Packed(tokens[:, :-1], before, jnp.take_along_axis(tokens, before, axis=1))


def _causal(length: int) -> jax.Array:
    """The additive bias [1, 1, length, length] of causal attention."""
    places = jnp.arange(length)
    return jnp.where(places <= places[:, None], 0.0, MASKED)[None, None]

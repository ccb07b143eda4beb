"""Many prompts over one frozen model: rows that choose their prompt, in as few forward passes as they fit.

Rows share a pass where their prompts may stand side by side (Lester et al. 2021, figure 2): on a decoder
all that stand in front of a text, as cached keys and values; on a T5 all that are rows in front of it; of
the other kinds those of one kind and shape. Shorter prompts are filled up at the outer end, see
`Effect.padding`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spot.models.context import check_context
from spot.models.effect import Effect, effect_of
from spot.models.model import Model
from spot.models.padding import FEW_BUCKETS, bucket_length, pad_rows
from spot.models.runtime import device_errors
from spot.models.scoring import (
    encode,
    front,
    generate,
    label_words,
    on_device,
    prompt_tokens,
    rank,
)
from spot.models.sharding import place_rows, rows_shared
from spot.prompts.prompt import SoftPrompt, as_prompt
from spot.prompts.stacked import stack
from spot.tasks.examples import Ragged

Promptlike = SoftPrompt | np.ndarray | None

ROWS = 32
"""Rows of one forward pass."""

ROW_COUNTS = (1, 2, 4, 8, 16, ROWS)
"""Rows that a pass is filled up to."""

LENGTHS = (*range(4, 32, 4), *range(32, 128, 16), *range(128, 1025, 128))
"""Rows of a prompt, or columns of its keys and values, that the widest of a pass is filled up to."""

PASS = 64
"""Tokens whose reading takes about as long as a pass more."""

CACHED = 64
"""Prompts of a decoder whose keys and values are kept on the device."""


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows [P, H] in front of the text of a T5, which reads them with the text."""

    rows: np.ndarray

    group = "rows"


@dataclass(frozen=True, eq=False)
class _Front:
    """A prompt of a decoder that is the same in front of every text: its keys and values are enough."""

    prompt: SoftPrompt

    group = "front"


@dataclass(frozen=True, eq=False)
class _Other:
    """Any other prompt; passes are shared by those of one kind and of arrays of one shape."""

    prompt: SoftPrompt

    @property
    def group(self) -> tuple[object, ...]:
        shapes = tuple((name, array.shape) for name, array in sorted(self.prompt.arrays.items()))
        return (self.prompt.kind.name, *shapes)


class PromptSet:
    """Prompts over one model, by number in the order in which they were added.

    Memory is that of the model and of the prompts' arrays, N * P * H * 4 bytes for plain ones; a decoder
    keeps the keys and values of the last 64 used beside them. To be called from one thread.
    """

    def __init__(self, model: Model, prompts: Sequence[Promptlike] = ()) -> None:
        """Raises SpotError for a prompt that does not fit the model."""
        self.model = model
        self._tokens: list[int] = []
        self._placed: list[_Rows | _Front | _Other] = []
        self._fronts: OrderedDict[int, jax.Array] = OrderedDict()
        for prompt in prompts:
            self.add(prompt)

    def __len__(self) -> int:
        return len(self._placed)

    def add(self, prompt: Promptlike) -> int:
        """Take one more prompt, [P, H] or of any kind, or None for the bare model; its number."""
        with device_errors():
            placed = self._place(prompt)
        self._tokens.append(prompt_tokens(prompt))
        self._placed.append(placed)
        return len(self._placed) - 1

    def check(self, owner: int, inputs: Ragged, answer: int) -> None:
        """Raise SpotError if a text with this prompt and an answer of so many tokens exceeds the context."""
        check_context(self.model.config, self._tokens[owner], inputs, bucket_length(answer))

    def score(
        self, owner: Sequence[int], inputs: Ragged, labels: Sequence[Sequence[Sequence[int]]]
    ) -> list[np.ndarray]:
        """Log-likelihood of every label of a row's own list, float32 [C] for each of N rows, in nats; equal
        to `Model.score` with the row's prompt alone.

        owner: int [N], the number of each row's prompt. labels: of each row, the token ids of each of its
        label words. Raises SpotError for a row longer than the context, and want of memory.
        """
        self._check(owner, inputs, [max(map(len, words)) for words in labels])
        arrays = {id(words): label_words(words) for words in labels}
        own = [arrays[id(words)] for words in labels]
        out: list[np.ndarray] = [np.empty(0)] * len(inputs)
        with device_errors():
            for rows, encoded in self._passes(owner, inputs, [_answer(words) for words in own]):
                words = _together([own[row] for row in rows])
                scores = rank(self.model.network, encoded, words, normalisation="sum")
                for row, found in zip(rows, np.asarray(scores), strict=True):
                    out[row] = found[: len(labels[row])]  # rows that fill up say the same
        return out

    def generate(self, owner: Sequence[int], inputs: Ragged, lengths: Sequence[int]) -> list[str]:
        """The greedy continuation of every row, at most `lengths` [N] tokens of it; equal to
        `Model.generate` with the row's prompt alone. Raises SpotError as `score` does.
        """
        self._check(owner, inputs, lengths)
        network, vocabulary = self.model.network, self.model.vocabulary
        texts = [""] * len(inputs)
        with device_errors():
            for rows, encoded in self._passes(owner, inputs, [(length,) for length in lengths]):
                length = lengths[rows[0]]
                ids = np.asarray(generate(network, encoded, length=length, eos=vocabulary.eos))
                for row, line in zip(rows, ids, strict=True):
                    texts[row] = vocabulary.decode(line)
        return texts

    def _check(self, owner: Sequence[int], inputs: Ragged, answers: Sequence[int]) -> None:
        """Raise SpotError for the first row that exceeds the context."""
        if self.model.config.context is None:
            return
        for row, (own, answer) in enumerate(zip(owner, answers, strict=True)):
            self.check(own, Ragged.of([inputs[row]]), answer)

    def _passes(
        self, owner: Sequence[int], inputs: Ragged, answers: Sequence[tuple[int, ...]]
    ) -> Iterator[tuple[np.ndarray, Any]]:
        """(numbers [B] of rows, the texts as read behind their prompts), rows of one group and of one shape
        of answer, by length; a pass is filled up with copies of its first row.
        """
        network, lengths = self.model.network, inputs.lengths()
        groups: dict[tuple[object, ...], list[int]] = {}
        for row in np.argsort(lengths, kind="stable"):
            key = (self._placed[owner[row]].group, answers[row])
            groups.setdefault(key, []).append(int(row))
        devices = rows_shared(network.mesh)
        for (group, _), members in groups.items():
            beside = max(self._tokens[owner[row]] for row in members) if group == _Rows.group else 0
            for part in parts(lengths[members], beside):
                rows = np.asarray(members)[part]
                size = -(-bucket_length(len(rows), ROW_COUNTS) // devices) * devices
                rows = np.concatenate([rows, np.repeat(rows[:1], size - len(rows))])
                width = bucket_length(int(lengths[rows].max()), FEW_BUCKETS)
                batch = place_rows(network.mesh, pad_rows([inputs[row] for row in rows], width))
                yield rows, encode(network, self._prompts([owner[row] for row in rows]), batch)

    def _place(self, prompt: Promptlike) -> _Rows | _Front | _Other:
        """How a prompt may stand beside others."""
        config = self.model.config
        decodes = len(config.stacks) == 1
        if prompt is None:
            rows = np.zeros((0, config.d_model), np.float32)
            return _Front(as_prompt(rows)) if decodes else _Rows(rows)
        prompts = on_device(prompt, config)  # checks that it fits
        known = as_prompt(prompt)
        if known.kind.depends_on_text:
            return _Other(known)
        embedded = jnp.zeros((1, 1, config.d_model))
        effect = effect_of(prompts, embedded, jnp.ones((1, 1), bool))
        if effect.text is not None or effect.after is not None or effect.by_row:
            return _Other(known)
        if decodes:
            seen = effect.visible is None or effect.visible.seen
            return _Front(known) if known.kind.packed and seen else _Other(known)
        plain = effect.before is not None and all(
            field is None
            for field in (effect.layers, effect.keys_values, effect.writer, effect.visible)
        )
        return _Rows(np.asarray(effect.before)[0]) if plain else _Other(known)

    def _prompts(self, owner: Sequence[int]) -> Any:
        """The prompts of the rows of one pass, all of one group, as a network takes them.

        Those in front of texts are laid beside each other, one a row, so that a batch of one prompt and one
        of many run the same program.
        """
        placed = [self._placed[number] for number in owner]
        if rows := [each.rows for each in placed if isinstance(each, _Rows)]:
            width, padding = _widths([len(each) for each in rows])
            before = np.stack([_outer(each, width) for each in rows])
            return Effect(before=jnp.asarray(before), padding=padding) if width else Effect()
        if fronts := [
            self._front(number, each.prompt)
            for number, each in zip(owner, placed, strict=True)
            if isinstance(each, _Front)
        ]:
            width, padding = _widths([each.shape[3] for each in fronts])
            pairs = _stacked_fronts(width, fronts)
            return Effect(keys_values=pairs, padding=padding) if width else Effect()
        distinct = sorted(set(owner))
        place = {number: place for place, number in enumerate(distinct)}
        chosen = np.asarray([place[number] for number in owner], np.int32)
        distinct += distinct[:1] * (bucket_length(len(distinct), ROW_COUNTS) - len(distinct))
        others = [self._placed[number] for number in distinct]
        return stack([each.prompt for each in others if isinstance(each, _Other)], chosen)

    def _front(self, number: int, prompt: SoftPrompt) -> jax.Array:
        """Keys and values of a prompt of a decoder, computed where they are not kept."""
        if number in self._fronts:
            self._fronts.move_to_end(number)
            return self._fronts[number]
        config = self.model.config
        if prompt.tokens:
            made: jax.Array = front(self.model.network, on_device(prompt, config))
        else:
            shape = (config.stacks[0], 2, config.kv_heads, 0, config.d_kv)
            made = jnp.zeros(shape)
        self._fronts[number] = made
        if len(self._fronts) > CACHED:
            self._fronts.popitem(last=False)
        return made


def parts(lengths: np.ndarray, beside: int = 0) -> list[slice]:
    """Divides texts of lengths [N] in ascending order into passes of ROWS at most, so that the tokens that
    are read, padding included, and PASS for each pass are fewest. beside: tokens that are read with each.
    """
    filled = np.array([bucket_length(count, ROW_COUNTS) for count in range(1, ROWS + 1)])
    least, begin = np.zeros(len(lengths) + 1), np.zeros(len(lengths) + 1, int)
    for end, length in enumerate(lengths, start=1):
        starts = np.arange(max(0, end - ROWS), end)
        width = bucket_length(int(length), FEW_BUCKETS) + beside
        read = least[starts] + filled[end - starts - 1] * width + PASS
        begin[end] = starts[read.argmin()]
        least[end] = read.min()
    out, end = [], len(lengths)
    while end:
        out.append(slice(int(begin[end]), end))
        end = int(begin[end])
    return out[::-1]


def _answer(words: np.ndarray) -> tuple[int, ...]:
    """Rows of equal ones share a pass: the shape [C, T'] of label words, of those of a single token any C,
    for they are read off one distribution.
    """
    return words.shape if words.shape[1] > 1 else (1,)


def _together(words: Sequence[np.ndarray]) -> np.ndarray:
    """The label words [C, T'] of each of B rows -> [B, C', T'], C' the most: more are copies of the first."""
    most = max(map(len, words))
    return np.stack(
        [np.concatenate([each, each[:1].repeat(most - len(each), 0)]) for each in words]
    )


def _widths(counts: list[int]) -> tuple[int, jax.Array | None]:
    """The common number of columns of prompts of so many, and the empty ones [S] of each; None where all have
    as many, which costs nothing then.
    """
    if len(set(counts)) == 1:
        return counts[0], None
    width = bucket_length(max(counts), LENGTHS)
    return width, jnp.asarray([width - count for count in counts], jnp.int32)


def _outer(rows: np.ndarray, width: int) -> np.ndarray:
    """Rows [P, H] filled up in front to [width, H]."""
    return np.pad(rows, ((width - len(rows), 0), (0, 0)))


def _stacked_fronts(width: int, pairs: list[jax.Array]) -> jax.Array:
    """Keys and values [L, 2, kv, P, D] of S prompts -> [S, L, 2, kv, width, D]."""
    edges = ((0, 0), (0, 0), (0, 0))
    return jnp.stack(
        [
            each
            if each.shape[3] == width
            else jnp.pad(each, (*edges, (width - each.shape[3], 0), (0, 0)))
            for each in pairs
        ]
    )


def tiled(owners: Sequence[int], inputs: Ragged) -> tuple[list[int], list[np.ndarray]]:
    """N texts behind each of M prompts, prompt by prompt: whose each of the M * N rows is, and its tokens."""
    owner = [number for number in owners for _ in range(len(inputs))]
    return owner, [inputs[text] for _ in owners for text in range(len(inputs))]

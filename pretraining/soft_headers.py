"""Soft prompts in front of pretraining texts: sums of word embeddings, and noise.

Batches are functions of (seed, step), so a resumed run sees the same ones.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from pretraining.config import PretrainConfig
from pretraining.data import fitting, padded_pairs, task_shares
from pretraining.examples import pretraining_tasks, prompted_examples
from pretraining.headers import MARKS, Header, headed_examples
from spot.tasks.mini.suite import SOURCE, SPECS, TARGET

PROMPT_LENGTH = 20  # slots of a soft prompt, the default of `prompt.length`
LAYERS = 8  # most tokens in a slot of a stacked header, the first two of them noise


class PromptedBatch(NamedTuple):
    """Texts, and the noisy sums of word embeddings in front of them."""

    words: np.ndarray  # [B, P, K] token ids
    weights: np.ndarray  # [B, P, K] of the tokens' embeddings
    noise: np.ndarray  # [B, P, H], in units of the embeddings' root mean square
    inputs: np.ndarray  # [B, T]
    targets: np.ndarray  # [B, T']


@cache
def free_words(tokenizer: Any) -> tuple[str, ...]:
    """Words that can name any class or field: the whole lower-case words of the vocabulary and half
    as many joins of a word and an ending, without label words and keys of the suite.
    """
    pieces = [tokenizer.id_to_piece(index) for index in range(tokenizer.get_piece_size())]
    begins = [piece[1:] for piece in pieces if re.fullmatch("▁[a-z]{3,}", piece)]
    endings = [piece for piece in pieces if re.fullmatch("[a-z]{2,}", piece)]
    rng = random.Random("free words")
    joined = {rng.choice(begins) + rng.choice(endings) for _ in range(len(begins) // 2)}
    taken = {word for spec in SPECS for word in (*spec.labels, *spec.keys)}
    return tuple(sorted({*begins, *joined} - taken))


def prompted_batch(config: PretrainConfig, tokenizer: Any, number: int) -> PromptedBatch:
    """Instructions as a half-trained prompt might hold them: the header's tokens in order on some of
    the P slots, each mixed with another token and noise, and noise on the other slots.

    A model that reads such prompts gives a gradient long before a prompt is clear.
    """
    rng = random.Random(f"prompted:{config.seed}:{number}")
    draw = np.random.default_rng([config.seed, number, 1])
    tasks = pretraining_tasks()
    stage = config.stage(number)
    rows, shares = stage.prompted_rows, task_shares(stage)
    shape = (rows, PROMPT_LENGTH, 2)
    words = draw.integers(3, config.pieces, shape)
    # Half of the prompts hold faint other words, like prompts initialised from the vocabulary.
    weights = draw.uniform(0, 0.4, shape) * draw.integers(0, 2, (rows, 1, 1))
    free = free_words(tokenizer)
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    while len(pairs) < rows:
        header, examples = prompted_examples(rng.choices(tasks, shares)[0], rng, free)
        tokens = tokenizer.encode(" ".join(header)) * rng.choice((1, 1, 2, 3))
        if len(tokens) > PROMPT_LENGTH:
            continue
        for pair in fitting(config, tokenizer, examples)[: rows - len(pairs)]:
            row = len(pairs)
            slots = np.sort(draw.choice(PROMPT_LENGTH, len(tokens), replace=False))
            words[row, slots, 0] = tokens
            strength = draw.uniform(0.4, 1.2)
            weights[row] *= strength
            weights[row, slots, 0] = strength * draw.uniform(0.5, 1.0, len(tokens))
            pairs.append(pair)
    return _with_noise(config, draw, words, weights, pairs)


def _with_noise(
    config: PretrainConfig,
    draw: np.random.Generator,
    words: np.ndarray,
    weights: np.ndarray,
    pairs: Sequence[tuple[np.ndarray, np.ndarray]],
) -> PromptedBatch:
    """Add noise to the prompts, of a strength drawn for each, and pad the texts."""
    shape = (len(pairs), PROMPT_LENGTH, config.d_model)
    noise = draw.normal(size=shape) * draw.uniform(0, 0.6, (len(pairs), 1, 1))
    inputs, targets = padded_pairs(config, pairs)
    return PromptedBatch(
        words, weights.astype(np.float32), noise.astype(np.float32), inputs, targets
    )


@cache
def answerable_words(tokenizer: Any) -> tuple[str, ...]:
    """Words that can name any class or field of a stacked header: the whole lower-case words of the
    vocabulary, joined ones, and the label words and keys of the suite's sources, without label words
    and keys of targets and without words that name a family.

    At least four joined words contain each token of the targets' label words: a token that is never
    a target is one that the model learns never to predict.
    """
    pieces = [tokenizer.id_to_piece(index) for index in range(tokenizer.get_piece_size())]
    begins = [piece[1:] for piece in pieces if re.fullmatch("▁[a-z]{2,}", piece)]
    endings = [piece for piece in pieces if re.fullmatch("[a-z]+", piece)]
    rng = random.Random("answerable words")
    joined = sorted({rng.choice(begins) + rng.choice(endings) for _ in range(len(begins))})
    targets = [spec for spec in SPECS if spec.role == TARGET]
    for token in sorted({i for s in targets for word in s.labels for i in tokenizer.encode(word)}):
        piece = tokenizer.id_to_piece(token)
        first = piece[1:] if piece.startswith("▁") else None
        made: list[str] = []
        for _ in range(4000):
            begin = rng.choice(begins) if first is None else first
            word = begin + (piece if first is None else "") + rng.choice(("", *endings))
            if len(made) < 4 and token in tokenizer.encode(word):
                made.append(word)
        joined += made
    sources = [spec for spec in SPECS if spec.role == SOURCE]
    of_sources = {word for spec in sources for word in (*spec.labels, *spec.keys)}
    taken = {word for spec in targets for word in (*spec.labels, *spec.keys)}
    taken |= {mark for marks in MARKS.values() for mark in marks}
    return tuple(sorted({*begins, *joined, *of_sources} - taken))


def stacked_batch(config: PretrainConfig, tokenizer: Any, number: int) -> PromptedBatch:
    """Instructions as a prompt initialised from label words might hold them: the label words in front
    or anywhere, the words that explain them in the same slots or behind, the family's marks in some
    of the other slots or faintly in all of them.
    """
    rng = random.Random(f"stacked:{config.seed}:{number}")
    draw = np.random.default_rng([config.seed, number, 2])
    tasks = pretraining_tasks()
    stage = config.stage(number)
    rows, shares = stage.stacked_rows, task_shares(stage)
    words = draw.integers(3, config.pieces, (rows, PROMPT_LENGTH, LAYERS))
    weights = np.zeros((rows, PROMPT_LENGTH, LAYERS))
    free = answerable_words(tokenizer)
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    while len(pairs) < rows:
        header, examples = headed_examples(rng.choices(tasks, shares)[0], rng, free)
        placed = place(header, tokenizer, rng)
        if placed is None:
            continue
        strength = draw.uniform(0.5, 1.2)
        faint = draw.uniform(0, 0.4, (PROMPT_LENGTH, 2)) * draw.integers(0, 2)
        for pair in fitting(config, tokenizer, examples)[: rows - len(pairs)]:
            row = len(pairs)
            weights[row, :, :2] = strength * faint
            for slot, held in enumerate(placed):
                for layer, (token, weight) in enumerate(held[: LAYERS - 2], 2):
                    words[row, slot, layer] = token
                    weights[row, slot, layer] = strength * weight
            pairs.append(pair)
    return _with_noise(config, draw, words, weights, pairs)


def place(
    header: Header, tokenizer: Any, rng: random.Random
) -> list[list[tuple[int, float]]] | None:
    """The (token, weight) pairs of each slot; None if the header is longer than a prompt."""
    labels = [tokenizer.encode(word) for word in header.labels]
    telling = [[i for word in told for i in tokenizer.encode(word)] for told in header.telling]
    on_top = bool(telling) and bool(labels) and rng.random() < 0.5
    in_front = rng.random() < 0.5
    # A label word takes a slot a token; the words that explain a class share a slot.
    told = [_shared(tokens, rng) for tokens in telling] if telling and not on_top else []
    units = [[[(token, rng.uniform(0.5, 1.0))] for token in tokens] for tokens in labels]
    if on_top:
        for unit, tokens in zip(units, telling, strict=True):
            unit[0] += _shared(tokens, rng)
    if told and labels and not in_front:
        units = [[*unit, about] for unit, about in zip(units, told, strict=True)]
        told = []
    line = [slot for unit in units for slot in unit]
    if len(line) + len(told) > PROMPT_LENGTH - 2:
        return None
    slots: list[list[tuple[int, float]]] = [[] for _ in range(PROMPT_LENGTH)]
    places = (
        list(range(len(line))) if in_front else sorted(rng.sample(range(PROMPT_LENGTH), len(line)))
    )
    for number, held in zip(places, line, strict=True):
        slots[number] = list(held)
    rest = [number for number in range(PROMPT_LENGTH) if number not in places]
    for number, about in zip(sorted(rng.sample(rest, len(told))), told, strict=True):
        slots[number] = list(about)
    marks = [tokenizer.encode(mark)[0] for mark in (*header.marks, *header.others)]
    if rng.random() < 0.5:
        for number in rest:
            thin = rng.sample(marks, min(len(marks), LAYERS - 4))
            slots[number] += [(token, rng.uniform(0, 0.6)) for token in thin]
    else:
        for token in marks:
            slots[rng.choice(rest)].append((token, rng.uniform(0.5, 1.0)))
    return slots


def _shared(tokens: Sequence[int], rng: random.Random) -> list[tuple[int, float]]:
    """Up to four of the tokens in one slot: the more of them, the smaller each weight."""
    chosen = tokens if len(tokens) <= 4 else rng.sample(list(tokens), 4)
    return [(token, rng.uniform(0.5, 1.0) / len(chosen) ** 0.5) for token in chosen]

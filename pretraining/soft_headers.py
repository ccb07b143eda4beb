"""The soft prompts that stand before a text in pretraining: sums of word embeddings, and noise.

Batches are functions of (seed, step), so a resumed run sees those an unbroken one would.
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

PROMPT_LENGTH = 20  # the slots of a soft prompt, the default of `prompt.length`
LAYERS = 8  # tokens that one slot of a stacked header may hold, the first two of them noise


class PromptedBatch(NamedTuple):
    """Texts behind soft prompts that are noisy sums of word embeddings."""

    words: np.ndarray  # [B, P, K] token ids
    weights: np.ndarray  # [B, P, K] of the tokens' embeddings
    noise: np.ndarray  # [B, P, H], in units of the embeddings' root mean square
    inputs: np.ndarray  # [B, T]
    targets: np.ndarray  # [B, T']


@cache
def free_words(tokenizer: Any) -> tuple[str, ...]:
    """Words that may stand for any class or field: every whole lower-case word of the vocabulary,
    half as many that join a word and an ending, and none that is a label word or key of the suite.
    """
    pieces = [tokenizer.id_to_piece(index) for index in range(tokenizer.get_piece_size())]
    begins = [piece[1:] for piece in pieces if re.fullmatch("▁[a-z]{3,}", piece)]
    endings = [piece for piece in pieces if re.fullmatch("[a-z]{2,}", piece)]
    rng = random.Random("free words")
    joined = {rng.choice(begins) + rng.choice(endings) for _ in range(len(begins) // 2)}
    taken = {word for spec in SPECS for word in (*spec.labels, *spec.keys)}
    return tuple(sorted({*begins, *joined} - taken))


def prompted_batch(config: PretrainConfig, tokenizer: Any, number: int) -> PromptedBatch:
    """Instructions as a prompt that is being trained might hold them: the header's tokens in their
    order on some of P slots, each with another token and with noise on top, the other slots noise.

    What a prompt needs is thus readable long before it is clear: the loss falls all along the way.
    """
    rng = random.Random(f"prompted:{config.seed}:{number}")
    draw = np.random.default_rng([config.seed, number, 1])
    tasks = pretraining_tasks()
    stage = config.stage(number)
    rows, shares = stage.prompted_rows, task_shares(stage)
    shape = (rows, PROMPT_LENGTH, 2)
    words = draw.integers(3, config.pieces, shape)
    # Half of the prompts have faint other words on them, as one that began as sampled vocabulary.
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
    """The batch of these prompts and texts, with noise of a strength of its own on each prompt."""
    shape = (len(pairs), PROMPT_LENGTH, config.d_model)
    noise = draw.normal(size=shape) * draw.uniform(0, 0.6, (len(pairs), 1, 1))
    inputs, targets = padded_pairs(config, pairs)
    return PromptedBatch(
        words, weights.astype(np.float32), noise.astype(np.float32), inputs, targets
    )


@cache
def answerable_words(tokenizer: Any) -> tuple[str, ...]:
    """Words that may stand for any class or field of a stacked header: every whole lower-case word
    of the vocabulary, joined ones, and the label words and keys of the suite's sources; none is a
    label word or key of a target, or names a family.

    Of each token of the targets' label words at least four joined words are made: a token that is
    never an answer is one that the model learns never to say.
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
    given = {word for spec in sources for word in (*spec.labels, *spec.keys)}
    taken = {word for spec in targets for word in (*spec.labels, *spec.keys)}
    taken |= {mark for marks in MARKS.values() for mark in marks}
    return tuple(sorted({*begins, *joined, *given} - taken))


def stacked_batch(config: PretrainConfig, tokenizer: Any, number: int) -> PromptedBatch:
    """Instructions as a prompt holds them that began as label words: these first or anywhere, what
    tells them on top or behind, the family's marks on some slots or thinly on all the others.
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
    """The (token, weight) pairs of every slot, or None if the header is longer than a prompt."""
    labels = [tokenizer.encode(word) for word in header.labels]
    telling = [[i for word in told for i in tokenizer.encode(word)] for told in header.telling]
    on_top = bool(telling) and bool(labels) and rng.random() < 0.5
    in_front = rng.random() < 0.5
    # Units in order: a label's tokens one by one; what tells a class shares one slot.
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
    """Up to four of the tokens as they share a slot: the more of them, the fainter each."""
    chosen = tokens if len(tokens) <= 4 else rng.sample(list(tokens), 4)
    return [(token, rng.uniform(0.5, 1.0) / len(chosen) ** 0.5) for token in chosen]

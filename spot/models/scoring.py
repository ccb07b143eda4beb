"""Score label words and write answers, compiled: rows in batches of equal length, one prompt for all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from spot.errors import SpotError
from spot.models.config import ModelConfig
from spot.models.context import check_context
from spot.models.effect import Effect, HostPrompt
from spot.models.likelihood import word_losses
from spot.models.model import Model
from spot.models.network import Network
from spot.models.padding import BUCKETS, FEW_BUCKETS, bucket_length, pad_rows
from spot.models.sharding import place_rows, rows_shared
from spot.tasks.examples import Ragged

Normalisation = Literal["sum", "mean"]
Promptlike = HostPrompt | np.ndarray | None

ROWS = 32  # rows evaluated at once
MANY = 1024  # rows; from so many on, tighter padding is worth more programs
LABEL_LENGTHS = (1, 4, 8, 16, 32, 64)
"""Tokens that label words are padded to: in a decoder most are one token."""


@jax.jit
def encode(network: Network, prompts: Any, inputs: jax.Array) -> Any:
    """Texts [B, T] as read behind their prompts; compiled apart, so that all labels share it."""
    return network.encode(inputs, prompts)


read_rows = jax.jit(Network.read_rows)
written_rows = jax.jit(Network.written_rows)
front = jax.jit(Network.front)


@partial(jax.jit, static_argnames="normalisation")
def rank(
    network: Network, encoded: Any, labels: jax.Array, normalisation: Normalisation
) -> jax.Array:
    """Log-likelihood [B, C] of label words [C, T'], or of each row's own [B, C, T'], after each encoded
    text.
    """
    words = jnp.broadcast_to(labels, (encoded.mask.shape[0], *labels.shape[-2:]))
    total = -word_losses(network, encoded, words)[0].sum(-1)
    return total / (words > 0).sum(-1) if normalisation == "mean" else total


@partial(jax.jit, static_argnames=("length", "eos"))
def generate(network: Network, encoded: Any, length: int, eos: int) -> jax.Array:
    """Token ids [B, length] of the answer that is written after each encoded text."""
    return network.greedy(encoded, length, eos)


def label_scores(
    model: Model,
    inputs: Ragged,
    labels: Sequence[Sequence[int]],
    prompt: Promptlike = None,
    normalisation: Normalisation = "sum",
) -> np.ndarray:
    """See `Model.score`."""
    words = label_words(labels)
    # As a training is checked; further padding may lie beyond the context: nothing attends to it.
    answer = bucket_length(max(map(len, labels)))
    check_context(model.config, prompt_tokens(prompt), inputs, answer)
    out = np.zeros((len(inputs), len(labels)), np.float32)
    network, prompts = model.network, on_device(prompt, model.config)
    for rows, batch in batches(network, inputs):
        encoded = encode(network, prompts, batch)
        scores = rank(network, encoded, words, normalisation=normalisation)
        out[rows] = np.asarray(scores)[: len(rows), : len(labels)]
    return out


def label_words(labels: Sequence[Sequence[int]]) -> np.ndarray:
    """Label words as an array of one of few shapes [≥ C, T']: more rows are copies of the first."""
    length = bucket_length(max(map(len, labels)), LABEL_LENGTHS)
    more = [labels[0]] * (bucket_length(len(labels)) - len(labels))
    return pad_rows([np.asarray(ids) for ids in [*labels, *more]], length)


def written(model: Model, inputs: Ragged, length: int, prompt: Promptlike = None) -> list[str]:
    """See `Model.generate`."""
    check_context(model.config, prompt_tokens(prompt), inputs, length)
    texts = [""] * len(inputs)
    network, prompts = model.network, on_device(prompt, model.config)
    eos = model.vocabulary.eos
    for rows, batch in batches(network, inputs):
        encoded = encode(network, prompts, batch)
        ids = np.asarray(generate(network, encoded, length=length, eos=eos))
        for row, line in zip(rows, ids, strict=False):
            texts[row] = model.vocabulary.decode(line)
    return texts


def on_device(prompt: Promptlike, config: ModelConfig) -> Any:
    """One prompt as a network takes it; an array [P, H] is a prompt in front of the text.

    Raises SpotError for a prompt of another architecture.
    """
    if prompt is None:
        return None
    shape, hint = np.shape(prompt), "use the model that the prompt was trained on"
    if len(shape) != 2 or shape[1] != config.d_model:
        raise SpotError(
            f"expected a prompt [P, {config.d_model}], as wide as the model, found {list(shape)}",
            hint,
        )
    if not isinstance(prompt, HostPrompt):
        return Effect(before=jnp.asarray(prompt)[None])
    fault = prompt.misfit(config)
    if fault:
        raise SpotError(f"the prompt does not fit the model: {fault}", hint)
    return prompt.stacked()


def prompt_tokens(prompt: Promptlike) -> int:
    """Rows that a prompt adds to the context."""
    if prompt is None:
        return 0
    return prompt.tokens if isinstance(prompt, HostPrompt) else len(prompt)


def batches(network: Network, inputs: Ragged) -> Iterator[tuple[np.ndarray, Any]]:
    """Rows by length in groups of ROWS, or of a few more that all devices share: (row numbers [<= ROWS],
    inputs [ROWS, T]); the last group is filled up with copies of a row.
    """
    devices = rows_shared(network.mesh)
    size = -(-ROWS // devices) * devices
    lengths = inputs.lengths()
    buckets = FEW_BUCKETS if len(inputs) < MANY else BUCKETS[BUCKETS.index(FEW_BUCKETS[0]) :]
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        filled = np.concatenate([rows, np.repeat(rows[:1], size - len(rows))])
        width = bucket_length(int(lengths[rows].max()), buckets)
        yield rows, place_rows(network.mesh, pad_rows([inputs[row] for row in filled], width))

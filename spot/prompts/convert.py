"""Prompts as other kinds that do the same, for programs that have fewer kinds. Imports no JAX."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bank.entry import PREFIX as PLAIN
from bank.formats import Format, PromptFile
from spot.errors import SpotError
from spot.models.model import Model
from spot.prompts import keys_values
from spot.prompts.kind import Kind
from spot.prompts.kinds import find_kind
from spot.prompts.prefix import PREFIX
from spot.prompts.prompt import SoftPrompt
from spot.prompts.stored import soft_prompt

WHOLE = "write it as .safetensors, which holds every kind"
KEPT = {
    PREFIX.name: "its rows; what made them in training is dropped",
    keys_values.NAME: "the keys and values of all that it puts in front of a text on this model",
    keys_values.WRITER: "its keys and values in the decoder",
}
"""By the kind that a prompt becomes, what is kept of it."""


def for_format(file: PromptFile, form: Format, name: str, model: Callable[[], Model]) -> PromptFile:
    """A prompt as a format holds it: as it is, as plain rows, or as keys and values.

    name: of the prompt, for errors. model: the one that it was trained on, asked for only where it has to
    run. Raises SpotError, with the reason, for a prompt that the format cannot hold, and as `model` does.
    """
    if form.kinds is None or (PLAIN in form.kinds and file.kind == PLAIN):
        return file
    prompt = soft_prompt(find_kind(file.kind), file.prompt, file.arrays, name)
    if PLAIN in form.kinds:
        made = as_plain(prompt, f"{name}: the format {form.name}")
    else:
        made = as_prefix_tuning(prompt, model(), name)
    return PromptFile(made.key, made.kind.name, made.named, file.facts)


def as_plain(prompt: SoftPrompt, holder: str) -> SoftPrompt:
    """The rows in front of the text that do the same as a prompt; what made them is dropped.

    holder: what can hold no more, for errors. Raises SpotError, with the reason, for a kind that is more
    than such rows.
    """
    kind = prompt.kind
    if kind.plain is None:
        why = _not_in_front(kind, len(prompt.key)) or "does more than rows in front of the text"
        raise SpotError(
            f'{holder} holds prompts of the kind "{PREFIX.name}" alone, found "{kind.name}", which {why}',
            WHOLE,
        )
    return replace(SoftPrompt.of(PREFIX, kind.plain(prompt.arrays)), facts=prompt.facts)


def as_prefix_tuning(prompt: SoftPrompt, model: Model, name: str = "the prompt") -> SoftPrompt:
    """The keys and values, of all layers, that do the same as a prompt and that PEFT's prefix tuning has a
    place for: on a decoder of all that stands in front of the text, on a T5 of its decoder's own.

    Raises SpotError, with the reason, for a prompt of which there are none, or that does not fit the
    model.
    """
    config, kind = model.config, prompt.kind
    fault = prompt.misfit(config)
    if fault:
        raise SpotError(
            f"{name} does not fit the model: {fault}", "use the model that it was trained on"
        )
    why = _not_in_front(kind, len(prompt.key))
    effect = None if why else _effect(prompt, config.d_model)
    if effect is not None and len(config.stacks) > 1 and effect.writer is None:
        why = "stands in front of what the encoder of a T5 reads, where PEFT's prefix tuning has no place"
    elif effect is not None and effect.visible is not None and not effect.visible.seen:
        why = "is not seen by the text, and what PEFT puts in front is"
    if effect is None or why:
        raise SpotError(f"{name}, of the kind {kind.name}, is no prefix tuning: it {why}", WHOLE)
    if effect.writer is None:
        made = _keys_values(find_kind(keys_values.NAME), model.front(prompt), model)
    else:
        made = _keys_values(find_kind(keys_values.WRITER), np.asarray(effect.writer[0]), model)
    return replace(made, facts=prompt.facts)


def of_prefix_tuning(kind: Kind, numbers: np.ndarray, model: Model, name: str) -> SoftPrompt:
    """Keys and values [L, 2, kv, P, D], of an adapter of PEFT, as a prompt of their kind on a model.

    Layers that an adapter has beyond those of a T5's decoder are left out: nothing reads them. Raises
    SpotError for the adapter of another architecture.
    """
    kind.check(model.config)
    if kind.name == keys_values.NAME and len(model.config.stacks) > 1:
        raise SpotError(
            f"{name} is of a decoder (CAUSAL_LM), {model.name} is an encoder-decoder",
            "choose the model that it was trained on with model.name",
        )
    used = numbers if kind.name == keys_values.NAME else numbers[: model.config.stacks[-1]]
    return _keys_values(kind, used, model)


def _keys_values(kind: Kind, numbers: np.ndarray, model: Model) -> SoftPrompt:
    """They began as no rows that are known, so that their start is zeros. Their scale is that of the
    model's embeddings, as of trained ones, in powers of two, so that the product is the numbers, bit for bit.
    """
    own = np.sqrt(np.mean(np.square(model.embeddings, dtype=np.float64)))
    size = np.sqrt(np.mean(np.square(numbers, dtype=np.float64), axis=(2, 3, 4), keepdims=True))
    known = (size > 0) & (own > 0)
    scale = np.exp2(np.round(np.log2(np.where(known, size, 1) / np.where(known, own, 1))))
    arrays = {
        "keys_values": numbers / scale,
        "scale": scale,
        "start": np.zeros((numbers.shape[3], model.width)),
    }
    return SoftPrompt(kind, {name: np.asarray(each, np.float32) for name, each in arrays.items()})


def _effect(prompt: SoftPrompt, width: int) -> Any:
    """Of a prompt whose effect is the same for every text."""
    import jax.numpy as jnp

    return prompt.stacked().effect(jnp.zeros((1, 1, width)), jnp.ones((1, 1), bool))


def _not_in_front(kind: Kind, length: int) -> str:
    """Why a prompt is not the same for every text and in front of it; "" where it is."""
    if kind.depends_on_text:
        return "is made anew for every text, so that no other program can hold it"
    if kind.after(length):
        return "has rows behind the text"
    return "" if kind.packed else "changes the text itself"

"""The prompts of a bank's entries as soft prompts, and back. Imports no JAX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from bank.entry import Backbone as Identity
from bank.entry import Entry, Prompts
from bank.formats import Facts
from bank.store import Bank
from spot.errors import SpotError
from spot.models.model import Model
from spot.prompts.kind import Kind
from spot.prompts.kinds import find_kind
from spot.prompts.prompt import SoftPrompt


def value_of(bank: Bank, entry: Entry) -> SoftPrompt:
    """The prompt that targets start from: the entry's value, or its key where it holds no value.

    Raises BankError for damaged files, SpotError for a kind of prompt that is not known.
    """
    return value_in(entry, bank.prompts(entry))


def value_in(entry: Entry, prompts: Prompts) -> SoftPrompt:
    """As `value_of`, from the arrays of the entry."""
    kind = find_kind(entry.prompt_kind)
    facts = Facts.of_entry(entry, "key" if prompts.value is None else "value")
    return replace(soft_prompt(kind, prompts.start, prompts.arrays, entry.id), facts=facts)


def soft_prompt(
    kind: Kind, rows: np.ndarray, arrays: Mapping[str, np.ndarray], name: str
) -> SoftPrompt:
    """The prompt of a kind from its named arrays or, where there are none, from rows [P, H].

    name: of the prompt, for errors. Raises SpotError unless the arrays are those of the kind.
    """
    if not arrays and kind.is_rows:
        return SoftPrompt.of(kind, rows)
    if set(arrays) != set(kind.arrays):
        raise SpotError(
            f"{name}: expected the arrays {', '.join(sorted(kind.arrays))} of the kind {kind.name}, "
            f"found {', '.join(sorted(arrays)) or 'none'}",
            "train it again, or update this program if a newer one wrote it",
        )
    return SoftPrompt(kind, {name: np.asarray(array) for name, array in arrays.items()})


def stored(init: SoftPrompt | None, key: SoftPrompt, value: SoftPrompt | None) -> Prompts:
    """Three states of one prompt as a bank stores them: the rows [P, H] that search compares and, of a
    kind with other arrays than these, all arrays of the value.
    """
    start, best = (None if prompt is None else prompt.key for prompt in (init, value))
    return Prompts(start, key.key, best, {} if value is None else value.named)


def check_model(entry: Entry, model: Model | Identity) -> None:
    """Raises SpotError for an entry of another model: prompts of different models never mix, whatever
    their width.
    """
    check_backbone(entry.id, entry.backbone, model)


def check_backbone(name: str, backbone: Identity, model: Model | Identity) -> None:
    """Raises SpotError for a prompt of this name whose backbone is another model."""
    if backbone.fingerprint != model.fingerprint:
        raise SpotError(
            f"{name} was trained on {backbone.name}, not on {model.name} with these weights",
            f"choose the model that it was trained on: --set model.name={backbone.name}",
        )

"""Soft prompts in files, and prompts by the names that a person gives. Imports no JAX."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from bank.entry import Entry, Prompts, id_of
from bank.formats import Facts, PromptFile, export_prompt, read_prompt_file
from bank.store import Bank
from spot.errors import SpotError, did_you_mean
from spot.models.model import Model
from spot.prompts.convert import of_prefix_tuning
from spot.prompts.facts import check_facts, recordable
from spot.prompts.kinds import find_kind
from spot.prompts.prefix import PREFIX
from spot.prompts.prompt import SoftPrompt
from spot.prompts.stored import check_model, soft_prompt, value_of

SUFFIXES = (".npy", ".safetensors")


def write_prompt(path: Path, prompt: SoftPrompt | np.ndarray) -> None:
    """Write a prompt to `.npy` (plain prompts alone, without their facts) or `.safetensors`; an array
    [P, H] is plain, and nothing is known of it.

    Raises BankError: another suffix, a kind that the format cannot hold, a place that cannot be
    written.
    """
    if not isinstance(prompt, SoftPrompt):
        prompt = SoftPrompt.of(PREFIX, prompt)
    export_prompt(path, PromptFile(prompt.key, prompt.kind.name, prompt.named, prompt.facts))


def check_writable(path: Path, kind: str) -> None:
    """Raises SpotError for a file that `write_prompt` cannot write a prompt of this kind to, before there
    is anything to write.
    """
    if path.suffix not in SUFFIXES:
        raise SpotError(
            f'{path}: prompts are written as .npy or .safetensors, not "{path.suffix}".'
            f"{did_you_mean(path.suffix, SUFFIXES)}",
            "change the suffix",
        )
    if kind != PREFIX.name and path.suffix == ".npy":
        raise SpotError(
            f'{path}: a .npy file holds prompts of the kind "{PREFIX.name}" alone, not "{kind}"',
            "write it as .safetensors",
        )


def read_prompt(path: str | Path, model: Model | None = None) -> SoftPrompt:
    """The prompt in a file or folder of any format that can be read.

    model: the one that it is for, which only a prefix-tuning adapter of PEFT needs. Raises BankError for a
    file that holds none, SpotError for a kind of prompt that is not known, and for such an adapter without
    its model.
    """
    file = read_prompt_file(path)
    kind = find_kind(file.kind)
    if set(file.arrays) == {"keys_values"}:
        if model is None:
            raise SpotError(
                f"{path} is prefix tuning of PEFT: reading it takes the model that it is for",
                "add it to a bank with spot bank add, or give the model: spot.read_prompt(path, model)",
            )
        return of_prefix_tuning(kind, file.arrays["keys_values"], model, str(path))
    return replace(soft_prompt(kind, file.prompt, file.arrays, str(path)), facts=file.facts)


def find_prompt(name: str, bank: Path, model: Model) -> SoftPrompt:
    """The prompt of a file, or of an entry of the bank in that folder.

    Raises SpotError or BankError for an unknown name or a prompt of another model or width.
    """
    if os.path.exists(name) or Path(name).suffix in SUFFIXES:
        prompt = read_prompt(name, model)
        check_facts(prompt.facts, name, model)
    else:
        opened = Bank.open(bank)
        return entry_prompt(opened, opened.get(name), model, name)
    check_fit(prompt, name, model)
    return prompt


def entry_prompt(bank: Bank, entry: Entry, model: Model, name: str = "") -> SoftPrompt:
    """The value of an entry for this model. name: what errors call it, by default its id.

    Raises BankError for damaged files, SpotError for a prompt of another model or width.
    """
    check_model(entry, model)
    prompt = value_of(bank, entry)
    check_fit(prompt, name or entry.id, model)
    return prompt


def find_start(name: str, bank: Path, model: Model) -> SoftPrompt | None:
    """What the prompt of an entry was before it was trained; None for a file, an entry that does not
    hold it, and kinds that are more than rows, of which an entry holds the key alone.

    Raises as `find_prompt`.
    """
    if os.path.exists(name) or Path(name).suffix in SUFFIXES:
        return None
    opened = Bank.open(bank)
    entry = opened.get(name)
    check_model(entry, model)
    kind, init = find_kind(entry.prompt_kind), opened.prompts(entry).init
    return SoftPrompt.of(kind, init) if kind.is_rows and init is not None else None


def check_fit(prompt: SoftPrompt, name: str, model: Model) -> None:
    """Raises SpotError for a prompt whose arrays are not those of its kind on this model."""
    hint, width = "choose the model that it was trained on with model.name", prompt.key.shape[1]
    if width != model.width:
        raise SpotError(f"the prompt {name} is {width} wide, the model {model.width}", hint)
    fault = prompt.misfit(model.config)
    if fault:
        raise SpotError(f"the prompt {name} does not fit the model: {fault}", hint)


def prompt_file_entry(file: Path, task: str, model: Model) -> tuple[Entry, Prompts]:
    """A prompt file as an entry of this model, as key and value both.

    Raises BankError for a file that holds no prompt, SpotError for one of another model or width.
    """
    prompt = read_prompt(file, model)
    check_facts(prompt.facts, str(file), model)
    check_fit(prompt, str(file), model)
    key = np.ascontiguousarray(prompt.key, np.float32)
    recipe = {
        "init": "unknown",
        "prompt_length": len(key),
        "sha256": hashlib.sha256(key.tobytes()).hexdigest(),
    }
    if prompt.kind is not PREFIX:
        recipe["prompt_kind"] = prompt.kind.name
    entry = Entry(
        id="",
        kind="imported",
        task=task,
        members=(),
        family="",
        seed=0,
        backbone=model.identity,
        recipe=recipe,
        task_facts=_known_of(prompt.facts, task),
    )
    return replace(entry, id=id_of(entry)), Prompts(None, key, key, prompt.named)


def _known_of(facts: Facts | None, task: str) -> dict[str, object]:
    """What an imported entry records of this task: what the file's facts say, where they are of it. A text
    prompt has no place in such an entry, and without it answers would be others.
    """
    if facts is None or facts.task != task or facts.members or facts.recipe.get("text"):
        return {}
    return recordable(facts)

"""A prompt outside any bank, as read from or written to a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bank.arrays import Array
from bank.entry import PREFIX
from bank.formats.facts import Facts


@dataclass(frozen=True, eq=False)
class PromptFile:
    """A prompt of any kind: its [P, H], the kind's name, and the kind's named arrays where it has more.

    For a kind with named `arrays`, `prompt` is the [P, H] that stands for them in search and averages.
    `facts` tell of its task, model and recipe; None where nothing is known, and in every format but
    safetensors.
    """

    prompt: Array
    kind: str = PREFIX
    arrays: Mapping[str, Array] = field(default_factory=dict)
    facts: Facts | None = None


@dataclass(frozen=True)
class Export:
    """Facts that a format may need beside the arrays.

    name: of the file, where only a folder is given; model: the model's name for the other program;
    step: training steps of the prompt; causal: the model is a decoder.
    """

    name: str = "prompt"
    model: str = ""
    step: int = 0
    causal: bool = False

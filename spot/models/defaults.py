"""The table of default settings by model: its recipe of prompts, the wording of tasks, and when to take
it. Imports nothing heavy, since the configuration reads it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

EMBEDDED = "spot-nano"  # the model in the package, pretrained by this project

PAPERS = "the papers' (Lester et al. 2021; Vu et al. 2022); not run here"


@dataclass(frozen=True)
class ModelDefaults:
    """What suits a model where the user says nothing; None: what is right for any model.

    Of a prompt: `init`, `text`, `length` (P), `optimizer`, `learning_rate`, `warmup_steps`, `decay`,
    `batch_size` (B), `steps`, `key_step`, `check_every`, `patience`; `transfer_steps` is the budget of a
    transfer.
    Of tasks: `template` (of published ones), and `list_labels`, whether label words are listed in front
    of the texts of tasks that do not list them already. Of a search: `similarity`.

    `origin` says where the recipe comes from, `suits` when to take the model.
    """

    init: str = "vocab"
    text: str = ""
    length: int | None = None
    optimizer: str | None = None
    learning_rate: float | None = None
    warmup_steps: int | None = None
    decay: str | None = None
    batch_size: int | None = None
    steps: int | None = None
    key_step: int | None = None
    check_every: int | None = None
    patience: int | None = None
    transfer_steps: int | None = None
    template: str = "t5"
    list_labels: bool = False
    similarity: str = "average"
    origin: str = ""
    suits: str = ""

    @property
    def start(self) -> dict[str, Any]:
        """The init of a prompt and its text."""
        return {"init": self.init, "text": self.text}

    @property
    def training(self) -> dict[str, Any]:
        """The settings of training that are the model's own, by the names of `TrainSettings`."""
        names = (
            "optimizer", "learning_rate", "warmup_steps", "decay", "batch_size", "steps", "key_step",
            "check_every", "patience",
        )  # fmt: skip
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    @property
    def size(self) -> dict[str, Any]:
        """The length of a prompt, if it is the model's own."""
        return {} if self.length is None else {"length": self.length}


# The words by which the embedded model's pretraining named kinds of task, each kind twice or more. A
# prompt that starts from all of them starts where the model reads the kind of task: its sources are
# learned, and keys show which tasks are related, which they do not with a start from the vocabulary;
# most of all token by token, by "task-vector" (docs/results/mini-suite.md). Every text of its pretraining
# listed its label words, so it reads tasks that do.
NANO = ModelDefaults(
    init="words",
    text=(
        "opinion conclusion message query subject grammar term choice search "
        "mood evidence version reading field form meaning decision spot truth detail"
    ),
    list_labels=True,
    similarity="task-vector",
    origin="measured here (docs/results/mini-suite.md)",
    suits="a first try, offline, in minutes; short texts, whose label words are listed in front",
)
# A decoder reads an instruction, so its prompt starts as one: the token that begins every prompt of a
# decoder, and ten of the eleven of the text. At a constant rate the validation score of a few steps goes up
# and down by ten points, so the rate falls.
SMOLLM2 = ModelDefaults(
    init="text",
    text="Read the text, then answer with the right word:",
    length=11,
    learning_rate=0.006,
    decay="linear",
    batch_size=16,
    steps=200,
    patience=0,
    transfer_steps=200,
    template="gpt3",
    origin="measured here (docs/results/smollm2.md)",
    suits="real English texts on a CPU, seconds a step",
)
# Their rate is a tenth of their embeddings' scale (spot.prompts.inits.default_rate).
LARGER_DECODER = replace(
    SMOLLM2,
    learning_rate=None,
    origin="as SmolLM2-135M, but for the rate; not run here",
    suits="better answers than SmolLM2-135M; a GPU",
)
# P=100, rate 0.3, B=32 and 30,000 steps: Lester et al. 2021, section 3; the key's step: Vu et al. 2022,
# section 3.2. The rate is what `default_rate` gives.
LM_ADAPTED = ModelDefaults(
    length=100,
    warmup_steps=0,
    batch_size=32,
    steps=30_000,
    key_step=10_000,
    check_every=500,
    transfer_steps=30_000,
    origin=PAPERS,
    suits="the papers' model, to compare with them; thousands of steps on a GPU",
)
OTHER_T5 = "the papers' for T5 1.1 LM-adapted; not run here"

DEFAULTS: dict[str, ModelDefaults] = {
    EMBEDDED: NANO,
    "smollm2-135m": SMOLLM2,
    "HuggingFaceTB/SmolLM2-135M*": SMOLLM2,
    "HuggingFaceTB/SmolLM2-*": LARGER_DECODER,
    "Qwen/Qwen2.5-*": LARGER_DECODER,
    "google/t5-*-lm-adapt": LM_ADAPTED,
    "gs://t5-data/*/t5_1_1_lm100k_*": LM_ADAPTED,
    "google/flan-t5-*": replace(
        LM_ADAPTED,
        template="flan",
        origin=OTHER_T5,
        suits="a T5 that answers instructions before any training; a GPU",
    ),
    "google/t5-v1_1-*": replace(
        LM_ADAPTED,
        origin=OTHER_T5,
        suits="rarely: trained to fill gaps only; take its LM-adapted form",
    ),
    "google-t5/t5-*": replace(
        LM_ADAPTED,
        origin=OTHER_T5,
        suits="tasks in T5's form, which it was trained on; a GPU",
    ),
    "google/mt5-*": replace(LM_ADAPTED, origin=OTHER_T5, suits="texts in 101 languages; a GPU"),
    "google/byt5-*": replace(
        LM_ADAPTED,
        origin=OTHER_T5,
        suits="noisy spelling, any script: it reads bytes; a GPU and a large data.input_length",
    ),
}
"""Defaults by a pattern of `model.name`, the first that matches."""


def defaults_of(name: str) -> ModelDefaults:
    """The defaults of the model that `model.name` names.

    >>> defaults_of("google/t5-base-lm-adapt").length, defaults_of("some/folder").length
    (100, None)
    """
    found = (own for pattern, own in DEFAULTS.items() if fnmatchcase(name, pattern))
    return next(found, ModelDefaults())

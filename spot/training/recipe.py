"""The recipe of a prompt: everything that makes two keys comparable, and the budget of the value.

Reads no data and imports no JAX, so that a search with a cached query stays quick.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from bank.entry import Entry
from spot.errors import SpotError
from spot.prompts.settings import PromptSettings
from spot.settings import (
    MOST_ROWS,
    BatchSize,
    HasDefaults,
    InputLength,
    Length,
    Stage,
    Steps,
)

NO_FILLER = "vocab"
SOURCE_STEPS = 80
"""The most steps of a bank's sources by default: enough to tell what is related, and they are many."""
FINE_TUNING_RATES = (1e-3, 3e-3, 1e-2)
"""Learning rates of fine-tuning to choose from, relative to an array's size."""


class TrainSettings(Stage):
    """Prompt training. A key depends on everything here but the budget of the value and the checks.

    `steps` is the most that are made: a prompt stops by itself after `patience` checks without a better
    validation score, but not before its key. The defaults suit the embedded model; T5 1.1 needs
    thousands of steps (see configs/paper-base.toml).
    """

    loss: str = "cross-entropy"
    """The training loss: cross-entropy of the answer's tokens, with the z-loss of T5; label-cross-entropy of
    the scores of the task's label words; or perceptron:margin=0.2, the best wrong label word's score above
    that of the right one. normalise=sum instead of length leaves long label words at a disadvantage."""
    wayward: float = Field(0.0, ge=0)
    """How strongly a prompt is pulled to where it starts, as to the words of prompt.text: the loss of a row
    grows by so much times the mean squared distance of its tokens from their start, in units of the mean
    squared norm of the model's embeddings."""
    optimizer: Literal["adafactor", "adamw"] = "adafactor"
    """The optimiser of prompts."""
    learning_rate: float | None = Field(None, gt=0)
    """The constant learning rate of prompts. Where it is not set: the paper's 0.3, or less where a model's
    embeddings are small."""
    weight_decay: float = Field(1e-5, ge=0)
    """The share of a prompt that decays in a step."""
    warmup_steps: Steps = Field(10, ge=0)
    """Steps in which the learning rate rises to its value."""
    decay: Literal["none", "linear"] = "none"
    """How the learning rate falls after the key's step: not at all, as in the papers, or linearly, to zero at
    train.steps. Its last steps are then its best, so train.patience=0 goes with it."""
    batch_size: BatchSize = Field(16, ge=1)
    """Rows of a prompt's step."""
    dropout: float | None = Field(None, ge=0, lt=1)
    """The dropout rate of training; where it is not set, the model's own."""
    steps: Steps = Field(300, ge=1)
    """The most training steps; training stops before when validation has stopped improving (see
    train.patience)."""
    key_step: Steps = Field(60, ge=1)
    """The step at which a prompt becomes the key, or the query, that a search compares: an early one, and
    the same for all of a bank (SPoT, section 3.2)."""
    check_every: Steps = Field(20, ge=1)
    """Steps between two checks on validation, of which the best gives the prompt."""
    patience: Steps = Field(5, ge=0)
    """Checks without a better score after which training stops; 0: all steps are made."""
    early_checks: tuple[Annotated[Steps, Field(ge=0)], ...] = (0, 5, 10, 20)
    """Steps of further checks, so that learning curves show a head start; 0 is the start. A bank's sources
    have none."""

    @field_validator("loss")
    @classmethod
    def _loss_is_known(cls, loss: str) -> str:
        from spot.training.losses import find_loss

        return find_loss(loss).name


class RowSettings(Stage):
    """The maximal lengths of texts, in tokens with EOS, and the number of rows."""

    input_length: InputLength = Field(128, ge=2)
    """The most tokens of a text, with its end; longer texts are cut."""
    target_length: Length = Field(16, ge=2)
    """The most tokens of an answer, with its end."""
    train_examples: int | None = Field(None, ge=1)
    """Rows of a training split that are used, a seeded sample; where it is not set, all."""
    validation_examples: int | None = Field(128, ge=1)
    """Rows of a validation split that are used, a seeded sample, so that checks stay short."""


class Recipe(PromptSettings, TrainSettings, RowSettings):
    """The recipe of prompts: init, optimiser, budget, lengths. Frozen; `replace` gives a changed copy.

    What is not given is the model's own, see `on`, and what is shown here where the model has none. Raises
    SpotError for a key that would be later than the last step and for more than MOST_ROWS rows, and
    pydantic's ValidationError for a value of another type or out of range.
    """

    @model_validator(mode="after")
    def _key_within_steps(self) -> Recipe:
        given = {"key_step", "steps"} <= self.model_fields_set
        if given and self.key_step > self.steps:
            raise SpotError(
                f"key_step ({self.key_step}) must not be after steps ({self.steps})",
                "the key is a checkpoint on the way to the value (SPoT, section 3.2)",
            )
        return self

    @model_validator(mode="after")
    def _rows_are_bounded(self) -> Recipe:
        """Their order is drawn before the first step."""
        if self.steps * self.batch_size > MOST_ROWS:
            raise SpotError(
                f"expected a training of at most {MOST_ROWS:,} rows, found {self.steps:,} steps of "
                f"{self.batch_size:,}",
                "lower train.steps or train.batch_size",
            )
        return self

    @classmethod
    def of(cls, prompt: PromptSettings, train: TrainSettings, rows: RowSettings) -> Recipe:
        """The recipe of what was given in three groups of settings; their other fields are left out."""
        values: dict[str, Any] = {}
        # By group: the settings of commands have more fields, some with the name of another group's.
        for kind, stage in ((PromptSettings, prompt), (TrainSettings, train), (RowSettings, rows)):
            names = kind.model_fields.keys() & stage.model_fields_set
            values |= {name: getattr(stage, name) for name in names}
        return cls(**values)

    def replace(self, **changes: Any) -> Recipe:
        """A copy with other values of some fields, validated again."""
        return Recipe(**{**self.model_dump(exclude_unset=True), **changes})

    def on(self, model: HasDefaults) -> Recipe:
        """The recipe for prompts on this model: what was not given is the model's own, if it has one.

        Text without an init starts from the vocabulary, as recorded entries do. A key that was not
        given is no later than the last step. Raises SpotError for one that was given and is.
        """
        given = self.model_dump(exclude_unset=True)
        values = {**self.model_dump(), **own_settings(given, model.defaults)}
        if self.init is None:
            values |= {"init": "vocab"} if self.text else model.defaults.start
        return Recipe(**values)

    def key_facts(self, precision: str, wording: Mapping[str, Any]) -> dict[str, Any]:
        """The settings that two prompts must share for their keys to be comparable; every entry has them.

        precision: the model's; wording: the task's. The init must not be None, see `on`.
        """
        init = f"{self.init}:{self.text}" if self.init in ("text", "words") else self.init
        if self.init in ("labels", "text", "words") and self.filler != NO_FILLER:
            init = f"{init}, then {self.filler}"
        facts = {
            "init": init,
            "prompt_length": self.length,
            "optimizer": self.optimizer,
            "learning_rate": self.learning_rate,
            "weight_decay": self.weight_decay,
            "warmup_steps": self.warmup_steps,
            "batch_size": self.batch_size,
            "dropout": self.dropout,
            "precision": precision,
            "input_length": self.input_length,
            "target_length": self.target_length,
            **wording,
        }
        # Named only where they are not the default: entries written before there was a choice lack them.
        if self.kind != PromptSettings().kind:
            facts["prompt_kind"] = self.kind
        if self.loss != TrainSettings().loss:
            facts["loss"] = self.loss
        if self.wayward:
            facts["wayward"] = self.wayward
        return facts

    def query_facts(self, precision: str, wording: Mapping[str, Any]) -> dict[str, Any]:
        """The settings that decide a query: those of the key, and its step."""
        return {**self.key_facts(precision, wording), "key_step": self.key_step}

    def entry_facts(self, precision: str, wording: Mapping[str, Any]) -> dict[str, Any]:
        """The settings that an entry records: those of a query, and the value's budget as `budget`."""
        budget: dict[str, Any] = {
            "steps": self.steps,
            "check_every": self.check_every,
            "patience": self.patience or None,
            "validation_examples": self.validation_examples,
        }
        if (
            self.decay != "none"
        ):  # named only where it is, as entries written before there was a choice
            budget["decay"] = self.decay
        return {**self.query_facts(precision, wording), "budget": budget}


def own_settings(given: Mapping[str, Any], own: Any) -> dict[str, Any]:
    """The settings of training and the length of prompts that are the model's own and were not given.

    given: those that were, by the names of `Recipe`. own: the model's defaults. The key's step is at
    most the last one.
    """
    values = {**own.size, **own.training}
    steps = given.get("steps", values.get("steps", TrainSettings().steps))
    key_step = values.get("key_step", TrainSettings().key_step)
    if type(steps) is int and steps > 0:  # else a mistake, which is named later
        values["key_step"] = min(key_step, steps)
    return {name: value for name, value in values.items() if name not in given}


def recipe_of_entries(entries: Sequence[Entry]) -> Recipe:
    """The recipe that most of these entries' keys were trained with.

    Raises SpotError when no entry records its recipe, as with imported prompts.
    """
    recipes = [recipe for entry in entries if (recipe := _of_entry(entry)) is not None]
    if not recipes:
        raise SpotError(
            "expected entries that record how their keys were trained, found none",
            "give the recipe of the query: recipe=spot.Recipe(…)",
        )
    return max(recipes, key=recipes.count)


def _of_entry(entry: Entry) -> Recipe | None:
    facts, budget = entry.recipe, entry.recipe.get("budget", {})
    init = facts.get("init")
    if not isinstance(init, str) or not isinstance(budget, dict):
        return None
    values = {name: facts[name] for name in Recipe.model_fields if name in facts}
    values |= {name: budget[name] for name in Recipe.model_fields if name in budget}
    values["patience"] = values.get("patience") or 0
    values.pop("text", None)  # the task's wording; the text of a prompt is part of its init
    filler = NO_FILLER
    if init.endswith(", then random"):
        init, filler = init.removesuffix(", then random"), "random"
    name, _, text = init.partition(":")
    if name in ("text", "words"):
        values["text"], init = text, name
    renamed = {"length": facts.get("prompt_length"), "kind": facts.get("prompt_kind", "prefix")}
    try:
        return Recipe(**{**values, **renamed, "init": init, "filler": filler})
    except (ValidationError, SpotError):  # SpotError: a kind of prompt that is not known here
        return None

"""Prompt tuning (Lester et al. 2021): S prompts train together behind one frozen model."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spot.errors import SpotError
from spot.models.decoder import Packed
from spot.models.device_memory import forget_peak, held, peak
from spot.models.device_memory import free as device_free
from spot.models.model import Model
from spot.models.runtime import device_errors
from spot.models.sharding import check_rows, place_rows, rows_shared
from spot.prompts.kind import Arrays
from spot.prompts.prompt import SoftPrompt
from spot.prompts.stacked import stack
from spot.training.batches import data_order, step_batch
from spot.training.choices import Candidates, Choices
from spot.training.context import check_source
from spot.training.evaluate import validate
from spot.training.fitting import Execution, Need, Prediction, choose, gigabytes
from spot.training.loop import Schedule, train
from spot.training.losses import check_loss, find_loss
from spot.training.lowering import program_bytes, scoring_need
from spot.training.parts import FORESEEN, alike, fitted, layout
from spot.training.recipe import TrainSettings
from spot.training.slots import Reporter, Slot, StartLoss, Trained, Validation
from spot.training.step import (
    PromptState,
    batch_losses,
    init_state,
    lower_part,
    of_rows,
    train_step,
)
from spot.training.wayward import anchored, check_kind

TIMED_STEPS = 3
"""Runs of a step that are timed for an estimate; the median counts, since the machine may be busy."""


class PromptLearner:
    """S prompts as the loop trains them: their rows, random keys and the frozen model."""

    def __init__(self, model: Model, slots: Sequence[Slot], recipe: TrainSettings) -> None:
        """Raises SpotError for prompts that are not finite, of unequal shapes or of another model, for
        rows longer than a decoder's context or that the devices cannot share, and for sources that the
        loss cannot be computed of.
        """
        check_prompts(model, slots, recipe)
        self.slots, self.recipe = slots, recipe
        self.rows: Sequence[dict[str, Any]] = [
            {"slot": slot.name, "seed": slot.seed} for slot in slots
        ]
        self.labels: Sequence[str] = [slot.label for slot in slots]
        count = max(recipe.steps, FORESEEN) * recipe.batch_size
        self.orders = [
            data_order(
                [len(member.train) for member in slot.source.members],
                slot.source.rates,
                slot.seed,
                count,
            )
            for slot in slots
        ]
        self.candidates = None
        if find_loss(recipe.loss).chooses:
            sources = [slot.source for slot in slots]
            self.candidates = Candidates(sources, [slot.teacher for slot in slots])
        self.anchor = None
        if recipe.wayward:
            start = stack([slot.init for slot in slots])
            self.anchor = anchored(start, model.embeddings, recipe.wayward)
        # A function of the seed alone, so a slot's dropout does not depend on its neighbours.
        self.keys = jnp.stack([jax.random.key(slot.seed) for slot in slots])
        self.model = model.with_dropout(recipe.dropout)
        check_rows(self.model.network.mesh, recipe.batch_size)
        self.kind = slots[0].init.kind
        self.last: tuple[int, tuple[np.ndarray, np.ndarray]] | None = None
        self.shapes: set[tuple[tuple[int, ...], ...]] = set()
        self.execution: Execution | None = None
        self.execute(Execution())

    def execute(self, execution: Execution) -> None:
        """Run steps in this way from now on."""
        if execution == self.execution:
            return  # its shapes are known, which takes a look at many batches
        self.execution = execution
        devices = rows_shared(self.model.network.mesh)
        divide = layout(self.model.config, self.kind, devices, execution.times)
        self.divide = fitted(divide, map(self.batch, range(FORESEEN)), len(self.slots))
        self.network = self.model.network.with_remat(execution.remat)

    def predict(self, validate: bool = True, free: int | None = None) -> Prediction:
        """Choose how steps are run, so that they fit into the free bytes, by default those of the device,
        and predict what the run takes. Compiles the largest programs of steps and of scoring.
        """
        forget_peak()
        free, before = device_free() if free is None else free, held() or 0
        state = self.start()
        size = 3 * sum(array.nbytes for array in jax.tree.leaves(state))
        scoring = scoring_need(self.model, self.slots) if validate else 0

        def need_of(execution: Execution) -> Need:
            self.execute(execution)
            texts, targets = self.divide.largest
            choices = self.choices(0)
            answers = targets if choices is None else of_rows(choices, slice(len(targets)))
            program = lower_part(
                state,
                self.network,
                (texts, answers),
                self.keys,
                self.recipe.loss,
                self.kind,
            )
            return Need(size, program_bytes(program.compile()), scoring)

        # Dropout of packed texts depends on the part that they share.
        packed = isinstance(self.divide.largest[0], Packed) and self.network.config.dropout > 0
        execution, need = choose(need_of, 1 if packed else self.recipe.batch_size, free)
        return Prediction(execution, need, before, max(0, (held() or 0) - before), free)

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """The rows of a step, from 0; made once for calls in a row."""
        if self.last is None or self.last[0] != step:
            sources = [slot.source for slot in self.slots]
            self.last = (step, step_batch(sources, self.orders, step, self.recipe.batch_size))
        return self.last[1]

    def choices(self, step: int) -> Choices | None:
        """The label words of the rows of a step, from 0, where the loss compares them."""
        if self.candidates is None:
            return None
        return self.candidates.step(self.orders, step, self.recipe.batch_size)

    def start(self) -> PromptState:
        """The prompts before training, with a fresh optimiser."""
        prompts = stack([slot.init for slot in self.slots])
        rates = jnp.asarray([slot.learning_rate for slot in self.slots], jnp.float32)
        return init_state(self.recipe, prompts.params, rates)

    def step(self, state: PromptState, step: int) -> tuple[PromptState, dict[str, jax.Array]]:
        """The state after a step, and each slot's numbers."""
        return train_step(
            state,
            self.network,
            self.batch(step),
            self.keys,
            jnp.asarray(step),
            settings=_compiled(self.recipe),
            kind=self.kind,
            divide=self.divide,
            choices=self.choices(step),
            anchor=self.anchor,
        )

    def compiles(self, step: int) -> bool:
        """True if a part of the step's batch has a shape that was not asked for before."""
        shapes = {
            tuple(np.shape(array) for array in jax.tree.leaves(part))
            for part in self.divide(self.batch(step), len(self.slots))
        }
        new = not shapes <= self.shapes
        self.shapes |= shapes
        return new

    def arrays(self, state: PromptState, index: int) -> Arrays:
        """One slot's prompt."""
        return {name: np.asarray(array[index]) for name, array in state.params.items()}

    def validate(self, arrays: Arrays, index: int) -> Validation:
        """The mean score over the source's members."""
        return validate(self.model, SoftPrompt(self.kind, arrays), self.slots[index].source)

    def facts(self, state: Any, index: int) -> dict[str, float]:
        """None."""
        return {}

    def start_losses(self) -> list[StartLoss]:
        """The losses on the first batch."""
        parts = alike(self.divide(self.batch(0), len(self.slots)))
        return start_losses(self.model, [slot.init for slot in self.slots], parts)


def train_prompts(
    model: Model,
    slots: Sequence[Slot],
    recipe: TrainSettings,
    folder: Path,
    *,
    title: str = "",
    validate: bool = True,
    reporter: Reporter | None = None,
    trackers: Sequence[str] = (),
) -> list[Trained]:
    """Train S prompts at once; returns them in the order of `slots`.

    folder: of metrics and checkpoints; `spot.training.runs` names it by content. Raises what
    `PromptLearner` and `train` raise.
    """
    if not slots:
        return []
    early = recipe.early_checks if validate else ()
    settles = recipe.decay != "none"
    schedule = Schedule(
        recipe.steps, recipe.check_every, recipe.key_step, recipe.patience, early, settles
    )
    reporter = reporter or Reporter()
    learner = PromptLearner(model, slots, recipe)
    reporter.phase("compiling the step")
    with device_errors():
        predicted = learner.predict(validate)
    predicted.check()
    reporter.detail(str(predicted))
    if predicted.execution != Execution():
        reporter.say(f"memory is short: {predicted.execution}")
    results = train(
        learner,
        schedule,
        folder,
        title=title,
        validate=validate,
        reporter=reporter,
        trackers=trackers,
        config=tracked_config(model, recipe),
    )
    most = peak()
    if most is not None:
        reporter.detail(f"peak memory {gigabytes(most)}, {gigabytes(predicted.peak)} predicted")
    return [Trained.of(slot, result, folder) for slot, result in zip(slots, results, strict=True)]


def tracked_config(model: Model, recipe: TrainSettings) -> dict[str, Any]:
    """What trackers are told of a training: the model, and all settings of the recipe."""
    return {
        "model": model.name,
        "fingerprint": model.fingerprint,
        **recipe.model_dump(mode="json"),
    }


def check_prompts(model: Model, slots: Sequence[Slot], recipe: TrainSettings) -> None:
    """Raises SpotError for prompts that cannot be trained together on this model and their sources."""
    check_loss(find_loss(recipe.loss), slots)
    for slot in slots:
        fault = slot.init.misfit(model.config)
        if not fault and not all(np.isfinite(array).all() for array in slot.init.arrays.values()):
            fault = "a number is not finite"
        if fault:
            raise SpotError(
                f"the prompt that {slot.label} starts from does not fit the model: {fault}",
                "use prompts that were trained on this model",
            )
        check_source(model.config, slot.init.tokens, slot.source)
    prompts = stack([slot.init for slot in slots])  # SpotError for prompts of different shapes
    if recipe.wayward:
        check_kind(prompts, model.width)


def time_step(model: Model, slots: Sequence[Slot], recipe: TrainSettings) -> tuple[float, float]:
    """Seconds of the first run of a step, which compiles it, and the median of TIMED_STEPS more.

    The prompts stay as they are. Raises SpotError where memory is short.
    """
    times = [time.monotonic()]
    learner = PromptLearner(model, slots, recipe)
    state = learner.start()
    with device_errors():
        learner.predict(validate=False)
        for _ in range(1 + TIMED_STEPS):
            jax.block_until_ready(learner.step(state, 0))
            times.append(time.monotonic())
    compiling, *steps = np.diff(times).tolist()
    return compiling, statistics.median(steps)


def _compiled(recipe: TrainSettings) -> TrainSettings:
    """The settings that a compiled step depends on, so that budgets do not compile it again."""
    names = ["loss", "optimizer", "weight_decay", "warmup_steps", "decay"]
    if recipe.decay != "none":
        names += ["key_step", "steps"]
    return TrainSettings(**{name: getattr(recipe, name) for name in names})


def start_losses(
    model: Model, prompts: Sequence[SoftPrompt], parts: Sequence[tuple[Any, np.ndarray]]
) -> list[StartLoss]:
    """The loss of each slot before training, with and without its prompt: the mean over the rows of parts
    that each hold as many rows of every slot, slot after slot.
    """
    parts = [place_rows(model.network.mesh, part) for part in parts]
    with_prompt, without = (
        np.concatenate(
            [
                np.asarray(batch_losses(model.network, each, part)).reshape(len(prompts), -1)
                for part in parts
            ],
            axis=1,
        ).mean(-1)
        for each in (stack(prompts), None)
    )
    uniform = math.log(model.config.vocab_size)
    pairs = zip(with_prompt, without, strict=True)
    return [StartLoss(float(loss), float(bare), uniform) for loss, bare in pairs]

"""Fine-tuning: all weights trained on a task or mixture, the baseline of prompt tuning.

Lester et al. 2021 (section 3) and Vu et al. 2022 (table 1) compare with it, alone and after training
on a mixture. It has the budget, batches, checks and choice on validation of prompt training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from spot.errors import SpotError
from spot.models.model import Model
from spot.models.network import Network
from spot.models.sharding import check_rows, place_rows, unpadded
from spot.models.weights.build import from_arrays, to_arrays
from spot.prompts.kind import Arrays
from spot.settings import check_seed
from spot.training.batches import Source, data_order, step_batch
from spot.training.context import check_source
from spot.training.evaluate import validate
from spot.training.loop import Schedule, train
from spot.training.optim import scaled_adafactor
from spot.training.parts import FORESEEN, Batch, fitted, whole
from spot.training.recipe import TrainSettings
from spot.training.slots import Check, Reporter, Result, StartLoss, Validation
from spot.training.step import row_losses


@dataclass(frozen=True, eq=False)
class FineTuned:
    """The weights of the best check in the model's own dtypes, their learning rate and all checks.

    `parameters` fit the model's network.
    """

    parameters: Any
    learning_rate: float
    best: Check
    history: tuple[Check, ...]

    def on(self, model: Model) -> Model:
        """The model with these weights, for evaluation only: it still has the fingerprint of the original,
        so write and load it before prompts are trained on it.
        """
        return model.with_network(model.network.with_parameters(self.parameters))


class WeightState(NamedTuple):
    """All weights in float32, the optimiser's state, and `active` bool [1]."""

    parameters: Any
    optimizer: Any
    active: jax.Array


@partial(jax.jit, donate_argnums=(0, 1))
def weight_step(
    network: Network,
    state: Any,
    learning_rate: jax.Array,
    batch: tuple[jax.Array, jax.Array],
    key: jax.Array,
    step: jax.Array,
) -> tuple[Network, Any, jax.Array]:
    """One update of all weights (float32) on a batch [B, T]; also the cross entropy a token, nats."""
    parameters = network.parameters
    random = jax.random.fold_in(key, step)[None] if network.config.dropout > 0 else None

    def loss(values: Any) -> tuple[jax.Array, jax.Array]:
        summed, entropy = row_losses(network.with_parameters(values), None, batch, random)
        tokens = (batch[1] > 0).sum()
        return summed.sum() / tokens, entropy.sum() / tokens

    gradient, entropy = jax.grad(loss, has_aux=True)(parameters)
    updates, state = scaled_adafactor(learning_rate).update(gradient, state, parameters)
    return network.with_parameters(optax.apply_updates(parameters, updates)), state, entropy


class WeightLearner:
    """All weights of a model as the loop trains them, on one source with one seed and rate."""

    def __init__(
        self, model: Model, source: Source, seed: int, learning_rate: float, recipe: TrainSettings
    ) -> None:
        """The recipe's optimiser, learning rate and weight decay belong to prompts and are not used.

        Raises SpotError for no seed, and for rows longer than a decoder's context or that the devices
        cannot share.
        """
        check_seed(seed)
        check_source(model.config, 0, source)
        self.model, self.source, self.recipe = model.with_dropout(recipe.dropout), source, recipe
        check_rows(self.model.network.mesh, recipe.batch_size)
        self.rate, self.seed = learning_rate, seed
        self.rows: Sequence[dict[str, Any]] = [{"seed": seed}]
        self.labels: Sequence[str] = [
            f"{source.name}, all weights (seed {seed}, rate {learning_rate:g})"
        ]
        sizes = [len(member.train) for member in source.members]
        count = max(recipe.steps, FORESEEN) * recipe.batch_size
        self.order = data_order(sizes, source.rates, seed, count)
        self.pad = fitted(whole, map(self.rows_of, range(FORESEEN)), 1)
        self.shapes: set[tuple[tuple[int, ...], ...]] = set()

    def start(self) -> WeightState:
        """The model's weights in float32, with a fresh optimiser."""
        network = self.model.network
        own = unpadded(network.config, network.parameters) if network.mesh else network.parameters
        wide = jax.tree.map(lambda array: jnp.array(array, jnp.float32), own)
        return WeightState(wide, scaled_adafactor(self.rate).init(wide), jnp.ones(1, bool))

    def batch(self, step: int) -> Batch:
        """The rows of a step, from 0, padded to one of few shapes."""
        return self.pad(self.rows_of(step), 1)[0]

    def rows_of(self, step: int) -> Batch:
        """The rows of a step in their own buckets."""
        return step_batch([self.source], [self.order], step, self.recipe.batch_size)

    def step(self, state: WeightState, step: int) -> tuple[WeightState, dict[str, jax.Array]]:
        """The state after a step; a loss that is not finite ends the run."""
        network, optimizer, entropy = weight_step(
            self.model.network.with_parameters(state.parameters),
            state.optimizer,
            jnp.asarray(self.rate, jnp.float32),
            place_rows(self.model.network.mesh, self.batch(step)),
            jax.random.key(self.seed),
            jnp.asarray(step),
        )
        finite = jnp.isfinite(entropy)[None]
        return WeightState(network.parameters, optimizer, state.active & finite), {
            "loss": entropy[None],
            "finite": finite,
        }

    def compiles(self, step: int) -> bool:
        """True if the step's batch has a shape that was not asked for before."""
        shape = tuple(array.shape for array in self.batch(step))
        new = shape not in self.shapes
        self.shapes.add(shape)
        return new

    def arrays(self, state: WeightState, index: int) -> Arrays:
        """All weights by name, in float32."""
        return to_arrays(state.parameters)

    def validate(self, arrays: Arrays, index: int) -> Validation:
        """The mean over the source's members of their scores, with weights in the model's dtypes."""
        network = self.model.network
        weights = from_arrays(arrays, network.parameters)
        return validate(
            self.model.with_network(network.with_parameters(weights)), None, self.source
        )

    def facts(self, state: Any, index: int) -> dict[str, float]:
        """None."""
        return {}

    def start_losses(self) -> list[StartLoss]:
        """None: the weights start as the model's own."""
        return []


def fine_tune(
    model: Model,
    source: Source,
    seed: int,
    learning_rate: float,
    recipe: TrainSettings,
    folder: Path,
    reporter: Reporter | None = None,
    trackers: Sequence[str] = (),
) -> FineTuned | None:
    """Train all weights on a source for `recipe.steps` in a folder; None when the loss was not finite
    before the first check. Raises what `WeightLearner` and `train` raise.
    """
    learner = WeightLearner(model, source, seed, learning_rate, recipe)
    schedule = Schedule(recipe.steps, recipe.check_every, None, recipe.patience)
    (result,) = train(
        learner,
        schedule,
        folder,
        title=learner.labels[0],
        reporter=reporter,
        trackers=trackers,
        config={
            "model": model.name,
            "fingerprint": model.fingerprint,
            "task": source.name,
            **recipe.model_dump(mode="json"),
            "learning_rate": learning_rate,
        },
    )
    return tuned(model, learning_rate, result)


def tuned(model: Model, learning_rate: float, result: Result) -> FineTuned | None:
    """The weights of a result's best check, in the model's own dtypes; None without a check."""
    if result.best is None:
        return None
    parameters = from_arrays(result.value, model.network.parameters)
    return FineTuned(parameters, learning_rate, result.best, result.history)


def best_rate(
    rates: Sequence[float], tune: Callable[[float], FineTuned | None], name: str
) -> FineTuned:
    """The model of the learning rate that validation prefers, the smallest of equals.

    Raises SpotError when no rate gave a finite loss until a check.
    """
    models = [tuned for tuned in map(tune, sorted(rates)) if tuned is not None]
    if not models:
        raise SpotError(
            f"{name}: no learning rate gave a finite loss until the first check",
            "lower tuning.learning_rates",
        )
    return max(models, key=lambda tuned: tuned.best.score)

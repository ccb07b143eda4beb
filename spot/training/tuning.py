"""Model tuning: all weights trained on a task or mixture, the yardstick of prompt tuning.

Lester et al. 2021 (section 3) and Vu et al. 2022 (table 1) compare with it, alone and after tuning
on a mixture. Here it has the budget, batches, checks and choice on validation of prompt training.
"""

from __future__ import annotations

import contextlib
import json
import math
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from bank.files import replace_file
from spot.config import Config, TrainSettings
from spot.errors import SpotError
from spot.models.model import Model
from spot.models.network import Network
from spot.training.batches import Source, data_order, step_batch
from spot.training.checkpoint import Checkpoints
from spot.training.context import check_source
from spot.training.evaluate import validate
from spot.training.slots import Check, Reporter
from spot.training.step import row_losses


@dataclass(frozen=True, eq=False)
class TunedModel:
    """The weights of the best check, in the backbone's own dtypes, and how they came about.

    `parameters` fit the backbone's network; `best` is the check that validation preferred.
    """

    parameters: Any
    learning_rate: float
    best: Check
    history: tuple[Check, ...]

    def on(self, backbone: Model) -> Model:
        """The backbone with these weights, for evaluation; prompts must not be trained on it before
        it is exported and loaded, which gives it a fingerprint of its own.
        """
        return backbone.with_network(backbone.network.with_parameters(self.parameters))


def optimiser(learning_rate: float | jax.Array) -> optax.GradientTransformation:
    """Adafactor with parameter scaling at a constant rate, as T5 was fine-tuned (Raffel et al.
    2020, section 3.1.2, with 0.001): a step is in proportion to the array it changes.
    """
    return optax.adafactor(
        learning_rate,
        min_dim_size_to_factor=128,
        decay_rate=0.8,
        multiply_by_parameter_scale=True,
        clipping_threshold=1.0,
        eps=1e-30,
    )


@partial(jax.jit, donate_argnums=(0, 1))
def tune_step(
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
    updates, state = optimiser(learning_rate).update(gradient, state, parameters)
    return network.with_parameters(optax.apply_updates(parameters, updates)), state, entropy


def tune_model(
    backbone: Model,
    source: Source,
    seed: int,
    learning_rate: float,
    settings: TrainSettings,
    folder: Path,
    reporter: Reporter | None = None,
) -> TunedModel | None:
    """Trains all weights on a source for `settings.steps`; None when the loss was not finite before
    the first check.

    Of the settings, optimiser, rate and decay are prompt training's and not used. Kill it and call
    it again: it goes on from the last check and gives the numbers of an unbroken run. Raises SpotError
    for rows longer than a decoder's context.
    """
    reporter = reporter or Reporter()
    check_source(backbone.config, 0, source)
    folder.mkdir(parents=True, exist_ok=True)
    backbone = backbone.with_dropout(settings.dropout)
    sizes = [len(member.train) for member in source.members]
    order = data_order(sizes, source.rates, seed, settings.steps * settings.batch_size)
    name = f"{source.name}, all weights (seed {seed}, rate {learning_rate:g})"
    with contextlib.closing(Checkpoints(folder / "checkpoints")) as checkpoints:
        begin, tree, history = _start(backbone, learning_rate, checkpoints, folder)
        reporter.begin(name, settings.steps, begin)
        losses: list[float] = []
        for step in range(begin, settings.steps):
            if _stale(history, settings.patience):
                break
            network, tree["state"], entropy = tune_step(
                backbone.network.with_parameters(tree["parameters"]),
                tree["state"],
                jnp.asarray(learning_rate, jnp.float32),
                step_batch([source], [order], step, settings.batch_size),
                jax.random.key(seed),
                jnp.asarray(step),
            )
            tree["parameters"] = network.parameters
            losses.append(float(entropy))
            reporter.advance(step + 1, losses[-1])
            if not math.isfinite(losses[-1]):
                reporter.warn(f"{name}: the loss is not finite at step {step + 1}; it stops here")
                break
            if (step + 1) % settings.check_every == 0 or step + 1 == settings.steps:
                parameters = _like(backbone, tree["parameters"])
                tuned = backbone.with_network(backbone.network.with_parameters(parameters))
                score, metrics, rows = validate(tuned, None, source)
                check = Check(step + 1, score, float(np.mean(losses)), metrics, rows)
                if not history or score > max(past.score for past in history):
                    tree["best"] = jax.tree.map(np.asarray, tree["parameters"])
                history.append(check)
                losses = []
                reporter.check(name, check)
                _write(folder, history)
                checkpoints.save(step + 1, tree)
        reporter.end()
    if not history:
        return None
    best = max(history, key=lambda check: check.score)  # the first of equals, as for `tree["best"]`
    return TunedModel(_like(backbone, tree["best"]), learning_rate, best, tuple(history))


def best_tuned(
    source: Source,
    seed: int,
    config: Config,
    backbone: Model,
    folder: Path,
    reporter: Reporter | None = None,
) -> TunedModel:
    """The model of the learning rate that validation prefers, the smallest of equals.

    Raises SpotError when no rate of `tuning.learning_rates` gave a finite loss until a check.
    """
    tried = [
        tune_model(backbone, source, seed, rate, config.train, folder / f"rate-{rate:g}", reporter)
        for rate in sorted(config.tuning.learning_rates)
    ]
    usable = [one for one in tried if one is not None]
    if not usable:
        raise SpotError(
            f"{source.name}: no learning rate gave a finite loss until the first check",
            "lower tuning.learning_rates",
        )
    return max(usable, key=lambda one: one.best.score)


def _like(backbone: Model, parameters: Any) -> Any:
    """The parameters in the dtypes of the backbone's own."""
    return jax.tree.map(
        lambda new, old: jnp.asarray(new, old.dtype), parameters, backbone.network.parameters
    )


def _start(
    backbone: Model, learning_rate: float, checkpoints: Checkpoints, folder: Path
) -> tuple[int, dict[str, Any], list[Check]]:
    """(steps done, parameters, optimiser state and best parameters, checks) of the last checkpoint
    or of the backbone.
    """
    parameters = jax.tree.map(
        lambda array: jnp.array(array, jnp.float32), backbone.network.parameters
    )
    tree: dict[str, Any] = {
        "parameters": parameters,
        "state": optimiser(learning_rate).init(parameters),
        "best": jax.tree.map(np.asarray, parameters),
    }
    found = checkpoints.restore(tree)
    if found is None:
        return 0, tree, []
    begin, tree = found
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    history = [Check(**row) for row in map(json.loads, lines) if row["step"] <= begin]
    return begin, jax.tree.map(jnp.asarray, tree), history


def _write(folder: Path, history: list[Check]) -> None:
    """metrics.jsonl, a check a line."""
    lines = "".join(json.dumps(asdict(check)) + "\n" for check in history)
    replace_file(folder / "metrics.jsonl", lines.encode())


def _stale(history: list[Check], patience: int | None) -> bool:
    """Whether the last `patience` checks did not beat the best one before them."""
    if not patience or len(history) <= patience:
        return False
    before = max(check.score for check in history[:-patience])
    return max(check.score for check in history[-patience:]) <= before

"""A start as the training loop trains it: steps that visit tasks, checks after K inner steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from spot.models.layers import RowKeys
from spot.models.model import Model
from spot.models.network import Network
from spot.models.padding import FEW_BUCKETS, FEW_TARGETS, bucket_length, pad_rows
from spot.prompts.kind import Arrays, Kind
from spot.prompts.prompt import SoftPrompt
from spot.prompts.stacked import SoftPrompts
from spot.training.batches import TaskData
from spot.training.choices import Candidates, Choices
from spot.training.evaluate import evaluate
from spot.training.losses import find_loss
from spot.training.meta.gradients import ALGORITHMS, Episode, Loss, adapt
from spot.training.meta.settings import MetaSettings
from spot.training.meta.visits import Visit, fixed_visit, visits
from spot.training.optim import at_rates, optimiser
from spot.training.prompt_tuning import check_prompts
from spot.training.recipe import TrainSettings
from spot.training.slots import Reporter, Slot, StartLoss, Validation
from spot.training.step import slot_losses

EXPLODED = 100.0
"""A meta-gradient that is so many times the median of those since the check before is warned of."""

Params = dict[str, jax.Array]
Rows = tuple[Any, Any, jax.Array]
"""Texts [B, T], targets [B, T'] or `Choices`, and a random key; of inner steps each with the leading
axis K."""


class MetaState(NamedTuple):
    """A start in training: its arrays by name, the optimiser's state, the norms of the meta-gradients since
    the check before (NaN for those to come), and `active` bool [1].
    """

    params: Params
    optimizer: Any
    norms: jax.Array
    active: jax.Array


@dataclass(frozen=True)
class Stepping:
    """What compiled steps depend on beside arrays: the optimisers with their rates, and the loss."""

    train: TrainSettings
    algorithm: str
    inner: str
    inner_rate: float
    rate: float
    steps: int

    def inner_optimiser(self) -> optax.GradientTransformation:
        """The optimiser of inner steps, as at the beginning of a training."""
        if self.inner == "sgd":
            return optax.sgd(self.inner_rate)
        return optimiser(self.train.model_copy(update={"decay": "none"}), self.inner_rate)

    def outer_optimiser(self) -> optax.GradientTransformation:
        """The optimiser of the start."""
        return ALGORITHMS[self.algorithm].outer(self.train, self.rate, self.steps)


def prompt_loss(network: Network, kind: Kind, name: str) -> Loss:
    """The loss of one prompt, arrays by name, on `Rows`: the mean over target tokens or, where label words
    are compared, over rows. name: of the training loss.
    """

    def loss(params: Params, rows: Rows) -> jax.Array:
        texts, answers, key = rows
        prompts = SoftPrompts(kind, {each: array[None] for each, array in params.items()})
        random = None
        if network.config.dropout > 0:
            count = texts.shape[0]
            owner = jnp.zeros(count, jnp.int32)
            random = RowKeys(key[None], owner, jnp.arange(count, dtype=jnp.int32))
        summed, _ = slot_losses(network, prompts, (texts, answers), random, find_loss(name))
        chooses = isinstance(answers, Choices)
        mean: jax.Array = summed.sum() / (len(texts) if chooses else (answers > 0).sum())
        return mean

    return loss


@partial(jax.jit, static_argnames=("kind", "stepping"))
def visit_gradient(
    network: Network, params: Params, support: Rows, query: Rows, *, kind: Kind, stepping: Stepping
) -> tuple[Params, jax.Array]:
    """The gradient of one visit by array, and its loss."""
    loss = prompt_loss(network, kind, stepping.train.loss)
    gradient = ALGORITHMS[stepping.algorithm].gradient
    inner = at_rates(stepping.inner_optimiser(), kind.rates)
    return gradient(loss, inner, params, Episode(support, query))


@partial(jax.jit, static_argnames=("kind", "stepping"))
def adapted(
    network: Network, params: Params, support: Rows, *, kind: Kind, stepping: Stepping
) -> Params:
    """The arrays of a prompt after K inner steps."""
    loss = prompt_loss(network, kind, stepping.train.loss)
    inner = at_rates(stepping.inner_optimiser(), kind.rates)
    trained: Params = adapt(loss, inner, params, support)[0]
    return trained


@partial(jax.jit, static_argnames=("kind", "stepping"))
def move(
    state: MetaState,
    gradient: Params,
    loss: jax.Array,
    place: jax.Array,
    *,
    kind: Kind,
    stepping: Stepping,
) -> tuple[MetaState, jax.Array, jax.Array]:
    """The state after a step with the mean gradient of its visits, the gradient's norm, and whether loss,
    gradient and start are finite; where they are not, the start stays and is no longer active.

    place: where the norm is kept.
    """
    # A share of the way that inner steps went is not a rate: they went it at the arrays' own.
    rates = kind.rates if ALGORITHMS[stepping.algorithm].rate is None else {}
    outer = at_rates(stepping.outer_optimiser(), rates)
    updates, optimizer = outer.update(gradient, state.optimizer, state.params)
    params = optax.apply_updates(state.params, updates)
    norm = optax.tree.norm(gradient)
    finite = jnp.isfinite(loss) & jnp.isfinite(norm)
    for array in jax.tree.leaves(params):
        finite &= jnp.isfinite(array).all()
    go = finite & state.active[0]
    params, optimizer = jax.tree.map(
        lambda new, old: jnp.where(go, new, old),
        (params, optimizer),
        (state.params, state.optimizer),
    )
    norms = jnp.where(place == 0, jnp.full_like(state.norms, jnp.nan), state.norms)
    state = MetaState(params, optimizer, norms.at[place].set(norm), state.active & finite)
    return state, norm, finite


class MetaLearner:
    """A start as the loop trains it: S = 1."""

    def __init__(
        self,
        model: Model,
        slot: Slot,
        train: TrainSettings,
        settings: MetaSettings,
        reporter: Reporter | None = None,
    ) -> None:
        """slot: its source's members are the tasks, its rate that of prompts. Raises SpotError as
        `check_prompts` does.
        """
        check_prompts(model, [slot], train)
        self.slot, self.train, self.settings = slot, train, settings
        self.reporter = reporter or Reporter()
        self.stepping = stepping(slot.learning_rate, train, settings)
        self.model = model.with_dropout(train.dropout)
        self.kind = slot.init.kind
        chooses = find_loss(train.loss).chooses
        self.candidates = Candidates([slot.source], [None]) if chooses else None
        self.rows: Sequence[dict[str, Any]] = [{"slot": slot.name, "seed": slot.seed}]
        self.labels: Sequence[str] = [f"start by {settings.algorithm} (seed {slot.seed})"]
        self.shapes: set[tuple[tuple[int, ...], ...]] = set()
        self.visited: tuple[int, list[tuple[Rows, Rows]]] | None = None

    def start(self) -> MetaState:
        """The init with a fresh optimiser."""
        params = {name: jnp.asarray(array) for name, array in self.slot.init.arrays.items()}
        norms = jnp.full(self.settings.check_every, jnp.nan, jnp.float32)
        optimizer = self.stepping.outer_optimiser().init(params)
        return MetaState(params, optimizer, norms, jnp.ones(1, bool))

    def visits(self, step: int) -> list[tuple[Rows, Rows]]:
        """The rows of a step's visits, from 0; made once for calls in a row."""
        if self.visited is None or self.visited[0] != step:
            settings, reads = self.settings, ALGORITHMS[self.settings.algorithm].reads_query
            drawn = visits(
                self.slot.source,
                self.slot.seed,
                step,
                tasks=settings.tasks,
                inner_steps=settings.inner_steps,
                batch_size=self.train.batch_size,
                support=settings.support,
                query=settings.query if reads else 0,
            )
            key = jax.random.fold_in(jax.random.key(self.slot.seed), step)
            keys = jax.random.split(key, len(drawn))
            self.visited = step, [self.arrays_of(*pair) for pair in zip(drawn, keys, strict=True)]
        return self.visited[1]

    def arrays_of(self, visit: Visit, key: jax.Array) -> tuple[Rows, Rows]:
        """The rows of a visit's support and query; where nothing reads the query it has one row."""
        inner = jax.random.split(key, len(visit.support) + 1)
        query = visit.query if len(visit.query) else visit.support[0, :1]
        support, held = (self.batch(visit.member, rows) for rows in (visit.support, query))
        return (*support, inner[:-1]), (*held, inner[-1])

    def batch(self, member: int, rows: np.ndarray) -> tuple[Any, Any]:
        """Texts [..., T] and answers [..., T'] of training rows [...] of a task; few widths."""
        texts, targets = _padded(self.slot.source.members[member], rows)
        if self.candidates is None:
            return texts, targets
        order = np.stack([np.full(rows.size, member), rows.reshape(-1)], axis=1)
        choices = self.candidates.step([order], 0, rows.size)
        return texts, jax.tree.map(
            lambda array: array.reshape(*rows.shape, *array.shape[1:]), choices
        )

    def step(self, state: MetaState, step: int) -> tuple[MetaState, dict[str, jax.Array]]:
        """The state after a step, and the mean loss of its visits."""
        drawn = self.visits(step)
        total, losses = None, []
        for support, query in drawn:
            gradient, loss = visit_gradient(
                self.model.network,
                state.params,
                support,
                query,
                kind=self.kind,
                stepping=self.stepping,
            )
            total = gradient if total is None else jax.tree.map(jnp.add, total, gradient)
            losses.append(loss)
        mean = jax.tree.map(lambda array: array / len(drawn), total)
        loss = jnp.stack(losses).mean()
        place = step % self.settings.check_every
        before = np.asarray(state.norms)[:place]
        state, norm, finite = move(
            state, mean, loss, jnp.asarray(place), kind=self.kind, stepping=self.stepping
        )
        self.watch(float(norm), before, step + 1)
        return state, {"loss": loss[None], "finite": finite[None]}

    def watch(self, norm: float, before: np.ndarray, step: int) -> None:
        """Warn of a meta-gradient far larger than those since the check before."""
        usual = float(np.median(before)) if len(before) >= 5 else math.nan
        if math.isfinite(norm) and norm > EXPLODED * usual:
            self.reporter.warn(
                f"{self.labels[0]}: the meta-gradient's norm at step {step} is {norm:.3g}, "
                f"{norm / usual:.0f} times the median before; {remedy(self.settings.algorithm)}"
            )

    def compiles(self, step: int) -> bool:
        """True if a visit of the step has a shape that was not asked for before."""
        shapes = {
            tuple(np.shape(array) for array in jax.tree.leaves(visit))
            for visit in self.visits(step)
        }
        new = not shapes <= self.shapes
        self.shapes |= shapes
        return new

    def arrays(self, state: MetaState, index: int) -> Arrays:
        """The start."""
        return {name: np.asarray(array) for name, array in state.params.items()}

    def facts(self, state: MetaState, index: int) -> dict[str, float]:
        """The mean and the largest norm of the meta-gradients since the check before."""
        norms = np.asarray(state.norms)
        made = norms[~np.isnan(norms)]
        if not len(made):
            return {}
        return {"meta_gradient": float(made.mean()), "meta_gradient_max": float(made.max())}

    def validate(self, arrays: Arrays, index: int) -> Validation:
        """The mean over tasks of the validation score after K inner steps on each."""
        scores: list[float] = []
        metrics: dict[str, float] = {}
        rows = 0
        start = {name: jnp.asarray(array) for name, array in arrays.items()}
        for number, member in enumerate(self.slot.source.members):
            prompt = SoftPrompt(self.kind, self.adapted(start, number))
            result = evaluate(
                self.model, prompt, member.definition, member.validation, member.labels
            )
            scores.append(result.value)
            name = member.definition.name
            metrics |= {f"{name}/{metric}": value for metric, value in result.metrics.items()}
            rows += result.n
        return Validation(float(np.mean(scores)), metrics, rows)

    def adapted(self, start: Params, member: int) -> Arrays:
        """The arrays after K inner steps on a task, on the rows that every check draws."""
        visit = fixed_visit(
            self.slot.source,
            member,
            self.slot.seed,
            inner_steps=self.settings.inner_steps,
            batch_size=self.train.batch_size,
            support=self.settings.support,
        )
        key = jax.random.fold_in(jax.random.key(self.slot.seed), self.settings.steps + member)
        support, _ = self.arrays_of(visit, key)
        made = adapted(self.model.network, start, support, kind=self.kind, stepping=self.stepping)
        return {name: np.asarray(array) for name, array in made.items()}

    def start_losses(self) -> list[StartLoss]:
        """None: the check of step 0 says more."""
        return []


def remedy(algorithm: str) -> str:
    """What to do where the gradient of a start explodes."""
    lower = "lower meta.inner_rate or meta.inner_steps"
    if algorithm != "maml":
        return lower
    return (
        f"{lower}, or set meta.algorithm=first-order, which does not pass through the inner steps"
    )


def stepping(rate: float, train: TrainSettings, settings: MetaSettings) -> Stepping:
    """The optimisers of a start. rate: that of prompts."""
    names = ("loss", "optimizer", "weight_decay", "warmup_steps")
    read = TrainSettings(**{name: getattr(train, name) for name in names})
    usual = rate * SGD_FACTOR if settings.inner == "sgd" else rate
    return Stepping(
        read,
        settings.algorithm,
        settings.inner,
        settings.inner_rate or usual,
        settings.learning_rate or ALGORITHMS[settings.algorithm].rate or rate,
        settings.steps,
    )


SGD_FACTOR = 1000.0
"""The rate of SGD over that of Adafactor, whose steps do not depend on the gradient's size."""


def _padded(data: TaskData, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Texts [..., T] and targets [..., T'] of training rows [...], padded to one of few widths."""
    flat = rows.reshape(-1).tolist()
    padded = []
    for split, buckets in ((data.train.inputs, FEW_BUCKETS), (data.train.targets, FEW_TARGETS)):
        tokens = [split[row] for row in flat]
        width = bucket_length(max(map(len, tokens)), buckets)
        padded.append(pad_rows(tokens, width).reshape(*rows.shape, width))
    return padded[0], padded[1]

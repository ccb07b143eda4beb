"""Whether a step fits on an accelerator that is not there: the step itself is compiled for one."""

from __future__ import annotations

import contextlib
import math
import re
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

import jax
import numpy as np
from jax.experimental.compilation_cache import compilation_cache
from jax.stages import Compiled, Lowered

from spot.models.accelerators import Topology, topology_devices
from spot.models.config import ModelConfig, Precision
from spot.models.defaults import ModelDefaults
from spot.models.layers import ProductForm
from spot.models.network import Network
from spot.models.scoring import ROWS
from spot.models.settings import Devices
from spot.models.sharding import grid_of, rows_shared
from spot.prompts.kinds import find_kind
from spot.training.cost import Cost, cost
from spot.training.lowering import (
    LABELS,
    Shape,
    abstract_network,
    abstract_prompts,
    full_part,
    lower_encode,
    lower_gradient,
    lower_rank,
    lower_update,
    lower_weights,
)
from spot.training.recipe import Recipe

TUNED = 3  # weights, their gradients and what Adafactor makes of them
MOST_TRIES = 6  # layouts and sizes that a search compiles for
SPARE = 0.92  # share of a device's memory that a guess may fill
WEIGHTS = 0.5  # share of it that weights may fill before they are split
# Without the passes that only make a program faster the compiler takes a third of the time; memory and
# communication stay within some percent (docs/scaling.md).
QUICK: Any = {"exec_time_optimization_effort": -1.0}
_WANTED = re.compile(r"(?:Used|temporaries \() ?([\d.]+)([KMGT])")
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class Architecture(Protocol):
    """A model without its weights."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def config(self) -> ModelConfig:
        """Its sizes."""

    @property
    def defaults(self) -> ModelDefaults:
        """Settings that suit it where none are given."""


@dataclass(frozen=True)
class Program:
    """A compiled program, what a run of it costs on each device, and the seconds that compiling took."""

    name: str
    cost: Cost
    seconds: float


Making = Generator[tuple[str, Lowered], Compiled, None]
"""Programs by name, one after another; it is sent the last one compiled."""
Programs = Callable[[Network, Shape], Making]
"""Of a network and the sizes of a step."""


@dataclass(frozen=True)
class Trial:
    """A layout of devices, the sizes of a step, and its programs.

    `remat`: the gradient keeps the inputs of layers only and computes them again. `weights`: their bytes on
    a device. `wanted`: the bytes a device of a program that the compiler refused for want of memory, 0 where
    it refused none.
    """

    devices: Devices
    shape: Shape
    weights: int
    programs: tuple[Program, ...]
    wanted: int = 0
    remat: bool = False

    @property
    def peak(self) -> int:
        """The bytes that a device must have."""
        return max([self.wanted, *(program.cost.peak for program in self.programs)])

    def to_json(self) -> dict[str, Any]:
        """JSON-serialisable dict."""
        shape = {**asdict(replace(self.shape, kind=None)), "kind": self.shape.kind.name}  # type: ignore[arg-type]
        return {
            "devices": self.devices.model_dump(),
            "shape": shape,
            "remat": self.remat,
            "weights": self.weights,
            "peak": self.peak,
            "refused": self.wanted > 0,
            "programs": [
                {"name": each.name, "seconds": round(each.seconds, 1), **asdict(each.cost)}
                for each in self.programs
            ],
        }


@dataclass(frozen=True)
class Fit:
    """What was asked for on a topology, and the nearest that fits; None if nothing that was tried does.

    `batch`: the rows of a prompt's step, which may be in several parts.
    """

    topology: Topology
    model: str
    batch: int
    asked: Trial
    fitting: Trial | None

    @property
    def memory(self) -> int:
        """Bytes of a device."""
        return self.topology.accelerator.memory

    @property
    def fits(self) -> bool:
        """True if what was asked for fits."""
        return self.fitting is self.asked

    def to_json(self) -> dict[str, Any]:
        """JSON-serialisable dict."""
        return {
            "topology": self.topology.name,
            "devices": self.topology.count,
            "memory": self.memory,
            "model": self.model,
            "batch": self.batch,
            "fits": self.fits,
            "asked": self.asked.to_json(),
            "fitting": self.fitting and self.fitting.to_json(),
        }


def fit_training(
    topology: Topology,
    model: Architecture,
    precision: Precision,
    recipe: Recipe,
    slots: int,
    devices: Devices,
) -> Fit:
    """Whether a step of S prompts fits on a topology, with texts and targets as long as the recipe lets
    them be; where not, which S, rows a part and layout do.

    devices: the layout; where it has one device, all of the topology are used. Raises SpotError for more
    devices than there are, and where their compiler is not installed.
    """
    recipe = recipe.on(model)
    shape = Shape(
        kind=find_kind(recipe.kind),
        slots=slots,
        length=recipe.length,
        rows=recipe.batch_size,
        text=recipe.input_length,
        target=recipe.target_length,
    )

    def programs(network: Network, shape: Shape) -> Making:
        network, mesh = network.with_dropout(recipe.dropout), network.mesh
        prompts = abstract_prompts(shape.kind, shape.slots, shape.length, model.config, mesh)
        part = full_part(model.config, shape, mesh, recipe.loss)
        yield "gradient", lower_gradient(network, prompts, part, recipe.loss, mesh)
        yield "update", lower_update(recipe, prompts, mesh)

    return _fit(topology, model, precision, shape, devices, programs)


def fit_tuning(topology: Topology, model: Architecture, recipe: Recipe, devices: Devices) -> Fit:
    """As `fit_training`, of a step that trains all weights, which are float32; nothing smaller is tried."""
    recipe = recipe.on(model)
    kind, rows = find_kind(recipe.kind), recipe.batch_size
    shape = Shape(kind, 1, 0, rows, recipe.input_length, recipe.target_length)

    def programs(network: Network, shape: Shape) -> Making:
        batch = tuple(np.ones((rows, size), np.int32) for size in (shape.text, shape.target))
        tuned = replace(network.with_dropout(recipe.dropout), form=product_form("bfloat16"))
        yield "step", lower_weights(tuned, (batch[0], batch[1]), network.mesh)

    return _fit(topology, model, "float32", shape, devices, programs, TUNED, tries=1)


def fit_scoring(
    topology: Topology,
    model: Architecture,
    precision: Precision,
    recipe: Recipe,
    devices: Devices,
) -> Fit:
    """As `fit_training`, of scoring ROWS texts with LABELS behind one prompt."""
    recipe = recipe.on(model)
    kind = find_kind(recipe.kind)
    shape = Shape(kind, 1, recipe.length, ROWS, recipe.input_length, LABELS[1])

    def programs(network: Network, shape: Shape) -> Making:
        mesh = network.mesh
        prompts = abstract_prompts(kind, 1, shape.length, model.config, mesh)
        rows = -(-shape.rows // rows_shared(mesh)) * rows_shared(mesh)
        texts = np.ones((rows, shape.text), np.int32)
        encode: Compiled = yield "encode", lower_encode(network, prompts, texts, mesh)
        yield "rank", lower_rank(network, encode, np.ones(LABELS, np.int32), mesh)

    return _fit(topology, model, precision, shape, devices, programs)


def _fit(
    topology: Topology,
    model: Architecture,
    precision: Precision,
    shape: Shape,
    devices: Devices,
    programs: Programs,
    copies: int = 1,
    tries: int = MOST_TRIES,
) -> Fit:
    """Compile what was asked for, and then what is smaller, until it fits or nothing smaller is left.

    copies: of the weights, to judge how far they must be split.
    """
    present = topology_devices(topology)
    memory = topology.accelerator.memory
    if devices.count == 1:
        each = copies * (2 if precision == "bfloat16" else 4)
        devices = layout_of(len(present), each * model.config.count(), memory, shape.slots)

    def attempt(devices: Devices, shape: Shape, remat: bool = False) -> Trial:
        mesh = grid_of(devices, present)
        network = abstract_network(model.config, precision, product_form(precision), mesh)
        return _compiled(devices, shape, network.with_remat(remat), programs)

    asked = trial = attempt(devices, shape)
    for remaining in reversed(range(tries)):
        if trial.peak <= memory and not trial.wanted:
            return Fit(topology, model.name, shape.rows, asked, trial)
        less = smaller(trial, shape, memory) if remaining else None
        if less is None:
            break
        trial = attempt(*less)
    return Fit(topology, model.name, shape.rows, asked, None)


def product_form(precision: Precision) -> ProductForm:
    """How products are written for an accelerator, whose units take bfloat16 and add in float32."""
    return "float32" if precision == "float32" else "widen"


def layout_of(count: int, weights: int, memory: int, slots: int) -> Devices:
    """The layout of so many devices: weights are split until they leave room, the prompts are shared by as
    many of the rest as divide S, their rows by the others.

    >>> layout_of(8, 22 << 30, 16 << 30, 4)
    Devices(slot=2, data=1, model=4)
    """
    model = 1
    while weights / model > WEIGHTS * memory and count % (2 * model) == 0:
        model *= 2
    slot = math.gcd(slots, count // model)
    return Devices(slot=slot, data=count // model // slot, model=model)


def smaller(trial: Trial, asked: Shape, memory: int) -> tuple[Devices, Shape, bool] | None:
    """The layout, the sizes and whether to compute layers again, to try after a trial that does not fit; None
    where nothing is left.

    What is not weights grows with the rows of a part. Fewer rows of each prompt first, then layers computed
    again, as a run does by itself (`spot.training.fitting`); then fewer prompts. Where not even those would
    fit, the weights are split further.
    """
    devices, shape = trial.devices, trial.shape
    room = SPARE * memory - trial.weights
    share = min(0.99, room / max(trial.peak - trial.weights, 1))
    unit = devices.slot * devices.data
    choices = [
        replace(shape, slots=slots, rows=rows)
        for slots in range(asked.slots, 0, -1)
        for rows in range(asked.rows, 0, -1)
        if asked.slots % slots == 0 and asked.rows % rows == 0 and slots * rows % unit == 0
    ]
    fitting = [
        choice
        for choice in choices
        if choice.slots * choice.rows <= share * shape.slots * shape.rows
    ]
    if fitting and (trial.remat or fitting[0].slots == shape.slots):
        return devices, fitting[0], trial.remat
    if room > 0 and choices and not trial.remat:
        fewest = [choice for choice in choices if choice.slots == shape.slots][-1]
        return devices, fewest, True
    axis = "data" if devices.data % 2 == 0 else "slot"
    if getattr(devices, axis) % 2:
        return None
    halved = {axis: getattr(devices, axis) // 2, "model": 2 * devices.model}
    return devices.model_copy(update=halved), asked, False


def _compiled(devices: Devices, shape: Shape, network: Network, programs: Programs) -> Trial:
    """Compile the programs one after another, until one is refused."""
    done: list[Program] = []
    wanted, making = 0, programs(network, shape)
    try:
        name, lowered = next(making)
        while True:
            begun = time.monotonic()
            with uncached():
                compiled = lowered.compile(compiler_options=QUICK)
            done.append(Program(name, cost(compiled), time.monotonic() - begun))
            name, lowered = making.send(compiled)
    except StopIteration:
        pass
    except RuntimeError as error:  # JaxRuntimeError
        wanted = _bytes_wanted(str(error))
        if not wanted:
            raise
    return Trial(devices, shape, _bytes_of(network), tuple(done), wanted, network.remat)


@contextlib.contextmanager
def uncached() -> Iterator[None]:
    """For the block, leave the persistent cache alone: JAX would keep programs for absent devices there, but
    cannot read them again.
    """
    enabled = jax.config.values["jax_enable_compilation_cache"]
    jax.config.update("jax_enable_compilation_cache", False)
    compilation_cache.reset_cache()  # it remembers whether it is used
    try:
        yield
    finally:
        jax.config.update("jax_enable_compilation_cache", enabled)
        compilation_cache.reset_cache()


def _bytes_wanted(refusal: str) -> int:
    """The bytes that a program would need, from the compiler's refusal; 0 where it says something else."""
    found = _WANTED.search(refusal)
    return int(float(found[1]) * _UNITS[found[2]]) if found else 0


def _bytes_of(network: Network) -> int:
    """Bytes of a network's weights on each device."""
    total = 0
    for leaf in jax.tree.leaves(network.parameters):
        shape = leaf.sharding.shard_shape(leaf.shape) if leaf.sharding else leaf.shape
        total += math.prod(shape) * leaf.dtype.itemsize
    return total

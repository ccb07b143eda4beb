"""A program that trains and scores on grids of virtual devices and prints what it found as JSON.

`python -m tests.models.grids CASE`, in a process of its own: the number of devices is fixed when JAX
starts. Tests compare what it prints for each grid with what it prints for one device.
"""

from __future__ import annotations

import contextlib
import functools
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from bank.entry import Backbone
from spot.models.model import Model, load
from spot.models.scoring import encode
from spot.models.settings import Devices
from spot.models.sharding import mesh_of, place_rows, rows_shared
from spot.models.weights.build import build, from_arrays, to_arrays
from spot.prompts.kinds import find_kind
from spot.prompts.prompt import SoftPrompt, as_prompt
from spot.prompts.stacked import stack
from spot.tasks.examples import Ragged
from spot.training import step as training
from spot.training.batches import Source
from spot.training.fine_tuning import weight_step
from spot.training.optim import scaled_adafactor
from spot.training.parts import layout
from spot.training.prompt_tuning import train_prompts
from spot.training.recipe import TrainSettings
from spot.training.slots import Reporter, Slot
from tests.toys import (
    model_settings,
    random_arrays,
    tiny_config,
    tiny_decoder,
    toy_data,
    write_model,
)

P, STEPS = 3, 3
RATE = (
    0.01  # small, for Adafactor divides a gradient by its own size, and so magnifies its rounding
)
LABELS = ([5, 1], [6, 7, 1], [8, 1])
CONFIGS = {
    "T5": tiny_config(num_heads=8, d_ff=32, dropout=0.0),
    "old T5": tiny_config(
        num_heads=8, d_ff=32, dropout=0.0, activation="relu", tied_head=True, vocab_size=193
    ),
    "decoder": tiny_decoder(num_heads=8, d_ff=32, vocab_size=96),
    "odd decoder": tiny_decoder(
        num_heads=6, num_kv_heads=3, d_ff=36, vocab_size=91, biases=True, tied_head=False
    ),
}  # the first decoder's two heads of keys are fewer than the devices, the second's are no multiple
ONE = {}
MIXTURES = (
    {"slot": 2},
    {"data": 2},
    {"model": 4},
    {"slot": 2, "data": 2},
    {"slot": 2, "data": 2, "model": 2},
)
ALL = ({"slot": 2, "data": 2, "model": 2},)
CASES: dict[str, dict[str, Any]] = {
    "T5, prefix": {"config": "T5", "grids": MIXTURES},
    "decoder, packed prefix": {"config": "decoder", "grids": MIXTURES},
    "T5, suffix": {"config": "T5", "kind": "suffix", "grids": ALL},
    "decoder, suffix": {"config": "decoder", "kind": "suffix", "grids": ALL},
    "old T5, slots that the grid does not divide": {
        "config": "old T5",
        "slots": 3,
        "grids": ({"slot": 2, "model": 2},),
    },
    "odd decoder": {"config": "odd decoder", "grids": ({"model": 2}, {"data": 2, "model": 3})},
    "T5, one slot": {"config": "T5", "slots": 1, "grids": ({"data": 4, "model": 2},)},
    "T5, rows by owner": {"config": "T5", "owners": True, "grids": ALL},
    "decoder, rows by owner": {"config": "decoder", "owners": True, "grids": ALL},
}


def texts(rows: int, most: int, seed: int) -> np.ndarray:
    """Rows [rows, most] of 2 to `most` random tokens, padded."""
    rng = np.random.default_rng(seed)
    out = rng.integers(3, 90, (rows, most), dtype=np.int32)
    for row, length in zip(out, rng.integers(2, most + 1, rows), strict=True):
        row[length:] = 0
    return out


def on_grid(config: Any, grid: dict[str, int]) -> Any:
    """A network with random weights on a grid."""
    mesh = mesh_of(Devices(**grid), jax.devices())
    return build(config, random_arrays(config), "float32", "float32", mesh)


def share(array: Any) -> list[int]:
    """The shape of the part of an array that lies on one device."""
    return list(array.addressable_shards[0].data.shape)


def trained(network: Any, case: dict[str, Any]) -> dict[str, Any]:
    """Losses, gradients and prompts of a few steps, and what each device had of them."""
    slots, kind = case.get("slots", 4), find_kind(case.get("kind", "prefix"))
    batch = texts(slots * 8, 8, 1), texts(slots * 8, 4, 2)
    owner = np.random.default_rng(4).integers(0, slots, slots * 8) if case.get("owners") else None
    rows = np.random.default_rng(3).normal(size=(slots, P, 16)).astype(np.float32)
    params = stack([SoftPrompt.of(kind, each) for each in rows]).params
    settings = TrainSettings(warmup_steps=0)
    state = training.init_state(settings, params, jnp.full(slots, RATE))
    gradients, parts, prompts, losses = [], [], [], []
    own = training.gradient

    def spied(network, given, part, random, *, loss):
        found = own(network, given, part, random, loss=loss)
        parts.append((network, given, part, random))
        gradients.append(jax.tree.leaves(found[0])[0])
        return found

    training.gradient = spied
    for number in range(STEPS):
        state, numbers = training.train_step(
            state, network, batch, jax.random.split(jax.random.key(0), slots), jnp.asarray(number),
            settings=settings, kind=kind, owner=owner,
            divide=layout(network.config, kind, rows_shared(network.mesh)),
        )  # fmt: skip
        losses.append(numbers["loss"].tolist())
        (prompt,) = state.params.values()
        prompts.append(np.asarray(prompt).tolist())
    training.gradient = own
    program = own.lower(*parts[0], loss=training.CROSS_ENTROPY).compile()
    count = len(parts) // STEPS
    return {
        "gradient": np.sum([np.asarray(each) for each in gradients[:count]], axis=0).tolist(),
        "losses": losses,
        "prompts": prompts,
        "parts": count,
        "programs": own._cache_size(),
        "flops": program.cost_analysis()["flops"],
        "gathers": program.as_text().count(" all-gather("),
        "prompt": [list(prompt.shape), share(prompt)],
        "gradient share": share(gradients[0]),
        "rows": [[list(leaf.shape), share(leaf)] for leaf in jax.tree.leaves(parts[0][2])]
        if network.mesh
        else [],
    }


def scored(network: Any, case: dict[str, Any]) -> dict[str, Any]:
    """Scores of label words and written answers behind one prompt."""
    decode = SimpleNamespace(eos=2, decode=lambda ids: ids.tolist())
    model = Model(Backbone("toy", "0"), decode, "float32", lambda: network.config, lambda: network)
    inputs = Ragged.of([row[row > 0] for row in texts(40, 8, 7)])
    rows = np.random.default_rng(8).normal(size=(P, 16)).astype(np.float32)
    prompt = SoftPrompt.of(find_kind(case.get("kind", "prefix")), rows)
    read = encode(network, prompt.stacked(), place_rows(network.mesh, texts(32, 8, 7)))
    return {
        "scores": model.score(inputs, LABELS, prompt).tolist(),
        "written": model.generate(inputs, 5, prompt),
        "read": [len(read.mask), share(read.mask)[0]],
    }


def weights(network: Any) -> dict[str, Any]:
    """Bytes of the weights in all and on one device, and the arrays that are whole there."""
    leaves = {
        "/".join(map(str, path)): leaf.get_value()
        for path, leaf in nnx.to_flat_state(network.parameters)
    }
    return {
        "bytes": sum(leaf.nbytes for leaf in leaves.values()),
        "own": sum(leaf.addressable_shards[0].data.nbytes for leaf in leaves.values()),
        "whole": [name for name, leaf in leaves.items() if share(leaf) == list(leaf.shape)],
    }


def tuned(network: Any) -> dict[str, Any]:
    """Losses of a few steps of all weights, and the weights after them and written anew."""
    batch = place_rows(network.mesh, (texts(8, 10, 1), texts(8, 4, 2)))
    own = jax.tree.map(jnp.array, network.parameters)
    network, state, losses = network.with_parameters(own), None, []
    state = scaled_adafactor(0.01).init(own)
    for number in range(STEPS):
        network, state, loss = weight_step(
            network, state, jnp.float32(0.01), batch, jax.random.key(0), jnp.asarray(number)
        )
        losses.append(float(loss))
    again = network.with_parameters(from_arrays(to_arrays(network.parameters), network.parameters))
    return {
        "losses": losses,
        "weights": {name: array.tolist() for name, array in to_arrays(again.parameters).items()},
        **weights(again),
    }


class Stop(Reporter):
    """Ends a run behind a step, and remembers where one began."""

    def __init__(self, step: int | None = None) -> None:
        super().__init__()
        self.step, self.begun = step, 0

    def begin(self, title: str, steps: int, done: int) -> None:
        self.begun = done

    def advance(self, step: int, loss: float) -> None:
        if step == self.step:
            raise InterruptedError


def resumed(folder: Path) -> list[dict[str, Any]]:
    """A run on one device, and runs that stop on one grid and go on on another."""
    config = tiny_config(num_heads=8, d_ff=32, dropout=0.1)
    files = write_model(folder / "model", config, random_arrays(config))
    recipe = TrainSettings(
        steps=9, key_step=4, check_every=3, patience=0, early_checks=(), batch_size=4,
        warmup_steps=2, dropout=0.1,
    )  # fmt: skip

    def run(name: str, grid: dict[str, int], reporter: Stop) -> list[Any]:
        model = load(model_settings(files), Devices(**grid))
        slots = []
        for seed, task in enumerate(("colour", "bird")):
            rows = np.random.default_rng(seed).normal(size=(P, 16)).astype(np.float32)
            source = Source(task, (toy_data(task, model.vocabulary),))
            slots.append(Slot(task, source, seed, as_prompt(rows), RATE))
        return train_prompts(model, slots, recipe, folder / name, reporter=reporter)

    def facts(grid: dict[str, int], trained: list[Any], begun: int) -> dict[str, Any]:
        arrays = {
            f"{name} {number}": getattr(each, name).key.tolist()
            for number, each in enumerate(trained)
            for name in ("key", "value", "last")
        }
        scores = [[[check.step, check.score] for check in each.history] for each in trained]
        return {"grid": grid, "arrays": arrays, "history": scores, "begun": begun}

    found = [facts(ONE, run("whole", ONE, Stop()), 0)]
    for first, then in (({"slot": 2, "model": 2}, {"data": 4}), (ONE, {"slot": 2})):
        name = f"{first} {then}"
        with contextlib.suppress(InterruptedError):
            run(name, first, Stop(8))
        going_on = Stop()
        trained = run(name, then, going_on)
        found.append(facts(then, trained, going_on.begun))
    return found


def main(name: str, folder: str = "") -> None:
    """Print what a case gives on one device and on each of its grids."""
    if name == "resumed":
        found = resumed(Path(folder))
    elif name == "weights":
        found = [
            {"grid": grid, **tuned(on_grid(CONFIGS["T5"], grid))}
            for grid in (ONE, {"data": 2}, {"model": 2}, {"slot": 2, "data": 2, "model": 2})
        ]
    else:
        case = CASES[name]
        found = []
        for grid in (ONE, *case["grids"]):
            training.gradient.clear_cache()
            network = on_grid(CONFIGS[case["config"]], grid)
            results = [trained(network, case), weights(network)]
            results += [] if case.get("owners") else [scored(network, case)]
            found.append({"grid": grid, **functools.reduce(dict.__or__, results)})
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])

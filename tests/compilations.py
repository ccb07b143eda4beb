"""Which shapes does a bank's build compile, and how many tokens of them are padding?

Command:  SPOT_DATA_DIR=FOLDER python -m tests.compilations [CONFIG.toml] [--set key=value]
Nothing is trained and no weights are read: the batches of every step are made, divided and counted.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from spot.commands.objects import task_or_mixture, the_model
from spot.config import Config, load_config
from spot.models.padding import bucket_length
from spot.models.scoring import batches, label_words
from spot.prompts.kinds import find_kind
from spot.tasks.catalog import find_all
from spot.training.batches import Source, data_order, step_batch
from spot.training.lowering import abstract_network
from spot.training.parts import FORESEEN, Batch, alike, fitted, layout
from spot.training.recipe import Recipe
from spot.training.runs import SLOTS_ON_CPU
from spot.training.source import source_of

Shape = tuple[tuple[int, ...], ...]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", nargs="?", type=Path)
    parser.add_argument("--set", action="append", default=[], dest="assignments")
    arguments = parser.parse_args()
    config = load_config(arguments.config, arguments.assignments)
    every = [*groups(config)]
    print(f"{'program':9} {'shape':44} {'calls':>6} {'groups':>6} {'tokens':>9} {'real':>5}")
    for name, count in {"gradient": parts, "losses": starts, "scoring": checks}.items():
        calls, held, tokens, real = Counter(), Counter(), Counter(), Counter()
        for group in every:
            seen = set()
            for shape, padded, filled in count(config, group):
                calls[shape] += 1
                tokens[shape] += padded
                real[shape] += filled
                seen.add(shape)
            held.update(seen)
        for shape in sorted(calls):
            print(
                f"{name:9} {shape!s:44} {calls[shape]:6} {held[shape]:6} {tokens[shape]:9} "
                f"{real[shape] / tokens[shape]:5.0%}"
            )
        share = sum(real.values()) / sum(tokens.values())
        print(
            f"{name:9} {len(calls)} shapes, at most {most(held, every, count, config)} a group, "
            f"{sum(tokens.values())} tokens of which {share:.0%} are text\n"
        )


def most(held: Counter[Shape], every: Sequence[Any], count: Any, config: Config) -> int:
    """The most shapes of one group."""
    return max(len({shape for shape, _, _ in count(config, group)}) for group in every)


def groups(config: Config) -> Iterator[list[tuple[Source, int]]]:
    """The sources and seeds that train together."""
    model, bank = the_model(config), config.bank
    recipe = config.recipe().replace(steps=bank.steps).on(model)
    tasks = [
        *find_all(bank.sources, config.data_settings()),
        *(task_or_mixture(name, config) for name in bank.mixtures),
    ]
    sources = [source_of(task.on(model), model, recipe) for task in tasks]
    jobs = [(source, seed) for seed in bank.seeds for source in sources]
    size = config.train.slots or SLOTS_ON_CPU
    for first in range(0, len(jobs), size):
        yield jobs[first : first + size]


def parts(config: Config, group: list[tuple[Source, int]]) -> Iterator[tuple[Shape, int, int]]:
    """(shape, tokens, tokens of text) of every part of every step of a group."""
    for step_parts in steps(config, group):
        yield from map(counted, step_parts)


def starts(config: Config, group: list[tuple[Source, int]]) -> Iterator[tuple[Shape, int, int]]:
    """The parts of a group's first step, whose losses are computed with the prompts and without."""
    yield from map(counted, alike(next(steps(config, group))))


def steps(config: Config, group: list[tuple[Source, int]]) -> Iterator[list[Any]]:
    """The parts of every step of a group."""
    model = the_model(config)
    recipe = config.recipe().replace(steps=config.bank.steps).on(model)
    divide = layout(model.config, find_kind(recipe.kind))
    sources, orders = [source for source, _ in group], orders_of(group, recipe)

    def batch(step: int) -> Batch:
        return step_batch(sources, orders, step, recipe.batch_size)

    fit = fitted(divide, map(batch, range(FORESEEN)), len(group))
    for step in range(recipe.steps):
        yield fit(batch(step), len(group))


def counted(part: Any) -> tuple[Shape, int, int]:
    """(shape, tokens, tokens of text) of a part."""
    arrays = [np.asarray(array) for array in jax.tree.leaves(part)]
    return tuple(array.shape for array in arrays), arrays[0].size, int((arrays[0] > 0).sum())


def orders_of(group: list[tuple[Source, int]], recipe: Recipe) -> list[np.ndarray]:
    """The rows of each source in the order of its seed."""
    count = max(recipe.steps, FORESEEN) * recipe.batch_size
    return [
        data_order([len(member.train) for member in source.members], source.rates, seed, count)
        for source, seed in group
    ]


def checks(config: Config, group: list[tuple[Source, int]]) -> Iterator[tuple[Shape, int, int]]:
    """The batches of one check of every prompt of a group: (rows, width), and (classes, width)."""
    network = abstract_network(the_model(config).config, "bfloat16", "widen")
    for source, _ in group:
        for member in source.members:
            if member.definition.scoring == "rank":
                answers = label_words(member.labels).shape
            else:
                answers = (0, bucket_length(int(member.validation.targets.lengths().max())))
            for _, batch in batches(network, member.validation.inputs):
                yield (batch.shape, answers), batch.size, int((batch > 0).sum())


if __name__ == "__main__":
    main()

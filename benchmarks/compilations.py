"""Which shapes does a bank's build compile, and how many tokens of them are padding?

Command:  SPOT_DATA_DIR=FOLDER python -m benchmarks.compilations [CONFIG.toml] [--set key=value]
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
from spot.models.padding import FEW_BUCKETS, FEW_TARGETS, bucket_length, widened
from spot.models.scoring import batches, label_words
from spot.prompts.kinds import find_kind
from spot.tasks.catalog import find_all
from spot.training.batches import Source, data_order, step_batch
from spot.training.parts import FORESEEN, Batch, fitted, layout
from spot.training.recipe import Recipe
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
    size = config.train.slots
    for first in range(0, len(jobs), size):
        yield jobs[first : first + size]


def parts(config: Config, group: list[tuple[Source, int]]) -> Iterator[tuple[Shape, int, int]]:
    """(shape, tokens, tokens of text) of every part of every step of a group."""
    model = the_model(config)
    recipe = config.recipe().replace(steps=config.bank.steps).on(model)
    divide = layout(model.config, find_kind(recipe.kind))
    sources = [source for source, _ in group]
    orders = orders_of(group, recipe)

    def batch(step: int) -> Batch:
        return step_batch(sources, orders, step, recipe.batch_size)

    fit = fitted(divide, map(batch, range(FORESEEN)), len(group))
    for step in range(recipe.steps):
        for part in fit(batch(step), len(group)):
            shape = tuple(np.shape(array) for array in jax.tree.leaves(part))
            tokens = np.asarray(jax.tree.leaves(part)[0])
            yield shape, tokens.size, int((tokens > 0).sum())


def starts(config: Config, group: list[tuple[Source, int]]) -> Iterator[tuple[Shape, int, int]]:
    """The first batch of a group, whose losses are computed with the prompts and without."""
    model = the_model(config)
    recipe = config.recipe().replace(steps=config.bank.steps).on(model)
    orders = orders_of(group, recipe)
    inputs, targets = step_batch([source for source, _ in group], orders, 0, recipe.batch_size)
    padded = widened(inputs, bucket_length(inputs.shape[1], FEW_BUCKETS))
    answers = (len(targets), bucket_length(targets.shape[1], FEW_TARGETS))
    yield (padded.shape, answers), padded.size, int((inputs > 0).sum())


def orders_of(group: list[tuple[Source, int]], recipe: Recipe) -> list[np.ndarray]:
    """The rows of each source in the order of its seed."""
    count = max(recipe.steps, FORESEEN) * recipe.batch_size
    return [
        data_order([len(member.train) for member in source.members], source.rates, seed, count)
        for source, seed in group
    ]


def checks(config: Config, group: list[tuple[Source, int]]) -> Iterator[tuple[Shape, int, int]]:
    """The batches of one check of every prompt of a group: (rows, width), and (classes, width)."""
    for source, _ in group:
        for member in source.members:
            if member.definition.scoring == "rank":
                answers = label_words(member.labels).shape
            else:
                answers = (0, bucket_length(int(member.validation.targets.lengths().max())))
            for _, batch in batches(member.validation.inputs):
                yield (batch.shape, answers), batch.size, int((batch > 0).sum())


if __name__ == "__main__":
    main()

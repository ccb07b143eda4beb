"""Compare kinds, losses, starts and lengths of prompts: every combination on every target, all with the
same rows in the same order, the same seeds and the same budget.

A cell is one combination on one target. Its seeds train at once, apart from every other cell, so that a
cell gives the same bits alone and in any comparison, and is found again. Each learning rate is a run of
its own; validation chooses one for all seeds of the cell (Lester et al. 2021, appendix A, sweep the rate
with everything else fixed; the best rate depends on init and length). The test split reports.
"""

from __future__ import annotations

import itertools
import statistics
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bank.nearest import Hit
from bank.store import Bank
from spot.errors import SpotError, did_you_mean
from spot.models.counts import count
from spot.models.model import Model
from spot.prompts.files import write_prompt
from spot.prompts.inits import INITS, default_rate
from spot.prompts.kinds import find_kind
from spot.prompts.stored import value_of
from spot.retrieval.settings import SearchSettings
from spot.retrieval.target import search
from spot.settings import check_seed, shown
from spot.strategies.single import check_kind
from spot.strategies.start import SCRATCH, Start
from spot.strategies.transfer import BEST_FILE, Candidate, Run, check_target, score_on_test
from spot.study.comparison import (
    FACTORS,
    Comparison,
    Gap,
    Reference,
    Row,
    Trial,
    Variant,
    varying,
)
from spot.study.statistics import Interval
from spot.tasks.examples import TokenizedSplit
from spot.tasks.task import Task
from spot.tasks.vocabulary import label_tokens
from spot.training.build import new_slot
from spot.training.described import described
from spot.training.evaluate import sample_of
from spot.training.judging import Compared, compared, metric_name
from spot.training.recipe import Recipe
from spot.training.runs import Runs, prompt_digest
from spot.training.slots import Slot, Trained, report_improving
from spot.training.source import source_of, test_rows
from spot.verdicts.differences import difference_verdict, judge_difference
from spot.verdicts.gains import counted
from spot.verdicts.sample import Sample
from spot.verdicts.scores import judge_score
from spot.verdicts.verdict import Verdict

TRANSFER = "transfer"
"""The start from the value of the bank's entry that is nearest to the target."""
STARTS_WITH_TEXT = ("text", "words")


@dataclass(frozen=True, eq=False)
class Grid:
    """The variants of a comparison on one model, with the recipe of each, and what their cells share."""

    model: Model
    variants: dict[Variant, Recipe]
    learning_rates: tuple[float, ...]
    seeds: tuple[int, ...]
    bank: Bank | None
    search: SearchSettings | None
    runs: Runs

    def label(self, variant: Variant) -> str:
        """A variant by the factors that vary."""
        return variant.label(varying(list(self.variants)))

    def title(self, target: Task, variant: Variant) -> str:
        """A cell in words."""
        return f"{self.label(variant)} on {target.name}"


@dataclass(frozen=True, eq=False)
class Column:
    """A target of a grid, and its test split."""

    grid: Grid
    target: Task
    test: TokenizedSplit

    @cached_property
    def beside(self) -> Compared:
        """What scores on the test split are compared with."""
        recipe = next(iter(self.grid.variants.values()))
        rows, runs = recipe.train_examples, self.grid.runs
        return compared(self.target, "test", self.test, train_examples=rows, runs=runs)

    @cached_property
    def nearest(self) -> Hit:
        """The bank's entry that is nearest to the target, by a query with the recipe of the bank's keys."""
        grid = self.grid
        if grid.bank is None:
            raise SpotError("starts from transfer need a bank", "name one with --bank")
        answer = search(grid.bank, grid.model, self.target, 1, settings=grid.search, runs=grid.runs)
        for warning in answer.result.warnings:
            grid.runs.reporter.warn(warning)
        return answer.result.hits[0]

    def sample(self, runs: Sequence[Run], seed: int = 0) -> Sample:
        """The test scores of these runs, one a seed of training; seed: of the resamples."""
        return sample_of([run.predictions for run in runs], self.target, self.test, seed)


@dataclass(frozen=True, eq=False)
class Cell:
    """A variant on a target: a run a seed at the chosen rate, all rates with their mean validation scores
    (None: one that failed), and the cost of a step.
    """

    column: Column
    variant: Variant
    runs: tuple[Run, ...]
    rates: dict[float, float | None]
    seconds: float
    memory: int


def compare(
    model: Model,
    targets: Sequence[Task],
    recipe: Recipe | None = None,
    *,
    kinds: Sequence[str] = (),
    losses: Sequence[str] = (),
    starts: Sequence[str] = (),
    lengths: Sequence[int] = (),
    learning_rates: Sequence[float] = (),
    seeds: Sequence[int] = (0, 1, 2),
    bank: Bank | None = None,
    search_settings: SearchSettings | None = None,
    runs: Runs | None = None,
) -> Comparison:
    """Train every combination of the factors on every target and score it on the test split; finished
    cells are found again, and `spot.study.joined` makes one table of several models.

    recipe: the budget, and the values of factors without any here. kinds, losses, starts, lengths: values
    of prompt.kind, train.loss, prompt.init and prompt.length; the start "transfer" is the nearest value
    of `bank`. The first of each is the variant that the others are compared with. learning_rates: tried by
    every cell, by default the recipe's.

    A cell that raises SpotError, as where a kind cannot do something or the loss is not finite, is a gap.
    Raises SpotError for targets or values that cannot be used before any training, and if every cell is a
    gap; BankError for a folder that cannot be written.
    """
    runs = runs or Runs()
    factors = factors_of(kinds, losses, starts, lengths)
    grid = grid_of(
        model, recipe, factors, learning_rates, seeds, bank, search_settings, runs
    )  # fmt: skip
    cells: list[Cell] = []
    gaps: list[Gap] = []
    columns = columns_of(grid, targets)
    references = [one for column in columns for one in _references(column)]
    for column, variant in itertools.product(columns, grid.variants):
        try:
            cells.append(_cell(column, variant))
        except SpotError as error:
            gaps.append(Gap(model.name, column.target.name, variant, error.message, error.hint))
            runs.reporter.warn(f"{grid.title(column.target, variant)}: {error.message}")
    if not cells:
        raise SpotError(
            f"no cell could be measured; the first one: {gaps[0].reason}",
            gaps[0].hint or "choose other values",
        )
    rows = [row for column in columns for row in _rows(column, cells)]
    if len(columns) > 1:
        rows += _means(columns, cells, rows)
        references += _mean_references(columns, references)
    return Comparison(tuple(rows), tuple(references), tuple(gaps))


def factors_of(*values: Sequence[str | int]) -> dict[str, Sequence[str | int]]:
    """The values of each of FACTORS, in that order, by its name."""
    return dict(zip(FACTORS, values, strict=True))


def grid_of(
    model: Model,
    recipe: Recipe | None,
    factors: Mapping[str, Sequence[str | int]],
    learning_rates: Sequence[float],
    seeds: Sequence[int],
    bank: Bank | None,
    search_settings: SearchSettings | None,
    runs: Runs,
) -> Grid:
    """The grid of the values of FACTORS, the first factor outermost; without values a factor has the
    recipe's. Raises SpotError for a value that is not known, for seeds that are not distinct, and for a
    start from a bank without one.
    """
    recipe = recipe or Recipe()
    if not seeds or len(set(seeds)) != len(seeds):
        raise SpotError(f"expected distinct seeds, found {shown(list(seeds))}", "e.g. 0, 1, 2")
    for seed in seeds:
        check_seed(seed)
    for start in factors["start"]:
        _check_start(str(start), bank)
    axes = [[(name, value) for value in factors[name]] for name in FACTORS if factors[name]]
    variants: dict[Variant, Recipe] = {}
    for chosen in itertools.product(*axes):
        own = _with_factors(model, recipe, dict(chosen))
        start = str(dict(chosen).get("start", own.init))
        kind = find_kind(own.kind).name  # the same in every spelling
        variants.setdefault(Variant(kind, own.loss, start, own.length), own)
    return Grid(model, variants, tuple(learning_rates), tuple(seeds), bank, search_settings, runs)


def _with_factors(model: Model, recipe: Recipe, factors: Mapping[str, str | int]) -> Recipe:
    """The recipe on this model with these factors. A start from a text that is not given has the model's
    own text.
    """
    given: dict[str, Any] = dict(factors)
    start = given.pop("start", TRANSFER)
    if start != TRANSFER:
        given["init"] = start
        if start in STARTS_WITH_TEXT and not recipe.text:
            given["text"] = model.defaults.text
    return recipe.replace(**given).on(model)


def _check_start(start: str, bank: Bank | None) -> None:
    """Raises SpotError for a start that is not known, or needs a bank where there is none."""
    usages = [*(init.usage for init in INITS.values()), TRANSFER]
    if start != TRANSFER and start.partition(":")[0] not in INITS:
        raise SpotError(
            f'unknown start "{start}".{did_you_mean(start, usages)}', f"one of {', '.join(usages)}"
        )
    if start == TRANSFER and bank is None:
        raise SpotError("starts from transfer need a bank", "name one with --bank")


def columns_of(grid: Grid, targets: Sequence[Task]) -> list[Column]:
    """The targets as the model reads them, each once. Raises SpotError for none, and for rows that cannot
    be used, before any training.
    """
    if not targets:
        raise SpotError("expected a task to compare on, found none", "name one or more")
    model, recipe = grid.model, next(iter(grid.variants.values()))
    columns = []
    for target in {task.name: task.on(model) for task in targets}.values():
        grid.runs.reporter.phase(f"reading the rows of {target.name}")
        check_target(target, model, recipe)
        columns.append(Column(grid, target, test_rows(target, model, recipe)))
    return columns


def start_of(column: Column, variant: Variant) -> Start:
    """Scratch, or the value of the nearest entry. Raises SpotError for one of another kind or length."""
    grid = column.grid
    if variant.start != TRANSFER or grid.bank is None:
        return Start(SCRATCH)
    hit = column.nearest
    entry = grid.bank.get(hit.id)
    check_kind(entry, variant.kind)
    value = value_of(grid.bank, entry)
    if len(value.key) != variant.length:
        raise SpotError(
            f"{entry.id} is a prompt of {counted(len(value.key), 'token')}, the target's has "
            f"{variant.length}: one cannot start from the other",
            f"compare prompts of {counted(len(value.key), 'token')}, or search another bank",
        )
    return Start("best", hit.id, hit.task, hit.score, value)


def cell_slots(column: Column, variant: Variant, start: Start) -> list[list[Slot]]:
    """The prompts of a cell before training: a list for each learning rate, with a slot a seed."""
    grid, target, recipe = column.grid, column.target, column.grid.variants[variant]
    source = source_of(target, grid.model, recipe)
    inits = [
        new_slot(grid.model, source, recipe, seed, grid.bank).init
        if start.init is None
        else start.init
        for seed in grid.seeds
    ]
    own = recipe.learning_rate or default_rate(grid.model.embeddings)
    return [
        [
            Slot(f"{grid.title(target, variant)} lr {rate:g}", source, seed, init, rate)
            for seed, init in zip(grid.seeds, inits, strict=True)
        ]
        for rate in dict.fromkeys(grid.learning_rates or (own,))
    ]


def _cell(column: Column, variant: Variant) -> Cell:
    """Train the cell, or find it trained, and score it on test."""
    grid, target = column.grid, column.target
    runs, recipe = grid.runs, grid.variants[variant]
    start = start_of(column, variant)
    by_rate = cell_slots(column, variant, start)
    trained = [
        runs.train_prompts(
            grid.model, slots, recipe, title=rate_title(grid, target, variant, slots)
        )
        for slots in by_rate
    ]
    rates = {each[0].slot.learning_rate: _validation(each) for each in trained}
    scores = [score for score in rates.values() if score is not None]
    if not scores:
        raise SpotError(
            "no learning rate gave a finite loss until the first check of every seed",
            "try lower ones",
        )
    best = trained[list(rates.values()).index(max(scores))]
    report_improving(best, "train.steps", runs.reporter)
    done = tuple(_scored(column, recipe, start, each) for each in best)
    return Cell(column, variant, done, rates, *_cost(column, by_rate[0], recipe))


def rate_title(grid: Grid, target: Task, variant: Variant, slots: Sequence[Slot]) -> str:
    """The title of a cell's training at one rate."""
    several = len(grid.learning_rates) > 1
    rate = f" at rate {slots[0].learning_rate:g}" if several else ""
    return grid.title(target, variant) + rate


def _scored(column: Column, recipe: Recipe, start: Start, trained: Trained) -> Run:
    """The prompt with its scores on test."""
    grid, target, slot = column.grid, column.target, trained.slot
    begin = "" if start.init is None else f"{start.strategy}: {start.source}"
    prompt = described(grid.model, target, recipe, trained, begin)
    validation = trained.best.score if trained.best else 0.0
    candidate = Candidate(
        start,
        slot.seed,
        slot.learning_rate,
        trained.value_step,
        validation,
        prompt,
        trained.history,
    )
    return score_on_test(grid.model, target, candidate, recipe, grid.runs)


def _validation(trained: Sequence[Trained]) -> float | None:
    """The mean of the best validation scores of a rate's seeds; None if one of them failed early."""
    scores = [each.best.score for each in trained if each.best and not each.failed_early]
    return statistics.fmean(scores) if len(scores) == len(trained) else None


def _cost(column: Column, slots: Sequence[Slot], recipe: Recipe) -> tuple[float, int]:
    """Seconds of a step by prompt and bytes of the run, measured once on this kind of device."""
    import jax

    from spot.training.step_cost import step_cost

    grid = column.grid
    group = grid.runs.groups(slots)[0]
    place = grid.runs.prompts_place(grid.model, group, recipe, validate=True)
    read = {"run": place.name, "device": jax.devices()[0].device_kind}

    def measure() -> dict[str, float]:
        grid.runs.reporter.phase(f"timing a step of {slots[0].name}")
        return asdict(step_cost(grid.model, group, recipe))

    cost = grid.runs.remembered("step-costs", column.target.name, read, measure)
    return float(cost["seconds"]), int(cost["memory"])


def _rows(column: Column, cells: Sequence[Cell]) -> list[Row]:
    """The rows of a target; the first variant, where it is measured, is what the others are compared with."""
    mine = {cell.variant: cell for cell in cells if cell.column is column}
    return [_row(cell, mine.get(next(iter(column.grid.variants)))) for cell in mine.values()]


def _row(cell: Cell, first: Cell | None) -> Row:
    column, grid, variant = cell.column, cell.column.grid, cell.variant
    metric, n, name = metric_name(column.target), len(column.test), grid.label(variant)
    sample, floors = column.sample(cell.runs), column.beside.floors
    best = max(cell.runs, key=lambda run: run.validation)
    difference = None
    if first is None or first is cell:
        verdict = judge_score(metric, n, sample, floors, column.beside.tfidf, subject=f" by {name}")
    else:
        base = column.sample(first.runs)
        gain = sample.minus(base)
        difference = Interval(gain.mean, *gain.interval(), 0.95)
        other = grid.label(first.variant)
        verdict = judge_difference(metric, n, (name, sample), (other, base), floors)
    return Row(
        grid.model.name,
        count(grid.model.network),
        (column.target.name,),
        metric,
        variant,
        tuple(
            Trial(run.seed, run.test, run.validation, run.step, run.test_metrics)
            for run in cell.runs
        ),
        sample.interval(),
        n,
        best.prompt.count,
        cell.seconds,
        cell.memory,
        verdict,
        difference,
        best.learning_rate,
        cell.rates,
        _write(column.target, variant, best, grid.runs),
    )


def _write(target: Task, variant: Variant, best: Run, runs: Runs) -> Path:
    """Write the cell's prompt that is best on validation; its file."""
    folder = runs.place(
        "comparisons", f"{target.name}-{variant.kind}", {"prompt": prompt_digest(best.prompt)}
    )
    write_prompt(folder / BEST_FILE, best.prompt)
    return folder / BEST_FILE


def _references(column: Column) -> list[Reference]:
    """The bare model, the best constant answer, and TF-IDF where the task has labels."""
    grid, target = column.grid, column.target
    labels = label_tokens(target, grid.model.vocabulary)
    bare = grid.runs.evaluate(grid.model, None, target, column.test, labels)
    named = [("no prompt", sample_of([bare.predictions], target, column.test))]
    if column.beside.floors:
        named.append(("constant answer", column.beside.floors[0].sample))
    if column.beside.tfidf is not None:
        named.append(("TF-IDF, logistic regression", column.beside.tfidf))
    return [
        Reference(
            grid.model.name, (target.name,), name, sample.mean, sample.interval(), len(column.test)
        )
        for name, sample in named
    ]


def _means(columns: Sequence[Column], cells: Sequence[Cell], rows: Sequence[Row]) -> list[Row]:
    """The mean over all targets of every variant that has no gap."""
    grid = columns[0].grid
    by_variant = {
        variant: mine
        for variant in grid.variants
        if len(mine := [cell for cell in cells if cell.variant == variant]) == len(columns)
    }
    first = by_variant.get(next(iter(grid.variants)))
    return [
        _mean(
            mine, None if mine is first else first, [row for row in rows if row.variant == variant]
        )
        for variant, mine in by_variant.items()
    ]


def _mean(mine: Sequence[Cell], first: Sequence[Cell] | None, rows: Sequence[Row]) -> Row:
    """The mean of a variant's cells, with its difference to the first variant's."""
    grid, variant = mine[0].column.grid, mine[0].variant
    sample, name = _mean_sample(mine), grid.label(variant)
    targets, seeds = counted(len(mine), "target"), counted(len(grid.seeds), "seed")
    interval, difference = sample.interval(), None
    if first is None:
        sentence = (
            f"{name} {sample.mean:.1f} on the mean of {targets} (95 % interval {interval[0]:.1f} to "
            f"{interval[1]:.1f} over rows and {seeds})"
        )
        verdict = Verdict("measured", sentence, {"score": sample.mean})
    else:
        gain = sample.minus(_mean_sample(first))
        difference = Interval(gain.mean, *gain.interval(), 0.95)
        points = (difference.mean, difference.low, difference.high)
        evidence = f"{targets}, {counted(sum(row.n for row in rows), 'row')} and {seeds}"
        verdict = difference_verdict(name, grid.label(first[0].variant), points, evidence)
    metrics = {row.metric for row in rows}
    return replace(
        rows[0],
        targets=tuple(cell.column.target.name for cell in mine),
        metric=metrics.pop() if len(metrics) == 1 else "score",
        trials=tuple(
            Trial(
                runs[0].seed,
                statistics.fmean(run.test for run in runs),
                statistics.fmean(run.validation for run in runs),
            )
            for runs in zip(*(cell.runs for cell in mine), strict=True)
        ),
        interval=interval,
        n=sum(row.n for row in rows),
        seconds=statistics.fmean(row.seconds for row in rows),
        memory=max(row.memory for row in rows),
        verdict=verdict,
        difference=difference,
        learning_rate=None,
        rates={},
        prompt=None,
    )


def _mean_sample(cells: Sequence[Cell]) -> Sample:
    """The mean over targets, whose rows are drawn apart from each other, by the target's name, so that two
    variants of the same targets are paired.
    """
    samples = [
        cell.column.sample(cell.runs, zlib.crc32(cell.column.target.name.encode()))
        for cell in cells
    ]
    return Sample(
        np.mean([sample.scores for sample in samples], axis=0),
        np.mean([sample.draws for sample in samples], axis=0),
    )


def _mean_references(columns: Sequence[Column], references: Sequence[Reference]) -> list[Reference]:
    """The means of references that all targets have, without an interval of their own: their rows differ."""
    names = tuple(column.target.name for column in columns)
    means = []
    for name in dict.fromkeys(each.name for each in references):
        same = [each for each in references if each.name == name]
        if len(same) == len(columns):
            test = statistics.fmean(each.test for each in same)
            n = sum(each.n for each in same)
            means.append(Reference(same[0].model, names, name, test, None, n))
    return means

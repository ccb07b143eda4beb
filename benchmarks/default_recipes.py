"""The sweep behind a model's default recipe: candidates on validation, the chosen one on test.

    SPOT_DATA_DIR=FOLDER python -m benchmarks.default_recipes CONFIG TARGET... [--optimizers adafactor,adamw]

The candidates are the optimisers, by default the config's, with each of the config's
`transfer.learning_rates`. Each trains a prompt on every target with the first of `transfer.seeds`; the best
mean of the best checks chooses one for all targets, which is trained with every seed and scored on the test
split beside the bare model. Every part resumes, so a killed run is called again. Markdown goes to stdout,
all numbers to <runs>/defaults.json.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

import spot
from spot.commands import Config, load_config, runs_of, the_model, the_task
from spot.report import progress
from spot.tasks import Lengths, tokenized

RESAMPLES = 2000

T = TypeVar("T")


class Clock:
    """Seconds of every part, kept in a file: a part that is found again keeps its first duration."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.seconds: dict[str, float] = json.loads(file.read_text()) if file.is_file() else {}

    def timed(self, name: str, work: Callable[[], T]) -> T:
        """The result of the work."""
        begin = time.monotonic()
        result = work()
        self.seconds.setdefault(name, round(time.monotonic() - begin, 1))
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(json.dumps(self.seconds, indent=1) + "\n")
        return result


@dataclass(frozen=True)
class Candidate:
    """An optimiser and its learning rate."""

    optimizer: str
    rate: float

    def __str__(self) -> str:
        return f"{self.optimizer} {self.rate:g}"

    def recipe(self, config: Config) -> spot.Recipe:
        """The config's recipe with them."""
        return config.recipe().replace(optimizer=self.optimizer, learning_rate=self.rate)


Checks = dict[Candidate, list[list[spot.training.Check]]]
"""The checks of every candidate on every target."""


def main() -> None:
    """Train, or find trained, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("targets", nargs="+")
    parser.add_argument("--optimizers")
    arguments = parser.parse_args()
    config, names = load_config(arguments.config), arguments.targets
    optimizers = (arguments.optimizers or config.train.optimizer).split(",")
    rates = config.transfer.learning_rates
    candidates = [Candidate(name, rate) for name in optimizers for rate in rates]
    model = the_model(config)
    targets = [the_task(name, config) for name in names]
    clock = Clock(config.runs / "seconds.json")
    with progress() as reporter:
        runs = runs_of(config, reporter)
        checks: Checks = {each: [] for each in candidates}
        for target in targets:
            for each in candidates:
                checks[each].append(swept(config, model, target, each, runs, clock))
        print(f"Python {platform.python_version()}, {platform.machine()}\n")
        print_sweep(names, checks, clock)
        chosen = best(checks)
        tables = [reported(config, model, target, chosen, runs, clock) for target in targets]
    print_tables(targets, tables, model, config, clock)
    content = {
        "checks": {
            str(each): [[check.to_json() for check in row] for row in rows]
            for each, rows in checks.items()
        },
        "chosen": str(chosen),
        "tables": {table.target: [row.to_json() for row in table.rows] for table in tables},
        "seconds": clock.seconds,
    }
    (config.runs / "defaults.json").write_text(json.dumps(content, indent=1) + "\n")


def swept(
    config: Config,
    model: spot.Model,
    target: spot.Task,
    candidate: Candidate,
    runs: spot.Runs,
    clock: Clock,
) -> list[spot.training.Check]:
    """The checks of one candidate on one target with the first seed."""
    seed, recipe = config.transfer.seeds[0], candidate.recipe(config)
    trained = clock.timed(
        f"{target.name} {candidate} seed {seed}",
        lambda: spot.train_prompt(model, target, recipe, seed, runs=runs),
    )
    return list(trained.history)


def best(checks: Checks) -> Candidate:
    """The candidate whose best checks have the best mean over targets, the first of equals."""

    def mean(candidate: Candidate) -> float:
        return statistics.fmean(max(check.score for check in row) for row in checks[candidate])

    return max(checks, key=mean)


def reported(
    config: Config,
    model: spot.Model,
    target: spot.Task,
    chosen: Candidate,
    runs: spot.Runs,
    clock: Clock,
) -> spot.Baselines:
    """The chosen candidate with every seed and the bare model, on the test split."""
    plan = config.transfer.model_copy(update={"learning_rates": (chosen.rate,)})
    methods = ("zero-shot", "prompt-tuning")
    recipe = chosen.recipe(config)
    return clock.timed(
        f"{target.name} all seeds and test, {chosen}",
        lambda: spot.baselines(model, target, recipe, methods=methods, plan=plan, runs=runs),
    )


def gain_over_rows_and_seeds(
    ours: Sequence[Sequence[str]], bare: Sequence[str], answers: Sequence[str]
) -> tuple[float, float]:
    """The 95 % percentile interval of the accuracy's gain: every resample draws seeds and rows, the
    same rows for both sides.
    """
    right = np.array([[p == a for p, a in zip(each, answers, strict=True)] for each in ours], float)
    other = np.array([p == a for p, a in zip(bare, answers, strict=True)], float)
    rng = np.random.default_rng(0)
    seeds, rows = right.shape
    gains = []
    for _ in range(RESAMPLES):
        chosen, columns = rng.integers(0, seeds, seeds), rng.integers(0, rows, rows)
        gains.append(right[np.ix_(chosen, columns)].mean() - other[columns].mean())
    low, high = np.quantile(gains, [0.025, 0.975])
    return 100 * float(low), 100 * float(high)


def print_sweep(names: Sequence[str], checks: Checks, clock: Clock) -> None:
    """Validation scores at all checks, "step: score", by candidate and target, and minutes."""
    print("| candidate | " + " | ".join(f"{name}, checks | min" for name in names) + " |")
    print("|---|" + "---|---:|" * len(names))
    for candidate, rows in checks.items():
        cells = []
        for name, row in zip(names, rows, strict=True):
            took = sum(s for k, s in clock.seconds.items() if k.startswith(f"{name} {candidate} "))
            cells += [
                ", ".join(f"{check.step}: {check.score:.1f}" for check in row),
                f"{took / 60:.1f}",
            ]
        print(f"| {candidate} | " + " | ".join(cells) + " |")
    print(f"\nchosen: {best(checks)}\n", flush=True)


def print_tables(
    targets: Sequence[spot.Task],
    tables: Sequence[spot.Baselines],
    model: spot.Model,
    config: Config,
    clock: Clock,
) -> None:
    """Test scores of the chosen candidate and of no prompt."""
    print("| task | no prompt | prompt | gain, over rows and seeds | by seed | steps | n | min |")
    print("|---|---:|---:|---:|---|---|---:|---:|")
    lengths = Lengths(config.data.input_length, config.data.target_length)
    for target, table in zip(targets, tables, strict=True):
        bare, tuned = table.rows
        answers = tokenized(target, "test", model.vocabulary, lengths).target_texts
        low, high = gain_over_rows_and_seeds(
            [trial.predictions for trial in tuned.trials], bare.trials[0].predictions, answers
        )
        deviation = "" if tuned.deviation is None else f" ± {tuned.deviation:.1f}"
        took = (s for part, s in clock.seconds.items() if part.startswith(f"{target.name} all"))
        print(
            f"| {target.name} | {bare.mean:.1f} | {tuned.mean:.1f}{deviation} | {low:+.1f} to {high:+.1f} "
            f"| {', '.join(f'{trial.test:.1f}' for trial in tuned.trials)} "
            f"| {', '.join(str(trial.step) for trial in tuned.trials)} | {tuned.n} | {sum(took) / 60:.1f} |"
        )


if __name__ == "__main__":
    main()

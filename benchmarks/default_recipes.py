"""The sweep behind a model's default recipe: candidates on validation, the chosen one on test.

    SPOT_DATA_DIR=FOLDER python -m benchmarks.default_recipes CONFIG TARGET...

The candidates are the config's `transfer.learning_rates`. Each trains a prompt on every target with the
first of `transfer.seeds`; the best mean of the best checks chooses one for all targets, which is trained
with every seed and scored on the test split beside the bare model. Every part resumes, so a killed run is
called again. Markdown goes to stdout, all numbers to <runs>/defaults.json.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
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


def main(file: str, names: Sequence[str]) -> None:
    """Train, or find trained, and print."""
    config = load_config(Path(file))
    model = the_model(config)
    targets = [the_task(name, config) for name in names]
    clock = Clock(config.runs / "seconds.json")
    with progress() as reporter:
        runs = runs_of(config, reporter)
        checks = {
            rate: [swept(config, model, target, rate, runs, clock) for target in targets]
            for rate in config.transfer.learning_rates
        }
        print(f"Python {platform.python_version()}, {platform.machine()}\n", flush=True)
        print_sweep(names, checks, clock)
        rate = best_rate(checks)
        tables = [reported(config, model, target, rate, runs, clock) for target in targets]
    print_tables(targets, tables, model, config, clock)
    content = {
        "checks": {str(rate): rows for rate, rows in checks.items()},
        "chosen": rate,
        "tables": {table.target: [row.to_json() for row in table.rows] for table in tables},
        "seconds": clock.seconds,
    }
    (config.runs / "defaults.json").write_text(json.dumps(content, indent=1) + "\n")


def swept(
    config: Config, model: spot.Model, target: spot.Task, rate: float, runs: spot.Runs, clock: Clock
) -> list[float]:
    """The validation scores at the checks of one candidate on one target."""
    seed = config.transfer.seeds[0]
    recipe = config.recipe().replace(learning_rate=rate)
    trained = clock.timed(
        f"{target.name} {rate:g} seed {seed}",
        lambda: spot.train_prompt(model, target, recipe, seed, runs=runs),
    )
    return [check.score for check in trained.history]


def best_rate(checks: dict[float, list[list[float]]]) -> float:
    """The candidate whose best checks have the best mean over targets, the first of equals."""
    return max(checks, key=lambda rate: statistics.fmean(max(each) for each in checks[rate]))


def reported(
    config: Config, model: spot.Model, target: spot.Task, rate: float, runs: spot.Runs, clock: Clock
) -> spot.Baselines:
    """The chosen candidate with every seed and the bare model, on the test split."""
    plan = config.transfer.model_copy(update={"learning_rates": (rate,)})
    methods = ("zero-shot", "prompt-tuning")
    return clock.timed(
        f"{target.name} all seeds and test, {rate:g}",
        lambda: spot.baselines(
            model, target, config.recipe(), methods=methods, plan=plan, runs=runs
        ),
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


def print_sweep(names: Sequence[str], checks: dict[float, list[list[float]]], clock: Clock) -> None:
    """Validation scores at all checks by candidate and target, and minutes."""
    print("| rate | " + " | ".join(f"{name}, checks | min" for name in names) + " |")
    print("|---|" + "---|---:|" * len(names))
    for rate, rows in checks.items():
        cells = []
        for name, scores in zip(names, rows, strict=True):
            took = [s for part, s in clock.seconds.items() if part.startswith(f"{name} {rate:g} s")]
            cells += [", ".join(f"{score:.1f}" for score in scores), f"{took[0] / 60:.1f}"]
        print(f"| {rate:g} | " + " | ".join(cells) + " |")
    print(f"\nchosen: {best_rate(checks):g}\n", flush=True)


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
    main(sys.argv[1], sys.argv[2:])

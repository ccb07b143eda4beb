"""Transfer with few labelled rows: all targets of the mini suite, 64 training rows, 5 and 20 steps.

    python benchmarks/few_rows.py BANK [--rows 64] [--steps 5,20] [--seeds 0,1,2] [--runs FOLDER] [TARGET...]

BANK was built with defaults (`spot build-bank`). Each target starts from the source that a search finds
first and from scratch, with the same rows, seeds and steps; choices are made on validation, scores are of
the test split. Finished runs are found again, so a killed script is called again. Prints a Markdown
table and the mean over targets; the bank keeps the outcomes and the queries.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import spot
from spot.study import paired_interval
from spot.tasks import mini_target_names


def numbers(text: str) -> tuple[int, ...]:
    """Whole numbers from "5,20"."""
    return tuple(int(part) for part in text.split(","))


def row(target: spot.Task, reports: Sequence[spot.TransferReport]) -> str:
    """A line of the table: the source, and for each budget scratch, transfer, gain and head start."""
    cells = [target.name, reports[0].transfer[0].start.name, f"{reports[0].tfidf:.1f}"]
    for report in reports:
        scratch, transfer = (
            statistics.fmean(run.test for run in runs)
            for runs in (report.baseline, report.transfer)
        )
        low, high = report.interval
        cells += [
            f"{scratch:.1f}",
            f"{transfer:.1f}",
            f"{report.gain:+.1f} ({low:+.1f} to {high:+.1f})",
        ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Transfer to every target with every budget, and print the table as it grows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bank", type=Path)
    parser.add_argument("targets", nargs="*", default=mini_target_names())
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--steps", type=numbers, default=(5, 20))
    parser.add_argument("--seeds", type=numbers, default=(0, 1, 2))
    parser.add_argument("--runs", type=Path, default=Path("spot-runs"))
    arguments = parser.parse_args()
    model, bank, runs = spot.load_model(), spot.Bank(arguments.bank), spot.Runs(arguments.runs)
    recipe = spot.Recipe(train_examples=arguments.rows)
    budgets = "".join(
        f" scratch, {steps} | transfer, {steps} | gain, {steps} (95 %) |"
        for steps in arguments.steps
    )
    print(f"| target | source | TF-IDF |{budgets}")
    print("|---|---|---:|" + "---:|" * 3 * len(arguments.steps))
    gains: dict[int, list[tuple[float, ...]]] = {steps: [] for steps in arguments.steps}
    begin = time.monotonic()
    for name in arguments.targets:
        target = spot.load_task(name)
        reports = [
            spot.transfer(
                bank, model, target, recipe=recipe, seeds=arguments.seeds, steps=steps, runs=runs
            )
            for steps in arguments.steps
        ]
        for steps, report in zip(arguments.steps, reports, strict=True):
            gains[steps].append(report.gains)
        print(row(target, reports), flush=True)
    print()
    for steps, of_targets in gains.items():
        mean = paired_interval(of_targets)
        print(
            f"{steps} steps on {arguments.rows} rows: {mean.mean:+.1f} points over scratch "
            f"(95 % interval {mean.low:+.1f} to {mean.high:+.1f} over {len(of_targets)} targets and "
            f"{len(arguments.seeds)} seeds)"
        )
    print(f"{time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()

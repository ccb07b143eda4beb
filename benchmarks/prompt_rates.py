"""Which learning rate prompts on the embedded model want: validation accuracy by task and rate.

    python benchmarks/prompt_rates.py TASK... [--optimizer adamw] [--rates 0.3,1,3,10] [--steps 160]

Prints a table in Markdown; a cell has the scores at a quarter, half, three quarters and all of the
steps. One seed; the budget is that of the defaults but for the steps.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import spot
from spot.training import new_slot, source_of


def main() -> None:
    """Train a prompt for every task and rate, in groups of one task, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="+")
    parser.add_argument("--optimizer", default="adafactor")
    parser.add_argument("--rates", default="0.3,1,3,10")
    parser.add_argument("--steps", type=int, default=160)
    arguments = parser.parse_args()
    rates = [float(rate) for rate in arguments.rates.split(",")]
    quarter = max(1, arguments.steps // 4)
    recipe = spot.Recipe(
        steps=arguments.steps,
        key_step=quarter,
        check_every=quarter,
        optimizer=arguments.optimizer,
    )
    model = spot.load_model()
    print(f"{arguments.optimizer}, {arguments.steps} steps\n")
    print("| task | " + " | ".join(f"rate {rate:g}" for rate in rates) + " |")
    print("|---|" + "---|" * len(rates))
    start = time.monotonic()
    for name in arguments.tasks:
        slot = new_slot(model, source_of(spot.load_task(name), model, recipe), recipe, 0)
        slots = [replace(slot, learning_rate=rate) for rate in rates]
        with tempfile.TemporaryDirectory() as folder:
            runs = spot.Runs(Path(folder), slots=len(slots))
            trained = runs.train_prompts(model, slots, recipe, title=name)
        cells = [", ".join(f"{check.score:.0f}" for check in one.history) for one in trained]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    print(f"\n{time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()

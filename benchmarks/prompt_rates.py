"""Which learning rate prompts on the embedded model want: validation accuracy by task and rate.

    python benchmarks/prompt_rates.py TASK... [--optimizer adamw] [--rates 0.3,1,3,10] [--steps 160]

Prints a table in Markdown; a cell has the scores at a quarter, half, three quarters and all of the
steps. One seed; the budget is that of the defaults but for the steps.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from spot.training.data import load_source
from spot.training.runtime import prepare

from spot.config import load_config
from spot.models.model import load
from spot.prompts.inits import init_prompt
from spot.training.build import embedding_table
from spot.training.prompt_tuning import train_prompts
from spot.training.slots import Reporter, Slot


@dataclass
class Scores(Reporter):
    """Collects every check's validation score by the name of the prompt."""

    seen: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def check(self, name, check):  # type: ignore[no-untyped-def]
        self.seen[name].append(check.score)


def main() -> None:
    """Trains a prompt for every task and rate, in groups of one task, and prints the table."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("tasks", nargs="+")
    arguments.add_argument("--optimizer", default="adafactor")
    arguments.add_argument("--rates", default="0.3,1,3,10")
    arguments.add_argument("--steps", type=int, default=160)
    asked = arguments.parse_args()
    rates = [float(rate) for rate in asked.rates.split(",")]
    prepare()
    every = asked.steps // 4
    config = load_config(
        None,
        [
            f"train.steps={asked.steps}",
            f"train.key_step={every}",
            f"train.check_every={every}",
            f"train.optimizer={asked.optimizer}",
        ],
    )
    backbone = load(config.model)
    embedding = embedding_table(backbone)
    print(f"{asked.optimizer}, {asked.steps} steps\n")
    print("| task | " + " | ".join(f"rate {rate:g}" for rate in rates) + " |")
    print("|---|" + "---|" * len(rates))
    start = time.monotonic()
    for task in asked.tasks:
        source = load_source(task, config, backbone.vocabulary)
        labels = source.labels
        prompt = init_prompt(
            config.prompt, embedding, backbone.vocabulary, labels, 0, backbone.identity
        )
        slots = [Slot(f"{task} {rate:g}", source, 0, prompt, rate) for rate in rates]
        scores = Scores()
        with tempfile.TemporaryDirectory() as folder:
            train_prompts(backbone, slots, config.train, Path(folder) / "state", reporter=scores)
        seen = [scores.seen[slot.label] for slot in slots]
        cells = [", ".join(f"{score:.0f}" for score in checks) for checks in seen]
        print(f"| {task} | " + " | ".join(cells) + " |", flush=True)
    print(f"\n{time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()

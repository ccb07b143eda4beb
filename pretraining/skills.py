"""Skills of the embedded model: whole answers right on fresh instructions, by pretraining task.

    python -m pretraining.skills

Prints a table in Markdown: accuracy and its 95 % Wilson interval. Instructions name two label words,
three-way ones three, topics two to five. Under teacher forcing every token of the answer must be the
likeliest, which for a whole answer is greedy decoding.
"""

from __future__ import annotations

import random
from collections import defaultdict

import jax
import numpy as np
from scipy.stats import binomtest

from pretraining.data import pad
from pretraining.examples import PretrainingTask, pretraining_examples, pretraining_tasks
from spot.config import load_config
from spot.models.model import load
from spot.models.runtime import prepare

ROWS, BATCH, LENGTH, TARGET_LENGTH = 512, 64, 112, 6


def row_of(task: PretrainingTask) -> str:
    """The row of the table for a task; the domains of sentiment share one."""
    return task.family if task.family == "sentiment" else f"{task.family}, {task.kind}"


def main() -> None:
    """Print the table for the default model."""
    prepare()
    backbone = load(load_config(None).model)
    encode = backbone.vocabulary.encode
    rng = random.Random("skills")
    groups = defaultdict(list)
    for task in pretraining_tasks():
        groups[row_of(task)].append(task)

    @jax.jit
    def predict(network, inputs, targets):  # type: ignore[no-untyped-def]
        return network.decode(network.encode(inputs), targets).argmax(-1)

    print("| task | right % | 95 % interval |\n|---|---:|---:|")
    for name, tasks in groups.items():
        rows: list[tuple[list[int], list[int]]] = []
        while len(rows) < ROWS:
            for text, answer in pretraining_examples(rng.choice(tasks), rng):
                ids = [*encode(text), 1]
                if len(ids) <= LENGTH:
                    rows.append((ids, [*encode(answer), 1]))
        hits = []
        for start in range(0, ROWS, BATCH):
            batch = rows[start : start + BATCH]
            inputs = pad([np.asarray(ids) for ids, _ in batch], LENGTH)
            targets = pad([np.asarray(ids) for _, ids in batch], TARGET_LENGTH)
            tokens = np.asarray(predict(backbone.network, inputs, targets))
            hits += list(((tokens == targets) | (targets == 0)).all(axis=1))
        interval = binomtest(int(sum(hits)), ROWS).proportion_ci(method="wilson")
        print(
            f"| {name} | {100 * np.mean(hits):.0f} | "
            f"{100 * interval.low:.0f} to {100 * interval.high:.0f} |"
        )


if __name__ == "__main__":
    main()

"""The study on real tasks in docs/results, of any model: scratch, retrieved and generic prompts.

    SPOT_DATA_DIR=FOLDER python -m benchmarks.real_results CONFIG TARGET...

Sources are trained on all the rows that the config allows, targets on TARGET_ROWS. Every part
resumes, so a killed run is called again. Markdown goes to stdout, all numbers to
<runs>/records.json. Choices are made on validation, scores are of the test split.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

import spot
from benchmarks.mini_results import KS, build, ranked, scores_table, stated, study
from spot.commands import load_config, runs_of, the_model, the_task
from spot.report import progress
from spot.study import method_scores, to_markdown

TARGET_ROWS = 250
GENERIC = {"steps": 120}  # of the prompt on the mixture of all sources


def main(file: str, names: list[str]) -> None:
    """Train, or find trained, and print."""
    config = load_config(Path(file))
    model = the_model(config)
    targets = [the_task(name, config) for name in names]
    begin = time.monotonic()
    with progress() as reporter:
        runs = runs_of(config, reporter)
        bank, chosen = build(config, model, runs, GENERIC)
        built = time.monotonic() - begin
        done = study(config, chosen, model, targets, runs, train_examples=TARGET_ROWS)
    print(
        f"Python {platform.python_version()}; this call: {built:.0f} s building, "
        f"{time.monotonic() - begin - built:.0f} s for the targets.\n"
    )
    print_sources(bank)
    studied, _, methods = method_scores(done.records, ks=KS)
    columns = {scores.name: scores.test for scores in methods}
    by_name = {target.name: target for target in targets}
    bare = [
        spot.evaluate(
            model,
            by_name[name],
            input_length=config.data.input_length,
            target_length=config.data.target_length,
        ).value
        for name in studied
    ]
    print("\n" + scores_table(studied, "no prompt", np.array(bare), columns))
    for name, interval in done.gains.items():
        print(stated(f"{name} over scratch", interval))
    print(f"\n{ranked(done, {})}\n{to_markdown(done.table)}")
    records = [asdict(record) for record in done.records]
    (config.runs / "records.json").write_text(json.dumps(records, indent=1) + "\n")


def print_sources(bank: spot.Bank) -> None:
    """A line an entry: its score on validation."""
    print("| source | validation | n |\n|---|---:|---:|")
    for entry in bank.entries():
        score = entry.scores["validation"]
        print(f"| {entry.task} ({score['metric']}) | {score['value']:.1f} | {score['n']} |")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

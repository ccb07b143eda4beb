"""The study on real tasks in RESULTS.md, of any model: scratch, retrieved and generic prompts.

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
from spot.serving.single import evaluate_one

from bank import Bank
from benchmarks.mini_results import build, changed, ranked, scores_table, stated
from spot.config import load_config
from spot.models.model import load
from spot.models.runtime import prepare
from spot.report.console import progress
from spot.study.run import study
from spot.study.tables import method_scores, to_markdown

TARGET_ROWS = 250
GENERIC = {"steps": 120}  # of the prompt on the mixture of all sources
KS = (1, 3)


def main(file: str, targets: list[str]) -> None:
    """Trains, or finds again, and prints."""
    prepare()
    config = load_config(Path(file))
    backbone = load(config.model)
    low = changed(config, data={"train_examples": TARGET_ROWS})
    begin = time.monotonic()
    with progress() as reporter:
        bank, chosen = build(config, backbone, reporter, GENERIC)
        built = time.monotonic() - begin
        done = study(targets, low, chosen, backbone, reporter, KS)
    print(
        f"Python {platform.python_version()}; this call: {built:.0f} s building, "
        f"{time.monotonic() - begin - built:.0f} s for the targets.\n"
    )
    print_sources(bank)
    names, _, methods = method_scores(done.records, ks=KS)
    columns = {one.name: one.test for one in methods}
    bare = np.array([evaluate_one(one, "test", None, low, backbone).value for one in names])
    print("\n" + scores_table(names, "no prompt", bare, columns))
    for name, interval in done.gains.items():
        print(stated(f"{name} over scratch", interval))
    print(f"\n{ranked(done, {})}\n{to_markdown(done.table)}")
    records = [asdict(one) for one in done.records]
    (config.runs / "records.json").write_text(json.dumps(records, indent=1) + "\n")


def print_sources(bank: Bank) -> None:
    """A line an entry: its score on validation."""
    print("| source | validation | n |\n|---|---:|---:|")
    for entry in bank.entries():
        score = entry.scores["validation"]
        print(f"| {entry.task} ({score['metric']}) | {score['value']:.1f} | {score['n']} |")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

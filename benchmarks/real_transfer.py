"""The main job on real tasks: a bank, then search and transfer for each target, as a table in Markdown.

    SPOT_DATA_DIR=FOLDER python benchmarks/real_transfer.py configs/real-nano.toml boolq rte mrpc

Every part resumes, so a killed run is called again. The table goes to stdout and, with all runs, to
<runs>/real.json. Both arms try the same learning rates and are chosen on validation; scores are of the test
split.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from pathlib import Path

import numpy as np

from bank.store import Bank
from spot.config import load_config
from spot.models.backbone import load
from spot.report.console import progress
from spot.retrieval import search_target
from spot.study.statistics import paired_bootstrap
from spot.training.build import build_bank
from spot.training.runtime import prepare
from spot.transfer import spread, transfer


def print_sources(bank: Bank) -> None:
    """A line an entry: its score on validation."""
    print("| source | validation | n |\n|---|---:|---:|")
    for entry in bank.entries():
        score = entry.scores["validation"]
        print(f"| {entry.task} ({score['metric']}) | {score['value']:.1f} | {score['n']} |")


def main(file: str, targets: list[str]) -> None:
    """Builds, searches, transfers, prints."""
    prepare()
    config = load_config(Path(file))
    backbone = load(config.model)
    bank = Bank.create_or_open(config.bank.path)
    start = time.monotonic()
    with progress() as reporter:
        build_bank(config, backbone, bank, reporter)
        built = time.monotonic() - start
        reports = {}
        answers = {}
        for target in targets:
            answers[target] = search_target(target, config, bank, lambda: backbone, reporter)
            reports[target] = transfer(target, config, bank, lambda: backbone, reporter)
    print(
        f"Bank: {len(bank.entries())} entries; this call: {built:.0f} s building, "
        f"{time.monotonic() - start - built:.0f} s for {len(targets)} targets; "
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}.\n"
    )
    print_sources(bank)
    print(
        "\n| target | nearest three (per-token) | n test | scratch | transfer (top-1) | difference |"
    )
    print("|---|---|---:|---:|---:|---:|")
    for target, report in reports.items():
        near = ", ".join(f"{hit.task} {hit.score:.3f}" for hit in answers[target].result.hits[:3])
        arms = [[run.test for run in runs] for runs in (report.baseline, report.transfer)]
        cells = [f"{np.mean(arm):.1f} ± {spread(arm):.1f}" for arm in (*arms, report.gains)]
        print(
            f"| {target} ({report.metric}) | {near} | {report.baseline[0].n_test} | {' | '.join(cells)} |"
        )
    interval = paired_bootstrap([list(report.gains) for report in reports.values()])
    print(
        f"\nMean difference {interval.mean:+.2f} points, 95 % bootstrap interval over targets and seeds "
        f"{interval.low:+.2f} to {interval.high:+.2f}."
    )
    runs = {target: [run.to_json() for run in report.runs] for target, report in reports.items()}
    (config.runs / "real.json").write_text(json.dumps(runs, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

"""The table of docs/scaling.md: what fits on TPUs, by compiling the real step for each of them.

    python -m benchmarks.plans plans.jsonl            compile what the file lacks, then print the table
    python -m benchmarks.plans plans.jsonl v5e-8      on one slice only

Needs the extra "tpu", no TPU and no weights. Each line of the file is what `spot build-bank --plan … --json`
prints; the file is the memory of finished plans, so that a stopped run goes on.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SLICES = ("v5e-8", "v5e-16", "v4-8")
MODELS = (
    "google/t5-v1_1-base",
    "google/t5-v1_1-xxl",
    "llama-8b-shape",
    "google/t5-v1_1-small",
    "google/t5-v1_1-large",
    "google/t5-v1_1-xl",
    "llama-1b-shape",
)
SETTINGS = ("train.slots=16", "prompt.length=100", "train.batch_size=32", "data.input_length=512")
GIB = 1 << 30


def plan(model: str, accelerator: str) -> dict[str, Any]:
    """What the command prints for a model and a slice."""
    sets = [word for setting in (f"model.name={model}", *SETTINGS) for word in ("--set", setting)]
    command = [sys.executable, "-m", "spot", "build-bank", "--plan", accelerator, "--json", *sets]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return {"slice": accelerator, **json.loads(done.stdout)}


def row(found: dict[str, Any]) -> str:
    """A line of the table, in Markdown."""
    best = found["fitting"]
    cells = [
        found["model"].rpartition("/")[2],
        found["slice"],
        f"{found['asked']['peak'] / GIB:.1f}",
    ]
    if best is None:
        return f"| {' | '.join([*cells, 'nothing that was tried', *[''] * 6])} |"
    shape, axes = best["shape"], best["devices"]
    parts = found["batch"] // shape["rows"]
    gradient = best["programs"][0]
    sent = sum(each["bytes"] for each in gradient["collectives"])
    cells += [
        f"{shape['slots']}, {parts} x {shape['rows']}{', again' if best['remat'] else ''}",
        f"{axes['slot']} x {axes['data']} x {axes['model']}",
        f"{best['weights'] / GIB:.2f}",
        f"{gradient['temporaries'] / GIB:.1f}",
        f"{best['peak'] / GIB:.1f}",
        f"{parts * gradient['flops'] / 1e12:.1f}",
        f"{parts * sent / GIB:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def main(path: Path, slices: tuple[str, ...]) -> None:
    """Compile what the file lacks, append it, and print the table of all of it."""
    lines = path.read_text().splitlines() if path.exists() else []
    found = [json.loads(line) for line in lines]
    there = {(each["model"], each["slice"]) for each in found}
    for accelerator in slices:
        for model in MODELS:
            if (model, accelerator) not in there:
                found.append(plan(model, accelerator))
                with path.open("a") as file:
                    file.write(json.dumps(found[-1]) + "\n")
    print(
        "| model | slice | asked for, GiB | S, parts x rows | slot x data x model | weights, GiB "
        "| temporaries, GiB | peak, GiB | TFLOP a step | sent a step, GiB |"
    )
    print("|---|---|--:|---|---|--:|--:|--:|--:|--:|")
    for each in sorted(found, key=lambda each: (slices + SLICES).index(each["slice"])):
        print(row(each))


if __name__ == "__main__":
    main(Path(sys.argv[1]), tuple(sys.argv[2:]) or SLICES)

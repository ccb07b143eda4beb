"""Measure the rows of the table and print them as Markdown; see `python -m benchmarks.bench --help`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.bench.apart import Failed, apart
from benchmarks.bench.lines import HEAD, Line, markdown
from benchmarks.bench.machine import facts, sentence
from benchmarks.bench.sizes import FULL, PRECISIONS, QUICK, Sizes
from benchmarks.bench.store import Store
from benchmarks.bench.table import ROWS, reason_to_skip


def measure(function: str, sizes: Sizes) -> list[Line]:
    """The lines of a row's `module:function`, measured in this process."""
    import importlib
    import logging

    logging.disable(logging.WARNING)
    module, _, name = function.partition(":")
    lines: list[Line] = getattr(importlib.import_module(f"benchmarks.bench.{module}"), name)(sizes)
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table row by row; 1 if a row failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench",
        description="Speed and memory beside PEFT and transformers: ratios of medians within one run. "
        "Rows that were measured with the same code on the same machine are not measured again.",
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help="all without any; see --list")
    parser.add_argument("--quick", action="store_true", help="tiny shapes, to see that it runs")
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="of the rows that measure both, this one only: bfloat16 is slow on a processor without it",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="default: runs/bench[-quick].json"
    )
    parser.add_argument("--again", action="store_true", help="measure these rows again")
    parser.add_argument("--list", action="store_true", help="print the names of the rows")
    args = parser.parse_args(arguments)
    if args.list:
        print("\n".join(f"{name:20} {row.about}" for name, row in ROWS.items()))
        return 0
    unknown = [name for name in args.rows if name not in ROWS]
    if unknown:
        parser.error(f"expected rows of {', '.join(ROWS)}; found {', '.join(unknown)}")
    sizes, machine = QUICK if args.quick else FULL, facts()
    if args.precision:
        sizes = replace(sizes, precisions=(args.precision,))
    path = args.json or Path("runs", "bench-quick.json" if args.quick else "bench.json")
    store = Store(path, machine, sizes)
    failed, notes, begun = [], [], time.monotonic()
    print(f"{sentence(machine)}\n\n{HEAD}", flush=True)
    for name in args.rows or ROWS:
        row, lines = ROWS[name], store.get(name)
        if lines is None or args.again:
            if reason := reason_to_skip(row):
                notes.append(f"{name} was left out: {reason}")
                continue
            print(f"measuring {name}: {row.about}", file=sys.stderr, flush=True)
            start = time.monotonic()
            try:
                lines = apart("benchmarks.bench.__main__", "measure", row.function, sizes)
            except Failed as error:
                failed.append(name)
                notes.append(f"{name} failed: {error}")
                continue
            store.put(name, lines, time.monotonic() - start)
        print(markdown(lines), flush=True)
    notes.append(f"{time.monotonic() - begun:.0f} s in all; every value is in {path}")
    print("\n" + "\n".join(f"- {note}" for note in notes))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

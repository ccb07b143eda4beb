"""What is seen inside prompts: norms, neighbours, words, order, for many prompts beside each other.

    python -m benchmarks.inside --bank BANK [--rows 256] [--out FOLDER] [ENTRY...]
    python -m benchmarks.inside --model smollm2-135m --data FOLDER --start text:TEXT FILE...

Each prompt is analysed as `spot analyze` does it, on its own task, once: an analysis that is there already
is read. Prints a Markdown table with a row a prompt, and how many prompts show each of the claims.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import spot
from spot.analysis import Analysis, Finding
from spot.prompts import PromptSettings, find_prompt, find_start, init_prompt, trained_task
from spot.tasks import DataSettings

PARTS = ("norms", "nearest", "discrete", "order", "gate")
Row = dict[str, float]
TIGHTER = "tighter than around random directions"
"""What the notes on neighbours say of a mean beyond the middle 95 % of the null's means."""

COLUMNS: dict[str, Callable[[Row], str]] = {
    "norm / embeddings": lambda row: f"{row['norm']:.2f}",
    "the start's": lambda row: f"{row['start norm']:.2f}",
    "cluster, z": lambda row: f"{row['z']:+.1f}",
    "mean-centred, z": lambda row: f"{row['centred z']:+.1f}",
    "label words near (%)": lambda row: f"{row['labels']:.0f} ({row['labels by chance']:.1f})",
    "score": lambda row: f"{row['score']:.1f}",
    "no prompt": lambda row: f"{row['none']:.1f}",
    "as words": lambda row: f"{row['words']:.1f}",
    "reverse": lambda row: f"{-row['reverse']:+.1f}",
    "shuffles": lambda row: f"{-row['shuffles']:+.1f}",
    "λ (%)": lambda row: f"{100 * row['gate']:.1f}",
}
CLAIMS: dict[str, Callable[[Row], bool]] = {
    "norms above the embeddings'": lambda row: row["norm"] > 1,
    "norms above the start's": lambda row: row["norm"] > row["start norm"],
    "neighbours tighter than around random directions": lambda row: row["tight"] > 0,
    "the same, mean-centred": lambda row: row["centred tight"] > 0,
    "label words near more positions than random directions": lambda row: (
        row["labels"] > row["labels by chance"]
    ),
    "reverse costs more than shuffles": lambda row: row["reverse"] > row["shuffles"],
    "the interval of what reverse costs lies above 0": lambda row: row["reverse low"] > 0,
    "as words no better than no prompt": lambda row: row["words"] <= row["none"],
    "as words worse than the prompt": lambda row: row["words"] < row["score"],
}


def main() -> None:
    """Analyse every prompt and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompts", nargs="*")
    parser.add_argument("--bank", type=Path, default=Path("spot-bank"))
    parser.add_argument("--model", default="spot-nano")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--start", help="the init of files, as text:WORDS")
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--out", type=Path, default=Path("runs/inside"))
    arguments = parser.parse_args()
    model = spot.load_model(arguments.model)
    rows = {}
    print(f"| prompt | {' | '.join(COLUMNS)} |\n|---|{'---:|' * len(COLUMNS)}")
    for name, analysis in analyses(model, arguments):
        rows[name] = numbers(analysis)
        cells = " | ".join(cell(rows[name]) for cell in COLUMNS.values())
        print(f"| {name} | {cells} |", flush=True)
    print("\n| claim | seen in |\n|---|---:|")
    for claim, holds in CLAIMS.items():
        print(f"| {claim} | {sum(map(holds, rows.values()))} of {len(rows)} |")


def analyses(model: spot.Model, arguments: argparse.Namespace) -> Iterator[tuple[str, Analysis]]:
    """The analysis of every prompt by name, read where it was made before."""
    names = arguments.prompts
    if not names:
        names = [
            entry.id for entry in spot.Bank(arguments.bank).entries() if entry.kind == "source"
        ]
    for name in names:
        folder = arguments.out / f"{Path(name).stem}-{arguments.rows}"
        if not (folder / "analysis.json").exists():
            prompt = find_prompt(name, arguments.bank, model)
            start = find_start(name, arguments.bank, model)
            if arguments.start:
                start = start_of(arguments.start, prompt, model)
            task = trained_task(prompt.facts, DataSettings(dir=arguments.data))
            spot.analyze(
                model, task, prompt, start=start, parts=PARTS, most_rows=arguments.rows, name=name
            ).write(folder)
        yield Path(name).stem, Analysis.read(folder)


def start_of(init: str, prompt: spot.SoftPrompt, model: spot.Model) -> spot.SoftPrompt:
    """The prompt before training, from its init."""
    name, _, text = init.partition(":")
    settings = PromptSettings(length=len(prompt.key), init=name, text=text or None)
    return init_prompt(settings, model, [], 0)


def numbers(analysis: Analysis) -> Row:
    """What the table shows of one analysis."""
    by_part = {finding.part: finding for finding in analysis.findings}
    norms, nearest = (by_name(by_part[part]) for part in ("norms", "nearest"))
    words = by_name(by_part["discrete"])
    orders = {
        str(row["order"]): row for row in lines(by_part["order"], 0) if row["rows of"] == "prompt"
    }
    shuffled = next(row for name, row in orders.items() if name.endswith("shuffles"))
    gates = [row["mean λ"] for row in lines(by_part["gate"], 0)]
    tight, centred_tight = (TIGHTER in note for note in by_part["nearest"].notes[:2])
    centred, labels = nearest["the same, mean-centred"], nearest["near to a label word (%)"]
    return {
        "norm": norms["prompt"]["of the embeddings'"],
        "start norm": norms["start"]["of the embeddings'"],
        "z": nearest["cosine among the nearest"]["z, random directions"],
        "centred z": centred["z, random directions"],
        "tight": float(tight),
        "centred tight": float(centred_tight),
        "labels": labels["prompt"],
        "labels by chance": labels["random directions"],
        "score": words["the prompt"]["score"],
        "none": words["no prompt"]["score"],
        "words": words["tokens by cosine"]["score"],
        "reverse": orders["reverse"]["drop"],
        "reverse low": orders["reverse"]["from"],
        "shuffles": shuffled["drop"],
        "gate": gates[0],
    }


def lines(finding: Finding, table: int) -> list[dict[str, float]]:
    """The rows of a table by the names of its columns."""
    found = finding.tables[table]
    columns = [name.strip() for name in found.columns]
    return [dict(zip(columns, row, strict=True)) for row in found.rows]  # type: ignore[arg-type]


def by_name(finding: Finding) -> dict[str, dict[str, float]]:
    """The rows of a finding's first table by their first cell."""
    return {str(next(iter(row.values()))): row for row in lines(finding, 0)}


if __name__ == "__main__":
    main()

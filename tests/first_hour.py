"""A newcomer's first hour with defaults: two tables, `spot init`, search, transfer, predictions.

    python -m tests.first_hour [FOLDER]      (make first-hour; some minutes)

A bank of four sources stands for the whole one, which takes longer; nothing else is set. What is
expected: the prompt of the tickets is at least 30 points above chance on its test split, the last lines
hold verdict, file and command, and that command answers raw texts as texts in the template are answered.
"""

from __future__ import annotations

import csv
import html
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests import tables

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ["mini_news", "mini_forum", "mini_imdb", "mini_snli"]
VERDICT = re.compile(r"^(transfer (helped|hurt)|no difference|at chance|too few rows)")


def main(folder: Path) -> None:
    """Walk both tables in this folder; AssertionError where a promise is not kept."""
    tables.write_csv(folder / "tickets.csv", tables.tickets(400))
    tables.write_csv(folder / "reviews.csv", tables.reviews(240))
    spot(folder, "build-bank", "--set", f"bank.sources={json.dumps(SOURCES)}")
    new = tables.tickets(40, seed=7)
    walk(folder, "tickets", "body", "queue", new, classes=4, above_chance=30)
    new = tables.reviews(40, seed=7)
    walk(folder, "reviews", "text", "verdict", new, classes=2, template="review: {text}")


def walk(
    folder: Path,
    name: str,
    text: str,
    label: str,
    new: list[dict[str, str]],
    classes: int,
    above_chance: float = 0.0,
    template: str = "",
) -> None:
    """From a table to answers for the rows `new`.

    template: written into the task's file after `spot init`, as users do.
    """
    begun = time.monotonic()
    said = spot(folder, "init", f"{name}.csv", "--text", text, "--label", label)
    assert "cannot be told apart" in said and f"spot search --target {name}.toml" in said, said
    toml = folder / f"{name}.toml"
    if template:
        content = toml.read_text()
        assert f'inputs = "{{{text}}}"' in content, content
        toml.write_text(content.replace(f'inputs = "{{{text}}}"', f'inputs = "{template}"'))
    said = spot(folder, "search", "--target", toml.name)
    assert re.search(r"^1\s.*-s0-", said, re.MULTILINE), said
    said = spot(folder, "transfer", "--target", toml.name)
    again = spot(folder, "transfer", "--target", toml.name)
    verdict, report, file, use = said.splitlines()[-4:]
    assert again.splitlines()[-4:] == [verdict, report, file, use], again
    assert VERDICT.match(verdict) and re.search(r"\d", verdict), verdict
    spot(folder, *shlex.split(report.removeprefix("report: "))[1:])
    assert verdict in html.unescape((folder / "report.html").read_text("utf-8")), report
    path = file.removeprefix("best prompt: ")
    assert path.endswith("best.safetensors") and (folder / path).is_file(), file
    scores = scored(folder, path, name)
    chance = 100 / classes
    print(f"{name}: accuracy {scores:.1f} on test, chance {chance:.1f}")
    assert scores >= chance + above_chance, scores
    given = [row[text] for row in new]
    answers = answered(
        folder, use.removeprefix("use it: "), path, text, given, template or f"{{{text}}}"
    )
    right = sum(answer == row[label] for answer, row in zip(answers, new, strict=True))
    print(f"{name}: {right} of {len(new)} new rows right")
    print(f"{name}: {time.monotonic() - begun:.0f} s")


def scored(folder: Path, path: str, name: str) -> float:
    """The accuracy of the best prompt on the test split, by `spot eval`."""
    said = spot(folder, "eval", "--prompt", path, "--task", f"{name}.toml", "--json")
    return float(next(row["accuracy"] for row in map(json.loads, said.splitlines()) if "n" in row))


def answered(
    folder: Path, use: str, path: str, text: str, given: list[str], template: str
) -> list[str]:
    """The labels by the command that `transfer` names, checked: as of the texts in the template."""
    texts = [{"id": str(number), text: value} for number, value in enumerate(given)]
    texts[0][text] = texts[0][text].replace(" ", "\n", 1)  # several lines in one cell
    tables.write_csv(folder / "new.csv", texts)
    spot(folder, *shlex.split(use)[1:])
    with (folder / "answers.csv").open(encoding="utf-8", newline="") as file:
        answers = list(csv.DictReader(file))
    assert [row[text] for row in answers] == [row[text] for row in texts]
    shares = [
        [float(v) for k, v in row.items() if k not in ("id", text, "label")] for row in answers
    ]
    assert all(abs(sum(row) - 1) < 1e-3 for row in shares), shares
    written = [f"--text={template.format_map(row)}" for row in texts]
    said = spot(folder, "predict", "--prompt", path, "--as-is", "--json", *written)
    labels = [row["label"] for row in answers]
    assert [json.loads(line)["answer"] for line in said.splitlines()] == labels
    return labels


def spot(folder: Path, *arguments: str) -> str:
    """What the command prints, which is shown; AssertionError with its errors when it fails."""
    print(f"$ spot {shlex.join(arguments)[:160]}", flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "spot", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    print(done.stdout, flush=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as name:
            main(Path(name))

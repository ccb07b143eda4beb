"""Folders of results as commands write them, made of the samples of screens, and what a page's HTML holds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from bank.entry import Backbone, Entry, Prompts, entry_id
from bank.outcomes import Outcome
from bank.store import Bank
from spot.analysis.analysis import Analysis
from spot.analysis.finding import (
    Bars,
    Finding,
    Group,
    Heat,
    Level,
    Line,
    Lines,
    Points,
    Table,
)
from spot.prompts.prompt import SoftPrompt
from spot.strategies import transfer as strategies
from spot.study import baselines, store_comparison, store_matrix
from spot.study.result import write_study
from spot.study.similarity import TaskSimilarity
from spot.training.provenance import write_provenance
from spot.training.runs import Runs
from spot.training.slots import Check
from spot.verdicts.verdict import Verdict
from tests.commands import samples

EVIL = "<script>window.hacked=1</script>"
MODEL = SimpleNamespace(
    name="nano", fingerprint="0123456789abcdef" * 4, precision="bfloat16", defaults=None
)


def checks(scores: list[float]) -> tuple[Check, ...]:
    """Checks of 64 rows at steps 0, 10, 20 …"""
    return tuple(
        Check(10 * place, score, 0.5, {"accuracy": score}, 64) for place, score in enumerate(scores)
    )


def transfer_folder(root: Path, target: str = "boolq") -> Path:
    """A transfer of two seeds: from scratch 50 to 62 and 54 to 61, transferred 60.5 to 70."""
    report = samples.transfer(2.0, 5.5)
    runs = root / "prompts" / "boolq 1"  # a name with a space: links quote it
    runs.mkdir(parents=True, exist_ok=True)
    histories = {
        "none": (checks([50.0, 58.0, 62.0]), checks([54.0, 60.0, 61.0])),
        "best": (checks([60.5, 70.0]), checks([60.5, 69.0, 70.0])),
    }
    new = {
        id(run): replace(run, history=histories[run.start.strategy][run.seed], folder=runs)
        for run in report.runs
    }
    named = {
        name: tuple(new[id(run)] for run in getattr(report, name))
        for name in ("runs", "baseline", "transfer")
    }
    folder = root / "transfer" / "boolq-0123"
    verdict = Verdict("helped", f"transfer helped {target}: +3.8 points", {})
    report = replace(report, target=target, folder=folder, verdict=verdict, **named)
    strategies._write(report)
    settings = {"seeds": [0, 1], "data": "/home/me/secret/rows.csv"}
    write_provenance(folder, [MODEL], None, None, **settings)  # type: ignore[list-item]
    return folder


def baselines_folder(root: Path, target: str = "boolq") -> Path:
    """The baselines of the samples."""
    table = replace(samples.BASELINES, target=target, folder=root / "baselines" / "boolq-0123")
    prompt = SoftPrompt.of(samples.PREFIX, samples.PROMPT)
    baselines._write(table, {0: prompt, 1: prompt})
    return table.folder


def matrix_folder(root: Path, target: str = "boolq") -> Path:
    """The matrix of the samples, one of whose tasks has the name."""
    name = {"mrpc": target}
    cells = tuple(
        replace(cell, task=name.get(cell.task, cell.task)) for cell in samples.MATRIX.cells
    )
    gaps = tuple(replace(gap, task=name.get(gap.task, gap.task)) for gap in samples.MATRIX.gaps)
    matrix = replace(samples.MATRIX, tasks=(target, "qqp"), cells=cells, gaps=gaps)
    return store_matrix(matrix, Runs(), root / "matrix" / "boolq-0123")


def study_folder(root: Path, target: str = "boolq") -> Path:
    """The study of the samples with checks, folders of runs, and the similarity of its tasks."""
    study = samples.study()
    name = {"boolq": target}
    runs = []
    for run in study.runs:
        folder = root / "prompts" / f"{run.record.target}-1"
        folder.mkdir(parents=True, exist_ok=True)
        record = replace(run.record, target=name.get(run.record.target, run.record.target))
        level = 50.0 if record.strategy == "none" else 60.0
        history = checks([level, 0.5 * (level + record.validation), record.validation])
        # As from another place, where paths are others.
        elsewhere = Path("/elsewhere/spot-runs", *folder.parts[-2:])
        runs.append(replace(run, record=record, history=history, folder=elsewhere))
    orders = {
        order: {name.get(own, own): scores for own, scores in by.items()}
        for order, by in {**study.orders, **study.estimates}.items()
    }
    tasks = TaskSimilarity(
        ("news", target), np.array([[1.0, 0.25], [0.25, 1.0]]), "centered", (1, 1)
    )
    return write_study(
        replace(
            study,
            runs=tuple(runs),
            metrics={name.get(own, own): metric for own, metric in study.metrics.items()},
            tfidf={name.get(own, own): score for own, score in study.tfidf.items()},
            orders={"average": orders["average"]},
            estimates={"zero-shot loss": orders["zero-shot loss"]},
            tasks=tasks,
            families={"news": "topic"},
        ),
        root / "study" / "results-0123",
    ).folder  # type: ignore[return-value]


def comparison_folder(root: Path) -> Path:
    """The comparison of the samples."""
    comparison = samples.COMPARISON
    rows = []
    for row in comparison.rows:
        prompt = root / "comparisons" / row.variant.kind / "best.safetensors"
        prompt.parent.mkdir(parents=True)
        prompt.touch()
        rows.append(replace(row, prompt=prompt))
    return store_comparison(replace(comparison, rows=tuple(rows)), Runs(root))


def charts(name: str = "one") -> tuple[Lines, Points, Bars, Heat]:
    """A chart of every kind, with gaps."""
    lines = Lines(
        "Lines", "step", "accuracy",
        (
            Line(name, (0, 10, 40), (50.0, None, 71.5), (48.0, None, 70.0), (52.0, None, 73.0)),
            Line("two", (0, 40), (61.0, 65.25)),
        ),
        (Level("chance", 50.0),),
    )  # fmt: skip
    points = Points(
        "Points", "similarity", "gain", (Group(name, (0.25, 0.5), (-1.5, 3.0), ("a", "b")),)
    )
    bars = Bars("Bars", "norm", (name, "two"), (2.5, 1.25), (2.0, 1.0), (3.0, 1.5))
    heat = Heat(
        "Heat", "layer", "head", ("0", "1"), (name, "B"), ((0.125, 0.5), (None, 1.0)), "share"
    )
    return lines, points, bars, heat


def analysis_folder(root: Path, name: str = "one") -> Path:
    """An analysis of two parts, and one that was skipped."""
    table = Table(
        f"Neighbours of {name}",
        ("row", "word", "cosine "),
        ((name, "yes", 0.98765), ("2", "no", None)),
    )
    findings = (
        Finding("nearest", f"what {name} is near to", (table,), charts(name), ("Sentence.",)),
        Finding("norms", "how large its rows are", (), ()),
    )
    folder = root / "analysis" / "one"
    Analysis(
        name, "prefix", "nano", "boolq", "test", 64, 0, findings, {"gate": f"{name} has no gate"}
    ).write(folder)
    return folder


def bank_folder(root: Path, tasks: tuple[str, ...] = ("news", "boolq", "rte")) -> Path:
    """A bank of these tasks with an outcome."""
    bank = Bank.create_or_open(root / "spot-bank")
    for number, task in enumerate(tasks):
        recipe = {"init": "vocab", "learning_rate": 0.3}
        facts = {
            "kind": "source",
            "task": task,
            "members": (),
            "seed": 0,
            "recipe": recipe,
            "data": "d",
        }
        id = entry_id(backbone="fp", **facts)  # type: ignore[arg-type]
        own: Entry = Entry(
            id=id, family="a" if number % 2 else "b", backbone=Backbone("nano", "fp"), key_step=60,
            value_step=80, code="0.2.0",
            scores={"validation": {"metric": "accuracy", "value": 80.5 + number, "n": 128}}, **facts,
        )  # type: ignore[arg-type]  # fmt: skip
        arrays = np.random.default_rng(number).normal(size=(3, 4, 6)).astype(np.float32)
        bank.add(own, Prompts(*arrays))
    outcome = Outcome(
        tasks[0], "cb", "best", 0, "accuracy", 61.25, 55.0, "test", 128, low=2.5, high=10.0
    )
    bank.add_outcomes([outcome])
    return bank.path


VOID = {"meta", "link", "br", "img", "input", "hr"}


@dataclass(eq=False, repr=False)
class Element:
    """An element of a page."""

    tag: str
    attributes: dict[str, str]
    parent: Element | None = None
    content: list[Element | str] = field(default_factory=list)

    @property
    def children(self) -> list[Element]:
        """The elements in this one."""
        return [each for each in self.content if isinstance(each, Element)]

    def all(self, tag: str, cls: str = "") -> list[Element]:
        """The elements below of this name and class, in order."""
        found = []
        for child in self.children:
            if child.tag == tag and cls in child.attributes.get("class", ""):
                found.append(child)
            found += child.all(tag, cls)
        return found

    @property
    def text(self) -> str:
        """The text of this element and those below, with single spaces."""
        parts = [each if isinstance(each, str) else each.text for each in self.content]
        return " ".join(" ".join(parts).split())


class Tree(HTMLParser):
    """The tree of a page; an end tag that does not fit raises AssertionError."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.root = self.place = Element("", {})
        self.feed(text)
        self.close()
        assert self.place is self.root, f"<{self.place.tag}> is not closed"

    def handle_starttag(self, tag, attributes):
        names = [name for name, _ in attributes]
        assert len(names) == len(set(names)), (tag, names)
        child = Element(tag, {name: value or "" for name, value in attributes}, self.place)
        self.place.content.append(child)
        if tag not in VOID:
            self.place = child

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.place.tag == tag, f"</{tag}> closes <{self.place.tag}>"
        self.place = self.place.parent

    def handle_data(self, data):
        self.place.content.append(data)


def rows_of(table: Element) -> list[dict[str, str]]:
    """The cells of a table by the titles of its columns; of equal titles the last."""
    titles = [cell.text for cell in table.all("thead")[0].all("th")]
    rows = []
    for row in table.all("tbody")[0].all("tr"):
        cells = [child.text for child in row.children]
        rows.append(dict(zip(titles, cells, strict=True)))
    return rows

"""What commands print: tables for people (or plain lines when piped), JSON lines for programs.

Results go to stdout; progress, warnings and hints to stderr.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from bank.entry import Entry, Prompts
from bank.outcomes import Outcome
from spot.training.slots import Check, Reporter, Trained

if TYPE_CHECKING:
    from bank.evaluate import Evaluation as RetrievalEvaluation
    from bank.interchange import ImportReport
    from bank.store import Bank
    from spot.doctor import Finding
    from spot.retrieval import Answer
    from spot.single import Prediction
    from spot.study.run import Study
    from spot.tasks.definition import TaskDefinition
    from spot.training.build import BuildReport
    from spot.training.evaluate import Evaluation
    from spot.training.model_tuning import TunedModel
    from spot.transfer import Run, TransferReport

PIPED_WIDTH = 10_000  # columns: a table that is piped has one line a row, whatever its length
LINE_EVERY = 10.0  # seconds between progress lines when stderr is not a terminal


def _out() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=PIPED_WIDTH)


def say(text: str) -> None:
    """A line on stdout, with no mark-up."""
    _out().print(text, markup=False, highlight=False, soft_wrap=True)


def print_json(content: Any) -> None:
    """One JSON line on stdout; numbers that are not finite become null."""
    print(json.dumps(_finite(content), ensure_ascii=False))


def _finite(content: Any) -> Any:
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return content


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table on stdout; columns whose name ends in a space are aligned right."""
    out = _out()
    if title:
        say(title)
    shape = box.SIMPLE_HEAD if out.is_terminal else None
    gap = 1 if shape else 2  # a box puts a space between columns by itself
    grid = Table(box=shape, show_edge=False, pad_edge=False, padding=(0, gap, 0, 0))
    for name in columns:
        grid.add_column(
            name.strip(), justify="right" if name.endswith(" ") else "left", overflow="fold"
        )
    for row in rows:
        grid.add_row(*(_cell(value) for value in row))
    out.print(grid)


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "–"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


class ConsoleReporter(Reporter):
    """Draws a bar with an estimate of the time left, or prints a line now and then when piped."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._title, self._steps, self._began, self._first, self._spoke = "", 0, 0.0, 0, 0.0

    def begin(self, title: str, steps: int, done: int) -> None:
        self._title, self._steps, self._first = title, steps, done
        self._began = self._spoke = time.monotonic()
        if done:
            self.say(f"{title}: resumed at step {done}")
        if self._console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._bar.start()
            self._task = self._bar.add_task(title, total=steps, completed=done)

    def advance(self, step: int, loss: float) -> None:
        if self._bar is not None:
            self._bar.update(
                self._task, completed=step, description=f"{self._title} loss {loss:.3f}"
            )
            return
        now = time.monotonic()
        if now - self._spoke >= LINE_EVERY:
            self._spoke = now
            left = (now - self._began) / max(step - self._first, 1) * (self._steps - step)
            self.say(
                f"{self._title}: step {step}/{self._steps}, loss {loss:.3f}, about {left:.0f} s left"
            )

    def check(self, name: str, check: Check) -> None:
        if check.n:
            self.say(
                f"  {name}: step {check.step}, validation {check.score:.1f}, loss {check.loss:.3f}"
            )

    def end(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def warn(self, text: str) -> None:
        super().warn(text)
        self.say(f"warning: {text}")


@contextlib.contextmanager
def progress() -> Iterator[ConsoleReporter]:
    """A reporter on stderr; its bar is taken down whatever happens."""
    reporter = ConsoleReporter(Console(stderr=True))
    try:
        yield reporter
    finally:
        reporter.end()


def print_build(report: BuildReport, bank: Bank, as_json: bool) -> None:
    """What a build added, found and lost, and where the bank is."""
    entries = {entry.id: entry for entry in bank.entries()}
    if as_json:
        print_json({"bank": str(bank.path), **asdict(report)})
        return
    rows = [_entry_row(entries[id]) for id in report.added]
    if rows:
        table("built", ENTRY_COLUMNS, rows)
    say(
        f"{len(report.added)} entries built, {len(report.present)} were there, {len(report.failed)} failed; "
        f"bank: {bank.path} ({len(entries)} entries)"
    )
    for id in report.failed:
        say(f"failed: {id} (its loss was not finite before it had a key and a value)")


# An id begins with task and seed, so that they need no columns and a row fits a narrow terminal.
ENTRY_COLUMNS = ("entry", "kind", "family", "key at ", "value at ", "validation ")


def _entry_row(entry: Entry) -> tuple[object, ...]:
    score = entry.scores.get("validation", {}).get("value")
    return (entry.id, entry.kind, entry.family, entry.key_step, entry.value_step, score)


def print_entries(
    entries: Sequence[Entry], damaged: Sequence[tuple[str, str]], as_json: bool
) -> None:
    """All entries, and the damaged ones by name."""
    if as_json:
        for entry in entries:
            print_json(asdict(entry))
        return
    table("", ENTRY_COLUMNS, [_entry_row(entry) for entry in entries])
    for name, reason in damaged:
        say(f"damaged: {name}: {reason}")


def print_entry(entry: Entry, prompts: Prompts, outcomes: Sequence[Outcome], as_json: bool) -> None:
    """One entry in full, with its prompts' norms and recorded transfers."""
    from bank.combine import norms

    sizes = {
        name: round(float(norms(array).mean()), 4)
        for name, array in prompts._asdict().items()
        if array is not None
    }
    if as_json:
        print_json(
            {**asdict(entry), "mean_norms": sizes, "outcomes": [asdict(one) for one in outcomes]}
        )
        return
    rows = [
        (name, json.dumps(value) if isinstance(value, dict) else value)
        for name, value in asdict(entry).items()
    ]
    rows.append(("shape", " x ".join(map(str, prompts.key.shape))))
    rows.append(
        ("mean token norms", ", ".join(f"{name} {value:.2f}" for name, value in sizes.items()))
    )
    table("", ("field", "value"), rows)
    print_outcomes(outcomes)


def print_outcomes(outcomes: Sequence[Outcome]) -> None:
    """Recorded transfers, if any."""
    if outcomes:
        rows = [
            (o.source, o.target, o.strategy, o.seed, o.split, o.score, o.baseline) for o in outcomes
        ]
        table(
            "recorded transfers",
            ("source", "target", "strategy", "seed ", "split", "score ", "scratch "),
            rows,
        )


def print_problems(bank: Bank, problems: Sequence[str], as_json: bool) -> None:
    """What `verify` found."""
    if as_json:
        print_json({"bank": str(bank.path), "problems": list(problems)})
        return
    for problem in problems:
        say(problem)
    say(f"{bank.path}: {len(bank.entries())} entries whole, {len(problems)} problems")


def print_import(report: ImportReport, bank: Bank, as_json: bool) -> None:
    """What an import added and passed over."""
    if as_json:
        print_json({"bank": str(bank.path), **asdict(report)})
        return
    say(
        f"{len(report.added)} prompts of {report.backbone.name} added to {bank.path}, "
        f"{len(report.present)} were there, {report.outcomes} outcomes added"
    )
    for name, reason in report.skipped:
        say(f"passed over: {name}: {reason}")


def print_retrieval(evaluations: Sequence[RetrievalEvaluation], as_json: bool) -> None:
    """How well each similarity finds the best source, beside a random pick."""
    if as_json:
        for one in evaluations:
            print_json(asdict(one))
        return
    rows: list[tuple[object, ...]] = [
        (one.similarity, 100 * one.top1, 100 * one.top3, one.mean_regret, one.mean_spearman)
        for one in evaluations
    ]
    if evaluations:
        first = evaluations[0]
        rows.append(
            (
                "random pick",
                100 * first.random_top1,
                100 * first.random_top3,
                first.random_regret,
                None,
            )
        )
    targets = evaluations[0].targets if evaluations else 0
    table(
        f"best source found, {targets} targets, one left out at a time",
        ("similarity", "top-1 % ", "top-3 % ", "mean regret (points) ", "mean Spearman "),
        rows,
    )


def print_search(answer: Answer, as_json: bool) -> None:
    """The ranked entries, what to doubt about them, and transfers recorded earlier."""
    result = answer.result
    if as_json:
        for hit in result.hits:
            print_json({"target": answer.target, "similarity": result.similarity, **asdict(hit)})
    else:
        rows = [(hit.rank, f"{hit.score:.4f}", hit.id, hit.kind, hit.family) for hit in result.hits]
        title = f"{answer.target}: nearest of {result.n} keys by {result.similarity} similarity"
        table(title, ("rank ", "score ", "entry", "kind", "family"), rows)
        print_outcomes(answer.outcomes)
    console = Console(stderr=True)
    for warning in result.warnings:
        console.print(f"warning: {warning}", markup=False, highlight=False, soft_wrap=True)


def print_transfer(report: TransferReport, as_json: bool) -> None:
    """Both arms on the test split, the difference, and its spread over seeds."""
    from spot.transfer import spread

    if as_json:
        for run in report.runs:
            print_json({"target": report.target, **run.to_json()})
        return
    rows = []
    for title, runs in (("scratch", report.baseline), ("transfer", report.transfer)):
        rows += [_run_row(title, run) for run in runs]
    columns = ("arm", "from", "seed ", "lr ", "step ", "validation ", "test ", "n ")
    table(f"{report.target}: {report.metric} on the test split", columns, rows)
    gains = report.gains
    means = [
        sum(run.test for run in runs) / len(runs) for runs in (report.baseline, report.transfer)
    ]
    deviation = spread(gains)
    about = (
        ""
        if deviation is None
        else f" (standard deviation over {len(gains)} seeds {deviation:.2f})"
    )
    say(
        f"scratch {means[0]:.2f}, transfer {means[1]:.2f}, "
        f"difference {means[1] - means[0]:+.2f} points{about}"
    )
    if means[1] < means[0]:
        say(
            "transfer did not help here: keep the prompt from scratch, or try --strategy best --k 3"
        )
    say(f"prompts, scores and config: {report.folder}")


def _run_row(arm: str, run: Run) -> tuple[object, ...]:
    origin = "–" if run.start.strategy == "none" else run.start.name
    return (
        arm,
        origin,
        run.seed,
        f"{run.learning_rate:g}",
        run.step,
        run.validation,
        run.test,
        run.n_test,
    )


def print_study(study: Study, as_json: bool) -> None:
    """The paper's table and each method's gain with its interval."""
    from spot.study.tables import to_json, to_markdown

    if as_json:
        print_json(
            {
                "table": json.loads(to_json(study.table)),
                "gains": {name: asdict(interval) for name, interval in study.gains.items()},
                "records": [asdict(one) for one in study.records],
            }
        )
        return
    say(to_markdown(study.table))
    for name, interval in study.gains.items():
        say(
            f"{name}: {interval.mean:+.2f} points over scratch, "
            f"95 % interval {interval.low:+.2f} to {interval.high:+.2f}"
        )


def print_training(trained: Trained, out: Path, as_json: bool) -> None:
    """Where a trained prompt is and how good it was on validation."""
    best = trained.best
    if as_json:
        print_json(
            {"path": str(out), "step": trained.value_step, "validation": best and best.score}
        )
    elif best is not None:
        say(
            f"{trained.slot.name}: validation {best.score:.2f} (n {best.n}) at step {best.step}; "
            f"prompt: {out}"
        )


def print_tuning(task: str, tuned: TunedModel, out: Path, as_json: bool) -> None:
    """Where a tuned model is, with which rate, and how good it was on validation."""
    best = tuned.best
    if as_json:
        found = {"learning_rate": tuned.learning_rate, "step": best.step, "validation": best.score}
        print_json({"path": str(out), **found})
    else:
        say(
            f"{task}, all weights: validation {best.score:.2f} (n {best.n}) at step {best.step}, "
            f"rate {tuned.learning_rate:g}; use it with --set model.name={out}"
        )


def print_evaluation(task: str, split: str, result: Evaluation, as_json: bool) -> None:
    """The metrics of one evaluation with n."""
    if as_json:
        print_json(
            {"task": task, "split": split, "value": result.value, "n": result.n, **result.metrics}
        )
        return
    rows = [(name, value, result.n) for name, value in result.metrics.items()]
    table(f"{task}, {split} split", ("metric", "value ", "n "), rows)


def print_predictions(predictions: Sequence[Prediction], as_json: bool) -> None:
    """An answer a line."""
    for one in predictions:
        if as_json:
            print_json(asdict(one))
        else:
            top = f"\t{one.probabilities[one.answer]:.3f}" if one.probabilities else ""
            print(f"{one.answer}{top}")


def print_tasks(definitions: Sequence[TaskDefinition], as_json: bool) -> None:
    """Every task: rows of each split where the data is there, the reason where it is not."""
    rows = []
    reasons: dict[str, int] = {}
    for one in definitions:
        reason = one.available()
        counts = {} if reason else {split: one.rows(split) for split in one.splits}
        if as_json:
            print_json(
                {
                    "task": one.name, "family": one.family, "labels": one.labels, "metrics": one.metrics,
                    "scoring": one.scoring, "rows": counts, "missing": reason, "split_rule": one.split_rule,
                    "license": one.license,
                }
            )  # fmt: skip
        sizes = "/".join(str(counts.get(split, "–")) for split in ("train", "validation", "test"))
        rows.append(
            (
                one.name,
                one.family,
                "+".join(one.metrics),
                sizes if not reason else "–",
                "absent" if reason else "there",
            )
        )
        if reason:
            reasons[reason] = reasons.get(reason, 0) + 1
    if not as_json:
        table("", ("task", "family", "metrics", "train/validation/test ", "data"), rows)
        for reason, count in reasons.items():
            say(f"absent ({count} task{'s' if count > 1 else ''}): {reason}")


def print_models(as_json: bool) -> None:
    """Embedded models, and the sizes of T5 that a checkpoint may have."""
    from spot.models.backbone import EMBEDDED
    from spot.models.config import ARCHITECTURES

    rows: list[tuple[object, ...]] = [(name, "embedded", None, None, None) for name in EMBEDDED]
    rows += [
        (name, "T5X checkpoint folder", config.d_model, config.encoder_layers, config.activation)
        for name, config in ARCHITECTURES.items()
    ]
    if as_json:
        for row in rows:
            print_json(
                dict(zip(("model", "source", "d_model", "layers", "activation"), row, strict=True))
            )
        return
    table("", ("model", "weights", "d_model ", "layers ", "activation"), rows)


def print_doctor(findings: Sequence[Finding], as_json: bool) -> None:
    """One line a finding; what is wrong comes with what to do."""
    for one in findings:
        if as_json:
            print_json(asdict(one))
        else:
            say(f"{'ok   ' if one.fine else 'WRONG'} {one.name}: {one.text}")
            if one.hint:
                say(f"      hint: {one.hint}")

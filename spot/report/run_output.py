"""What the commands that train, evaluate and list print."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from spot.report.console import print_json, say, table
from spot.training.slots import Trained

if TYPE_CHECKING:
    from spot.doctor import Finding
    from spot.models.counts import Counts
    from spot.models.known import KnownModel
    from spot.serving.single import Prediction, TemplateSweep
    from spot.strategies.transfer import Run, TransferReport
    from spot.study.baselines import Baselines, Row
    from spot.study.run import Study
    from spot.tasks.task import Task
    from spot.training.evaluate import Evaluation
    from spot.training.fine_tuning import FineTuned


def print_transfer(report: TransferReport, as_json: bool) -> None:
    """Both arms on the test split, the difference, and its spread over seeds."""
    from spot.strategies.transfer import spread

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

    by_order = study.gains_by_order()
    if as_json:
        print_json(
            {
                "table": json.loads(to_json(study.table)),
                "gains": {name: asdict(interval) for name, interval in study.gains.items()},
                "by_order": {
                    name: {k: asdict(interval) for k, interval in gains.items()}
                    for name, gains in by_order.items()
                },
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
    rows = [(name, *(one.signed for one in gains.values())) for name, gains in by_order.items()]
    ks = next(iter(by_order.values()))
    columns = ("sources by", *(f"best of {k}" if k > 1 else "nearest" for k in ks))
    table("points over scratch, by what ranks the sources (95 % interval)", columns, rows)


def print_baselines(result: Baselines, as_json: bool) -> None:
    """A line a method: what it trains, and its test score with spread and interval."""
    from spot.models.counts import short

    if as_json:
        for row in result.rows:
            print_json({"target": result.target, "metric": result.metric, **row.to_json()})
        return
    rows = [
        (
            _method(row), short(row.counts.trained), f"{row.counts.percent:.3g}",
            f"{row.mean:.1f}" + ("" if row.deviation is None else f" ± {row.deviation:.1f}"),
            "{:.1f} to {:.1f}".format(*row.interval),
            "–" if row.gain is None else "{:+.1f} to {:+.1f}".format(*row.gain),
            len(row.trials), row.n,
        )
        for row in result.rows
    ]  # fmt: skip
    columns = ("method", "trained ", "% ", "test ", "95 %", "over zero-shot", "runs ", "n ")
    table(f"{result.target}: {result.metric} on the test split", columns, rows)
    if any(row.examples < row.shots for row in result.rows):
        say("not every text had all examples in front of it: data.input_length makes room")
    say(
        "± is the standard deviation over runs, a seed each; intervals (95 %) of their mean and of its "
        f"difference to zero-shot are over test rows. Scores and configs: {result.folder}"
    )


def _method(row: Row) -> str:
    """As people read it."""
    if row.method == "zero-shot":
        return "prompt design, zero-shot"
    if row.method == "few-shot":
        fitted = "" if row.examples == row.shots else f"{row.examples:.1f} of "
        return f"prompt design, few-shot ({fitted}{row.shots} examples)"
    return row.method.replace("-", " ")


def print_training(trained: Trained, out: Path, counts: Counts, as_json: bool) -> None:
    """Where a trained prompt is, how good it was on validation, and its share of all parameters."""
    best = trained.best
    if as_json:
        print_json(
            {
                "path": str(out), "step": trained.value_step, "validation": best and best.score,
                "parameters": counts.to_json(),
            }
        )  # fmt: skip
    elif best is not None:
        say(
            f"{trained.slot.name}: validation {best.score:.2f} (n {best.n}) at step {best.step}; "
            f"prompt: {out}"
        )
        say(str(counts))


def print_tuning(task: str, tuned: FineTuned, out: Path, counts: Counts, as_json: bool) -> None:
    """Where a tuned model is, with which rate, and how good it was on validation."""
    best = tuned.best
    if as_json:
        found = {"learning_rate": tuned.learning_rate, "step": best.step, "validation": best.score}
        print_json({"path": str(out), **found, "parameters": counts.to_json()})
    else:
        say(
            f"{task}, all weights: validation {best.score:.2f} (n {best.n}) at step {best.step}, "
            f"rate {tuned.learning_rate:g}; use it with --set model.name={out}"
        )
        say(str(counts))


def print_evaluation(task: str, split: str, result: Evaluation, as_json: bool) -> None:
    """The metrics of one evaluation with n and 95 % intervals."""
    if as_json:
        content = {"task": task, "split": split, "value": result.value, "n": result.n}
        print_json({**content, **result.metrics, "intervals": result.intervals})
        return
    rows = [
        (name, value, "{:.1f} to {:.1f}".format(*result.intervals[name]), result.n)
        for name, value in result.metrics.items()
    ]
    table(f"{task}, {split} split", ("metric", "value ", "95 % interval", "n "), rows)


def print_sweep(task: str, split: str, sweep: TemplateSweep, as_json: bool) -> None:
    """Every template's score on validation, then the best one's metrics on the split."""
    scores = {name: (one.value, one.n) for name, one in sweep.validation.items()}
    if as_json:
        for name, (value, n) in scores.items():
            print_json({"task": task, "template": name, "validation": value, "n": n})
    else:
        rows = [(name, *score) for name, score in scores.items()]
        table(f"{task}, templates on validation", ("template", "value ", "n "), rows)
        say(f"the best on validation: {sweep.best}")
    print_evaluation(task, split, sweep.result, as_json)


def print_predictions(predictions: Sequence[Prediction], as_json: bool) -> None:
    """An answer a line."""
    for one in predictions:
        if as_json:
            print_json(asdict(one))
        else:
            top = f"\t{one.probabilities[one.answer]:.3f}" if one.probabilities else ""
            print(f"{one.answer}{top}")


def print_tasks(definitions: Sequence[Task], as_json: bool) -> None:
    """Every task: rows of each split where the data is there, the reason where it is not."""
    from spot.tasks.published.catalog import template_names

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
                    "license": one.license, "source": one.source, "templates": template_names(one.name),
                }
            )  # fmt: skip
        sizes = "/".join(str(counts.get(split, "–")) for split in ("train", "validation", "test"))
        rows.append(
            (
                one.name,
                one.family,
                "+".join(one.metrics),
                ", ".join(template_names(one.name)[1:]) or "–",
                one.source or "–",
                sizes if not reason else "–",
                "absent" if reason else "there",
            )
        )
        if reason:
            reasons[reason] = reasons.get(reason, 0) + 1
    if not as_json:
        table(
            "",
            ("task", "family", "metrics", "templates", "source", "train/validation/test ", "data"),
            rows,
        )
        for reason, count in reasons.items():
            say(f"absent ({count} task{'s' if count > 1 else ''}): {reason}")


def print_models(models: Sequence[KnownModel], as_json: bool) -> None:
    """Every known model: sizes, format, and whether it is on this machine."""
    from spot.models.counts import short

    if as_json:
        for one in models:
            print_json({**asdict(one), "path": None if one.path is None else str(one.path)})
        return
    rows = [
        (
            one.name, one.kind, short(one.parameters), one.width,
            "+".join(map(str, one.layers)), one.formats, "here" if one.path else "absent",
        )
        for one in models
    ]  # fmt: skip
    table("", ("model.name", "kind", "size ", "width ", "layers ", "format", "weights"), rows)
    vocabularies = sorted({one.vocabulary for one in models if one.vocabulary})
    say("An absent one is downloaded when it is first used. A folder of such a model will do, too.")
    for name in vocabularies:
        say(f"T5X checkpoints bring no vocabulary: --set model.vocabulary={name}")


def print_doctor(findings: Sequence[Finding], as_json: bool) -> None:
    """One line a finding; what is wrong comes with what to do."""
    for one in findings:
        if as_json:
            print_json(asdict(one))
        else:
            say(f"{'ok   ' if one.fine else 'WRONG'} {one.name}: {one.text}")
            if one.hint:
                say(f"      hint: {one.hint}")

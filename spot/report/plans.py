"""The view of a plan, which every command with --dry-run shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spot.plans import Plan
    from spot.report.console import ConsoleReporter
    from spot.report.output import Output


def show_plan(plan: Plan, out: Output, reporter: ConsoleReporter) -> None:
    """A row a stage, the sum, and where results would be; the reporter's display ends before."""
    reporter.stop()
    out.record(plan.to_json())
    rows = [
        (stage.title, stage.runs, stage.found, stage.left, stage.steps) for stage in plan.stages
    ]
    columns = ("dry run", "runs ", "found ", "to train ", "steps each, at most ")
    out.table("", columns, rows)
    runs = f"{plan.runs} run{'' if plan.runs == 1 else 's'}"
    out.say(f"to train: {runs}, {plan.steps} steps at most; nothing was trained or written")
    if plan.runs:
        out.say("time left is estimated once the first steps have run")
    if plan.memory is not None:
        out.say(str(plan.memory))
    for path in plan.outputs:
        out.say(f"would write to: {path}")

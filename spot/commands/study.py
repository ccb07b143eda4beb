"""`spot study`: is retrieval any good here?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from spot.commands.names import TASKS
from spot.commands.options import DRY_RUN, configured, plannable

if TYPE_CHECKING:
    from spot.config import Config
    from spot.report.output import Output
    from spot.study.ranking import RankQuality
    from spot.study.run import Study
    from spot.study.significance import Significance


@click.command("study")
@click.option(
    "--target",
    "targets",
    multiple=True,
    shell_complete=TASKS,
    help="A target task; repeat it. Default: the mini suite's targets.",
)
@DRY_RUN
@configured
@plannable("prompts")
def command(config: Config, out: Output, targets: tuple[str, ...], dry_run: bool) -> None:
    """Oracle, best of top-k and scratch for several targets: is retrieval any good here?

    \b
    Example: spot study --target mini_boolq --target mini_rte
    """
    from spot.commands.objects import Sources, open_bank, runs_of, the_model, the_task
    from spot.report.console import progress
    from spot.report.plans import show_plan
    from spot.tasks.mini.suite import target_names

    bank = open_bank(config)
    with progress(out) as reporter:
        reporter.phase("loading the model and the targets")
        from spot import run_study

        model = the_model(config)
        tasks = [the_task(name, config) for name in targets or target_names()]
        given: dict[str, Any] = {
            "recipe": config.recipe(),
            "plan": config.transfer,
            "search_settings": config.search,
            "sources": Sources(bank, config),
            "runs": runs_of(config, reporter),
        }
        if dry_run:
            from spot.plans import plan_study

            return show_plan(plan_study(bank, model, tasks, **given), out, reporter)
        result = run_study(bank, model, tasks, **given)
    show(result, out)


def show(result: Study, out: Output) -> None:
    """The paper's table, each method's gain with its interval and test, and the orders of the sources."""
    from spot.report.verdicts import show_verdict
    from spot.study.tables import to_json, to_markdown

    by_order = result.gains_by_order()
    out.record(
        {
            "table": json.loads(to_json(result.table)),
            "gains": {method: asdict(gain) for method, gain in result.gains.items()},
            "by_order": {
                order: {k: asdict(gain) for k, gain in gains.items()}
                for order, gains in by_order.items()
            },
            "tfidf": result.tfidf,
            "records": [asdict(record) for record in result.records],
            "significance": {name: asdict(test) for name, test in result.significance.items()},
            "ranking": {order: asdict(quality) for order, quality in result.ranking.items()},
            "prompts": {target: str(path) for target, path in result.prompts.items()},
        }
    )
    out.say(to_markdown(result.table))
    for method, gain in result.gains.items():
        out.say(
            f"{method}: {gain.mean:+.2f} points over scratch, "
            f"95 % interval {gain.low:+.2f} to {gain.high:+.2f}"
        )
    rows = [(order, *(gain.signed for gain in gains.values())) for order, gains in by_order.items()]
    ks = next(iter(by_order.values()))
    columns = ("sources by", *(f"best of {k}" if k > 1 else "nearest" for k in ks))
    out.table("points over scratch, by what ranks the sources (95 % interval)", columns, rows)
    show_significance(result.significance, out)
    show_ranking(result.ranking, out)
    show_targets(result, out)
    show_verdict(result.verdict, out)
    for target, path in result.prompts.items():
        out.say(f"best prompt for {target}: {path}")


def show_targets(result: Study, out: Output) -> None:
    """Each target's mean test scores, beside TF-IDF with logistic regression."""
    best = result.best
    columns = ("target", "scratch ", *([f"{best.name} "] if best else []), "TF-IDF ")
    rows = [
        (
            target,
            float(result.scratch.test[row].mean()),
            *([float(best.test[row].mean())] if best else []),
            result.tfidf.get(target),
        )
        for row, target in enumerate(result.table.targets)
    ]
    out.table("test scores by target; TF-IDF: with logistic regression", columns, rows)


def show_significance(tests: Mapping[str, Significance], out: Output) -> None:
    """Each method's p-values, and the smallest that so few targets can give."""
    if not tests:  # a bank of mixtures alone, which hold the targets
        return
    any_test = next(iter(tests.values()))
    out.table(
        f"p-values of the gains (sign-flip test over {any_test.n} targets; the smallest possible p is "
        f"{any_test.smallest_p:.3g})",
        ("method", "p ", "p (Holm) "),
        [(name, f"{test.p:.3g}", f"{test.adjusted_p:.3g}") for name, test in tests.items()],
    )


def digits(value: float | None) -> str | None:
    """A number between -1 and 1 with three decimals, for orders differ little."""
    return None if value is None else f"{value:.3f}"


def show_ranking(ranking: Mapping[str, RankQuality], out: Output) -> None:
    """The agreement of each order of the sources with the scores of the runs from them."""
    ks = next(iter(ranking.values())).regret
    out.table(
        "orders of the sources against the validation scores of the runs from them",
        ("sources by", "Pearson ", "Spearman ", "NDCG ", *(f"regret@{k} % " for k in ks)),
        [
            (
                order,
                *map(digits, (quality.pearson, quality.spearman, quality.ndcg)),
                *quality.regret.values(),
            )
            for order, quality in ranking.items()
        ],
    )

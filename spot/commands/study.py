"""`spot study`: is retrieval any good here?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from spot.commands.names import TASKS
from spot.commands.options import DRY_RUN, Listed, NamesShorthand, Shorthand, configured, plannable

if TYPE_CHECKING:
    from spot.config import Config
    from spot.report.output import Output
    from spot.study.ranking import RankQuality, TargetQuality
    from spot.study.result import Study
    from spot.study.significance import Significance


def arms() -> Iterable[str]:
    """The names of all arms."""
    from spot.study.arms import ARMS

    return ARMS


@click.command("study")
@click.option(
    "--targets",
    "--target",
    "targets",
    multiple=True,
    type=Listed(),
    shell_complete=TASKS,
    help="Target tasks (default: the mini suite's targets).",
)
@click.option(
    "--sources",
    cls=Shorthand,
    key="study.sources",
    type=Listed(),
    shell_complete=TASKS,
    help="Tasks of the bank to start from (default: all).",
)
@click.option(
    "--ks",
    cls=Shorthand,
    key="study.ks",
    type=Listed(int),
    help="How many of the nearest are tried, averaged or mixed (default: 1,3).",
)
@click.option(
    "--arms",
    cls=NamesShorthand,
    key="study.arms",
    type=Listed(),
    names=arms,
    help="{names} (default: all but mixture).",
)
@DRY_RUN
@configured
@plannable("prompts")
def command(config: Config, out: Output, targets: tuple[list[str], ...], dry_run: bool) -> None:
    """Oracle, best of top-k and scratch for several targets: is retrieval any good here?

    \b
    Example: spot study --targets mini_boolq,mini_rte --ks 1,3
    """
    from spot.commands.objects import Sources, open_bank, runs_of, the_model, the_task, write_config
    from spot.report.console import progress
    from spot.report.plans import show_plan
    from spot.tasks.mini.suite import target_names

    bank = open_bank(config)
    names = [name for names in targets for name in names] or config.study.targets or target_names()
    with progress(out) as reporter:
        reporter.phase("loading the model and the targets")
        from spot import run_study

        model = the_model(config)
        tasks = [the_task(name, config) for name in names]
        given: dict[str, Any] = {
            "recipe": config.recipe(),
            "plan": config.transfer,
            "search_settings": config.search,
            "sources": Sources(bank, config),
            "entries": config.study.sources,
            "ks": config.study.ks,
            "arms": config.study.arms,
            "runs": runs_of(config, reporter),
        }
        if dry_run:
            from spot.plans import plan_study

            return show_plan(plan_study(bank, model, tasks, **given), out, reporter)
        result = run_study(bank, model, tasks, **given)
    if result.folder is not None:
        write_config(result.folder, config)
    show(result, out)


def show(result: Study, out: Output) -> None:
    """The paper's table, each method's gain with its interval and test, and the orders of the sources."""
    from spot.commands.usage import show_report
    from spot.report.verdicts import show_verdict
    from spot.study.tables import to_markdown

    by_order = result.gains_by_order()
    summary = result.summary()
    del summary["verdict"]  # a record of its own
    records = [asdict(record) for record in result.records]
    out.record({**summary, "records": records, "folder": str(result.folder)})
    out.say(to_markdown(result.table))
    for method, gain in result.gains.items():
        bounds = f"95 % interval {gain.low:+.2f} to {gain.high:+.2f}"
        rest = "no interval" if math.isinf(gain.low) else bounds
        out.say(f"{method}: {gain.mean:+.2f} points over scratch, {rest}")
    rows = [(order, *(gain.signed for gain in gains.values())) for order, gains in by_order.items()]
    ks = next(iter(by_order.values()))
    columns = ("sources by", *(f"best of {k}" if k > 1 else "nearest" for k in ks))
    out.table("points over scratch, by what ranks the sources (95 % interval)", columns, rows)
    show_significance(result.significance, out)
    show_ranking(result.ranking, out)
    show_correlations(result, out)
    show_targets(result, out)
    for gap in result.missing:
        out.say(gap.sentence)
    show_verdict(result.verdict, out)
    for target, path in result.prompts.items():
        out.say(f"best prompt for {target}: {path}")
    if result.folder is not None:
        show_report(out, result.folder)


def show_targets(result: Study, out: Output) -> None:
    """Each target's mean test scores, beside TF-IDF with logistic regression."""
    best = result.best
    columns = [
        "target",
        "scratch ",
        *([f"{best.name} ", "relative error reduction % "] if best else []),
        "TF-IDF ",
    ]
    rows = [
        (
            target,
            float(result.scratch.test[row].mean()),
            *([float(best.test[row].mean()), result.relative[best.name][target]] if best else []),
            result.tfidf.get(target),
        )
        for row, target in enumerate(result.table.targets)
    ]
    out.table("test scores by target; TF-IDF: with logistic regression", columns, rows)


def show_correlations(result: Study, out: Output) -> None:
    """The correlation of the search's similarity with the gain from each of a target's sources."""
    quality = result.ranking[result.similarity]
    ks = list(quality.regret)
    out.table(
        f"{result.similarity} similarity against gain by target (Pearson, 95 % interval by Fisher)",
        (
            "target",
            "sources ",
            "r",
            "p ",
            "p (Holm) ",
            "Spearman ",
            "NDCG ",
            *(f"regret@{k} % " for k in ks),
        ),
        [
            (
                each.target,
                each.sources,
                *correlation_cells(each),
                digits(each.ndcg),
                *each.regret.values(),
            )
            for each in quality.targets
        ],
    )


def correlation_cells(quality: TargetQuality) -> tuple[str | None, ...]:
    """r with its interval, p, Holm's p and Spearman's rho, or that there is no correlation."""
    found = quality.correlation
    if found is None or quality.adjusted_p is None:
        return "undefined", None, None, None
    interval = f"{found.pearson:+.2f} ({found.low:+.2f} to {found.high:+.2f})"
    p = (f"{value:.3g}" for value in (found.pearson_p, quality.adjusted_p))
    return interval, *p, digits(found.spearman)


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
    """A number between -1 and 1 with three decimals, for orders differ little; a dash without."""
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

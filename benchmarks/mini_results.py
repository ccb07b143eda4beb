"""The tables of the mini suite in docs/results: bank, clusters, transfer, and tuning the whole model.

    python benchmarks/mini_results.py configs/mini.toml [TARGET...]

Every part resumes, so a killed run is called again. Markdown goes to stdout, all numbers to
<runs>/mini.json, the heatmap to <runs>/heatmap.png. Choices are made on validation, scores are of
the test split. From scratch, a prompt tries several learning rates; a transferred one has the
config's. The first column from scratch begins as the bank's prompts do, another as in the paper.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

import spot
from bank import SIMILARITIES
from spot.commands import (
    Config,
    Sources,
    load_config,
    runs_of,
    task_or_mixture,
    the_model,
    the_task,
)
from spot.report import progress
from spot.study import Interval, Trial, method_scores, to_markdown
from spot.tasks import Lengths, mini_task_names, tokenized
from spot.training import one_answer_score, source_of

# Of the prompt on the mixture of all sources: slow, for at the sources' rate it learns their label
# words by heart, and targets with others lose (chosen on the targets' validation rows, one seed).
GENERIC = {"steps": 320, "learning_rate": 0.03}
# Of the whole model on the same mixture; the rate also of its few steps on a target afterwards.
MULTITASK = {"steps": 240, "check_every": 240}
MULTITASK_RATE = 0.003
KS = (1, 3)
PAPER = "scratch from labels"
# Of a prompt and of the whole model on a target, from scratch: at most so many steps, and none after
# two checks without a better score. Most are there by step 80, a prompt for six classes is not. It
# learns those faster by AdamW, which averages gradients, than by Adafactor (chosen on validation);
# whole models have an optimiser of their own.
LONG = {"steps": 320, "check_every": 40, "patience": 2, "optimizer": "adamw"}
LONG_RATES = (0.1,)  # of such a prompt
PROMPTS = f"prompt tuning, {LONG['steps']}"
MODELS = f"model tuning, {LONG['steps']}"
# Where prompts from scratch begin, too: class labels, as in the paper's appendix C.
PAPER_START = {"init": "labels", "text": ""}

T = TypeVar("T")


def timed(name: str, seconds: dict[str, float], work: Callable[[], T]) -> T:
    """The result of the work, whose duration is noted under the name."""
    begin = time.monotonic()
    result = work()
    seconds[name] = time.monotonic() - begin
    return result


def mixture_name(config: Config) -> str:
    """The name of the mixture of all sources."""
    return "+".join(config.bank.sources)


def build(
    config: Config, model: spot.Model, runs: spot.Runs, budget: dict[str, Any]
) -> tuple[spot.Bank, spot.Bank]:
    """The bank of all sources and seeds, and the study's: the same and the generic prompt, which is
    trained on the mixture of all sources with another budget: steps and perhaps a rate.
    """
    sources = [
        member for name in config.bank.sources for member in task_or_mixture(name, config).members
    ]
    recipe = config.recipe()
    bank = spot.Bank(config.bank.path)
    spot.build_bank(bank, model, sources, recipe, seeds=config.bank.seeds, runs=runs)
    chosen = spot.Bank(config.bank.path.with_name(f"{config.bank.path.name}-study"))
    chosen.add_many([(entry, bank.prompts(entry)) for entry in bank.entries()])
    spot.build_bank(
        chosen,
        model,
        [task_or_mixture(mixture_name(config), config)],
        recipe.replace(check_every=budget["steps"] // 4, **budget),
        seeds=config.bank.seeds[:1],
        runs=runs,
    )
    return bank, chosen


def clusters(bank: spot.Bank, runs: Path) -> str:
    """Adjusted Rand index of the tasks' clusters against their families, for every similarity."""
    lines = ["| similarity of keys | adjusted Rand index |", "|---|---:|"]
    for similarity in SIMILARITIES:
        drawn = spot.bank_heatmap(bank, runs / f"heatmap-{similarity}.json", similarity)
        lines.append(
            f"| {similarity} | {json.loads(drawn.path.read_text())['adjusted_rand']:.2f} |"
        )
    return "\n".join(lines) + "\n"


def study(
    config: Config,
    bank: spot.Bank,
    model: spot.Model,
    targets: Sequence[spot.Task],
    runs: spot.Runs,
    **recipe: Any,
) -> spot.Study:
    """The study of a config; `recipe` changes the targets' recipe."""
    return spot.run_study(
        bank,
        model,
        targets,
        recipe=config.recipe().replace(**recipe),
        plan=config.transfer,
        search_settings=config.search,
        sources=Sources(bank, config),
        ks=KS,
        arms=("generic",),
        runs=runs,
    )


def trials(
    method: str, model: spot.Model, targets: Sequence[spot.Task], recipe: spot.Recipe, **more: Any
) -> list[tuple[Trial, ...]]:
    """A method's scores on every target, a trial a seed, as `spot.baselines` trains it."""
    tables = (spot.baselines(model, target, recipe, methods=[method], **more) for target in targets)
    return [table.rows[0].trials for table in tables]


def majority(target: spot.Task, config: Config, model: spot.Model) -> float:
    """Test score of one answer for every row."""
    lengths = Lengths(config.data.input_length, config.data.target_length)
    score = one_answer_score(target, tokenized(target, "test", model.vocabulary, lengths))
    assert score is not None  # all mini tasks have label words
    return score


def multitask(config: Config, model: spot.Model, runs: spot.Runs) -> spot.Model:
    """The model with all weights tuned on the mixture of all sources, written to a folder first, for
    its fingerprint tells its results from those of the model that it was.
    """
    recipe = config.recipe().replace(**MULTITASK)
    mixture = task_or_mixture(mixture_name(config), config)
    rows = source_of(mixture, model, recipe)
    place = runs.fine_tuning_place(model, rows, 0, MULTITASK_RATE, recipe)
    folder = place.with_name(f"{place.name}-model")
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as near:
            written = Path(near) / "model"
            spot.tune(model, mixture, written, recipe, 0, rates=(MULTITASK_RATE,), runs=runs)
            written.rename(folder)
    named = config.model.model_copy(update={"name": str(folder)})
    return the_model(config.model_copy(update={"model": named}))


def cell(values: Sequence[float]) -> str:
    """Mean, and standard deviation over seeds where there are several."""
    spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{np.mean(values):.1f}{spread}"


def scores_table(
    targets: Sequence[str], first: str, reference: np.ndarray, columns: dict[str, np.ndarray]
) -> str:
    """A line a target and one of means: a reference score [targets], then each column's test scores
    [targets, seeds].
    """
    lines = [
        f"| target | {' | '.join((first, *columns))} |",
        f"|---|{'---:|' * (1 + len(columns))}",
    ]
    for row, target in enumerate(targets):
        cells = (cell(test[row].tolist()) for test in columns.values())
        lines.append(f"| {target} | {' | '.join((f'{reference[row]:.1f}', *cells))} |")
    means = (f"{scores.mean():.1f}" for scores in (reference, *columns.values()))
    return "\n".join([*lines, f"| mean | {' | '.join(means)} |"]) + "\n"


def stated(name: str, interval: Interval) -> str:
    """A line on a mean difference."""
    return f"- {name}: {interval.signed}"


def ranked(done: spot.Study, others: dict[str, np.ndarray]) -> str:
    """A line an order of the sources: the gains of the nearest and of the best of k over scratch,
    then over other scores [targets, seeds].
    """
    over = {"scratch": done.gains_by_order()}
    over |= {name: done.gains_by_order(scores) for name, scores in others.items()}
    titles = [f"best of {k}, over {name}" for name in over for k in KS]
    lines = [f"| sources by | {' | '.join(titles)} |", f"|---|{'---:|' * len(titles)}"]
    for order in done.by_order:
        cells = (gain.signed for gains in over.values() for gain in gains[order].values())
        lines.append(f"| {order} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main(file: str, names: list[str]) -> None:
    """Train, or find trained, and print."""
    config = load_config(Path(file))
    model = the_model(config)
    targets = [the_task(name, config) for name in names or mini_task_names("target")]
    recipe, plan, rates = config.recipe(), config.transfer, config.tuning.learning_rates
    long_recipe = recipe.replace(**LONG)
    longer = plan.model_copy(update={"steps": LONG["steps"], "scratch_learning_rates": LONG_RATES})
    seconds: dict[str, float] = {}
    with progress() as reporter:
        runs = runs_of(config, reporter)
        bank, chosen = timed("bank", seconds, lambda: build(config, model, runs, GENERIC))
        done = timed("study", seconds, lambda: study(config, chosen, model, targets, runs))
        paper = timed(
            "the paper's start",
            seconds,
            lambda: trials(
                "prompt-tuning", model, targets, recipe.replace(**PAPER_START), plan=plan, runs=runs
            ),
        )
        prompts = timed(
            "longer prompts",
            seconds,
            lambda: trials("prompt-tuning", model, targets, long_recipe, plan=longer, runs=runs),
        )
        single = timed(
            "tuning, one task",
            seconds,
            lambda: trials(
                "model-tuning", model, targets, long_recipe, plan=longer, rates=rates, runs=runs
            ),
        )
        both = timed("tuning, all sources", seconds, lambda: multitask(config, model, runs))
        multi = timed(
            "tuning, then one task",
            seconds,
            lambda: trials(
                "model-tuning", both, targets, recipe, plan=plan, rates=(MULTITASK_RATE,), runs=runs
            ),
        )
    tuned = {PAPER: paper, PROMPTS: prompts, MODELS: single, "multi-task model tuning": multi}
    one_answer = {target.name: majority(target, config, model) for target in targets}
    scores = {
        method: {
            target.name: [trial.test for trial in each]
            for target, each in zip(targets, results, strict=True)
        }
        for method, results in tuned.items()
    }
    report(config, bank, done, scores, one_answer, seconds)


def report(
    config: Config,
    bank: spot.Bank,
    done: spot.Study,
    tuned: dict[str, dict[str, list[float]]],
    one_answer: dict[str, float],
    seconds: dict[str, float],
) -> None:
    """Print the tables and write the numbers and the heatmap."""
    times = ", ".join(f"{name} {value:.0f} s" for name, value in seconds.items())
    print(f"Python {platform.python_version()}; this call: {times}.\n")
    print(clusters(bank, config.runs))
    names, _, methods = method_scores(done.records, ks=KS)
    columns = {scores.name: scores.test for scores in methods}
    for name, by_target in tuned.items():
        columns[name] = np.array([by_target[target] for target in names])
    constant = np.array([one_answer[target] for target in names])
    print(scores_table(names, "one answer", constant, columns))
    above = {
        name: int((test.mean(axis=1) >= constant + 15).sum()) for name, test in columns.items()
    }
    print(
        "Targets at least 15 points above one answer: "
        + ", ".join(f"{name} {count}" for name, count in above.items())
        + ".\n"
    )
    shares = 100 * columns[PROMPTS].mean(axis=0) / columns[MODELS].mean(axis=0)
    print(f"{PROMPTS} steps: {cell(shares.tolist())} % of the mean score of {MODELS} steps.\n")
    for name, interval in done.gains.items():
        print(stated(f"{name} over scratch", interval))
    for scores in methods:
        print(stated(f"{scores.name} over {PAPER}", scores.gain_over(columns[PAPER])))
    print(f"\n{ranked(done, {PAPER: columns[PAPER]})}\n{to_markdown(done.table)}")
    spot.bank_heatmap(bank, config.runs / "heatmap.png")
    rows = {name: test.tolist() for name, test in columns.items()}
    content = {
        "seconds": seconds,
        "targets": names,
        "scores": rows,
        "records": [asdict(record) for record in done.records],
    }
    (config.runs / "mini.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

"""The tables of the mini suite in RESULTS.md: bank, clusters, transfer, and tuning the whole model.

    python benchmarks/mini_results.py configs/mini.toml [TARGET...]

Every part resumes, so a killed run is called again. Markdown goes to stdout, all numbers to
<runs>/mini.json, the heatmap to <runs>/heatmap.png. Choices are made on validation, scores are of
the test split. From scratch, a prompt tries several learning rates; a transferred one has the
config's. The first column from scratch begins as the bank's prompts do, another as in the paper.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from spot.training.data import find_task, load_source, tokens
from spot.training.tuning import best_tuned, tune_model

from bank import SIMILARITIES, Bank
from spot.config import Config, dump, load_config
from spot.models.model import Model, load
from spot.models.runtime import prepare
from spot.report.bank_heatmap import bank_heatmap
from spot.report.console import progress
from spot.strategies.transfer import (
    Start,
    discard_groups,
    run_folder,
    score_on_test,
    spread,
    train_starts,
)
from spot.study.run import Study, study
from spot.study.statistics import Interval
from spot.study.tables import method_scores, to_markdown
from spot.tasks.mini.suite import target_names
from spot.tasks.task import digest
from spot.training.batches import Source
from spot.training.build import build_bank
from spot.training.evaluate import evaluate, one_answer_score
from spot.training.loop import discard_checkpoints
from spot.training.slots import Reporter

# Of the prompt on the mixture of all sources: slow, for at the sources' rate it learns their label
# words by heart, and targets with others lose (chosen on the targets' validation rows, one seed).
GENERIC = {"steps": 320, "learning_rate": 0.03}
# Of the whole model on the same mixture; the rate also of its few steps on a target afterwards.
MULTITASK = {"steps": 240, "rate": 0.003}
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


@dataclass(frozen=True)
class Tuned:
    """One prompt or model, trained on one target."""

    target: str
    seed: int
    learning_rate: float
    validation: float
    test: float


def changed(config: Config, **stages: dict[str, Any]) -> Config:
    """The config with some fields of some stages changed."""
    updates = {
        name: getattr(config, name).model_copy(update=fields) for name, fields in stages.items()
    }
    return config.model_copy(update=updates)


def timed(name: str, seconds: dict[str, float], work: Callable[[], Any]) -> Any:
    """The result of the work, whose duration is noted under the name."""
    begin = time.monotonic()
    result = work()
    seconds[name] = time.monotonic() - begin
    return result


def build(
    config: Config, backbone: Model, reporter: Reporter, budget: dict[str, Any]
) -> tuple[Bank, Bank]:
    """The bank of all sources and seeds, and the study's: the same and the generic prompt, which is
    trained on the mixture of all sources with another budget: steps and perhaps a rate.
    """
    bank = Bank.create_or_open(config.bank.path)
    build_bank(config, backbone, bank, reporter)
    chosen = Bank.create_or_open(config.bank.path.with_name(f"{config.bank.path.name}-study"))
    first = config.bank.seeds[0]
    there = {entry.id for entry in chosen.entries()}
    new = [one for one in bank.entries() if one.id not in there]
    chosen.add_many([(entry, bank.prompts(entry)) for entry in new])
    mixed = "+".join(config.bank.sources)
    generic = changed(
        config,
        bank={"sources": (), "mixtures": (mixed,), "seeds": (first,)},
        train={"check_every": budget["steps"] // 4, **budget},
    )
    build_bank(generic, backbone, chosen, reporter)
    return bank, chosen


def clusters(bank: Bank, runs: Path) -> str:
    """Adjusted Rand index of the tasks' clusters against their families, for every similarity."""
    lines = ["| similarity of keys | adjusted Rand index |", "|---|---:|"]
    for similarity in SIMILARITIES:
        drawn = bank_heatmap(bank, runs / f"heatmap-{similarity}.json", similarity)
        lines.append(
            f"| {similarity} | {json.loads(drawn.path.read_text())['adjusted_rand']:.2f} |"
        )
    return "\n".join(lines) + "\n"


def tuned_models(
    name: str, targets: Sequence[str], config: Config, backbone: Model, reporter: Reporter
) -> list[Tuned]:
    """Every target tuned with every seed, from this backbone; found again when it was done before."""
    found = []
    for target in targets:
        source = load_source(target, config, backbone.vocabulary)
        test = tokens(source.members[0].definition, "test", config, backbone.vocabulary)
        for seed in config.transfer.seeds:
            key = digest(name, target, seed, backbone.identity.fingerprint, dump(config))[:12]
            folder = config.runs / "tuning" / f"{name}-{target}-s{seed}-{key}"
            done = folder / "result.json"
            if not done.exists():
                tuned = best_tuned(source, seed, config, backbone, folder, reporter)
                member = source.members[0]
                score = evaluate(
                    tuned.on(backbone), None, member.definition, test, member.labels
                ).value
                result = Tuned(target, seed, tuned.learning_rate, tuned.best.score, score)
                done.write_text(json.dumps(asdict(result)))
                for part in folder.glob("rate-*"):
                    discard_checkpoints(part)
            found.append(Tuned(**json.loads(done.read_text())))
    return found


def scratch_prompts(
    targets: Sequence[str], config: Config, backbone: Model, reporter: Reporter
) -> list[Tuned]:
    """A prompt from scratch on every target with every seed, as the config's transfer trains it."""
    scratch = [Start("none")]
    found = []
    for target in targets:
        # A start from scratch says nothing of the backbone, as an entry's value does.
        folder = run_folder(target, config, scratch) / backbone.identity.fingerprint[:12]
        done = folder / "result.json"
        if not done.exists():
            trained = train_starts(target, scratch, config, backbone, folder, reporter)
            runs = [score_on_test(one, target, config, backbone) for one in trained]
            results = [
                Tuned(target, run.seed, run.learning_rate, run.validation, run.test) for run in runs
            ]
            done.write_text(json.dumps([asdict(one) for one in results]))
            discard_groups(folder)
        found += [Tuned(**one) for one in json.loads(done.read_text())]
    return found


def majority(target: str, config: Config, backbone: Model) -> float:
    """Test score of one answer for every row."""
    definition = find_task(target, config)
    score = one_answer_score(definition, tokens(definition, "test", config, backbone.vocabulary))
    assert score is not None  # all mini tasks have label words
    return score


def multitask(config: Config, backbone: Model, reporter: Reporter) -> Model:
    """The backbone with all weights tuned on the mixture of all sources."""
    (mixture,) = config.bank.sources
    source: Source = load_source(mixture, config, backbone.vocabulary)
    settings = config.train.model_copy(
        update={"steps": MULTITASK["steps"], "check_every": MULTITASK["steps"]}
    )
    key = digest(backbone.identity.fingerprint, settings.model_dump())[:12]
    folder = config.runs / "tuning" / f"multitask-{key}"
    tuned = tune_model(backbone, source, 0, MULTITASK["rate"], settings, folder, reporter)
    assert tuned is not None  # a finite loss, by the rate
    return tuned.on(backbone)


def cell(values: Sequence[float]) -> str:
    """Mean and standard deviation over seeds."""
    return f"{np.mean(values):.1f} ± {spread(values):.1f}"


def scores_table(
    targets: Sequence[str], first: str, known: np.ndarray, columns: dict[str, np.ndarray]
) -> str:
    """A line a target and one of means: a known score [targets], then each column's test scores
    [targets, seeds].
    """
    lines = [
        f"| target | {' | '.join((first, *columns))} |",
        f"|---|{'---:|' * (1 + len(columns))}",
    ]
    for row, target in enumerate(targets):
        cells = (cell(test[row].tolist()) for test in columns.values())
        lines.append(f"| {target} | {' | '.join((f'{known[row]:.1f}', *cells))} |")
    means = (f"{scores.mean():.1f}" for scores in (known, *columns.values()))
    return "\n".join([*lines, f"| mean | {' | '.join(means)} |"]) + "\n"


def stated(name: str, interval: Interval) -> str:
    """A line on a mean difference."""
    return f"- {name}: {interval.signed}"


def ranked(done: Study, others: dict[str, np.ndarray]) -> str:
    """A line an order of the sources: the gains of the nearest and of the best of k over scratch,
    then over other scores [targets, seeds].
    """
    over = {"scratch": done.gains_by_order()}
    over |= {name: done.gains_by_order(scores) for name, scores in others.items()}
    titles = [f"best of {k}, over {name}" for name in over for k in KS]
    lines = [f"| sources by | {' | '.join(titles)} |", f"|---|{'---:|' * len(titles)}"]
    for order in done.by_order:
        cells = (one.signed for gains in over.values() for one in gains[order].values())
        lines.append(f"| {order} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main(file: str, asked: list[str]) -> None:
    """Trains, or finds again, and prints."""
    prepare()
    config = load_config(Path(file))
    backbone = load(config.model)
    targets = asked or list(target_names())
    longer = {"steps": LONG["steps"], "scratch_learning_rates": LONG_RATES}
    long = changed(config, train=LONG, transfer=longer)
    quick = changed(
        config,
        train={"steps": config.transfer.steps},
        tuning={"learning_rates": (MULTITASK["rate"],)},
    )
    seconds: dict[str, float] = {}
    with progress() as reporter:
        bank, chosen = timed("bank", seconds, lambda: build(config, backbone, reporter, GENERIC))
        done: Study = timed(
            "study", seconds, lambda: study(targets, config, chosen, backbone, reporter, KS)
        )
        paper = timed(
            "the paper's start",
            seconds,
            lambda: scratch_prompts(
                targets, changed(config, prompt=PAPER_START), backbone, reporter
            ),
        )
        prompts = timed(
            "longer prompts",
            seconds,
            lambda: scratch_prompts(targets, long, backbone, reporter),
        )
        single = timed(
            "tuning, one task",
            seconds,
            lambda: tuned_models("single", targets, long, backbone, reporter),
        )
        both = timed("tuning, all sources", seconds, lambda: multitask(config, backbone, reporter))
        multi = timed(
            "tuning, then one task",
            seconds,
            lambda: tuned_models("multi", targets, quick, both, reporter),
        )
    tuned = {PAPER: paper, PROMPTS: prompts, MODELS: single, "multi-task model tuning": multi}
    one_answer = {target: majority(target, config, backbone) for target in targets}
    report(config, bank, done, tuned, one_answer, seconds)


def report(
    config: Config,
    bank: Bank,
    done: Study,
    tuned: dict[str, list[Tuned]],
    one_answer: dict[str, float],
    seconds: dict[str, float],
) -> None:
    """Prints the tables and writes the numbers and the heatmap."""
    times = ", ".join(f"{name} {value:.0f} s" for name, value in seconds.items())
    print(f"Python {platform.python_version()}; this call: {times}.\n")
    print(clusters(bank, config.runs))
    names, _, methods = method_scores(done.records, ks=KS)
    columns = {one.name: one.test for one in methods}
    for name, models in tuned.items():
        columns[name] = np.array(
            [[one.test for one in models if one.target == target] for target in names]
        )
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
    for one in methods:
        print(stated(f"{one.name} over {PAPER}", one.gain_over(columns[PAPER])))
    print(f"\n{ranked(done, {PAPER: columns[PAPER]})}\n{to_markdown(done.table)}")
    bank_heatmap(bank, config.runs / "heatmap.png")
    rows = {name: test.tolist() for name, test in columns.items()}
    content = {
        "seconds": seconds,
        "targets": names,
        "scores": rows,
        "records": [asdict(r) for r in done.records],
    }
    (config.runs / "mini.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

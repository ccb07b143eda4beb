"""The baselines of prompt tuning on one target: prompt design, prompt tuning and model tuning (Lester
et al. 2021, figure 1 and section 3).

All see the same rows with the same steps; validation chooses and the test split reports. They differ
in what is trained and in what stands in front of a text: for prompt design the config's text prompt
and training examples, for prompt tuning a soft prompt, for model tuning nothing.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bank.files import replace_file
from bank.interchange import export_prompt
from spot.config import Config, dump
from spot.errors import SpotError, did_you_mean
from spot.models.counts import Counts, count, prompt_counts
from spot.models.model import Model
from spot.retrieval.target import LoadBackbone
from spot.strategies.transfer import Start, check_target, score_on_test, spread, train_starts
from spot.tasks.examples import TokenizedSplit
from spot.tasks.task import Task
from spot.tasks.vocabulary import label_tokens
from spot.training.data import find_task, load_source, shots_fitting, tokens
from spot.training.evaluate import Evaluation, evaluate, gain_interval, mean_interval
from spot.training.fine_tuning import FineTuned, best_rate
from spot.training.runs import (
    Runs,
    discard_checkpoints,
    model_facts,
    runs_of,
    scoring_facts,
    source_digest,
    split_digest,
)
from spot.training.slots import Reporter

SHOTS = 4  # training examples in front of every text, where `data.shots` names no number


@dataclass(frozen=True)
class Trial:
    """A method with one seed: the test scores, and what validation chose where it had a choice.

    `seed` decides which examples are shown, or how training goes; None where nothing is drawn.
    `examples` is how many fitted in front of a test row, on average.
    """

    seed: int | None
    test: float
    metrics: dict[str, float]
    predictions: tuple[str, ...]
    learning_rate: float | None = None
    step: int | None = None
    validation: float | None = None
    examples: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain values, without the predictions."""
        return {name: value for name, value in asdict(self).items() if name != "predictions"}


@dataclass(frozen=True)
class Row:
    """A line of the table. `interval` is the mean test score's, 95 %, by bootstrap over test rows;
    `shots` is how many examples were asked for. `gain` is the interval of the difference to the
    bare model, paired by row; None for that model, and where it is not in the table.
    """

    method: str
    shots: int
    counts: Counts
    trials: tuple[Trial, ...]
    interval: tuple[float, float]
    gain: tuple[float, float] | None = None

    @property
    def n(self) -> int:
        """Rows of the test split."""
        return len(self.trials[0].predictions)

    @property
    def mean(self) -> float:
        """The test score's mean over seeds."""
        return statistics.fmean(trial.test for trial in self.trials)

    @property
    def deviation(self) -> float | None:
        """The test score's sample standard deviation over seeds, None for a single trial."""
        return spread([trial.test for trial in self.trials])

    @property
    def examples(self) -> float:
        """How many examples fitted in front of a test row, on average."""
        return statistics.fmean(trial.examples for trial in self.trials)

    def to_json(self) -> dict[str, Any]:
        """Plain values, with those of every trial."""
        return {
            "method": self.method, "shots": self.shots, "examples": self.examples,
            "parameters": self.counts.to_json(), "test": self.mean, "deviation": self.deviation,
            "interval": self.interval, "gain": self.gain, "n": self.n,
            "runs": [trial.to_json() for trial in self.trials],
        }  # fmt: skip


@dataclass(frozen=True)
class Baselines:
    """The table of one target, and the folder with the results that it is made of."""

    target: str
    metric: str
    rows: tuple[Row, ...]
    folder: Path


@dataclass(frozen=True, eq=False)
class Runner:
    """What every method works with."""

    target: str
    config: Config
    backbone: Model
    runs: Runs

    def test_split(self, config: Config) -> tuple[Task, TokenizedSplit, list[list[int]]]:
        """The target, its test split and the tokens of its label words."""
        task, vocabulary = find_task(self.target, config), self.backbone.vocabulary
        return task, tokens(task, "test", config, vocabulary), label_tokens(task, vocabulary)

    def examples(self, config: Config) -> float:
        """How many training examples fit in front of a test row, on average."""
        task = find_task(self.target, config)
        return shots_fitting(task, "test", config, self.backbone.vocabulary)

    def row(self, method: str, shots: int, counts: Counts, trials: Sequence[Trial]) -> Row:
        """The trials as a line of the table."""
        task, test, _ = self.test_split(undesigned(self.config))
        interval = mean_interval([trial.predictions for trial in trials], task, test)
        return Row(method, shots, counts, tuple(trials), interval)

    def compared(self, row: Row, bare: Row) -> Row:
        """The row with its gain over the bare model's."""
        task, test, _ = self.test_split(undesigned(self.config))
        ours, theirs = ([trial.predictions for trial in line.trials] for line in (row, bare))
        return replace(row, gain=gain_interval(ours, theirs, task, test))


def baselines(
    target: str,
    config: Config,
    load_backbone: LoadBackbone,
    methods: Sequence[str] | None = None,
    reporter: Reporter | None = None,
) -> Baselines:
    """The table of a target, of all METHODS or of some; finished work is found again.

    Seeds, steps and the rates of prompt tuning are those of `transfer` from scratch, the rates of
    fine-tuning `tuning.learning_rates`. Raises SpotError for an unknown method, or an unusable
    target, before any training.
    """
    chosen = check_methods(tuple(METHODS) if methods is None else methods)
    plain = undesigned(config)
    check_target(target, plain)
    runs = runs_of(config, reporter)
    runner = Runner(target, config, load_backbone(), runs)
    results = [METHODS[method](runner) for method in chosen]
    rows = [row for row, _ in results]
    if chosen[0] == "zero-shot":
        bare, *others = rows
        rows = [bare, *(runner.compared(row, bare) for row in others)]
    metric = "+".join(find_task(target, plain).metrics)
    folder = runs.place("baselines", target, {"rows": [row.to_json() for row in rows]})
    table = Baselines(target, metric, tuple(rows), folder)
    _write(
        table, config, {seed: prompt for _, prompts in results for seed, prompt in prompts.items()}
    )
    return table


def check_methods(names: Sequence[str]) -> list[str]:
    """The named methods in the order of METHODS, each once; SpotError for an unknown or no name."""
    known = f"choose from {', '.join(METHODS)}, joined by commas"
    if not names:
        raise SpotError("expected methods to compare, found none", known)
    for name in names:
        if name not in METHODS:
            raise SpotError(f'no method is called "{name}".{did_you_mean(name, METHODS)}', known)
    return [name for name in METHODS if name in names]


Result = tuple[Row, dict[int, np.ndarray]]
"""A method's line, and the prompts [P, H] that it trained, by seed."""


def zero_shot(runner: Runner) -> Result:
    """Prompt design without examples: the bare model behind the config's text prompt."""
    return designed(runner, "zero-shot", 0, (None,)), {}


def few_shot(runner: Runner) -> Result:
    """Prompt design with examples, which the seed draws."""
    shots = runner.config.data.shots or SHOTS
    return designed(runner, "few-shot", shots, runner.config.transfer.seeds), {}


def designed(runner: Runner, name: str, shots: int, seeds: Sequence[int | None]) -> Row:
    """A row of prompt design: nothing is trained."""
    trials = []
    for seed in seeds:
        config = with_data(runner.config, shots=shots, shot_seed=seed or 0)
        score = runner.runs.evaluate(runner.backbone, None, *runner.test_split(config))
        trials.append(scored(seed, score, examples=runner.examples(config)))
    return runner.row(name, shots, Counts(0, count(runner.backbone.network)), trials)


def prompt_tuning(runner: Runner) -> Result:
    """A soft prompt from scratch, as `spot transfer` trains it."""
    config, backbone = undesigned(runner.config), runner.backbone
    candidates = train_starts(runner.target, [Start("none")], config, backbone, runner.runs)
    runs = [
        score_on_test(candidate, runner.target, config, backbone, runner.runs)
        for candidate in candidates
    ]
    trials = [
        Trial(
            run.seed, run.test, run.test_metrics, run.predictions,
            run.learning_rate, run.step, run.validation,
        )
        for run in runs
    ]  # fmt: skip
    frozen, width = count(backbone.network), backbone.config.d_model
    counts = prompt_counts(config.prompt.length, width, frozen)
    row = runner.row("prompt-tuning", 0, counts, trials)
    return row, {run.seed: run.prompt for run in runs}


def model_tuning(runner: Runner) -> Result:
    """All weights, for as many steps as a prompt."""
    config, backbone, runs = undesigned(runner.config), runner.backbone, runner.runs
    recipe = config.train.model_copy(update={"steps": config.transfer.steps})
    source = load_source(runner.target, config, backbone.vocabulary)
    rates = config.tuning.learning_rates
    task, test, labels = runner.test_split(config)

    def tune(seed: int) -> dict[str, Any]:
        def at(rate: float) -> FineTuned | None:
            return runs.fine_tune(backbone, source, seed, rate, recipe)

        tuned = best_rate(rates, at, source.name)
        score = evaluate(tuned.on(backbone), None, task, test, labels)
        chosen = {"step": tuned.best.step, "validation": tuned.best.score}
        return asdict(scored(seed, score, learning_rate=tuned.learning_rate, **chosen))

    trials: list[Trial] = []
    for seed in config.transfer.seeds:
        places = [runs.fine_tuning_place(backbone, source, seed, rate, recipe) for rate in rates]
        read = {
            "model": model_facts(backbone),
            "runs": sorted(place.name for place in places),
            "data": source_digest(source),
            "test": [scoring_facts(task, labels), split_digest(test)],
        }
        title = f"model tuning on {runner.target} (seed {seed})"
        facts = runs.remembered("fine-tuned", runner.target, read, lambda: tune(seed), title)  # noqa: B023
        trials.append(Trial(**{**facts, "predictions": tuple(facts["predictions"])}))
        for place in places:
            discard_checkpoints(place)
    counts = Counts(count(backbone.network), 0)
    return runner.row("model-tuning", 0, counts, trials), {}


METHODS: dict[str, Callable[[Runner], Result]] = {
    "zero-shot": zero_shot,
    "few-shot": few_shot,
    "prompt-tuning": prompt_tuning,
    "model-tuning": model_tuning,
}


def with_data(config: Config, **changes: Any) -> Config:
    """The config with some fields of `data` changed."""
    return config.model_copy(update={"data": config.data.model_copy(update=changes)})


def undesigned(config: Config) -> Config:
    """The config without a prompt of text: nothing stands in front of a task's own text."""
    return with_data(config, text="", shots=0, shot_seed=0)


def scored(seed: int | None, score: Evaluation, **more: Any) -> Trial:
    """A trial with these test scores; `more` are its other fields."""
    return Trial(seed, score.value, score.metrics, score.predictions, **more)


def _write(table: Baselines, config: Config, prompts: dict[int, np.ndarray]) -> None:
    """baselines.json, config.json and the trained prompts."""
    content = {
        "target": table.target, "metric": table.metric, "rows": [row.to_json() for row in table.rows],
    }  # fmt: skip
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    replace_file(table.folder / "baselines.json", text.encode())
    replace_file(table.folder / "config.json", dump(config).encode())
    for seed, prompt in prompts.items():
        export_prompt(table.folder / f"prompt-s{seed}.safetensors", prompt)

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
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bank.files import replace_file
from bank.formats import export_prompt
from spot.config import Config, dump
from spot.errors import SpotError, did_you_mean
from spot.models.counts import Counts, count, prompt_counts
from spot.models.model import Model
from spot.retrieval.target import LoadBackbone
from spot.strategies.transfer import (
    Start,
    check_target,
    discard_groups,
    score_on_test,
    spread,
    train_starts,
)
from spot.tasks.examples import TokenizedSplit
from spot.tasks.task import Task, digest
from spot.tasks.vocabulary import label_tokens
from spot.training.data import find_task, load_source, shots_fitting, tokens
from spot.training.evaluate import Evaluation, evaluate, gain_interval, mean_interval
from spot.training.loop import discard_checkpoints
from spot.training.slots import Reporter
from spot.training.tuning import best_tuned

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
class Bench:
    """What every method works with."""

    target: str
    config: Config
    backbone: Model
    reporter: Reporter

    @property
    def folder(self) -> Path:
        """Where all results of the target are."""
        return self.config.runs / "baselines" / self.target

    def place(self, name: str, config: Config) -> Path:
        """The folder of a method's work with its config: equal settings find it again."""
        key = digest(self.backbone.identity.fingerprint, dump(config))[:12]
        folder = self.folder / f"{name}-{key}"
        replace_file(folder / "config.json", dump(config).encode())
        return folder

    def asked(self, config: Config) -> tuple[Task, TokenizedSplit]:
        """The target and its test split; a tuned model has the vocabulary of the one it was."""
        definition = find_task(self.target, config)
        return definition, tokens(definition, "test", config, self.backbone.vocabulary)

    def tested(
        self, config: Config, prompt: np.ndarray | None = None, model: Model | None = None
    ) -> Evaluation:
        """The scores of a prompt [P, H] (None: no soft prompt) on the test split."""
        backbone = model or self.backbone
        definition, test = self.asked(config)
        labels = label_tokens(definition, backbone.vocabulary)
        return evaluate(backbone, prompt, definition, test, labels)

    def examples(self, config: Config) -> float:
        """How many training examples fit in front of a test row, on average."""
        definition = find_task(self.target, config)
        return shots_fitting(definition, "test", config, self.backbone.vocabulary)

    def row(self, method: str, shots: int, counts: Counts, trials: Sequence[Trial]) -> Row:
        """The trials as a line of the table."""
        definition, test = self.asked(undesigned(self.config))
        interval = mean_interval([trial.predictions for trial in trials], definition, test)
        return Row(method, shots, counts, tuple(trials), interval)

    def compared(self, row: Row, bare: Row) -> Row:
        """The row with its gain over the bare model's."""
        definition, test = self.asked(undesigned(self.config))
        ours, theirs = ([trial.predictions for trial in one.trials] for one in (row, bare))
        return replace(row, gain=gain_interval(ours, theirs, definition, test))


def baselines(
    target: str,
    config: Config,
    load_backbone: LoadBackbone,
    methods: Sequence[str] | None = None,
    reporter: Reporter | None = None,
) -> Baselines:
    """The table of a target, of all METHODS or of some; what has been finished is not done again.

    Seeds, steps and the rates of prompt tuning are those of `transfer` from scratch, the rates of
    model tuning `tuning.learning_rates`. Raises SpotError for an unknown method, or an unusable
    target, before any training.
    """
    chosen = check_methods(tuple(METHODS) if methods is None else methods)
    plain = undesigned(config)
    check_target(target, plain)
    bench = Bench(target, config, load_backbone(), reporter or Reporter())
    rows = [METHODS[method](bench) for method in chosen]
    if chosen[0] == "zero-shot":
        bare, *others = rows
        rows = [bare, *(bench.compared(row, bare) for row in others)]
    metric = "+".join(find_task(target, plain).metrics)
    return Baselines(target, metric, tuple(rows), bench.folder)


def check_methods(names: Sequence[str]) -> list[str]:
    """The named methods in the order of METHODS, each once; SpotError for an unknown or no name."""
    known = f"choose from {', '.join(METHODS)}, joined by commas"
    if not names:
        raise SpotError("expected methods to compare, found none", known)
    for name in names:
        if name not in METHODS:
            raise SpotError(f'no method is called "{name}".{did_you_mean(name, METHODS)}', known)
    return [name for name in METHODS if name in names]


def zero_shot(bench: Bench) -> Row:
    """Prompt design without examples: the bare model behind the config's text prompt."""
    return designed(bench, "zero-shot", 0, (None,))


def few_shot(bench: Bench) -> Row:
    """Prompt design with examples, which the seed draws."""
    shots = bench.config.data.shots or SHOTS
    return designed(bench, "few-shot", shots, bench.config.transfer.seeds)


def designed(bench: Bench, name: str, shots: int, seeds: Sequence[int | None]) -> Row:
    """A row of prompt design: nothing is trained."""

    def score(config: Config, seed: int | None) -> list[Trial]:
        return [scored(seed, bench.tested(config), examples=bench.examples(config))]

    trials: list[Trial] = []
    for seed in seeds:
        config = with_data(bench.config, shots=shots, shot_seed=seed or 0)
        path = bench.place(name, config) / "trials.json"
        trials += kept(path, partial(score, config, seed))
    return bench.row(name, shots, Counts(0, count(bench.backbone.parameters)), trials)


def prompt_tuning(bench: Bench) -> Row:
    """A soft prompt from scratch, as `spot transfer` trains it; the prompts are written, too."""
    config = undesigned(bench.config)
    folder = bench.place("prompt-tuning", config)

    def train() -> list[Trial]:
        found = train_starts(
            bench.target, [Start("none")], config, bench.backbone, folder, bench.reporter
        )
        runs = [score_on_test(one, bench.target, config, bench.backbone) for one in found]
        discard_groups(folder)
        for run in runs:
            export_prompt(folder / f"prompt-s{run.seed}.safetensors", run.prompt)
        return [
            Trial(
                run.seed, run.test, run.test_metrics, run.predictions,
                run.learning_rate, run.step, run.validation,
            )
            for run in runs
        ]  # fmt: skip

    frozen, width = count(bench.backbone.parameters), bench.backbone.config.d_model
    counts = prompt_counts(config.prompt.length, width, frozen)
    return bench.row("prompt-tuning", 0, counts, kept(folder / "trials.json", train))


def model_tuning(bench: Bench) -> Row:
    """All weights, for as many steps as a prompt."""
    config = undesigned(bench.config)
    train = config.train.model_copy(update={"steps": config.transfer.steps})
    config = config.model_copy(update={"train": train})
    folder = bench.place("model-tuning", config)
    source = load_source(bench.target, config, bench.backbone.vocabulary)

    def tune(seed: int) -> list[Trial]:
        work = folder / f"s{seed}"
        tuned = best_tuned(source, seed, config, bench.backbone, work, bench.reporter)
        found = bench.tested(config, model=tuned.on(bench.backbone))
        chosen = {"step": tuned.best.step, "validation": tuned.best.score}
        return [scored(seed, found, learning_rate=tuned.learning_rate, **chosen)]

    trials: list[Trial] = []
    for seed in config.transfer.seeds:
        trials += kept(folder / f"s{seed}" / "trials.json", partial(tune, seed))
        for rate in (folder / f"s{seed}").glob("rate-*"):
            discard_checkpoints(rate)
    counts = Counts(count(bench.backbone.parameters), 0)
    return bench.row("model-tuning", 0, counts, trials)


METHODS: dict[str, Callable[[Bench], Row]] = {
    "zero-shot": zero_shot,
    "few-shot": few_shot,
    "prompt-tuning": prompt_tuning,
    "model-tuning": model_tuning,
}


def with_data(config: Config, **changes: Any) -> Config:
    """The config with some fields of `data` changed."""
    return config.model_copy(update={"data": config.data.model_copy(update=changes)})


def undesigned(config: Config) -> Config:
    """The config without a prompt of text: nothing stands in front of what a task says."""
    return with_data(config, text="", shots=0, shot_seed=0)


def scored(seed: int | None, found: Evaluation, **more: Any) -> Trial:
    """A trial with these test scores; `more` are its other fields."""
    return Trial(seed, found.value, found.metrics, found.predictions, **more)


def kept(path: Path, make: Callable[[], list[Trial]]) -> list[Trial]:
    """The trials in a file, which are made and written first where it is not there."""
    if not path.exists():
        text = json.dumps([asdict(trial) for trial in make()], indent=1, ensure_ascii=False)
        replace_file(path, f"{text}\n".encode())
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [Trial(**{**row, "predictions": tuple(row["predictions"])}) for row in rows]

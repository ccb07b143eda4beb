"""The baselines of prompt tuning on one target: prompt design, prompt tuning and model tuning (Lester
et al. 2021, figure 1 and section 3), and TF-IDF with logistic regression, which needs no model.

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

from bank.files import replace_file
from spot.errors import SpotError, did_you_mean
from spot.models.counts import Counts, count
from spot.models.model import Model
from spot.prompts.files import write_prompt
from spot.prompts.prompt import SoftPrompt
from spot.strategies.settings import TransferSettings
from spot.strategies.start import SCRATCH, Start
from spot.strategies.transfer import BEST_FILE, check_target, score_on_test, spread, train_starts
from spot.tasks.examples import TokenizedSplit
from spot.tasks.metrics import main_metric
from spot.tasks.shots import mean_shots
from spot.tasks.task import Task
from spot.tasks.tokens import token_count, tokens
from spot.tasks.vocabulary import label_tokens
from spot.training.evaluate import (
    Evaluation,
    evaluate,
    floors,
    gain_interval,
    mean_interval,
    sample_of,
    split_metrics,
)
from spot.training.judging import metric_name
from spot.training.provenance import write_provenance
from spot.training.recipe import FINE_TUNING_RATES, Recipe
from spot.training.runs import (
    Runs,
    discard_checkpoints,
    model_facts,
    scoring_facts,
    source_digest,
    split_digest,
)
from spot.training.source import lengths_of, source_of
from spot.training.tfidf import tfidf_answers
from spot.verdicts.scores import TFIDF as NAME
from spot.verdicts.scores import judge_score
from spot.verdicts.verdict import Verdict

TFIDF = "tfidf"
PROMPT_TUNING = "prompt-tuning"
SHOTS = 4  # training examples in front of every text, where `data.shots` is 0


@dataclass(frozen=True)
class Trial:
    """A method with one seed: the test scores, and the choices that validation made.

    `seed` draws the examples, or the order of training; None where nothing is drawn. `examples` is
    the mean number that fitted in front of a test row.
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
    `shots` is the number of examples that were wanted. `gain` is the interval of the difference to the
    bare model, paired by row; None for that model, and where it is not in the table. TF-IDF has no
    `counts`: it is no part of the model.
    """

    method: str
    shots: int
    counts: Counts | None
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
        """The mean number of examples that fitted in front of a test row."""
        return statistics.fmean(trial.examples for trial in self.trials)

    def to_json(self) -> dict[str, Any]:
        """Plain values, with those of every trial."""
        return {
            "method": self.method,
            "shots": self.shots,
            "examples": self.examples,
            "parameters": self.counts and self.counts.to_json(),
            "test": self.mean,
            "deviation": self.deviation,
            "interval": self.interval,
            "gain": self.gain,
            "n": self.n,
            "runs": [trial.to_json() for trial in self.trials],
        }


@dataclass(frozen=True)
class Baselines:
    """The table of one target, the folder with the results that it is made of, and the verdict on the
    best method of the model.
    """

    target: str
    metric: str
    rows: tuple[Row, ...]
    folder: Path
    verdict: Verdict

    @property
    def best(self) -> Path | None:
        """The file of the prompt that is best on validation, None where no prompt was trained."""
        tuned = any(row.method == PROMPT_TUNING for row in self.rows)
        return self.folder / BEST_FILE if tuned else None


@dataclass(frozen=True, eq=False)
class Runner:
    """The objects that a method works with; the target may have a text prompt and examples."""

    target: Task
    model: Model
    recipe: Recipe
    plan: TransferSettings
    rates: Sequence[float]
    runs: Runs

    def test_split(self, target: Task) -> tuple[Task, TokenizedSplit, list[list[int]]]:
        """The target in this wording, its test split and the tokens of its label words."""
        vocabulary = self.model.vocabulary
        test = tokens(target, "test", vocabulary, lengths_of(self.recipe))
        return target, test, label_tokens(target, vocabulary)

    def row(self, method: str, shots: int, counts: Counts | None, trials: Sequence[Trial]) -> Row:
        """The trials as a line of the table."""
        task, test, _ = self.test_split(undesigned(self.target))
        interval = mean_interval([trial.predictions for trial in trials], task, test)
        return Row(method, shots, counts, tuple(trials), interval)

    def compared(self, row: Row, bare: Row) -> Row:
        """The row with its gain over the bare model's."""
        task, test, _ = self.test_split(undesigned(self.target))
        ours, theirs = ([trial.predictions for trial in line.trials] for line in (row, bare))
        return replace(row, gain=gain_interval(ours, theirs, task, test))


def baselines(
    model: Model,
    target: Task,
    recipe: Recipe | None = None,
    *,
    methods: Sequence[str] | None = None,
    plan: TransferSettings | None = None,
    rates: Sequence[float] = FINE_TUNING_RATES,
    runs: Runs | None = None,
) -> Baselines:
    """The table of a target, of all METHODS or of some; finished work is found again.

    Prompt design has the target's text prompt and examples, the other methods have not. plan: the
    seeds, steps and rates of prompt tuning, as of `transfer` from scratch; rates: of fine-tuning.
    Raises SpotError for an unknown method, or an unusable target, before any training.
    """
    chosen = check_methods(tuple(METHODS) if methods is None else methods)
    recipe, runs = (recipe or Recipe()).on(model), runs or Runs()
    target, plan = target.on(model), (plan or TransferSettings()).on(model)
    runs.reporter.phase(f"reading the rows of {target.name}")
    check_target(undesigned(target), model, recipe)
    runner = Runner(target, model, recipe, plan, rates, runs)
    results = [result for method in chosen if (result := METHODS[method](runner)) is not None]
    rows = [row for row, _ in results]
    if chosen[0] == "zero-shot":
        bare, *others = rows
        rows = [bare, *(runner.compared(row, bare) for row in others)]
    folder = runs.place("baselines", target.name, {"rows": [row.to_json() for row in rows]})
    table = Baselines(target.name, metric_name(target), tuple(rows), folder, judge(runner, rows))
    _write(table, {seed: prompt for _, prompts in results for seed, prompt in prompts.items()})
    own = plan.model_dump(mode="json", include={"seeds", "steps", "learning_rates"})
    write_provenance(folder, [model], recipe, methods=chosen, fine_tuning_rates=list(rates), **own)
    return table


def check_methods(names: Sequence[str]) -> list[str]:
    """The named methods in the order of METHODS, each once; SpotError for an unknown or no name."""
    hint = f"choose from {', '.join(METHODS)}, joined by commas"
    if not names:
        raise SpotError("expected methods to compare, found none", hint)
    for name in names:
        if name not in METHODS:
            raise SpotError(f'no method is called "{name}".{did_you_mean(name, METHODS)}', hint)
    return [name for name in METHODS if name in names]


Result = tuple[Row, dict[int, SoftPrompt]]
"""A method's line, and the prompts that it trained, by seed."""


def zero_shot(runner: Runner) -> Result:
    """Prompt design without examples: the bare model behind the target's text prompt."""
    return designed(runner, "zero-shot", 0, (None,)), {}


def few_shot(runner: Runner) -> Result:
    """Prompt design with examples, which the seed draws."""
    shots = runner.target.shots or SHOTS
    return designed(runner, "few-shot", shots, runner.plan.seeds), {}


def designed(runner: Runner, name: str, shots: int, seeds: Sequence[int | None]) -> Row:
    """A row of prompt design: nothing is trained."""
    model, limit = runner.model, runner.recipe.input_length
    trials = []
    for seed in seeds:
        task = replace(runner.target, shots=shots, shot_seed=seed or 0)
        score = runner.runs.evaluate(model, None, *runner.test_split(task))
        examples = mean_shots(task, "test", token_count(model.vocabulary), limit)
        trials.append(scored(seed, score, examples=examples))
    return runner.row(name, shots, Counts(0, count(model.network)), trials)


def prompt_tuning(runner: Runner) -> Result:
    """A soft prompt from scratch, as `spot transfer` trains it."""
    model, recipe, runs = runner.model, runner.recipe, runner.runs
    target = undesigned(runner.target)
    candidates = train_starts(model, target, [Start(SCRATCH)], recipe, runner.plan, runs)
    scores = [score_on_test(model, target, candidate, recipe, runs) for candidate in candidates]
    trials = [
        Trial(
            run.seed,
            run.test,
            run.test_metrics,
            run.predictions,
            run.learning_rate,
            run.step,
            run.validation,
        )
        for run in scores
    ]
    trained = scores[0].prompt.count
    row = runner.row(PROMPT_TUNING, 0, Counts(trained, count(model.network)), trials)
    return row, {run.seed: run.prompt for run in scores}


def model_tuning(runner: Runner) -> Result:
    """All weights, for as many steps as a prompt."""
    from spot.training.fine_tuning import best_rate

    model, target, runs = runner.model, undesigned(runner.target), runner.runs
    steps = runner.plan.steps
    recipe = runner.recipe.replace(steps=steps, key_step=min(steps, runner.recipe.key_step))
    source = source_of(target, model, recipe)
    task, test, labels = runner.test_split(target)

    def tune(seed: int) -> dict[str, Any]:
        tune_at_rate = partial(runs.fine_tune, model, source, seed, recipe=recipe)
        tuned = best_rate(runner.rates, tune_at_rate, source.name)
        score = evaluate(tuned.on(model), None, task, test, labels)
        chosen = {"step": tuned.best.step, "validation": tuned.best.score}
        return asdict(scored(seed, score, learning_rate=tuned.learning_rate, **chosen))

    trials: list[Trial] = []
    for seed in runner.plan.seeds:
        places = [
            runs.fine_tuning_place(model, source, seed, rate, recipe) for rate in runner.rates
        ]
        read = {
            "model": model_facts(model),
            "runs": sorted(place.name for place in places),
            "data": source_digest(source),
            "test": [scoring_facts(task, labels), split_digest(test)],
        }
        title = f"model tuning on {target.name} (seed {seed})"
        facts = runs.remembered("fine-tuned", target.name, read, partial(tune, seed), title)
        trials.append(Trial(**{**facts, "predictions": tuple(facts["predictions"])}))
        for place in places:
            discard_checkpoints(place, runs.reporter)
    return runner.row("model-tuning", 0, Counts(count(model.network), 0), trials), {}


def tfidf(runner: Runner) -> Result | None:
    """TF-IDF with logistic regression on the training rows, without the model; None for free answers."""
    task, test, _ = runner.test_split(undesigned(runner.target))
    answers = tfidf_answers(task, train_examples=runner.recipe.train_examples, runs=runner.runs)
    if answers is None:
        return None
    metrics = split_metrics(task, test, answers)
    trial = Trial(None, main_metric(metrics), metrics, answers)
    return runner.row(TFIDF, 0, None, [trial]), {}


def judge(runner: Runner, rows: Sequence[Row]) -> Verdict:
    """The verdict on the best method of the model, beside TF-IDF; that on TF-IDF where it is alone."""
    task, test, _ = runner.test_split(undesigned(runner.target))
    of_model = [row for row in rows if row.method != TFIDF] or rows
    best = max(of_model, key=lambda row: row.mean)
    beside = next((row for row in rows if row.method == TFIDF and row is not best), None)
    return judge_score(
        metric_name(task),
        len(test),
        sample_of([trial.predictions for trial in best.trials], task, test),
        floors(task, test),
        None if beside is None else sample_of([beside.trials[0].predictions], task, test),
        subject=f" by {best.method.replace('-', ' ')}" if best.method != TFIDF else f" by {NAME}",
    )


METHODS: dict[str, Callable[[Runner], Result | None]] = {
    "zero-shot": zero_shot,
    "few-shot": few_shot,
    PROMPT_TUNING: prompt_tuning,
    "model-tuning": model_tuning,
    TFIDF: tfidf,
}


def undesigned(target: Task) -> Task:
    """The task without a prompt of text: nothing stands in front of its own text."""
    return replace(target, text="", shots=0, shot_seed=0)


def scored(seed: int | None, score: Evaluation, **more: Any) -> Trial:
    """A trial with these test scores; `more` are its other fields."""
    return Trial(seed, score.value, score.metrics, score.predictions, **more)


def _write(table: Baselines, prompts: dict[int, SoftPrompt]) -> None:
    """baselines.json and the trained prompts."""
    content = {
        "target": table.target,
        "metric": table.metric,
        "rows": [row.to_json() for row in table.rows],
        "verdict": table.verdict.to_json(),
    }
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    replace_file(table.folder / "baselines.json", text.encode())
    for seed, prompt in prompts.items():
        write_prompt(table.folder / f"prompt-s{seed}.safetensors", prompt)
    for row in table.rows:
        if row.method == PROMPT_TUNING:
            chosen = max(row.trials, key=lambda trial: trial.validation or 0.0)
            write_prompt(table.folder / BEST_FILE, prompts[chosen.seed or 0])

"""Transfer: train a target's prompt from retrieved values and from scratch, with the same budget.

Both arms see the same rows in the same order, try the same learning rates, are chosen on
validation and reported on the test split (SPoT, section 3).
"""

from __future__ import annotations

import json
import math
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bank.files import replace_file
from bank.nearest import searchable, seeds_of_tasks
from bank.outcomes import Outcome
from bank.store import Bank
from spot.errors import SpotError
from spot.models.model import Model
from spot.prompts.inits import default_rate
from spot.prompts.prompt import SoftPrompt
from spot.prompts.stored import check_model, value_of
from spot.retrieval.settings import SearchSettings
from spot.retrieval.target import recipe_for, search, settings_for
from spot.strategies.settings import TransferSettings
from spot.strategies.single import check_kind
from spot.strategies.start import SCRATCH, Situation, Start
from spot.strategies.table import find_strategy
from spot.tasks.examples import TokenizedSplit
from spot.tasks.task import Mixture, Task
from spot.tasks.vocabulary import label_tokens
from spot.training.build import new_slot
from spot.training.described import described
from spot.training.evaluate import majority_score, sample_of
from spot.training.judging import compared, metric_name
from spot.training.provenance import write_provenance
from spot.training.recipe import Recipe
from spot.training.runs import Runs, prompt_digest
from spot.training.slots import Check, Slot, Trained, report_improving
from spot.training.source import source_of, test_rows
from spot.verdicts.curves import Mean, Point, head_start, mean_curve
from spot.verdicts.gains import judge_transfer
from spot.verdicts.phases import Steps, Written, phase_curve, skipped_phases
from spot.verdicts.verdict import Verdict

NAMED = "named"
"""The strategy of a start that was named, not found by a search."""
BEST_FILE = "best.safetensors"
"""The file of the best prompt among those of a run's folder."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A start trained with one seed: the learning rate, step and prompt that validation chose, all checks
    on the way, and the folder of the training.
    """

    start: Start
    seed: int
    learning_rate: float
    step: int
    validation: float
    prompt: SoftPrompt
    history: tuple[Check, ...]
    folder: Path | None = field(default=None, kw_only=True)


@dataclass(frozen=True, eq=False)
class Failed:
    """A start that could not be trained with this seed, and why."""

    start: Start
    seed: int
    error: SpotError


@dataclass(frozen=True, eq=False)
class Run(Candidate):
    """A candidate with its scores on the test split, and for a transfer the 95 % interval over test rows
    of its gain over the same seed from scratch.
    """

    test: float
    test_metrics: dict[str, float]
    n_test: int
    predictions: tuple[str, ...] = ()
    gain_interval: tuple[float, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values, without prompt and predictions."""
        start = self.start
        return {
            "strategy": start.strategy,
            "source": start.source,
            "task": start.task,
            "similarity": start.similarity,
            "seed": self.seed,
            "learning_rate": self.learning_rate,
            "step": self.step,
            "validation": self.validation,
            "test": self.test,
            "metrics": self.test_metrics,
            "n_test": self.n_test,
            "gain_interval": self.gain_interval and list(self.gain_interval),
        }


@dataclass(frozen=True, eq=False)
class TransferReport:
    """The result for one target: per seed a run from scratch and the chosen run by transfer, and all
    runs.

    `interval` is that of the mean gain, 95 % over test rows and seeds; `tfidf` the test score of TF-IDF
    with logistic regression, None for free answers; `verdict` the judgement of all of it. `constant` is the
    validation score of the best constant answer, where there is one.
    """

    target: str
    metric: str
    strategy: str
    baseline: tuple[Run, ...]
    transfer: tuple[Run, ...]
    runs: tuple[Run, ...]
    folder: Path
    interval: tuple[float, float]
    tfidf: float | None
    verdict: Verdict
    constant: float | None = None

    @property
    def gains(self) -> tuple[float, ...]:
        """Test score by transfer minus from scratch, in points, per seed."""
        return tuple(t.test - b.test for t, b in zip(self.transfer, self.baseline, strict=True))

    @property
    def gain(self) -> float:
        """The mean of the gains, in points."""
        return statistics.fmean(self.gains)

    @property
    def curves(self) -> dict[str, list[tuple[Check, ...]]]:
        """The learning curves of both arms: the checks of every seed, under "scratch" and "transfer"."""
        return {
            "scratch": [run.history for run in self.baseline],
            "transfer": [run.history for run in self.transfer],
        }

    @property
    def mean_curves(self) -> dict[str, Mean]:
        """(step, mean validation score over seeds) of both arms, under "scratch" and "transfer"."""
        return {arm: mean_curve(points) for arm, points in self._points().items()}

    @property
    def head_start(self) -> str:
        """What the start of the transferred prompt is worth in steps from scratch, in a sentence; ""
        without checks at step 0.
        """
        curves = self.mean_curves
        return head_start(curves["transfer"], curves["scratch"])

    @property
    def phases(self) -> dict[str, Steps]:
        """(step, phase of learning) of both arms, of the means over seeds, under "scratch" and "transfer";
        [] where answers are free or nobody counted label words. See `spot.verdicts.phases`.
        """
        if self.constant is None:
            return {arm: [] for arm in self.curves}
        return {
            arm: phase_curve([written_of(run) for run in runs], self.constant)
            for arm, runs in self.curves.items()
        }

    @property
    def skipped_phases(self) -> str:
        """The phases that the transferred start skips, in a sentence; "" where it skips none."""
        phases = self.phases
        return skipped_phases(phases["transfer"], phases["scratch"])

    def _points(self) -> dict[str, list[list[Point]]]:
        return {arm: [points_of(run) for run in runs] for arm, runs in self.curves.items()}

    @property
    def best(self) -> Path:
        """The file of `prompt`."""
        return self.folder / BEST_FILE

    @property
    def prompt(self) -> SoftPrompt:
        """The prompt of the best validation score in both arms; `np.asarray` gives [P, H]."""
        return max((*self.transfer, *self.baseline), key=lambda run: run.validation).prompt


def spread(values: Sequence[float]) -> float | None:
    """The sample standard deviation, None for a single value."""
    return statistics.stdev(values) if len(values) > 1 else None


def transfer(
    bank: Bank,
    model: Model,
    target: Task,
    start: str = "best",
    k: int = 1,
    *,
    recipe: Recipe | None = None,
    sources: Mapping[str, Task | Mixture] | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    steps: int | None = None,
    learning_rates: Sequence[float] = (),
    scratch_learning_rates: Sequence[float] = (),
    labels: Literal["keep", "swap"] = "keep",
    search_settings: SearchSettings | None = None,
    runs: Runs | None = None,
) -> TransferReport:
    """Search, train from the chosen start and from scratch, and record the outcome in the bank.

    start: a key of `spot.strategies.table.STRATEGIES`; k: the entries it uses. recipe: by default
    the one that most of the bank's keys were trained with. sources: the tasks of the bank's entries
    by name, which "mixture" and labels="swap" need. steps: of both arms at most, by default the model's
    own. learning_rates: tried by both arms, `scratch_learning_rates` by the arm from scratch alone;
    validation chooses.

    Raises SpotError or BankError before any training when target, bank or settings are unusable.
    """
    strategy, runs = find_strategy(start), runs or Runs()
    recipe = recipe_for(bank, model, recipe)
    plan = TransferSettings(
        strategy=start,
        k=k,
        seeds=tuple(seeds),
        **({} if steps is None else {"steps": steps}),
        learning_rates=tuple(learning_rates),
        scratch_learning_rates=tuple(scratch_learning_rates),
        labels=labels,
    ).on(model)
    settings = settings_for(bank, model, recipe, search_settings)
    if strategy.wants_values:
        check_kinds(bank, target, recipe, settings, every=strategy.wants_all)
    runs.reporter.phase(f"reading the rows of {target.name}")
    check_target(target, model, recipe)
    count = count_for(bank, target, settings) if strategy.wants_all else k
    answer = search(bank, model, target, count, recipe=recipe, settings=settings, runs=runs)
    for warning in answer.result.warnings:
        runs.reporter.warn(warning)
    situation = Situation(
        bank, model, target, answer.result.hits, recipe, sources or {}, plan, settings, runs
    )
    starts = [Start(SCRATCH), *strategy.starts(situation)]
    candidates = train_starts(model, target, starts, recipe, plan, runs, bank)
    scored = [score_on_test(model, target, candidate, recipe, runs) for candidate in candidates]
    baseline = tuple(run for run in scored if run.start.strategy == SCRATCH)
    chosen = tuple(
        max(
            (run for run in scored if run.start.strategy != SCRATCH and run.seed == seed),
            key=_choice,
        )
        for seed in seeds
    )
    nearness = answer.verdict
    report = judged_report(
        model, target, start, baseline, chosen, scored, recipe, runs, nearness=nearness
    )
    bank.add_outcomes(outcomes(report.target, report.metric, report.runs))
    _write(report)
    write_provenance(report.folder, [model], recipe, bank, **plan.model_dump(mode="json"))
    return report


def transfer_from(
    bank: Bank,
    model: Model,
    target: Task,
    entries: Sequence[str],
    *,
    recipe: Recipe | None = None,
    plan: TransferSettings | None = None,
    runs: Runs | None = None,
) -> list[TransferReport]:
    """Train from each of these entries, without a search, and from scratch; a report for each entry, whose
    outcomes are recorded in the bank.

    entries: ids, or tasks, of prompts of one kind and length, which the prompts from scratch have, too.
    recipe: by default the model's own. Raises SpotError as `transfer` does.
    """
    recipe, runs = (recipe or Recipe()).on(model), runs or Runs()
    plan = (plan or TransferSettings()).on(model)
    starts = []
    for name in entries:
        entry = bank.get(name)
        check_model(entry, model)
        check_kind(entry, recipe.kind)
        value = value_of(bank, entry)
        recipe = recipe.replace(length=len(value.key))
        starts.append(Start(NAMED, entry.id, entry.task, None, value))
    runs.reporter.phase(f"reading the rows of {target.name}")
    check_target(target, model, recipe)
    candidates = train_starts(model, target, [Start(SCRATCH), *starts], recipe, plan, runs, bank)
    scored = [score_on_test(model, target, candidate, recipe, runs) for candidate in candidates]
    baseline = [run for run in scored if run.start.strategy == SCRATCH]
    reports = []
    for start in starts:
        own = [run for run in scored if run.start is start]
        report = judged_report(model, target, NAMED, baseline, own, [*baseline, *own], recipe, runs)
        bank.add_outcomes(outcomes(report.target, report.metric, report.runs))
        _write(report)
        settings = plan.model_dump(mode="json", exclude={"strategy", "k"})
        write_provenance(report.folder, [model], recipe, bank, **settings)
        reports.append(report)
    return reports


def judged_report(
    model: Model,
    target: Task,
    strategy: str,
    baseline: Sequence[Run],
    chosen: Sequence[Run],
    scored: Sequence[Run],
    recipe: Recipe,
    runs: Runs,
    *,
    nearness: Verdict | None = None,
) -> TransferReport:
    """The report of these runs with intervals, the score of TF-IDF and the verdict."""
    rows = test_rows(target, model, recipe)
    beside = compared(target, "test", rows, train_examples=recipe.train_examples, runs=runs)
    scratch, transferred = (
        sample_of([run.predictions for run in arm], target, rows) for arm in (baseline, chosen)
    )
    measured = with_gains(scored, target, rows)
    curves = tuple([points_of(run.history) for run in arm] for arm in (chosen, baseline))
    metric = metric_name(target)
    return TransferReport(
        target.name,
        metric,
        strategy,
        tuple(baseline),
        tuple(measured[scored.index(run)] for run in chosen),
        measured,
        runs.place("transfer", target.name, _facts(scored)),
        transferred.minus(scratch).interval(),
        beside.tfidf_score,
        judge_transfer(
            metric,
            len(rows),
            scratch,
            transferred,
            beside.floors,
            beside.tfidf,
            curves=(curves[0], curves[1]),
            nearness=nearness,
        ),
        majority_score(source_of(target, model, recipe)),
    )


def with_gains(runs: Sequence[Run], target: Task, rows: TokenizedSplit) -> tuple[Run, ...]:
    """The runs, each transfer with the interval over the target's test rows of its gain over the same seed
    from scratch, where that is among them.
    """
    scratch = {
        run.seed: sample_of([run.predictions], target, rows)
        for run in runs
        if run.start.strategy == SCRATCH
    }
    return tuple(
        run
        if run.start.strategy == SCRATCH or run.seed not in scratch
        else replace(
            run,
            gain_interval=sample_of([run.predictions], target, rows)
            .minus(scratch[run.seed])
            .interval(),
        )
        for run in runs
    )


def points_of(history: Sequence[Check]) -> list[Point]:
    """The validated checks of a run as the points of its learning curve."""
    return [
        Point(check.step, check.score, check.n) for check in history if math.isfinite(check.score)
    ]


def written_of(history: Sequence[Check]) -> list[Written]:
    """The validated checks of a run that counted label words."""
    return [
        Written(check.step, check.valid_labels, check.score, check.n)
        for check in history
        if check.valid_labels is not None and math.isfinite(check.score)
    ]


def check_target(target: Task, model: Model, recipe: Recipe) -> None:
    """Read the target's splits, so that a bad row or an empty split comes before any training."""
    source_of(target, model, recipe)
    test_rows(target, model, recipe)


def check_kinds(
    bank: Bank, target: Task, recipe: Recipe, settings: SearchSettings, *, every: bool
) -> None:
    """Raises SpotError if none of the entries that a search for the target compares, or with `every`
    not each of them, is of the recipe's kind of prompt.
    """
    entries, _ = searchable(bank.entries(), (target.name,), settings.unlearned)
    others = [entry for entry in entries if entry.prompt_kind != recipe.kind]
    if others and (every or len(others) == len(entries)):
        check_kind(others[0], recipe.kind)


def count_for(bank: Bank, target: Task, settings: SearchSettings) -> int:
    """Number of tasks that a search for the target can find, at least 1."""
    entries, _ = searchable(bank.entries(), (target.name,), settings.unlearned)
    return max(1, len(seeds_of_tasks(entries)))


def _choice(run: Run) -> tuple[float, str]:
    """Validation decides; equal scores by source, so that the choice never depends on order."""
    return run.validation, run.start.source or ""


def _facts(scored: Sequence[Run]) -> dict[str, Any]:
    """The content of a report, by which its folder is named."""
    return {"runs": [[run.to_json(), prompt_digest(run.prompt)] for run in scored]}


def train_starts(
    model: Model,
    target: Task,
    starts: Sequence[Start],
    recipe: Recipe,
    plan: TransferSettings,
    runs: Runs,
    bank: Bank | None = None,
) -> list[Candidate]:
    """Train a candidate per start and seed, in that order; validation chooses the learning rate.

    bank: of which a prompt from scratch is made, where the recipe's init or kind asks for it.
    Raises SpotError when every learning rate of a start failed with a loss that is not finite.
    """
    candidates = []
    for attempt in try_starts(model, target, starts, recipe, plan, runs, bank):
        if isinstance(attempt, Failed):
            raise attempt.error
        candidates.append(attempt)
    return candidates


def try_starts(
    model: Model,
    target: Task,
    starts: Sequence[Start],
    recipe: Recipe,
    plan: TransferSettings,
    runs: Runs,
    bank: Bank | None = None,
    *,
    title: str = "",
) -> list[Candidate | Failed]:
    """As `train_starts`, but a start whose learning rates all failed is in its place, with the reason."""
    recipe = recipe.on(model).replace(steps=plan.steps, key_step=min(recipe.key_step, plan.steps))
    source = source_of(target, model, recipe)
    runs.reporter.phase(f"loading {model.name}")
    planned: list[tuple[Start, int, int]] = []
    slots: list[Slot] = []
    for start in starts:
        for seed in plan.seeds:
            init = start.init or new_slot(model, source, recipe, seed, bank).init
            rates = learning_rates(start, recipe, plan, model.embeddings)
            planned.append((start, seed, len(rates)))
            for rate in rates:
                name = f"{target.name} from {start.source or start.name} lr {rate:g}"
                slots.append(Slot(name, source, seed, init, rate))
    title = title or f"transfer to {target.name}"
    trained = runs.train_prompts(model, slots, recipe, title=title)
    report_improving(trained, "transfer.steps", runs.reporter)
    rest = iter(trained)
    attempts: list[Candidate | Failed] = []
    for start, seed, tried in planned:
        own = list(islice(rest, tried))
        try:
            best, validation = _best(own)
        except SpotError as error:
            attempts.append(Failed(start, seed, error))
            continue
        begin = "" if start.init is None else f"{start.strategy}: {start.source or start.name}"
        prompt = described(model, target, recipe, best, begin)
        rate, step, history = best.slot.learning_rate, best.value_step, best.history
        attempts.append(
            Candidate(start, seed, rate, step, validation, prompt, history, folder=best.folder)
        )
    return attempts


def learning_rates(
    start: Start, recipe: Recipe, plan: TransferSettings, embeddings: np.ndarray
) -> tuple[float, ...]:
    """The rates that a run from this start tries, of which validation chooses one; embeddings are the
    model's [V, H].
    """
    scratch = plan.scratch_learning_rates if start.strategy == SCRATCH else ()
    chosen = scratch or plan.learning_rates
    return chosen or (recipe.learning_rate or default_rate(embeddings),)


def _best(trained: Sequence[Trained]) -> tuple[Trained, float]:
    """The run of the learning rate that scores best on validation, the first of equals; its score."""
    usable = [
        (run.best.score, run) for run in trained if run.best is not None and not run.failed_early
    ]
    if not usable:
        raise SpotError(
            f"{trained[0].slot.name}: no learning rate gave a finite loss until the first check",
            "lower train.learning_rate or transfer.learning_rates",
        )
    validation, best = max(usable, key=lambda pair: pair[0])
    return best, validation


def score_on_test(
    model: Model, target: Task, candidate: Candidate, recipe: Recipe, runs: Runs
) -> Run:
    """The candidate with the scores of its prompt on the target's test split."""
    test = test_rows(target, model, recipe)
    labels = label_tokens(target, model.vocabulary)
    score = runs.evaluate(model, candidate.prompt, target, test, labels)
    return Run(
        candidate.start,
        candidate.seed,
        candidate.learning_rate,
        candidate.step,
        candidate.validation,
        candidate.prompt,
        candidate.history,
        score.value,
        score.metrics,
        score.n,
        score.predictions,
        folder=candidate.folder,
    )


def outcomes(target: str, metric: str, runs: Sequence[Run]) -> list[Outcome]:
    """The bank's record: each transfer run beside the same seed's score from scratch, where it is among
    the runs.
    """
    scratch = {run.seed: run.test for run in runs if run.start.strategy == SCRATCH}
    return [
        Outcome(
            source=run.start.source or run.start.name,
            target=target,
            strategy=run.start.strategy,
            seed=run.seed,
            metric=metric,
            score=run.test,
            baseline=scratch.get(run.seed),
            split="test",
            n=run.n_test,
            low=None if run.gain_interval is None else run.gain_interval[0],
            high=None if run.gain_interval is None else run.gain_interval[1],
        )
        for run in runs
        if run.start.strategy != SCRATCH
    ]


def _with_history(run: Run, folder: Path) -> dict[str, Any]:
    """A run as a report has it: with its checks, and the folder of its training as seen from the report's."""
    own = None if run.folder is None else Path(os.path.relpath(run.folder, folder)).as_posix()
    checks = [check.to_json() for check in run.history]
    return run.to_json() | {"folder": own, "history": checks}


def _write(report: TransferReport) -> None:
    """report.json, the prompts of both arms, one a seed, and the best of them."""
    from spot.prompts.files import write_prompt

    content = {
        "target": report.target,
        "metric": report.metric,
        "strategy": report.strategy,
        "runs": [_with_history(run, report.folder) for run in report.runs],
        "gains": report.gains,
        "interval": report.interval,
        "tfidf": report.tfidf,
        "verdict": report.verdict.to_json(),
        "head_start": report.head_start,
        "phases": report.phases,
        "skipped_phases": report.skipped_phases,
    }
    text = json.dumps(content, indent=1) + "\n"
    replace_file(report.folder / "report.json", text.encode())
    for arm, runs in (("scratch", report.baseline), ("transfer", report.transfer)):
        for run in runs:
            write_prompt(report.folder / f"{arm}-s{run.seed}.safetensors", run.prompt)
    write_prompt(report.best, report.prompt)

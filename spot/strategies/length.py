"""The length of a prompt: the shortest that does as well as the best, reached in several ways.

Every length is trained for the same steps. Validation chooses, by one standard error; the test split
reports, for the chosen lengths alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bank.files import replace_file
from spot.errors import SpotError, did_you_mean
from spot.models.model import Model
from spot.prompts.inits import default_rate
from spot.prompts.prompt import SoftPrompt
from spot.strategies.settings import TransferSettings
from spot.strategies.transfer import BEST_FILE, check_target
from spot.tasks.examples import TokenizedSplit
from spot.tasks.task import Task
from spot.training.batches import Source, sample
from spot.training.build import new_slot
from spot.training.described import described
from spot.training.evaluate import sample_of
from spot.training.importance import scale_gradients, strongest
from spot.training.judging import compared, metric_name
from spot.training.recipe import Recipe
from spot.training.runs import Runs, model_facts, prompt_digest, split_digest
from spot.training.slots import Slot, Trained
from spot.training.source import source_of, test_rows
from spot.verdicts.lengths import falls, levels_off, shortest
from spot.verdicts.sample import Sample
from spot.verdicts.scores import judge_score
from spot.verdicts.verdict import Verdict

LENGTHS = (1, 2, 4, 8, 16, 32, 64, 100)
IMPORTANCE_ROWS = 32  # training rows on which the importance of a prompt's rows is measured


@dataclass(frozen=True, eq=False)
class LengthTrial:
    """Prompts of one length, one a seed, reached in one way.

    `validation` has their scores, `error` the standard error of the mean over rows and seeds. `steps` is the
    sum of the steps that were made, `seconds` what they took, with compiling and checks; None where they
    were found trained by another search. `test` are the test scores, of chosen trials alone.
    """

    way: str
    length: int
    trained: tuple[Trained, ...]
    validation: Sample
    steps: int
    seconds: float | None
    test: Sample | None = None

    @property
    def error(self) -> float:
        """The standard error of the mean validation score."""
        return self.validation.error()

    @property
    def cost(self) -> int:
        """Steps times tokens of the prompt."""
        return self.steps * self.length

    def to_json(self) -> dict[str, Any]:
        """JSON-serialisable dict, without the prompts."""
        return {
            "way": self.way,
            "length": self.length,
            "validation": self.validation.mean,
            "error": self.error,
            "scores": self.validation.scores.tolist(),
            "steps": self.steps,
            "cost": self.cost,
            "seconds": self.seconds,
            "test": None if self.test is None else self.test.mean,
            "interval": None if self.test is None else list(self.test.interval()),
        }


@dataclass(frozen=True, eq=False)
class LengthReport:
    """A search's trials in the order in which they were trained, and the choice among them.

    `by_way` has the chosen trial of every way, `chosen` that of all trials together, `best` the trial of the
    highest validation score; these have test scores. `verdict` judges the chosen length on n test rows.
    """

    target: str
    metric: str
    trials: tuple[LengthTrial, ...]
    by_way: dict[str, LengthTrial]
    chosen: LengthTrial
    best: LengthTrial
    n: int
    tfidf: float | None
    verdict: Verdict
    prompt: SoftPrompt
    folder: Path

    @property
    def file(self) -> Path:
        """The file of `prompt`, the best seed of the chosen length by validation."""
        return self.folder / BEST_FILE

    @property
    def cost(self) -> int:
        """Steps times tokens of all trials."""
        return sum(trial.cost for trial in self.trials)

    @property
    def seconds(self) -> float | None:
        """What all trials took; None where one of them is not known."""
        known = [trial.seconds for trial in self.trials if trial.seconds is not None]
        return sum(known) if len(known) == len(self.trials) else None


@dataclass(frozen=True, eq=False)
class Search:
    """What a way works with. `starts` are the inits of the longest prompt, one a seed: a shorter one starts
    from the first rows of it.
    """

    model: Model
    target: Task
    recipe: Recipe
    plan: TransferSettings
    lengths: tuple[int, ...]
    source: Source
    starts: tuple[SoftPrompt, ...]
    runs: Runs

    def train(
        self, way: str, rows: Sequence[np.ndarray], recipe: Recipe | None = None
    ) -> LengthTrial:
        """The trial of prompts that start from these rows [P, H], one a seed."""
        kind, length = self.starts[0].kind, len(rows[0])
        rate = self.recipe.learning_rate or default_rate(self.model.embeddings)
        recipe = (recipe or self.recipe).replace(length=length)
        slots = [
            Slot(
                f"{self.target.name} {way} {length}",
                self.source,
                seed,
                SoftPrompt.of(kind, start),
                rate,
            )
            for seed, start in zip(self.plan.seeds, rows, strict=True)
        ]
        places = [
            self.runs.prompts_place(self.model, group, recipe, True)
            for group in self.runs.groups(slots)
        ]
        fresh, begun = not any(place.exists() for place in places), time.monotonic()
        title = f"{self.target.name}, {length} tokens, {way}"
        trained = self.runs.train_prompts(self.model, slots, recipe, title=title)
        for each in trained:
            if each.failed_early:
                raise SpotError(
                    f"{each.slot.label}: the loss was not finite until the first check",
                    "lower train.learning_rate",
                )
        seconds = self.runs.remembered(
            "seconds",
            self.target.name,
            {"runs": [place.name for place in places]},
            lambda: round(time.monotonic() - begun, 1) if fresh else None,
        )
        validation = self.scores(trained, self.source.members[0].validation)
        steps = sum(each.history[-1].step for each in trained)
        return LengthTrial(way, length, tuple(trained), validation, steps, seconds)

    def scores(self, trained: Sequence[Trained], rows: TokenizedSplit) -> Sample:
        """The scores of the trained values on a split."""
        labels = self.source.members[0].labels
        scores = [
            self.runs.evaluate(self.model, each.value, self.target, rows, labels)
            for each in trained
        ]
        return sample_of([score.predictions for score in scores], self.target, rows)


def shortest_first(search: Search) -> list[LengthTrial]:
    """From the shortest up: a longer prompt starts from the shorter one with new rows behind it, until two
    longer ones in a row are no better.
    """
    trials: list[LengthTrial] = []
    starts = [np.asarray(start) for start in search.starts]
    for length in search.lengths:
        values = [np.asarray(each.value) for each in trials[-1].trained] if trials else starts
        done = trials[-1].length if trials else 0
        rows = [
            np.concatenate([value[:done], start[done:length]])
            for value, start in zip(values, starts, strict=True)
        ]
        trials.append(search.train("shortest-first", rows))
        if levels_off(*_scores(trials)):
            break
    return trials


def text(search: Search) -> list[LengthTrial]:
    """The words of prompt.text, as many tokens as they are."""
    words = search.recipe.text
    vocabulary = search.model.vocabulary
    length = len(vocabulary.encode(words)) + (vocabulary.begin is not None)
    recipe = search.recipe.replace(init="text", length=length)
    slots = [new_slot(search.model, search.source, recipe, seed) for seed in search.plan.seeds]
    return [search.train("text", [np.asarray(slot.init) for slot in slots], recipe)]


def prune(search: Search) -> list[LengthTrial]:
    """From the longest down: the rows that matter least are removed, and those that are left are trained
    again from the key of the longest prompt, its early checkpoint (rewinding: Frankle et al., arXiv
    1903.01611; of prompts: XPrompt, arXiv 2210.04457), until two shorter ones in a row are worse.
    """
    trials = [search.train("prune", [np.asarray(start) for start in search.starts])]
    keys = [
        np.asarray(each.key if each.key is not None else each.value) for each in trials[0].trained
    ]
    kept = [np.arange(len(key)) for key in keys]
    for length in reversed(search.lengths[:-1]):
        kept = [
            rows[strongest(row_importance(search, each.value), length)]
            for rows, each in zip(kept, trials[-1].trained, strict=True)
        ]
        starts = [key[rows] for key, rows in zip(keys, kept, strict=True)]
        trials.append(search.train("prune", starts))
        if falls(*_scores(trials)):
            break
    return trials


WAYS: dict[str, Callable[[Search], list[LengthTrial]]] = {
    "shortest-first": shortest_first,
    "text": text,
    "prune": prune,
}
"""The ways to a length. A new one is one function and one line here."""


def row_importance(search: Search, prompt: SoftPrompt) -> np.ndarray:
    """How much each row of a prompt matters [P]: E |dL/dg_i| at g = 1, of rows p_i that are scaled by g_i
    (Ma et al., XPrompt, section 3.2), on training rows; computed once.
    """
    rows = sample(search.source.members[0].train, IMPORTANCE_ROWS)
    read = {
        "model": model_facts(search.model),
        "prompt": prompt_digest(prompt),
        "rows": split_digest(rows),
    }

    def measure() -> list[float]:
        found: list[float] = scale_gradients(search.model, prompt, rows)[:, 0].tolist()
        return found

    return np.asarray(search.runs.remembered("importance", search.target.name, read, measure))


def find_length(
    model: Model,
    target: Task,
    recipe: Recipe | None = None,
    *,
    lengths: Sequence[int] = LENGTHS,
    ways: Sequence[str] | None = None,
    plan: TransferSettings | None = None,
    runs: Runs | None = None,
) -> LengthReport:
    """Search for the shortest prompt that is within one standard error of the best on validation.

    lengths: in tokens; the recipe's own is not used. ways: names of WAYS, by default all, "text" only where
    the recipe has a text. plan: seeds and steps of every length, as of a transfer. Finished lengths are
    found again. Raises SpotError for unusable rows, lengths or ways, a kind of prompt that is more than
    its rows, and a loss that is not finite.
    """
    recipe, runs = (recipe or Recipe()).on(model), runs or Runs()
    plan = (plan or TransferSettings()).on(model)
    names = check_ways(ways, recipe)
    tried = check_lengths(lengths)
    recipe = recipe.replace(
        length=tried[-1], steps=plan.steps, key_step=min(recipe.key_step, plan.steps)
    )
    runs.reporter.phase(f"reading the rows of {target.name}")
    target = target.on(model)
    check_target(target, model, recipe)
    source = source_of(target, model, recipe)
    starts = tuple(new_slot(model, source, recipe, seed).init for seed in plan.seeds)
    if starts[0].named:
        raise SpotError(
            f"a length search needs prompts that are their rows alone, a {recipe.kind} prompt has "
            "other arrays",
            "set prompt.kind=prefix",
        )
    search = Search(model, target, recipe, plan, tried, source, starts, runs)
    by_way: dict[str, LengthTrial] = {}
    trials: list[LengthTrial] = []
    for name in names:
        own = WAYS[name](search)
        trials += own
        by_way[name] = own[choose(own)]
    return judged_length(search, trials, by_way)


def judged_length(
    search: Search, trials: Sequence[LengthTrial], by_way: dict[str, LengthTrial]
) -> LengthReport:
    """The report with the test scores of what validation chose, and the verdict."""
    target, model, runs = search.target, search.model, search.runs
    test = test_rows(target, model, search.recipe)
    chosen = trials[choose(trials)]
    best = max(trials, key=lambda trial: trial.validation.mean)
    reported = {id(trial) for trial in (*by_way.values(), chosen, best)}
    tested = {
        id(trial): replace(trial, test=search.scores(trial.trained, test))
        if id(trial) in reported
        else trial
        for trial in trials
    }
    scores = search.scores(chosen.trained, test)
    chosen, best = tested[id(chosen)], tested[id(best)]
    beside = compared(target, "test", test, train_examples=search.recipe.train_examples, runs=runs)
    verdict = judge_score(
        metric_name(target),
        len(test),
        scores,
        beside.floors,
        beside.tfidf,
        subject=f" with {tokens(chosen.length)} ({chosen.way})",
    )
    trained = max(chosen.trained, key=lambda each: each.best.score if each.best else -1.0)
    prompt = described(
        model, target, search.recipe.replace(length=chosen.length), trained, f"length: {chosen.way}"
    )
    rows = [tested[id(trial)].to_json() for trial in trials]
    facts = [{name: value for name, value in row.items() if name != "seconds"} for row in rows]
    report = LengthReport(
        target.name,
        metric_name(target),
        tuple(tested[id(trial)] for trial in trials),
        {way: tested[id(trial)] for way, trial in by_way.items()},
        chosen,
        best,
        len(test),
        beside.tfidf_score,
        verdict,
        prompt,
        runs.place("length", target.name, {"trials": facts, "prompt": prompt_digest(prompt)}),
    )
    _write(report, rows)
    return report


def choose(trials: Sequence[LengthTrial]) -> int:
    """The place of the trial that validation chooses, see `spot.verdicts.lengths.shortest`."""
    return shortest([trial.length for trial in trials], *_scores(trials))


def check_ways(names: Sequence[str] | None, recipe: Recipe) -> list[str]:
    """The named ways in the order of WAYS, each once; SpotError for an unknown or no name, and for a text
    start without a text.
    """
    if names is None:
        return [name for name in WAYS if name != "text" or recipe.text.strip()]
    hint = f"choose from {', '.join(WAYS)}, joined by commas"
    for name in names:
        if name not in WAYS:
            raise SpotError(
                f'no way to a length is called "{name}".{did_you_mean(name, WAYS)}', hint
            )
    if not names:
        raise SpotError("expected ways to a length, found none", hint)
    if "text" in names and not recipe.text.strip():
        raise SpotError(
            "a text start needs a text", 'set it: --set prompt.text="Is this review good or bad?"'
        )
    return [name for name in WAYS if name in names]


def check_lengths(lengths: Sequence[int]) -> tuple[int, ...]:
    """The lengths from the shortest up, each once; SpotError for none and for one that is no length."""
    if not lengths or min(lengths) < 1:
        raise SpotError(
            f"expected lengths of 1 token or more, found {', '.join(map(str, lengths)) or 'none'}",
            "for example 1,2,4,8,16",
        )
    return tuple(sorted(set(lengths)))


def tokens(length: int) -> str:
    """A length with its noun: "1 token", "8 tokens"."""
    return "1 token" if length == 1 else f"{length} tokens"


def _scores(trials: Sequence[LengthTrial]) -> tuple[list[float], list[float]]:
    return [trial.validation.mean for trial in trials], [trial.error for trial in trials]


def _write(report: LengthReport, rows: Sequence[dict[str, Any]]) -> None:
    """report.json, and the prompt."""
    from spot.prompts.files import write_prompt

    content = {
        "target": report.target,
        "metric": report.metric,
        "trials": rows,
        "chosen": {"way": report.chosen.way, "length": report.chosen.length},
        "tfidf": report.tfidf,
        "verdict": report.verdict.to_json(),
    }
    replace_file(report.folder / "report.json", (json.dumps(content, indent=1) + "\n").encode())
    write_prompt(report.file, report.prompt)

"""Distillation of prompts in generations, beside what as many steps reach without a teacher.

Generation 0 learns from labels. Each later one starts afresh and learns from labels and from the scores of
the one before (Furlanello et al. 2018, arXiv 1805.04770: "born again" networks). The first teacher may be
given: a prompt, an ensemble, a fine-tuned model. Where generation 0 starts from a source prompt, generation
1 is the transfer of PANDA (Zhong et al. 2022, arXiv 2208.10160): a fresh prompt learns from the one that
was transferred. Validation chooses, the test split reports.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bank.files import replace_file
from spot.errors import SpotError
from spot.models.model import Model
from spot.prompts.files import check_fit, write_prompt
from spot.prompts.prompt import SoftPrompt
from spot.strategies.settings import TransferSettings
from spot.strategies.transfer import BEST_FILE, check_target, spread
from spot.study.methods.method import Trial
from spot.tasks.examples import TokenizedSplit
from spot.tasks.metrics import main_metric
from spot.tasks.task import Task
from spot.tasks.vocabulary import label_tokens
from spot.training.build import new_slot
from spot.training.described import described
from spot.training.evaluate import (
    floors,
    gain_interval,
    mean_interval,
    sample_of,
    split_metrics,
)
from spot.training.judging import metric_name
from spot.training.losses import find_loss, taught
from spot.training.recipe import Recipe
from spot.training.runs import Runs
from spot.training.slots import Trained, report_improving
from spot.training.source import source_of, test_rows
from spot.training.teaching import Teacher, teach, together
from spot.verdicts.scores import judge_score
from spot.verdicts.verdict import Verdict

GENERATIONS, SHARE, TEMPERATURE = 3, 0.5, 2.0


@dataclass(frozen=True)
class Line:
    """A generation, an ensemble, or what one is compared with, with every seed.

    `teacher` names what it learned from beside labels, "" where nothing. `steps` are those of a seed's
    training in all, at most, with its teachers' where they are trained here. `interval` is the mean test
    score's, 95 % over rows and seeds; `gain` that of its difference from generation 0, paired.
    """

    name: str
    teacher: str
    steps: int
    trials: tuple[Trial, ...]
    interval: tuple[float, float]
    gain: tuple[float, float] | None = None

    @property
    def test(self) -> float:
        """The test score's mean over seeds."""
        return statistics.fmean(trial.test for trial in self.trials)

    @property
    def validation(self) -> float:
        """The validation score's mean over seeds."""
        return statistics.fmean(trial.validation or 0.0 for trial in self.trials)

    @property
    def deviation(self) -> float | None:
        """The test score's sample standard deviation over seeds, None for a single one."""
        return spread([trial.test for trial in self.trials])

    def to_json(self) -> dict[str, Any]:
        """JSON-serialisable dict, without predictions."""
        return {
            "name": self.name,
            "teacher": self.teacher,
            "steps": self.steps,
            "validation": self.validation,
            "test": self.test,
            "deviation": self.deviation,
            "interval": list(self.interval),
            "gain": self.gain and list(self.gain),
            "runs": [trial.to_json() for trial in self.trials],
        }


@dataclass(frozen=True, eq=False)
class Distillation:
    """The generations of one target and what they are compared with; the prompts [generation][seed], the
    folder where they lie, and the verdict on the generation that validation prefers.
    """

    target: str
    metric: str
    loss: str
    lines: tuple[Line, ...]
    prompts: tuple[tuple[SoftPrompt, ...], ...]
    folder: Path
    verdict: Verdict

    @property
    def best(self) -> Path:
        """The file of the single prompt that is best on validation."""
        return self.folder / BEST_FILE


def distil(
    model: Model,
    target: Task,
    recipe: Recipe | None = None,
    *,
    teachers: Sequence[Teacher] = (),
    start: SoftPrompt | None = None,
    share: float = SHARE,
    temperature: float = TEMPERATURE,
    generations: int = GENERATIONS,
    seeds: Sequence[int] = (0, 1, 2),
    steps: int | None = None,
    runs: Runs | None = None,
) -> Distillation:
    """Train generation 0 on labels and `generations` more, each with the loss
    (1 - share) · loss + share · T² KL(teacher ‖ student) over the scores of label words.

    recipe: by default the model's own; its loss is that of generation 0, and with a share of 0 every
    generation is generation 0, bit for bit. teachers: of generation 1, several as an ensemble; without one
    generation 0 of the same seed is. start: what generation 0 starts from, by default the recipe's init,
    from which all later ones start; with a start, generation 0 from the init is trained as well.
    steps: of a generation at most, by default the model's own of a transfer. Beside the generations stand
    ensembles, and generation 0 with the steps of all generations together.

    Raises SpotError before any training for a task whose answers are generated, and settings or a start
    that cannot be used.
    """
    runs = runs or Runs()
    work = prepared(
        model, target, recipe, teachers, start, share, temperature, generations, seeds, steps, runs
    )
    trained = work.trained()
    lines = _lines(work, trained)
    folder = runs.place("distilled", target.name, {"lines": [each.to_json() for each in lines]})
    report = Distillation(
        target.name,
        metric_name(target),
        work.student.loss,
        tuple(lines),
        tuple(
            tuple(work.described(number, each) for each in row)
            for number, row in enumerate(trained.generations)
        ),
        folder,
        work.judged(max(lines[: generations + 1], key=lambda line: line.validation)),
    )
    _write(report, seeds)
    return report


def prepared(
    model: Model,
    target: Task,
    recipe: Recipe | None,
    teachers: Sequence[Teacher],
    start: SoftPrompt | None,
    share: float,
    temperature: float,
    generations: int,
    seeds: Sequence[int],
    steps: int | None,
    runs: Runs,
) -> Work:
    """What a call of `distil` trains and scores, checked. Raises what that raises before any training."""
    if generations < 1:
        raise SpotError(
            f"expected one generation or more behind generation 0, found {generations}",
            "for example 3",
        )
    plan = TransferSettings(**({} if steps is None else {"steps": steps})).on(model)
    recipe = (recipe or Recipe()).on(model)
    recipe = recipe.replace(steps=plan.steps, key_step=min(recipe.key_step, plan.steps))
    student = recipe.replace(loss=taught(recipe.loss, share, temperature))
    target = target.on(model)
    if target.scoring != "rank":
        raise SpotError(
            f'task "{target.name}": expected label words to distil scores of, but its answers are generated',
            "choose a task with label words",
        )
    if start is not None:
        _check_start(start, model, recipe)
    runs.reporter.phase(f"reading the rows of {target.name}")
    check_target(target, model, recipe)
    return Work(
        model, target, recipe, student, tuple(teachers), start, tuple(seeds), generations, runs
    )


@dataclass(frozen=True, eq=False)
class Prompts:
    """What one call of `distil` trains, by generation or alone a prompt a seed: `generations`, `longer`,
    with the steps of all of them, and `scratch`, where generation 0 has a start of its own. `more`: for each
    seed as many more of generation 0 as there are later generations.
    """

    generations: tuple[tuple[Trained, ...], ...]
    more: tuple[tuple[Trained, ...], ...]
    longer: tuple[Trained, ...]
    scratch: tuple[Trained, ...]


def _further_seeds(seeds: Sequence[int], count: int) -> list[int]:
    """So many further seeds for each, in turn, none of them among the given ones.

    >>> _further_seeds([0, 5], 2)
    [6, 7, 8, 9]
    """
    first = max(seeds) + 1
    return list(range(first, first + len(seeds) * count))


@dataclass(frozen=True, eq=False)
class Work:
    """One call of `distil`: what is trained, with what, and how it is scored.

    recipe: of generation 0; student: of the `count` later ones.
    """

    model: Model
    target: Task
    recipe: Recipe
    student: Recipe
    teachers: tuple[Teacher, ...]
    start: SoftPrompt | None
    seeds: tuple[int, ...]
    count: int
    runs: Runs

    @property
    def stages(self) -> dict[str, tuple[int, int]]:
        """By title the prompts and the steps of what is trained, in this order."""
        alone, steps = len(self.seeds), self.recipe.steps
        return {
            "generation 0": (alone, steps),
            "more of generation 0": (alone * self.count, steps),
            "generation 0, longer": (alone, self.all_steps),
            **({} if self.start is None else {"from scratch": (alone, steps)}),
            **{f"generation {number}": (alone, steps) for number in range(1, self.count + 1)},
        }

    @property
    def all_steps(self) -> int:
        """Those of all generations of a seed together."""
        return self.recipe.steps * (self.count + 1)

    def trained(self) -> Prompts:
        """Everything, trained or found."""
        first = self.train("generation 0", self.recipe, self.seeds, self.start)
        further = _further_seeds(self.seeds, self.count)
        more = self.train("more of generation 0", self.recipe, further, self.start)
        all_steps = self.recipe.replace(steps=self.all_steps)
        longer = self.train("generation 0, longer", all_steps, self.seeds, self.start)
        scratch: tuple[Trained, ...] = ()
        if self.start is not None:
            scratch = self.train("from scratch", self.recipe, self.seeds)
        generations = [first]
        for number in range(1, self.count + 1):
            generations.append(self.generation(number, generations[-1]))
        groups = tuple(
            more[place : place + self.count] for place in range(0, len(more), self.count)
        )
        return Prompts(tuple(generations), groups, longer, scratch)

    def generation(self, number: int, before: Sequence[Trained]) -> tuple[Trained, ...]:
        """Prompts that learn from those of the generation before, or the first from the given teachers."""
        title, loss = f"generation {number}", find_loss(self.student.loss)
        if not loss.taught:
            return self.train(title, self.student, self.seeds)
        groups: Sequence[Sequence[Teacher]] = [self.teachers] * len(before)
        if number > 1 or not self.teachers:
            name = f"generation {number - 1}"
            groups = [[Teacher(name, self.model, each.value)] for each in before]
        scores = [
            teach(group, self.target, self.student, loss.normalisation, self.runs)
            for group in groups
        ]
        return self.train(title, self.student, self.seeds, scores=scores)

    def train(
        self,
        title: str,
        recipe: Recipe,
        seeds: Sequence[int],
        start: SoftPrompt | None = None,
        scores: Sequence[tuple[np.ndarray, ...]] | None = None,
    ) -> tuple[Trained, ...]:
        """A prompt a seed, from this start or the recipe's init, with these scores of its teacher."""
        source = source_of(self.target, self.model, recipe)
        self.runs.reporter.phase(f"loading {self.model.name}")
        slots = []
        for place, seed in enumerate(seeds):
            slot = new_slot(self.model, source, recipe, seed)
            teacher = None if scores is None else scores[place]
            slots.append(replace(slot, init=slot.init if start is None else start, teacher=teacher))
        trained = self.runs.train_prompts(
            self.model, slots, recipe, title=f"{self.target.name}, {title}"
        )
        for each in trained:
            if each.failed_early:
                raise SpotError(
                    f"{each.slot.label}: the loss was not finite at step {each.failed_step}, before any "
                    "check",
                    "lower train.learning_rate",
                )
        report_improving(trained, "transfer.steps", self.runs.reporter)
        return tuple(trained)

    def teacher_of(self, number: int) -> str:
        """The name of a generation's teacher."""
        if number == 0 or not find_loss(self.student.loss).taught:
            return ""
        if number == 1 and self.teachers:
            return " + ".join(teacher.name for teacher in self.teachers)
        return f"generation {number - 1}"

    def described(self, number: int, trained: Trained) -> SoftPrompt:
        """The prompt with its facts, its teacher among them."""
        begin = "" if number or self.start is None else "distillation: a given prompt"
        recipe = self.student if number else self.recipe
        prompt = described(self.model, self.target, recipe, trained, begin)
        teacher = self.teacher_of(number)
        if not teacher or prompt.facts is None:
            return prompt
        facts = replace(prompt.facts, recipe={**prompt.facts.recipe, "teacher": teacher})
        return replace(prompt, facts=facts)

    @cached_property
    def splits(self) -> tuple[TokenizedSplit, TokenizedSplit]:
        """The rows that choose, and those that report."""
        source = source_of(self.target, self.model, self.recipe)
        return source.members[0].validation, test_rows(self.target, self.model, self.recipe)

    def line(
        self,
        name: str,
        steps: int,
        members: Iterable[Sequence[Trained]],
        teacher: str = "",
    ) -> Line:
        """A line of the table; members: the prompts of each seed, whose mean probabilities answer."""
        trials = []
        for seed, prompts in zip(self.seeds, members, strict=True):
            (validation, _), (metrics, answers) = (
                self.answered(prompts, rows) for rows in self.splits
            )
            alone = prompts[0] if len(prompts) == 1 else None
            trials.append(
                Trial(
                    seed,
                    main_metric(metrics),
                    metrics,
                    answers,
                    alone.slot.learning_rate if alone else None,
                    alone.value_step if alone else None,
                    main_metric(validation),
                )
            )
        interval = mean_interval(
            [trial.predictions for trial in trials], self.target, self.splits[1]
        )
        return Line(name, teacher, steps, tuple(trials), interval)

    def answered(
        self, prompts: Sequence[Trained], rows: TokenizedSplit
    ) -> tuple[dict[str, float], tuple[str, ...]]:
        """Metrics and answers of prompts together."""
        labels = label_tokens(self.target, self.model.vocabulary)
        answering = [Teacher(self.target.name, self.model, each.value) for each in prompts]
        scores = together([each.scores(rows, labels, "sum", self.runs) for each in answering])
        answers = tuple(self.target.labels[best] for best in scores.argmax(axis=1))
        return split_metrics(self.target, rows, answers), answers

    def judged(self, line: Line) -> Verdict:
        """The verdict on a line's test scores."""
        test = self.splits[1]
        return judge_score(
            metric_name(self.target),
            len(test),
            sample_of([trial.predictions for trial in line.trials], self.target, test),
            floors(self.target, test),
            subject=f" by {line.name}",
        )


def _lines(work: Work, trained: Prompts) -> list[Line]:
    """Generation by generation, then what they are compared with; each beside generation 0."""
    steps, given, count = work.recipe.steps, bool(work.teachers), len(trained.generations)
    first, *_ = trained.generations
    lines = [
        work.line(
            f"generation {number}",
            steps * (number if given and number else number + 1),
            zip(row),
            work.teacher_of(number),
        )
        for number, row in enumerate(trained.generations)
    ]
    chains = zip(*trained.generations, strict=True)
    alike = [(one, *more) for one, more in zip(first, trained.more, strict=True)]
    lines += [
        work.line(f"ensemble of generations 0 to {count - 1}", work.all_steps, chains),
        work.line(f"ensemble of {count} of generation 0", work.all_steps, alike),
        work.line("generation 0, longer", work.all_steps, zip(trained.longer)),
    ]
    if trained.scratch:
        lines.append(work.line("from scratch", steps, zip(trained.scratch)))
    test = work.splits[1]
    predictions = [[trial.predictions for trial in line.trials] for line in lines]
    others = [
        replace(line, gain=gain_interval(answers, predictions[0], work.target, test))
        for line, answers in zip(lines[1:], predictions[1:], strict=True)
    ]
    return [lines[0], *others]


def _check_start(start: SoftPrompt, model: Model, recipe: Recipe) -> None:
    """Raises SpotError for a start of another kind, length or width than the recipe's."""
    check_fit(start, "to start from", model)
    found, expected = (start.kind.name, len(start.key)), (recipe.kind, recipe.length)
    if found != expected:
        raise SpotError(
            f"expected a {expected[0]} prompt of {expected[1]} tokens to start from, found a {found[0]} "
            f"prompt of {found[1]}",
            f"set prompt.kind={found[0]} and prompt.length={found[1]}, or start from another prompt",
        )


def _write(report: Distillation, seeds: Sequence[int]) -> None:
    """distillation.json and the prompts of every generation and seed."""
    content = {
        "target": report.target,
        "metric": report.metric,
        "loss": report.loss,
        "lines": [line.to_json() for line in report.lines],
    }
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    replace_file(report.folder / "distillation.json", text.encode())
    scored: list[tuple[float, SoftPrompt]] = []
    for number, prompts in enumerate(report.prompts):
        for place, (seed, prompt) in enumerate(zip(seeds, prompts, strict=True)):
            write_prompt(report.folder / f"prompt-g{number}-s{seed}.safetensors", prompt)
            scored.append((report.lines[number].trials[place].validation or 0.0, prompt))
    write_prompt(report.folder / BEST_FILE, max(scored, key=lambda pair: pair[0])[1])

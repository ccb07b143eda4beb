"""Distillation of prompts in generations, beside ensembles of the same cost.

Generation 0 learns from labels. Each later one starts afresh and learns from labels and from the scores of
the one before (Furlanello et al. 2018, arXiv 1805.04770: "born again" networks). The first teacher may be
given: a prompt, an ensemble, a fine-tuned model; where prompts also start from the teacher, it is the
transfer of PANDA (Zhong et al. 2022, arXiv 2208.10160). Validation chooses, the test split reports.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bank.files import replace_file
from spot.errors import SpotError
from spot.models.model import Model
from spot.prompts.files import check_width, write_prompt
from spot.prompts.prompt import SoftPrompt
from spot.strategies.settings import TransferSettings
from spot.strategies.transfer import BEST_FILE, check_target, spread
from spot.study.baselines import Trial
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
from spot.training.slots import Slot, Trained, report_improving
from spot.training.source import source_of, test_rows
from spot.training.teaching import Teacher, teach, together
from spot.verdicts.scores import judge_score
from spot.verdicts.verdict import Verdict

GENERATIONS, SHARE, TEMPERATURE = 3, 0.5, 2.0


@dataclass(frozen=True)
class Line:
    """A generation, or an ensemble of prompts, with every seed.

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
        trials = [
            {name: value for name, value in asdict(trial).items() if name != "predictions"}
            for trial in self.trials
        ]
        return {
            "name": self.name,
            "teacher": self.teacher,
            "steps": self.steps,
            "validation": self.validation,
            "test": self.test,
            "deviation": self.deviation,
            "interval": list(self.interval),
            "gain": self.gain and list(self.gain),
            "runs": trials,
        }


@dataclass(frozen=True, eq=False)
class Distillation:
    """The generations of one target and the ensembles beside them; the prompts [generation][seed], the
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
    generation 0 of the same seed is. start: what all prompts start from, by default the recipe's init.
    steps: of a run at most, by default the model's own of a transfer. As many more prompts of generation 0
    are trained as there are generations, so that their ensemble costs as much.

    Raises SpotError before any training for a task whose answers are generated, and settings or a start
    that cannot be used.
    """
    runs = runs or Runs()
    work = prepared(
        model, target, recipe, teachers, start, share, temperature, generations, steps, runs
    )
    generation, further = work.all_generations(seeds, generations)
    lines = _lines(work, seeds, generation, further)
    folder = runs.place("distilled", target.name, {"lines": [each.to_json() for each in lines]})
    report = Distillation(
        target.name,
        metric_name(target),
        work.student.loss,
        tuple(lines),
        tuple(
            tuple(work.described(number, each) for each in row)
            for number, row in enumerate(generation)
        ),
        folder,
        work.judged(max(lines[: len(generation)], key=lambda line: line.validation)),
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
    return Work(model, target, recipe, student, tuple(teachers), start, runs)


def _further_seeds(seeds: Sequence[int], count: int) -> dict[int, list[int]]:
    """So many further seeds for each, none of them among the given ones.

    >>> _further_seeds([0, 5], 2)
    {0: [6, 7], 5: [8, 9]}
    """
    first = max(seeds) + 1
    return {
        seed: list(range(first + place * count, first + (place + 1) * count))
        for place, seed in enumerate(seeds)
    }


@dataclass(frozen=True, eq=False)
class Work:
    """One call of `distil`: what is trained, with what, and how it is scored."""

    model: Model
    target: Task
    recipe: Recipe
    student: Recipe
    teachers: tuple[Teacher, ...]
    start: SoftPrompt | None
    runs: Runs

    def train(
        self,
        recipe: Recipe,
        seeds: Sequence[int],
        taught_by: Mapping[int, tuple[np.ndarray, ...]],
        title: str = "generation 0",
    ) -> dict[int, Trained]:
        """A prompt a seed, from the same start in every generation, with these scores of its teacher."""
        source = source_of(self.target, self.model, recipe)
        self.runs.reporter.phase(f"loading {self.model.name}")
        slots = []
        for seed in seeds:
            slot = new_slot(self.model, source, recipe, seed)
            init = slot.init if self.start is None else self.start
            teacher = taught_by.get(seed)
            slots.append(Slot(slot.name, source, seed, init, slot.learning_rate, teacher))
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
        return dict(zip(seeds, trained, strict=True))

    def all_generations(
        self, seeds: Sequence[int], count: int
    ) -> tuple[list[list[Trained]], dict[int, list[Trained]]]:
        """Generations 0 to `count`, a prompt a seed each, and by seed `count` more of generation 0."""
        more = _further_seeds(seeds, count)
        generations = [list(self.train(self.recipe, seeds, {}).values())]
        every = [each for further in more.values() for each in further]
        others = self.train(self.recipe, every, {}, "more of generation 0")
        for number in range(1, count + 1):
            generations.append(self.generation(number, seeds, generations[-1]))
        return generations, {seed: [others[each] for each in more[seed]] for seed in seeds}

    def generation(
        self, number: int, seeds: Sequence[int], before: Sequence[Trained]
    ) -> list[Trained]:
        """A prompt a seed that learns from that of the generation before, or from the given teachers."""
        loss, scores = find_loss(self.student.loss), {}
        if loss.taught:
            for seed, each in zip(seeds, before, strict=True):
                own = Teacher(f"generation {number - 1}", self.model, each.value)
                chosen = self.teachers if number == 1 and self.teachers else (own,)
                scores[seed] = teach(
                    chosen, self.target, self.student, loss.normalisation, self.runs
                )
        done = self.train(self.student, seeds, scores, f"generation {number}")
        return [done[seed] for seed in seeds]

    def teacher_of(self, number: int) -> str:
        """The name of a generation's teacher."""
        if number == 0 or not find_loss(self.student.loss).taught:
            return ""
        if number == 1 and self.teachers:
            return " + ".join(teacher.name for teacher in self.teachers)
        return f"generation {number - 1}"

    def described(self, number: int, trained: Trained) -> SoftPrompt:
        """The prompt with its facts, its teacher among them."""
        begin = "" if self.start is None else "distillation: a given prompt"
        recipe = self.student if number else self.recipe
        prompt = described(self.model, self.target, recipe, trained, begin)
        teacher = self.teacher_of(number)
        if not teacher or prompt.facts is None:
            return prompt
        facts = replace(prompt.facts, recipe={**prompt.facts.recipe, "teacher": teacher})
        return replace(prompt, facts=facts)

    def splits(self) -> tuple[TokenizedSplit, TokenizedSplit]:
        """The rows that choose, and those that report."""
        source = source_of(self.target, self.model, self.recipe)
        return source.members[0].validation, test_rows(self.target, self.model, self.recipe)

    def line(
        self,
        name: str,
        teacher: str,
        steps: int,
        seeds: Sequence[int],
        members: Sequence[Sequence[Trained]],
    ) -> Line:
        """A line of the table; members: the prompts of each seed, whose mean probabilities answer."""
        trials = []
        for seed, prompts in zip(seeds, members, strict=True):
            (validation, _), (metrics, answers) = (
                self.answered(prompts, rows) for rows in self.splits()
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
            [trial.predictions for trial in trials], self.target, self.splits()[1]
        )
        return Line(name, teacher, steps, tuple(trials), interval)

    def answered(
        self, prompts: Sequence[Trained], rows: TokenizedSplit
    ) -> tuple[dict[str, float], tuple[str, ...]]:
        """Metrics and answers of prompts together."""
        labels = label_tokens(self.target, self.model.vocabulary)
        scores = together(
            [
                Teacher(self.target.name, self.model, each.value).scores(
                    rows, labels, "sum", self.runs
                )
                for each in prompts
            ]
        )
        answers = tuple(self.target.labels[best] for best in scores.argmax(axis=1))
        return split_metrics(self.target, rows, answers), answers

    def judged(self, line: Line) -> Verdict:
        """The verdict on a line's test scores."""
        test = self.splits()[1]
        return judge_score(
            metric_name(self.target),
            len(test),
            sample_of([trial.predictions for trial in line.trials], self.target, test),
            floors(self.target, test),
            subject=f" by {line.name}",
        )


def _lines(
    work: Work,
    seeds: Sequence[int],
    generations: Sequence[Sequence[Trained]],
    more: Mapping[int, Sequence[Trained]],
) -> list[Line]:
    """Generation by generation, then the ensembles; each beside generation 0."""
    steps, given = work.recipe.steps, bool(work.teachers)
    lines = [
        work.line(
            f"generation {number}",
            work.teacher_of(number),
            steps * (number if given and number else number + 1),
            seeds,
            [[each] for each in row],
        )
        for number, row in enumerate(generations)
    ]
    count = len(generations)
    chains = [list(each) for each in zip(*generations, strict=True)]
    alike = [[each, *more[seed]] for seed, each in zip(seeds, generations[0], strict=True)]
    for name, members in (
        (f"ensemble of generations 0 to {count - 1}", chains),
        (f"ensemble of {count} of generation 0", alike),
    ):
        lines.append(work.line(name, "", steps * count, seeds, members))
    test, first = work.splits()[1], lines[0]

    def predictions(line: Line) -> list[tuple[str, ...]]:
        return [trial.predictions for trial in line.trials]

    others = [
        replace(line, gain=gain_interval(predictions(line), predictions(first), work.target, test))
        for line in lines[1:]
    ]
    return [first, *others]


def _check_start(start: SoftPrompt, model: Model, recipe: Recipe) -> None:
    """Raises SpotError for a start of another kind, length or width than the recipe's."""
    check_width(start, "to start from", model)
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

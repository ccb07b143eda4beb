"""What a method of the baselines works with, and the lines that it gives."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from spot.models.counts import Counts
from spot.models.model import Model
from spot.prompts.prompt import SoftPrompt
from spot.strategies.settings import TransferSettings
from spot.strategies.transfer import spread
from spot.tasks.examples import TokenizedSplit
from spot.tasks.task import Task
from spot.tasks.tokens import tokens
from spot.tasks.vocabulary import label_tokens
from spot.training.evaluate import Evaluation, gain_interval, mean_interval
from spot.training.recipe import Recipe
from spot.training.runs import Runs
from spot.training.source import lengths_of
from spot.verdicts.scores import TFIDF as TFIDF_NAME

if TYPE_CHECKING:
    from spot.study.methods.vectors import Vectors

PROMPT_TUNING = "prompt-tuning"
TFIDF = "tfidf"
NAMES = {"knn-lm": "kNN-LM", TFIDF: TFIDF_NAME}
"""In sentences; other methods are called as in METHODS."""


@dataclass(frozen=True)
class Trial:
    """A method with one seed: the test scores, and the choices that validation made.

    `seed` draws the examples, or the order of training; None where nothing is drawn. `examples` is
    the mean number that fitted in front of a test row. `choices` are those of other values than rate and
    step, such as the number of neighbours.
    """

    seed: int | None
    test: float
    metrics: dict[str, float]
    predictions: tuple[str, ...]
    learning_rate: float | None = None
    step: int | None = None
    validation: float | None = None
    examples: float = 0.0
    choices: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values, without the predictions, and without choices where there were none."""
        left_out = {"predictions"} if self.choices else {"predictions", "choices"}
        return {name: value for name, value in asdict(self).items() if name not in left_out}


@dataclass(frozen=True)
class Row:
    """A line of the table. `interval` is the mean test score's, 95 %, by bootstrap over test rows;
    `shots` is the number of examples that were wanted. `gain` is the interval of the difference to the
    bare model, paired by row; None for that model, and where it is not in the table. TF-IDF has no
    `counts`: it is no part of the model. `prompt`: what the model read in front of the texts, where the
    method is there without it, too. `note`: what a reader of the line has to know, a sentence or "".
    """

    method: str
    shots: int
    counts: Counts | None
    trials: tuple[Trial, ...]
    interval: tuple[float, float]
    gain: tuple[float, float] | None = None
    prompt: str = ""
    note: str = ""

    @property
    def name(self) -> str:
        """What it is called in a sentence."""
        name = NAMES.get(self.method, self.method.replace("-", " "))
        return f"{name}, with prompt" if self.prompt else name

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
            "prompt": self.prompt,
            "shots": self.shots,
            "examples": self.examples,
            "parameters": self.counts and self.counts.to_json(),
            "test": self.mean,
            "deviation": self.deviation,
            "interval": self.interval,
            "gain": self.gain,
            "n": self.n,
            "note": self.note,
            "runs": [trial.to_json() for trial in self.trials],
        }


@dataclass(frozen=True)
class Lines:
    """What a method gives: its lines, and the prompts that it trained, by seed."""

    rows: tuple[Row, ...]
    prompts: Mapping[int, SoftPrompt] = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """A method that does not fit the target, and why."""

    reason: str


@dataclass(frozen=True, eq=False)
class Runner:
    """The objects that a method works with; the target may have a text prompt and examples.

    prompt: a given one and what it is called, to read texts behind. tuned: the prompts that prompt tuning
    trained before, by seed. vectors: what the model made of the texts before, by prompt, for all methods
    that compare texts.
    """

    target: Task
    model: Model
    recipe: Recipe
    plan: TransferSettings
    rates: Sequence[float]
    runs: Runs
    prompt: SoftPrompt | None = None
    tuned: Mapping[int, SoftPrompt] = field(default_factory=dict)
    vectors: dict[str, Vectors] = field(default_factory=dict)

    def test_split(self, target: Task) -> tuple[Task, TokenizedSplit, list[list[int]]]:
        """The target in this wording, its test split and the tokens of its label words."""
        vocabulary = self.model.vocabulary
        test = tokens(target, "test", vocabulary, lengths_of(self.recipe))
        return target, test, label_tokens(target, vocabulary)

    def row(
        self,
        method: str,
        shots: int,
        counts: Counts | None,
        trials: Sequence[Trial],
        *,
        prompt: str = "",
        note: str = "",
    ) -> Row:
        """The trials as a line of the table."""
        task, test, _ = self.test_split(undesigned(self.target))
        interval = mean_interval([trial.predictions for trial in trials], task, test)
        return Row(method, shots, counts, tuple(trials), interval, None, prompt, note)

    def compared(self, row: Row, bare: Row) -> Row:
        """The row with its gain over the bare model's."""
        task, test, _ = self.test_split(undesigned(self.target))
        ours, theirs = ([trial.predictions for trial in line.trials] for line in (row, bare))
        return replace(row, gain=gain_interval(ours, theirs, task, test))


def undesigned(target: Task) -> Task:
    """The task without a prompt of text: nothing stands in front of its own text."""
    return replace(target, text="", shots=0, shot_seed=0)


def scored(seed: int | None, score: Evaluation, **more: Any) -> Trial:
    """A trial with these test scores; `more` are its other fields."""
    return Trial(seed, score.value, score.metrics, score.predictions, **more)


def free_answers(target: Task) -> Refused:
    """The refusal of a target whose answers are no classes."""
    return Refused(f"answers of {target.name} are free text, and only label words are classes")

"""Ensembles of prompts: the average prompt, the best by validation, and votes of all of them.

    python -m benchmarks.ensembles CONFIG TASK... [--seeds 0,1,2,3,4]

Of each task one prompt a seed is trained with the config's recipe, and scored on the test split. "Best" is
the prompt of the best validation score, of equals the first. Every part resumes, so a killed run is called
again. Prints a Markdown table, a verdict a task, and the mean differences over tasks; all numbers go to
<runs>/ensembles.json. Real tasks need SPOT_DATA_DIR.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

import spot
from spot.commands import Config, load_config, runs_of, the_model, the_task
from spot.report import progress
from spot.serving import WAYS, Disagreement, Predictor
from spot.study import paired_interval
from spot.tasks import Lengths, TokenizedSplit, label_tokens, tokenized
from spot.training import Trained, floors, new_slot, one_answer_score, sample_of, source_of
from spot.verdicts import Reference, Sample, difference_verdict, judge_score


@dataclass(frozen=True)
class Measured:
    """The test scores (0 to 100) of one task: of each prompt, of the best by validation, and of the
    ensemble in each way; differences are (points, low, high), 95 % intervals over rows.

    `guessing` is the score of the best constant answer, `apart` the mean share of two prompts that differ.
    """

    task: str
    metric: str
    rows: int
    guessing: float | None
    validation: tuple[float, ...]
    test: tuple[float, ...]
    best: float
    ensemble: dict[str, tuple[float, float, float]]
    over_best: dict[str, tuple[float, float, float]]
    over_average: dict[str, tuple[float, float, float]]
    apart: float
    verdict: str

    @property
    def average(self) -> float:
        """The mean score of the prompts."""
        return statistics.fmean(self.test)


def train(
    config: Config, model: spot.Model, task: spot.Task, seeds: Sequence[int], runs: spot.Runs
) -> list[Trained]:
    """One prompt a seed, in their order, or those that were trained before."""
    recipe = config.recipe().on(model)
    rows = source_of(task, model, recipe)
    slots = [new_slot(model, rows, recipe, seed, None) for seed in seeds]
    trained = runs.train_prompts(model, slots, recipe, title=task.name)
    if failed := [seed for seed, each in zip(seeds, trained, strict=True) if each.best is None]:
        raise spot.SpotError(
            f"{task.name}: expected a validated prompt of every seed, found none of {failed}",
            "lower train.learning_rate, or train for train.check_every steps at least",
        )
    return trained


def scores_of(
    model: spot.Model,
    task: spot.Task,
    prompt: spot.SoftPrompt,
    split: TokenizedSplit,
    labels: Sequence[Sequence[int]],
    runs: spot.Runs,
) -> np.ndarray:
    """The log-likelihoods of the label words of each row, [N, C], computed once."""
    digest = hashlib.sha256()
    for name, array in sorted(prompt.arrays.items()):
        digest.update(name.encode() + np.ascontiguousarray(array).tobytes())
    digest.update(split.inputs.flat.tobytes() + split.inputs.offsets.tobytes())
    read = {
        "model": [model.fingerprint, model.precision],
        "prompt and rows": digest.hexdigest(),
        "labels": [list(map(int, ids)) for ids in labels],
    }

    def score() -> list[list[float]]:
        runs.reporter.phase(f"scoring {task.name}")
        values: list[list[float]] = model.score(split.inputs, labels, prompt).tolist()
        return values

    return np.array(runs.remembered("ensembles", task.name, read, score))


def difference(ours: Sample, theirs: Sample) -> tuple[float, float, float]:
    """Points over the other, low and high."""
    gain = ours.minus(theirs)
    return (gain.mean, *gain.interval())


def verdict(metric: str, rows: int, vote: Sample, best: Sample, floors: Sequence[Reference]) -> str:
    """Whether the better of both is at chance, else what the rows say of their difference."""
    level = judge_score(metric, rows, vote if vote.mean >= best.mean else best, floors)
    if level.kind in ("at chance", "too few rows"):
        return level.sentence
    points = difference(vote, best)
    return difference_verdict("the vote", "the best prompt", points, f"{rows:,} rows").sentence


def measure(
    config: Config, model: spot.Model, task: spot.Task, seeds: Sequence[int], runs: spot.Runs
) -> Measured:
    """Train, or find trained, and score one task."""
    task, recipe = task.on(model), config.recipe().on(model)
    trained = train(config, model, task, seeds, runs)
    lengths = Lengths(recipe.input_length, recipe.target_length)
    split = tokenized(task, "test", model.vocabulary, lengths)
    labels = label_tokens(task, model.vocabulary)
    prompts = [each.value for each in trained]
    scores = np.stack([scores_of(model, task, each, split, labels, runs) for each in prompts])
    answers = [[task.labels[place] for place in row] for row in scores.argmax(axis=2)]
    validation = tuple(each.best.score for each in trained if each.best is not None)
    best = answers[int(np.argmax(validation))]
    alone, chosen = sample_of(answers, task, split), sample_of([best], task, split)
    samples, disagreement = {}, Disagreement()
    for way in WAYS:
        predictor = Predictor(
            model, task, spot.Ensemble(tuple(prompts), way),
            input_length=lengths.inputs, target_length=lengths.targets,
        )  # fmt: skip
        found = predictor.ranked([""] * len(split), scores)
        samples[way] = sample_of([[each.answer for each in found]], task, split)
        if way == "vote":
            for each in found:
                disagreement = disagreement.seen(each.answer, each.members, str.strip)
    metric = "+".join(task.metrics)
    return Measured(
        task=task.name,
        metric=metric,
        rows=len(split),
        guessing=one_answer_score(task, split),
        validation=validation,
        test=tuple(map(float, alone.scores)),
        best=chosen.mean,
        ensemble={way: (each.mean, *each.interval()) for way, each in samples.items()},
        over_best={way: difference(each, chosen) for way, each in samples.items()},
        over_average={way: difference(each, alone) for way, each in samples.items()},
        apart=disagreement.share or 0.0,
        verdict=verdict(metric, len(split), samples["vote"], chosen, floors(task, split)),
    )


def table(measured: Sequence[Measured]) -> str:
    """A line a task."""
    head = ("task (metric)", "rows", "one answer", "average", "best by validation")
    head += (*WAYS, "vote − best (95 %)", "vote − average (95 %)", "two differ")
    lines = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}"]
    for each in measured:
        spread = statistics.stdev(each.test) if len(each.test) > 1 else 0.0
        cells = [
            f"{each.task} ({each.metric})",
            f"{each.rows:,}",
            "" if each.guessing is None else f"{each.guessing:.1f}",
            f"{each.average:.1f} ± {spread:.1f}",
            f"{each.best:.1f}",
            *("{:.1f} ({:.1f} to {:.1f})".format(*each.ensemble[way]) for way in WAYS),
            "{:+.1f} ({:+.1f} to {:+.1f})".format(*each.over_best["vote"]),
            "{:+.1f} ({:+.1f} to {:+.1f})".format(*each.over_average["vote"]),
            f"{100 * each.apart:.1f} %",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def summary(measured: Sequence[Measured]) -> str:
    """The mean differences over tasks."""
    lines = []
    for way in WAYS:
        for name, points in (
            ("the best prompt", [each.over_best[way][0] for each in measured]),
            ("the average prompt", [each.over_average[way][0] for each in measured]),
        ):
            mean = paired_interval([[point] for point in points])
            lines.append(
                f"- {way} over {name}: {mean.mean:+.2f} points (95 % interval {mean.low:+.2f} to "
                f"{mean.high:+.2f} over {len(points)} tasks)"
            )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, or find trained, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("tasks", nargs="+")
    parser.add_argument(
        "--seeds",
        type=lambda text: tuple(map(int, text.split(","))),
        default=(0, 1, 2, 3, 4),
        help="of the prompts of each ensemble, two or more (default: 0,1,2,3,4)",
    )
    given = parser.parse_args(arguments)
    config = load_config(given.config)
    model = the_model(config)
    tasks = [the_task(name, config) for name in given.tasks]
    if generated := [task.name for task in tasks if task.scoring != "rank"]:
        parser.error(f"expected tasks with label words, found {', '.join(generated)}")
    if len(set(given.seeds)) < 2:
        parser.error("expected two or more seeds")
    begin, measured = time.monotonic(), []
    with progress() as reporter:
        runs = runs_of(config, reporter)
        for task in tasks:
            measured.append(measure(config, model, task, given.seeds, runs))
            records = json.dumps([asdict(each) for each in measured], indent=1) + "\n"
            (config.runs / "ensembles.json").write_text(records)
    seconds = time.monotonic() - begin
    print(f"{model.name}, Python {platform.python_version()}; this call: {seconds:.0f} s.\n")
    print(f"{table(measured)}\n")
    for each in measured:
        print(f"- {each.task}: {each.verdict}")
    print(f"\n{summary(measured)}")


if __name__ == "__main__":
    main()

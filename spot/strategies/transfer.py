"""Transfer: train a target's prompt from retrieved values and from scratch, with the same budget.

Both arms see the same rows in the same order, try the same learning rates, are chosen on
validation and reported on the test split (SPoT, section 3).
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from bank.combine import weighted_average
from bank.entry import Entry
from bank.outcomes import Outcome
from bank.search import Hit, searchable, seeds_of_tasks
from bank.store import Bank
from spot.config import Config, dump
from spot.errors import SpotError
from spot.models.model import Model, vocabulary
from spot.prompts.inits import default_rate, init_prompt, label_rows, relabelled
from spot.retrieval.target import Answer, LoadBackbone, search_target, value_of
from spot.tasks.task import digest, proportional_rates
from spot.tasks.vocabulary import Vocabulary, label_tokens
from spot.training.batches import Source
from spot.training.build import embedding_table, new_slot
from spot.training.data import find_task, load_source, members_of, tokens
from spot.training.evaluate import evaluate
from spot.training.loop import discard_checkpoints, train_prompts
from spot.training.slots import Check, Reporter, Slot, Trained


@dataclass(frozen=True, eq=False)
class Start:
    """Where a target's prompt starts: from an entry's value, a combination, or (init None) from
    scratch.
    """

    strategy: str
    source: str | None = None
    task: str | None = None
    similarity: float | None = None
    init: np.ndarray | None = None
    k: int | None = None

    @property
    def name(self) -> str:
        """How people read it: "scratch", or the task, or the strategy."""
        return "scratch" if self.strategy == "none" else self.task or self.strategy


@dataclass(frozen=True, eq=False)
class Candidate:
    """A start trained with one seed: the learning rate, step and prompt that validation chose, and
    all checks of that run.
    """

    start: Start
    seed: int
    learning_rate: float
    step: int
    validation: float
    prompt: np.ndarray
    history: tuple[Check, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True, eq=False)
class Run(Candidate):
    """A candidate with its scores on the test split."""

    test: float
    test_metrics: dict[str, float]
    n_test: int
    predictions: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values, without prompt and predictions."""
        start = self.start
        return {
            "strategy": start.strategy, "source": start.source, "task": start.task,
            "similarity": start.similarity, "seed": self.seed, "learning_rate": self.learning_rate,
            "step": self.step, "validation": self.validation, "test": self.test,
            "metrics": self.test_metrics, "n_test": self.n_test,
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class TransferReport:
    """One target: a run a seed from scratch and one by transfer, and all runs they were chosen
    from.
    """

    target: str
    metric: str
    strategy: str
    baseline: tuple[Run, ...]
    transfer: tuple[Run, ...]
    runs: tuple[Run, ...]
    folder: Path

    @property
    def gains(self) -> tuple[float, ...]:
        """Test score by transfer minus from scratch, in points, a seed each."""
        return tuple(t.test - b.test for t, b in zip(self.transfer, self.baseline, strict=True))


def spread(values: Sequence[float]) -> float | None:
    """The sample standard deviation, None for a single value."""
    return statistics.stdev(values) if len(values) > 1 else None


def transfer(
    target: str,
    config: Config,
    bank: Bank,
    load_backbone: LoadBackbone,
    reporter: Reporter | None = None,
) -> TransferReport:
    """Searches, trains from the chosen start and from scratch, and records the outcome in the bank.

    Raises SpotError or BankError before any training when target, bank or settings are unusable.
    """
    reporter = reporter or Reporter()
    settings = config.transfer
    check_target(target, config)
    k = count_for(target, config, bank) if settings.strategy == "oracle" else settings.k
    answer = search_target(target, config, bank, load_backbone, reporter, k=k)
    for warning in answer.result.warnings:
        reporter.warn(warning)
    backbone = load_backbone()
    begin = [Start("none"), *starts(answer, config, bank, backbone, reporter)]
    folder = run_folder(target, config, begin)
    candidates = train_starts(target, begin, config, backbone, folder, reporter)
    runs = [score_on_test(one, target, config, backbone) for one in candidates]
    discard_groups(folder)
    baseline = tuple(run for run in runs if run.start.strategy == "none")
    chosen = tuple(
        max((run for run in runs if run.start.strategy != "none" and run.seed == seed), key=_choice)
        for seed in settings.seeds
    )
    metric = "+".join(find_task(target, config).metrics)
    report = TransferReport(
        target, metric, settings.strategy, baseline, chosen, tuple(runs), folder
    )
    bank.add_outcomes(outcomes(report))
    _write(report, config)
    return report


def check_target(target: str, config: Config) -> None:
    """Reads the target's splits, so that a bad row or an empty split comes before any training."""
    vocab = vocabulary(config.model)
    load_source(target, config, vocab)
    tokens(find_task(target, config), "test", config, vocab)


def count_for(target: str, config: Config, bank: Bank) -> int:
    """How many tasks a search for the target can find, at least 1: what the oracle asks for."""
    entries, _ = searchable(bank.entries(), (target,), config.search.unlearned)
    return max(1, len(seeds_of_tasks(entries)))


def _choice(run: Run) -> tuple[float, str]:
    """Validation decides; equal scores by source, so that the choice never depends on order."""
    return run.validation, run.start.source or ""


def starts(
    answer: Answer, config: Config, bank: Bank, backbone: Model, reporter: Reporter
) -> list[Start]:
    """The prompts that the strategy starts from: one a hit, or one made of the hits."""
    hits = answer.result.hits
    strategy = config.transfer.strategy
    if strategy in ("best", "oracle"):
        return hit_starts(strategy, answer.target, hits, config, bank, backbone)
    if strategy == "average":
        values = start_prompts(answer.target, [hit.id for hit in hits], config, bank, backbone)
        mean = weighted_average(np.stack(values), np.asarray([hit.score for hit in hits]))
        return [Start("average", None, _names(hits), None, mean, len(hits))]
    mixed = train_mixture(answer.target, hits, config, backbone, reporter)
    return [Start("mixture", None, _names(hits), None, mixed, len(hits))]


def hit_starts(
    strategy: str,
    target: str,
    hits: Sequence[Hit],
    config: Config,
    bank: Bank,
    backbone: Model,
) -> list[Start]:
    """A start from each hit's own prompt."""
    prompts = start_prompts(target, [hit.id for hit in hits], config, bank, backbone)
    return [
        Start(strategy, hit.id, hit.task, hit.score, prompt)
        for hit, prompt in zip(hits, prompts, strict=True)
    ]


def start_prompts(
    target: str, ids: Sequence[str], config: Config, bank: Bank, backbone: Model
) -> list[np.ndarray]:
    """What the target starts from for each entry [P, H]: its value, or with `transfer.labels=swap`
    its value with the target's label words for its own.

    Raises SpotError when label words are to be swapped and the target has none, or when an entry's
    task, whose label words stand in its prompt, is not known here.
    """
    values = [value_of(bank, id) for id in ids]
    if config.transfer.labels == "keep":
        return values
    vocab = backbone.vocabulary
    words = label_tokens(find_task(target, config), vocab)
    if not words:
        raise SpotError(
            f"transfer.labels=swap needs a target with label words, {target} has none",
            "use transfer.labels=keep for it",
        )
    rows = label_rows(words, embedding_table(backbone), vocab.eos)
    owns = [_own_label_rows(bank.get(id), config, vocab) for id in ids]
    front = 0 if vocab.begin is None else 1
    return [relabelled(value, own, rows, front) for value, own in zip(values, owns, strict=True)]


def _own_label_rows(entry: Entry, config: Config, vocab: Vocabulary) -> int:
    """How many tokens of an entry's prompt began as label words; 0 for another init."""
    if not str(entry.recipe.get("init", "")).startswith("labels"):
        return 0
    tasks = [find_task(name, config) for name in entry.members or (entry.task,)]
    words = [ids for task in tasks for ids in label_tokens(task, vocab)]
    return sum(token != vocab.eos for ids in words for token in ids)


def _names(hits: Sequence[Hit]) -> str:
    return "+".join(dict.fromkeys(hit.task for hit in hits))


def train_mixture(
    target: str, hits: Sequence[Hit], config: Config, backbone: Model, reporter: Reporter
) -> np.ndarray:
    """The last prompt [P, H] of training on the hits' tasks and the target together (SPoT, section
    4).
    """
    names = [target]
    for hit in hits:
        names += members_of(hit.task, config)[0]
    members = [
        load_source(name, config, backbone.vocabulary).members[0] for name in dict.fromkeys(names)
    ]
    sizes = {member.definition.name: len(member.train) for member in members}
    source = Source("+".join(sizes), tuple(members), proportional_rates(sizes))
    seed = config.search.seeds[0]
    name, embedding = f"mixture for {target}", embedding_table(backbone)
    slot = new_slot(name, source, seed, config, backbone, embedding)
    folder = config.runs / "mixtures" / digest(source.name, dump(config))[:16]
    return train_prompts(
        backbone, [slot], config.train, folder, title=slot.name, validate=False, reporter=reporter
    )[0].last


def run_folder(target: str, config: Config, begin: Sequence[Start]) -> Path:
    """Where the runs of these starts live: the same starts and settings find their own work again."""
    content = [
        [one.strategy, one.source, None if one.init is None else one.init.tobytes().hex()]
        for one in begin
    ]
    return config.runs / "transfer" / f"{target}-{digest(content, dump(config))[:12]}"


def train_starts(
    target: str,
    begin: Sequence[Start],
    config: Config,
    backbone: Model,
    folder: Path,
    reporter: Reporter,
) -> list[Candidate]:
    """One candidate a start and seed, in that order; the learning rate is chosen on validation.

    What is trained stays in the folder until `discard_groups`, to be found again. Raises SpotError
    when every learning rate of a start failed with a loss that is not finite.
    """
    source = load_source(target, config, backbone.vocabulary)
    embedding = embedding_table(backbone)
    labels = source.labels
    planned: list[tuple[Start, int, int]] = []
    slots: list[Slot] = []
    for start in begin:
        for seed in config.transfer.seeds:
            init = start.init
            if init is None:
                init = init_prompt(
                    config.prompt, embedding, backbone.vocabulary, labels, seed, backbone.identity
                )
            rates = learning_rates(start, config, embedding)
            planned.append((start, seed, len(rates)))
            for rate in rates:
                name = f"{target} from {start.source or start.name} lr {rate:g}"
                slots.append(Slot(name, source, seed, init, rate))
    settings = config.train.model_copy(
        update={
            "steps": config.transfer.steps,
            "key_step": min(config.train.key_step, config.transfer.steps),
        }
    )
    trained: list[Trained] = []
    size = settings.slots
    for number, first in enumerate(range(0, len(slots), size)):
        title = f"transfer to {target}, {number + 1} of {-(-len(slots) // size)}"
        trained += train_prompts(
            backbone, slots[first : first + size], settings, folder / f"group-{number:03d}",
            title=title, reporter=reporter,
        )  # fmt: skip
    rest = iter(trained)
    return [_best(start, seed, list(islice(rest, tried))) for start, seed, tried in planned]


def discard_groups(folder: Path) -> None:
    """Removes the prompts of finished training in a folder; call when their scores are kept."""
    for group in folder.glob("group-*"):
        discard_checkpoints(group)


def learning_rates(start: Start, config: Config, embedding: np.ndarray) -> tuple[float, ...]:
    """The rates that a run from this start tries, of which validation chooses one; embedding is the
    model's [V, H].
    """
    settings = config.transfer
    scratch = settings.scratch_learning_rates if start.strategy == "none" else ()
    chosen = scratch or settings.learning_rates
    return chosen or (config.train.learning_rate or default_rate(embedding),)


def _best(start: Start, seed: int, trained: Sequence[Trained]) -> Candidate:
    """The one whose learning rate validation prefers."""
    usable = [(one.best.score, one) for one in trained if one.best is not None]
    if not usable:
        raise SpotError(
            f"{trained[0].slot.name}: no learning rate gave a finite loss until the first check",
            "lower train.learning_rate or transfer.learning_rates",
        )
    validation, best = max(usable, key=lambda pair: pair[0])
    return Candidate(
        start, seed, best.slot.learning_rate, best.value_step, validation, best.value,
        history=best.history,
    )  # fmt: skip


def score_on_test(candidate: Candidate, target: str, config: Config, backbone: Model) -> Run:
    """The candidate with the scores of its prompt on the target's test split."""
    definition = find_task(target, config)
    test = tokens(definition, "test", config, backbone.vocabulary)
    labels = label_tokens(definition, backbone.vocabulary)
    found = evaluate(backbone, candidate.prompt, definition, test, labels)
    return Run(
        candidate.start, candidate.seed, candidate.learning_rate, candidate.step,
        candidate.validation, candidate.prompt,
        found.value, found.metrics, found.n, found.predictions, history=candidate.history,
    )  # fmt: skip


def outcomes(report: TransferReport) -> list[Outcome]:
    """What the bank remembers: each transfer run beside the same seed's score from scratch."""
    scratch = {run.seed: run.test for run in report.baseline}
    return [
        Outcome(
            source=run.start.source or run.start.name, target=report.target, strategy=run.start.strategy,
            seed=run.seed, metric=report.metric, score=run.test, baseline=scratch[run.seed], split="test",
            n=run.n_test,
        )
        for run in report.runs
        if run.start.strategy != "none"
    ]  # fmt: skip


def _write(report: TransferReport, config: Config) -> None:
    """report.json, config.json and the chosen prompts, beside the run's metrics."""
    from bank.interchange import export_prompt

    (report.folder / "config.json").write_text(dump(config))
    content = {
        "target": report.target, "metric": report.metric, "strategy": report.strategy,
        "runs": [run.to_json() for run in report.runs], "gains": report.gains,
    }  # fmt: skip
    (report.folder / "report.json").write_text(json.dumps(content, indent=1) + "\n")
    for run in report.transfer:
        export_prompt(report.folder / f"prompt-s{run.seed}.safetensors", run.prompt)


__all__ = ["Run", "Start", "TransferReport", "spread", "starts", "train_starts", "transfer"]

"""Start from one entry's prompt: from each of the nearest k, or from every entry ("oracle")."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from bank.entry import Entry
from bank.nearest import Hit
from spot.errors import SpotError
from spot.models.model import Model
from spot.prompts.inits import label_rows, relabelled
from spot.prompts.prompt import SoftPrompt
from spot.prompts.stored import check_model, value_of
from spot.strategies.start import Situation, Start, Strategy
from spot.tasks.task import Mixture, Task
from spot.tasks.vocabulary import label_tokens


def hit_starts(strategy: str, hits: Sequence[Hit], situation: Situation) -> list[Start]:
    """A start from each hit's own prompt."""
    prompts = start_prompts([hit.id for hit in hits], situation)
    return [
        Start(strategy, hit.id, hit.task, hit.score, prompt)
        for hit, prompt in zip(hits, prompts, strict=True)
    ]


def start_prompts(ids: Sequence[str], situation: Situation) -> list[SoftPrompt]:
    """The prompt that the target starts from for each entry: its value, or with
    `transfer.labels=swap` its value with the target's label words for its own.

    Raises SpotError for an entry of another model or kind of prompt, and in a swap for a target
    without label words or an entry whose task is not among the sources.
    """
    entries = [situation.bank.get(id) for id in ids]
    for entry in entries:
        check_model(entry, situation.model)
        check_kind(entry, situation.recipe.kind)
    values = [value_of(situation.bank, entry) for entry in entries]
    if situation.transfer.labels == "keep":
        return values
    return [
        _with_labels_of_target(entry, value, situation)
        for entry, value in zip(entries, values, strict=True)
    ]


def check_kind(entry: Entry, kind: str) -> None:
    """Raises SpotError for an entry that a prompt of this kind cannot start from."""
    if entry.prompt_kind != kind:
        raise SpotError(
            f"{entry.id} is a {entry.prompt_kind} prompt, the target's is a {kind} prompt: one cannot "
            "start from the other",
            f"set prompt.kind={entry.prompt_kind}, or search a bank of {kind} prompts",
        )


def _with_labels_of_target(entry: Entry, value: SoftPrompt, situation: Situation) -> SoftPrompt:
    target, model = situation.target, situation.model
    words = label_tokens(target, model.vocabulary)
    if not words:
        raise SpotError(
            f"transfer.labels=swap needs a target with label words, {target.name} has none",
            "use transfer.labels=keep for it",
        )
    if value.named:
        raise SpotError(
            f"transfer.labels=swap needs prompts that are their rows alone, {entry.id} is a "
            f"{value.kind.name} prompt with other arrays",
            "use transfer.labels=keep for it",
        )
    rows = label_rows(words, model.embeddings, model.vocabulary.eos)
    front = 0 if model.vocabulary.begin is None else 1
    swapped = relabelled(value.key, _own_label_rows(entry, situation), rows, front)
    return SoftPrompt.of(value.kind, swapped)


def _own_label_rows(entry: Entry, situation: Situation) -> int:
    """The number of an entry's rows that began as label words; 0 for another init."""
    if not str(entry.recipe.get("init", "")).startswith("labels"):
        return 0
    tasks = [task for name in entry.members or (entry.task,) for task in source(name, situation)]
    return sum(_label_rows(task, situation.model) for task in tasks)


def source(name: str, situation: Situation) -> tuple[Task, ...]:
    """The tasks behind an entry's task or mixture; SpotError where it is not known."""
    task: Task | Mixture | None = situation.sources.get(name)
    if task is None:
        raise SpotError(
            f'expected the task "{name}" of the bank among the sources, but it is not there',
            "pass it: sources={task.name: task, …}",
        )
    return task.members


def _label_rows(task: Task, model: Model) -> int:
    eos = model.vocabulary.eos
    return sum(token != eos for word in label_tokens(task, model.vocabulary) for token in word)


def _starts(strategy: str, situation: Situation) -> list[Start]:
    return hit_starts(strategy, situation.hits, situation)


BEST = Strategy(
    "best", "from each of the k nearest; validation chooses one", partial(_starts, "best")
)
ORACLE = Strategy(
    "oracle", "from every entry; validation chooses one", partial(_starts, "oracle"), wants_all=True
)

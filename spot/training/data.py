"""Adapters from names and the whole `Config` to `spot.tasks.catalog` and `spot.training.source`.

For callers that still pass names; each goes when its callers pass tasks.
"""

from __future__ import annotations

from dataclasses import replace

from spot.config import Config, cache_dir
from spot.tasks import catalog, shots
from spot.tasks import tokens as token_arrays
from spot.tasks.catalog import DataSettings
from spot.tasks.examples import TokenizedSplit
from spot.tasks.task import Task
from spot.tasks.tokens import Lengths, token_count
from spot.tasks.vocabulary import Vocabulary
from spot.training import source
from spot.training.batches import Source, TaskData


def data_settings(config: Config) -> DataSettings:
    """The origins and the wording of tasks."""
    data = config.data
    return DataSettings(
        dir=data.dir,
        tasks=data.tasks,
        modules=data.modules,
        cache_dir=cache_dir(),
        source=data.source,
        tfds_dir=data.tfds_dir,
        hf_dir=data.hf_dir,
        template=data.template,
        templates=data.templates,
        list_labels=data.list_labels,
        text=data.text,
        shots=data.shots,
        shot_seed=data.shot_seed,
    )


def data_lengths(config: Config) -> Lengths:
    """The most tokens of inputs and targets."""
    return Lengths(config.data.input_length, config.data.target_length)


def find_task(name: str, config: Config) -> Task:
    """The task of this name with its data there; SpotError otherwise."""
    return catalog.find_task(name, data_settings(config))


def _worded(task: Task, config: Config) -> Task:
    """The task with the config's text prompt and training examples, whatever it was found with."""
    data = config.data
    return replace(task, text=data.text, shots=data.shots, shot_seed=data.shot_seed)


def designed(task: Task, config: Config, vocabulary: Vocabulary) -> Task:
    """The task with the config's text prompt and training examples in front of every text."""
    limit = config.data.input_length
    return shots.with_few_shot(_worded(task, config), token_count(vocabulary), limit)


def shots_fitting(task: Task, split: str, config: Config, vocabulary: Vocabulary) -> float:
    """The mean number of training examples in front of a text of the split."""
    length, limit = token_count(vocabulary), config.data.input_length
    return shots.mean_shots(_worded(task, config), split, length, limit)


def tokens(task: Task, split: str, config: Config, vocabulary: Vocabulary) -> TokenizedSplit:
    """One split as token arrays; SpotError when it is empty."""
    return token_arrays.tokens(_worded(task, config), split, vocabulary, data_lengths(config))


def task_data(task: Task, config: Config, vocabulary: Vocabulary) -> TaskData:
    """Training and validation rows of a task, cut to the config's samples."""
    return source.task_data(
        _worded(task, config),
        vocabulary,
        data_lengths(config),
        config.data.train_examples,
        config.data.validation_examples,
    )


def is_mixture(name: str, config: Config) -> bool:
    """True if a name stands for several tasks."""
    return "+" in name or name in catalog.mixture_names(data_settings(config))


def members_of(name: str, config: Config) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """The names of a task's or mixture's members, and their rates."""
    if not is_mixture(name, config):
        return (name,), (1.0,)
    mixture = catalog.find_mixture(name, data_settings(config))
    return tuple(member.name for member in mixture.members), mixture.rates


def load_source(name: str, config: Config, vocabulary: Vocabulary) -> Source:
    """The token arrays of a task or of a mixture's members."""
    return source.load_source(
        catalog.find(name, data_settings(config)),
        vocabulary,
        data_lengths(config),
        config.data.train_examples,
        config.data.validation_examples,
    )


def data_fingerprint(name: str, config: Config) -> str:
    """Hex digest of the data that a prompt of this task or mixture is trained on."""
    task = catalog.find(name, data_settings(config))
    return source.data_fingerprint(task, config.data.train_examples)


def source_names(config: Config) -> tuple[str, ...]:
    """The config's single-task sources; the name of a mixture stands for its members."""
    names: list[str] = []
    for name in config.bank.sources:
        names += members_of(name, config)[0] if is_mixture(name, config) else (name,)
    return tuple(dict.fromkeys(names))

"""From names in the config to token arrays: what a prompt is trained on and scored with."""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean

from spot.config import Config, cache_dir
from spot.errors import SpotError
from spot.tasks.catalog import DataSettings, mixture, mixture_names, task
from spot.tasks.examples import TokenizedSplit
from spot.tasks.shots import placing, with_shots
from spot.tasks.task import Task, digest, listing_labels
from spot.tasks.tokens import Lengths, tokenized
from spot.tasks.vocabulary import Vocabulary, label_tokens
from spot.training.batches import Source, TaskData, sample


def data_settings(config: Config) -> DataSettings:
    """Where tasks come from, as the catalog wants it."""
    data = config.data
    return DataSettings(
        data.dir, data.tasks, data.modules, cache_dir(), data.source, data.tfds_dir, data.hf_dir,
        data.template, data.templates,
    )  # fmt: skip


def find_task(name: str, config: Config) -> Task:
    """The task of this name with its data there; SpotError otherwise."""
    definition = task(name, data_settings(config))
    definition.fetch()
    if reason := definition.available():
        raise SpotError(f'task "{name}": {reason}', "`spot tasks` lists what is there")
    return listing_labels(definition) if config.data.list_labels else definition


def designed(definition: Task, config: Config, vocabulary: Vocabulary) -> Task:
    """The task with the config's text prompt and training examples in front of every text."""
    data = config.data
    if not data.text and not data.shots:
        return definition
    length = _length(vocabulary)
    return with_shots(
        definition, data.shots, data.shot_seed, length, data.input_length, text=data.text
    )


def shots_fitting(definition: Task, split: str, config: Config, vocabulary: Vocabulary) -> float:
    """How many training examples `designed` puts in front of a text of the split, on average."""
    data, length = config.data, _length(vocabulary)
    if not data.shots:
        return 0.0
    place = placing(definition, data.shots, data.shot_seed, length, data.input_length, data.text)
    return fmean(place(example.inputs)[1] for example in definition.read(split))


def _length(vocabulary: Vocabulary) -> Callable[[str], int]:
    """A function that counts a text's tokens, with EOS."""
    return lambda text: len(vocabulary.encode(text)) + 1


def tokens(definition: Task, split: str, config: Config, vocabulary: Vocabulary) -> TokenizedSplit:
    """One split as token arrays, from the cache or built into it; SpotError when it is empty."""
    definition = designed(definition, config, vocabulary)
    lengths = Lengths(config.data.input_length, config.data.target_length)
    found = tokenized(definition, split, vocabulary, lengths, cache_dir())
    if not len(found):
        raise SpotError(f'task "{definition.name}": the {split} split is empty', "add rows to it")
    return found


def task_data(definition: Task, config: Config, vocabulary: Vocabulary) -> TaskData:
    """Training and validation rows of a task, cut to the config's samples."""
    return TaskData(
        definition,
        sample(tokens(definition, "train", config, vocabulary), config.data.train_examples),
        sample(
            tokens(definition, "validation", config, vocabulary), config.data.validation_examples
        ),
        label_tokens(definition, vocabulary),
    )


def is_mixture(name: str, config: Config) -> bool:
    """Whether a name stands for several tasks."""
    return "+" in name or name in mixture_names(data_settings(config))


def members_of(name: str, config: Config) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """The tasks that a task's or mixture's name stands for, and their rates."""
    if not is_mixture(name, config):
        return (name,), (1.0,)
    found = mixture(name, data_settings(config))
    return found.members, found.rates


def load_source(name: str, config: Config, vocabulary: Vocabulary) -> Source:
    """The token arrays of a task or of a mixture's members."""
    members, rates = members_of(name, config)
    data = tuple(task_data(find_task(member, config), config, vocabulary) for member in members)
    return Source(name, data, rates)


def data_fingerprint(name: str, config: Config) -> str:
    """Hex digest of what a prompt of this task or mixture is trained on; reads no rows of a known
    file.
    """
    members, rates = members_of(name, config)
    prints = [find_task(member, config).fingerprint() for member in members]
    data = config.data
    shown = [[data.text, data.shots, data.shot_seed]] if data.text or data.shots else []
    return digest("data", prints, list(rates), data.train_examples, *shown)[:16]


def source_names(config: Config) -> tuple[str, ...]:
    """The config's single-task sources: "mini" and other mixtures' names stand for their members."""
    names: list[str] = []
    for name in config.bank.sources:
        names += members_of(name, config)[0] if is_mixture(name, config) else (name,)
    return tuple(dict.fromkeys(names))

"""Tasks and mixtures as the token arrays that a prompt is trained on."""

from __future__ import annotations

from spot.models.model import Model
from spot.tasks.examples import TokenizedSplit
from spot.tasks.task import Mixture, Task, digest
from spot.tasks.tokens import Lengths, tokens
from spot.tasks.vocabulary import Vocabulary, label_tokens
from spot.training.batches import Source, TaskData, sample
from spot.training.recipe import Recipe


def load_source(
    source: Task | Mixture,
    vocabulary: Vocabulary,
    lengths: Lengths,
    train_examples: int | None = None,
    validation_examples: int | None = None,
) -> Source:
    """The token arrays of a task or of a mixture's members.

    `train_examples` and `validation_examples` cut each member's split to a seeded sample.
    """
    data = tuple(
        task_data(member, vocabulary, lengths, train_examples, validation_examples)
        for member in source.members
    )
    return Source(source.name, data, source.rates)


def source_of(source: Task | Mixture, model: Model, recipe: Recipe) -> Source:
    """The token arrays that prompts of a recipe are trained on, of the tasks as the model reads them."""
    return load_source(
        source.on(model),
        model.vocabulary,
        lengths_of(recipe),
        recipe.train_examples,
        recipe.validation_examples,
    )


def test_rows(task: Task, model: Model, recipe: Recipe) -> TokenizedSplit:
    """The token arrays of the test split, of the task as the model reads it."""
    return tokens(task.on(model), "test", model.vocabulary, lengths_of(recipe))


def lengths_of(recipe: Recipe) -> Lengths:
    """The maximal numbers of tokens of inputs and targets."""
    return Lengths(recipe.input_length, recipe.target_length)


def task_data(
    task: Task,
    vocabulary: Vocabulary,
    lengths: Lengths,
    train_examples: int | None = None,
    validation_examples: int | None = None,
) -> TaskData:
    """Training and validation rows of one task, each cut to a sample of so many rows."""
    return TaskData(
        task,
        sample(tokens(task, "train", vocabulary, lengths), train_examples),
        sample(tokens(task, "validation", vocabulary, lengths), validation_examples),
        label_tokens(task, vocabulary),
    )


def data_fingerprint(source: Task | Mixture, train_examples: int | None = None) -> str:
    """The digest, 16 hex digits, of the data that a prompt of this task or mixture is trained on.

    Covers the rows, their wording, the mixture's rates and the sample. Hashes of unchanged files come
    from a cache.
    """
    fingerprints = [member.fingerprint() for member in source.members]
    fronts = [[m.text, m.shots, m.shot_seed] for m in source.members]
    if not any(text or shots for text, shots, _ in fronts):
        fronts = []
    elif all(front == fronts[0] for front in fronts):  # one wording for all members counts once
        fronts = fronts[:1]
    return digest("data", fingerprints, list(source.rates), train_examples, *fronts)[:16]

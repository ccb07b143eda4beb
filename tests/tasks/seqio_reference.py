"""A task as seqio tokenises it, the reference that our token arrays are compared with."""

from __future__ import annotations

import os
from typing import Any

from spot.tasks.seqio_import import import_seqio
from spot.tasks.task import Task
from spot.tasks.vocabulary import VocabularyFile


def seqio_rows(task: Task, split: str, vocabulary: VocabularyFile) -> list[tuple[list, list]]:
    """The ids of each row's input and target, by a `seqio.Task` outside the global registry."""
    seqio = import_seqio()
    words = seqio.SentencePieceVocabulary(
        os.fspath(vocabulary.path), extra_ids=vocabulary.extra_ids
    )
    reference = seqio.Task(
        task.name,
        source=seqio.FunctionDataSource(_dataset_function(task), splits=task.splits),
        preprocessors=[seqio.preprocessors.tokenize, seqio.preprocessors.append_eos_after_trim],
        output_features={
            name: seqio.Feature(vocabulary=words, add_eos=True) for name in ("inputs", "targets")
        },
        metric_fns=[],
    )
    dataset = reference.get_dataset(None, split, shuffle=False)
    return [
        (row["inputs"].tolist(), row["targets"].tolist()) for row in dataset.as_numpy_iterator()
    ]


def _dataset_function(task: Task) -> Any:
    def dataset(split: str, shuffle_files: bool = False, seed: int | None = None) -> Any:
        import tensorflow as tf

        def rows():
            for example in task.read(split):
                yield {"inputs": example.inputs, "targets": example.targets}

        text = tf.TensorSpec((), tf.string)
        return tf.data.Dataset.from_generator(
            rows, output_signature={"inputs": text, "targets": text}
        )

    return dataset

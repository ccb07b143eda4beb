"""The one door to seqio and TensorFlow, and our tasks as seqio Tasks and Mixtures.

Nothing here is imported by training, evaluation or search: they read token caches. TensorFlow is
kept off every GPU, which belongs to JAX, and its start-up chatter off stderr.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from spot.errors import SpotError
from spot.tasks.task import MIXING_LIMIT, Task
from spot.tasks.vocabulary import Vocabulary

_CHATTER = re.compile(rb"(WARNING: All log messages before absl|[IWE]\d{4} [\d:.]+ )")


def import_seqio() -> Any:
    """The seqio module, imported silently and without a GPU; SpotError when it is not installed."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with _without_chatter():
            tensorflow = importlib.import_module("tensorflow")
            with contextlib.suppress(RuntimeError):  # TensorFlow already runs: too late to choose
                tensorflow.config.set_visible_devices([], "GPU")
            return importlib.import_module("seqio")
    except ImportError as error:
        raise SpotError(
            f"expected seqio and TensorFlow to turn text into tokens, found: {error}",
            "install them (pip install seqio tensorflow tensorflow-text)",
        ) from error


@contextlib.contextmanager
def _without_chatter() -> Iterator[None]:
    """Holds back file descriptor 2, then passes on every line that is not TensorFlow's own log.

    TensorFlow >= 2.20 logs before its log level applies, from C++, so nothing in Python stops it.
    """
    try:
        kept = os.dup(2)
    except OSError:  # no stderr at all
        yield
        return
    with tempfile.TemporaryFile() as held:
        try:
            os.dup2(held.fileno(), 2)
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            rest = b"".join(line for line in held if not _CHATTER.match(line))
            if rest:
                os.write(2, rest)


def seqio_task(definition: Task, vocabulary: Vocabulary) -> Any:
    """The task as a `seqio.Task` that is not in the global registry, so names never clash.

    Features "inputs" and "targets" (int32 token ids ending in EOS) and their `_pretokenized` text.
    A task that stands for the user's registered Task gives that Task. SpotError when the data is
    not there or the vocabularies differ.
    """
    seqio = import_seqio()
    if definition.registered:
        from spot.tasks.registered import checked_task

        return checked_task(definition.registered, vocabulary)
    if reason := definition.available():
        raise SpotError(f'task "{definition.name}": {reason}', "")
    words = vocabulary.for_seqio(seqio)
    features = {
        name: seqio.Feature(vocabulary=words, add_eos=True) for name in ("inputs", "targets")
    }
    return seqio.Task(
        re.sub(r"[^\w.:]", "_", definition.name),
        source=seqio.FunctionDataSource(_dataset_function(definition), splits=definition.splits),
        preprocessors=[seqio.preprocessors.tokenize, seqio.preprocessors.append_eos_after_trim],
        output_features=features,
        metric_fns=[],
    )


def _dataset_function(definition: Task) -> Any:
    def dataset(split: str, shuffle_files: bool = False, seed: int | None = None) -> Any:
        import tensorflow as tf

        def rows() -> Iterator[dict[str, str]]:
            for example in definition.read(split):
                yield {"inputs": example.inputs, "targets": example.targets}

        text = tf.TensorSpec((), tf.string)
        return tf.data.Dataset.from_generator(
            rows, output_signature={"inputs": text, "targets": text}
        )

    return dataset


def seqio_mixture(
    name: str,
    definitions: Sequence[Task],
    vocabulary: Vocabulary,
    limit: int = MIXING_LIMIT,
) -> Any:
    """A `seqio.Mixture` of the tasks, neither it nor they in a global registry.

    Rates are examples-proportional: min(rows of train, `limit`). SpotError for no task.
    """
    if not definitions:
        raise SpotError(f'mixture "{name}": expected at least one task, found none', "name tasks")
    seqio = import_seqio()
    pairs = [
        (seqio_task(definition, vocabulary), float(min(definition.rows("train"), limit)))
        for definition in definitions
    ]
    return seqio.Mixture(name, pairs)

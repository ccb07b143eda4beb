"""Our tasks as seqio Tasks and Mixtures."""

from __future__ import annotations

import os
import sys

import pytest

from spot.errors import SpotError
from spot.tasks import seqio_tasks
from spot.tasks.seqio_tasks import import_seqio, seqio_mixture, seqio_task
from spot.tasks.task import Example

ROW = Example("good day", "yes", 1)


def test_task_is_a_seqio_task_outside_the_registry(words, fake):
    seqio = import_seqio()
    task = seqio_task(fake("toy-1"), words)
    assert isinstance(task, seqio.Task)
    assert task.name == "toy_1"
    assert task.name not in seqio.TaskRegistry.names()
    assert set(task.splits) == {"train", "validation", "test"}
    assert task.output_features["inputs"].vocabulary.extra_ids == words.extra_ids
    pieces = words.processor()
    rows = list(
        task.get_dataset({"inputs": 4, "targets": 9}, "train", shuffle=False).as_numpy_iterator()
    )
    assert rows[0]["inputs"].tolist() == [*pieces.EncodeAsIds("good day")[:3], 1]
    assert rows[0]["targets"].tolist() == [*pieces.EncodeAsIds("yes"), 1]
    assert rows[1]["inputs_pretokenized"] == b"bad night"


def test_mixture_has_proportional_rates_and_mixes(words, fake):
    seqio = import_seqio()
    small, large = fake("small", rows=[ROW] * 3), fake("large", rows=[ROW] * 12)
    mixture = seqio_mixture("both", [small, large], words, limit=6)
    assert isinstance(mixture, seqio.Mixture)
    assert {t.name: mixture.get_rate(t) for t in mixture.tasks} == {"small": 3.0, "large": 6.0}
    dataset = mixture.get_dataset({"inputs": 8, "targets": 8}, "train", shuffle=False, seed=0)
    assert len(list(dataset.take(4).as_numpy_iterator())) == 4


def test_errors(words, monkeypatch, fake):
    with pytest.raises(SpotError, match="at least one task"):
        seqio_mixture("none", [], words)
    with pytest.raises(SpotError, match="not here"):
        seqio_task(fake(available=lambda: "not here"), words)
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(SpotError, match="expected seqio and TensorFlow"):
        import_seqio()


def test_tensorflow_sees_no_gpu():
    import_seqio()
    import tensorflow as tf

    assert tf.config.get_visible_devices("GPU") == []


def test_only_tensorflow_lines_are_held_back(capfd):
    with seqio_tasks._without_chatter():
        os.write(2, b"I0000 00:00:1795303721.253965    7413 port.cc:153] oneDNN\n")
        os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called\n")
        os.write(2, b"kept\n")
    assert capfd.readouterr().err == "kept\n"
    with pytest.raises(KeyError), seqio_tasks._without_chatter():
        os.write(2, b"the cause\n")
        raise KeyError
    assert capfd.readouterr().err == "the cause\n"

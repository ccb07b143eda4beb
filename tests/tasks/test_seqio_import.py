"""seqio and TensorFlow are imported without a GPU and without their log."""

from __future__ import annotations

import os
import sys

import pytest

from spot.errors import SpotError
from spot.tasks import seqio_import
from spot.tasks.seqio_import import import_seqio


@pytest.mark.parametrize("missing", ["tensorflow", "seqio"])
def test_without_the_extra_it_is_named(missing, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    message = f"expected seqio for the Tasks that data.modules registers, found: .*{missing}"
    with pytest.raises(SpotError, match=message) as caught:
        import_seqio()
    assert caught.value.hint == "pip install 'spot-transfer[seqio]'"


def test_tensorflow_sees_no_gpu():
    import_seqio()
    import tensorflow as tf

    assert tf.config.get_visible_devices("GPU") == []


def test_only_tensorflow_lines_are_held_back(capfd):
    with seqio_import._without_log_lines():
        os.write(2, b"I0000 00:00:1795303721.253965    7413 port.cc:153] oneDNN\n")
        os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called\n")
        os.write(2, b"kept\n")
    assert capfd.readouterr().err == "kept\n"
    with pytest.raises(KeyError), seqio_import._without_log_lines():
        os.write(2, b"the cause\n")
        raise KeyError
    assert capfd.readouterr().err == "the cause\n"

"""The import of seqio and TensorFlow, which only the extras `seqio` and `tfds` install.

Training, evaluation and search never need them: they read token caches. TensorFlow is kept off every GPU,
which belongs to JAX, and its start-up log off stderr.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from spot.errors import SpotError

_LOG_LINE = re.compile(rb"(WARNING: All log messages before absl|[IWE]\d{4} [\d:.]+ )")


def import_seqio() -> Any:
    """The seqio module, imported silently and without a GPU.

    Raises SpotError, which names the extra, when it or TensorFlow is not installed.
    """
    return _import("seqio", "expected seqio for the Tasks that data.modules registers", "seqio")


def import_tfds() -> Any:
    """The tensorflow_datasets module, likewise."""
    return _import("tensorflow_datasets", "expected tensorflow-datasets to read TFDS", "tfds")


def _import(module: str, expected: str, extra: str) -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with _without_log_lines():
            tensorflow = importlib.import_module("tensorflow")
            with contextlib.suppress(RuntimeError):  # TensorFlow already runs: too late to choose
                tensorflow.config.set_visible_devices([], "GPU")
            return importlib.import_module(module)
    except ImportError as error:
        hint = f"pip install 'spot-transfer[{extra}]'"
        raise SpotError(f"{expected}, found: {error}", hint) from error


@contextlib.contextmanager
def _without_log_lines() -> Iterator[None]:
    """Buffer file descriptor 2, then pass on every line that is not TensorFlow's own log.

    TensorFlow >= 2.20 logs before its log level applies, from C++, so nothing in Python stops it.
    """
    try:
        stderr = os.dup(2)
    except OSError:  # no stderr at all
        yield
        return
    with tempfile.TemporaryFile() as buffer:
        try:
            os.dup2(buffer.fileno(), 2)
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            buffer.seek(0)
            rest = b"".join(line for line in buffer if not _LOG_LINE.match(line))
            if rest:
                os.write(2, rest)

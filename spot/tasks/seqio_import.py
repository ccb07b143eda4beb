"""The import of seqio and TensorFlow, for tasks and data sets that need them.

Training, evaluation and search never do: they read token caches. TensorFlow is kept off every GPU,
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
    """The seqio module, imported silently and without a GPU; SpotError when it is not installed."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with _without_log_lines():
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

"""The process that runs a model: compiled programs are kept on disk, freed memory is kept by the process,
and what the device refuses is an error in words.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

from spot.allocator import keep_memory
from spot.errors import SpotError
from spot.settings import cache_dir


@functools.cache
def prepare() -> None:
    """Switch on the persistent compilation cache, in the cache folder, keep freed memory, and leave alone a
    TPU that is not there.

    Loading a model calls it before anything is compiled; later calls do nothing. Where JAX's own
    variable JAX_COMPILATION_CACHE_DIR is set, JAX's settings of that cache are left alone.
    """
    keep_memory()
    without_absent_tpu()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        return
    import jax

    jax.config.update("jax_compilation_cache_dir", str(cache_dir() / "programs"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)


def without_absent_tpu() -> None:
    """Let JAX run on the CPU without looking for a TPU, where libtpu is installed and no chip is.

    JAX would load it, 0.2 s, and libtpu would write five lines about a missing TPU on stderr. Where
    JAX_PLATFORMS is set, or a plugin for other devices is installed, JAX chooses by itself.
    """
    chips = [*Path("/dev").glob("accel*"), *Path("/dev/vfio").glob("[0-9]*")]
    installed = importlib.util.find_spec("libtpu") is not None
    others = importlib.util.find_spec("jax_plugins") is not None
    if not installed or others or chips or os.environ.get("JAX_PLATFORMS"):
        return
    os.environ["JAX_PLATFORMS"] = "cpu"  # for processes that this one starts
    import jax

    jax.config.update("jax_platforms", "cpu")


@contextlib.contextmanager
def device_errors() -> Iterator[None]:
    """Turn what the device refuses during the block, for want of memory as a rule, into a SpotError."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        # By name, for JAX may not have been imported; it is a RuntimeError.
        if not isinstance(error, MemoryError) and type(error).__name__ != "JaxRuntimeError":
            raise
        reason = str(error).partition("\n")[0][:200] or "out of memory"
        raise SpotError(
            f"the model could not be run: {reason}",
            "if memory is short, lower train.batch_size, train.slots, prompt.length or "
            "data.input_length, or choose a smaller model",
        ) from error

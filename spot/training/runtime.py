"""Settings of JAX for this process: compiled programs are kept on disk and found again."""

from __future__ import annotations

import os

from spot.config import cache_dir


def prepare() -> None:
    """Turns the persistent compilation cache on, in the cache folder; call before the first compilation."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import jax

    jax.config.update("jax_compilation_cache_dir", str(cache_dir() / "programs"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)

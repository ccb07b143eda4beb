"""How the process gets its memory. Imports next to nothing: commands call it before anything else."""

from __future__ import annotations

import ctypes
import functools
import sys
from typing import Any


@functools.cache
def keep_memory() -> None:
    """Tell glibc to keep freed memory instead of returning it to the system.

    XLA on CPUs allocates its buffers anew at every step; fetched from the system each time, their
    page faults took a third to a half of a step (measured on two cores). One arena, because an arena
    of a thread maps whatever exceeds 64 MB anew at every call, whatever the other settings say: a
    fifth of a T5 step. That holds only if it is said before a second thread asks for memory. Elsewhere
    it does nothing.
    """
    libc = _libc()
    if hasattr(libc, "mallopt"):
        trim_threshold, top_pad, mmap_max, arena_max = -1, -2, -4, -8
        libc.mallopt(arena_max, 1)
        libc.mallopt(mmap_max, 0)
        libc.mallopt(trim_threshold, -1)  # never
        libc.mallopt(top_pad, 2**28)


def give_back() -> None:
    """Tell glibc to return what is free now to the system, once. Elsewhere it does nothing."""
    libc = _libc()
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)


def _libc() -> Any:
    """The C library of Linux, which is musl in places and then has none of these functions."""
    return ctypes.CDLL(None) if sys.platform.startswith("linux") else None

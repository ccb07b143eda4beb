"""How the process gets its memory. Imports next to nothing: commands call it before anything else."""

from __future__ import annotations

import ctypes
import functools
import sys


@functools.cache
def keep_memory() -> None:
    """Tell glibc to keep freed memory instead of returning it to the system.

    XLA on CPUs allocates its buffers anew at every step; fetched from the system each time, their
    page faults took a third to a half of a step (measured on two cores). One arena, because an arena
    of a thread maps whatever exceeds 64 MB anew at every call, whatever the other settings say: a
    fifth of a T5 step. That holds only if it is said before a second thread asks for memory. Elsewhere
    it does nothing.
    """
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # musl has none
        trim_threshold, top_pad, mmap_max, arena_max = -1, -2, -4, -8
        libc.mallopt(arena_max, 1)
        libc.mallopt(mmap_max, 0)
        libc.mallopt(trim_threshold, -1)  # never
        libc.mallopt(top_pad, 2**28)

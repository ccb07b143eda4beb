"""Memory that was freed stays with the process, whichever thread asks for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import resource, sys, threading
from pathlib import Path
if sys.argv[1] == "keep":
    from spot.allocator import keep_memory
    keep_memory()
import ctypes
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]

def take():
    for _ in range(5):
        block = libc.malloc(200 << 20)
        ctypes.memset(block, 1, 200 << 20)
        libc.free(block)

begin = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
thread = threading.Thread(target=take)
thread.start(); thread.join()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - begin)
"""


def page_faults(how: str) -> int:
    """Those of a thread that takes and frees 200 MB five times."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, how], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator is told")
def test_a_thread_fetches_a_block_from_the_system_once():
    assert page_faults("keep") < 0.5 * page_faults("leave")

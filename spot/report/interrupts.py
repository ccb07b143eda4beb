"""Ctrl-C answered at once, also while the main thread is inside a compiler, where no handler of Python's
can run.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def answered(answer: Callable[[int], None]) -> Iterator[None]:
    """Call `answer` with 1, 2, … at every Ctrl-C of the block, from a thread of its own; whoever handles the
    signal does so as before.

    Nothing is called outside the main thread, and where Ctrl-C is ignored (a job in the background). Another
    listener to signals, as of asyncio, hears none in the block.
    """
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if threading.current_thread() is not threading.main_thread() or ignored:
        yield
        return
    heard, told = socket.socketpair()
    told.setblocking(False)
    before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)

    def listen() -> None:
        count = 0
        while signals := heard.recv(64):
            for _ in range(signals.count(signal.SIGINT)):
                count += 1
                answer(count)

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        told.close()  # ends the thread
        thread.join()
        heard.close()

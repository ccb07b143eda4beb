"""Ctrl-C is answered at once, whatever the main thread is doing, and a second one ends a command."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from spot.report.interrupts import answered

ROOT = Path(__file__).resolve().parents[2]

# The main thread is inside a function of C that takes a minute, as a compiler may: no handler of Python's
# runs. `begin` says that what is running saves after its step.
BUSY = """
import hashlib, sys, threading
from spot.report.console import progress
from spot.report.output import People

with progress(People()) as reporter:
    if sys.argv[1] == "training":
        reporter.begin("news", 80, 0)
    threading.Timer(1, print, ["ready"], {"flush": True}).start()  # said from inside the function
    hashlib.pbkdf2_hmac("sha256", b"a", b"b", 2_000_000_000)
"""


@pytest.mark.skipif(os.name != "posix", reason="sends signals as a terminal does")
@pytest.mark.parametrize(
    ("doing", "answer"), [("training", "saving after this step …"), ("scoring", "stopping …")]
)
def test_a_command_inside_a_compiler_answers_and_ends_at_the_second_time(doing, answer):
    command = [sys.executable, "-c", BUSY, doing]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert running.stdout.readline() == "ready\n"
        running.send_signal(signal.SIGINT)
        lines = iter(running.stderr.readline, "")
        assert any(line.startswith(f"{answer} (Ctrl-C again: at once)") for line in lines)
        assert running.poll() is None
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=30)
    finally:
        running.kill()
    assert running.returncode == 130
    assert "stopped; run the same command again to go on from the last checkpoint" in err


@pytest.fixture
def swallowed():
    """Ctrl-C as a loop takes it that ends after its step: it is counted."""
    taken = []
    before = signal.signal(signal.SIGINT, lambda *_: taken.append(1))
    yield taken
    signal.signal(signal.SIGINT, before)


def wait_for(condition):
    end = time.monotonic() + 10
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    assert condition()


def test_every_time_is_counted_and_the_handler_runs_as_before(swallowed):
    counts = []
    with answered(counts.append):
        for expected in (1, 2, 3):
            signal.raise_signal(signal.SIGINT)
            wait_for(lambda expected=expected: len(counts) == expected)
    signal.raise_signal(signal.SIGINT)
    assert counts == [1, 2, 3] and len(swallowed) == 4


def test_a_listener_of_before_listens_again_afterwards(swallowed):
    heard, told = socket.socketpair()
    heard.settimeout(10)
    told.setblocking(False)
    before = signal.set_wakeup_fd(told.fileno())
    try:
        counts = []
        with answered(counts.append):
            signal.raise_signal(signal.SIGINT)
            wait_for(lambda: counts == [1])
        signal.raise_signal(signal.SIGINT)
        assert heard.recv(9) == bytes([signal.SIGINT])
    finally:
        signal.set_wakeup_fd(before)
        heard.close()
        told.close()


def test_nothing_is_called_where_ctrl_c_is_ignored_or_in_another_thread(swallowed):
    counts = []

    def work():
        with answered(counts.append):
            threads.append(threading.active_count())

    threads = []
    before = threading.active_count()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert threads == [before + 1]  # `work` itself
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with answered(counts.append):
            assert threading.active_count() == before
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert counts == []

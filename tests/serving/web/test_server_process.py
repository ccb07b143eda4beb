"""`spot serve` as a process: how it starts, what it prints, and that a signal loses no accepted request."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import httpx2 as httpx
import pytest

from bank.store import Bank
from spot.commands.serve import _Lines
from tests.lab import ROOT, invoke, write_task
from tests.serving.web.stand import item, until
from tests.toys import sentences

TEXTS = [text for text, *_ in sentences(3, 5)]


@pytest.fixture(scope="module")
def place(tiny_backbone, tiny_folder, tmp_path_factory):
    """A folder with a bank of the toy tasks, and the arguments that name it."""
    folder = tmp_path_factory.mktemp("place")
    bank = Bank(folder / "bank")
    bank.add_many([item(tiny_backbone, name, score=60.0) for name in ("colour", "bird")])
    tasks = [str(write_task(folder, name)) for name in ("colour", "bird")]
    arguments = [
        "serve", "--bank", str(bank.path), "--set", f'model.name="{tiny_folder}"',
        "--set", "model.precision=float32", "--set", f"data.tasks={json.dumps(tasks)}", "--port", "0",
    ]  # fmt: skip
    return SimpleNamespace(folder=folder, bank=bank, arguments=arguments)


@contextmanager
def process(place, *arguments, **environment):
    """The command as a process, once it says where it listens: `url`, `first` (its first lines), and
    `ended()`, which waits for its end and gives code, stdout and stderr.
    """
    command = [sys.executable, "-m", "spot", *place.arguments, *arguments]
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **environment}
    child = subprocess.Popen(
        command, cwd=place.folder, env=variables, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )  # fmt: skip
    try:
        first = []
        while not any("/v1/predict" in line or '"address"' in line for line in first):
            line = child.stdout.readline()
            assert line, child.stderr.read()
            first.append(line)
        url = re.search(r"http://127\.0\.0\.1:\d+", "".join(first))[0]

        def ended():
            out, err = child.communicate(timeout=120)
            return child.returncode, out, err

        yield SimpleNamespace(child=child, url=url, first="".join(first), ended=ended)
    finally:
        if child.poll() is None:
            child.kill()
        child.communicate()


class Client(threading.Thread):
    """Asks on a kept connection until nobody listens any more, and notes every answer."""

    def __init__(self, url, task):
        super().__init__(daemon=True)
        self.url, self.task = url, task
        self.statuses, self.wrong = [], []
        self.start()

    def run(self):
        body = {"task": self.task, "texts": TEXTS}
        with httpx.Client(base_url=self.url, timeout=120) as client:
            while True:
                try:
                    answer = client.post("/v1/predict", json=body)
                except httpx.TransportError:
                    return
                self.statuses.append(answer.status_code)
                if answer.status_code == 200:
                    given = [each["text"] for each in answer.json()["answers"]]
                    if given != TEXTS:
                        self.wrong.append(given)
                else:
                    time.sleep(0.02)


def later(server, answers):
    """Ask from another thread."""
    body = {"task": "bird", "texts": TEXTS}

    def ask():
        answers.append(httpx.post(f"{server.url}/v1/predict", json=body, timeout=120))

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def test_a_signal_under_load_loses_no_accepted_request(place):
    with process(place, "--batch-rows", "8", "--batch-wait-ms", "150", "--no-warm-up") as server:
        clients = [Client(server.url, task) for task in ("colour", "bird") * 4]

        def answered():
            return sum(each.statuses.count(200) for each in clients)

        until(lambda: answered() >= 40, 120)
        before = answered()
        server.child.send_signal(signal.SIGTERM)
        code, out, err = server.ended()
        for client in clients:
            client.join(60)
            assert not client.is_alive()
        assert code == 0, err
        assert {status for each in clients for status in each.statuses} == {200, 503}
        assert not any(each.wrong for each in clients)
        # At the signal every client had a request in flight, most in the queue: those were answered.
        assert answered() > before
        told = re.search(r"stopped; all ([\d,]+) requests that were accepted are answered", out)
        assert int(told[1].replace(",", "")) == answered()
        assert "Traceback" not in err


def test_a_second_signal_ends_it_at_once(place):
    with process(place, "--batch-wait-ms", "60000", "--no-warm-up", "--json") as server:
        assert json.loads(server.first)["tasks"] == ["bird", "colour"]
        answers = []
        asking = later(server, answers)
        until(lambda: httpx.get(f"{server.url}/healthz").json()["queue"] == 3)
        begun = time.monotonic()
        server.child.send_signal(signal.SIGINT)
        until(lambda: httpx.get(f"{server.url}/healthz").status_code == 503)
        time.sleep(0.7)
        assert server.child.poll() is None, "it waits for the request"
        server.child.send_signal(signal.SIGTERM)
        code, out, err = server.ended()
        assert time.monotonic() - begun < 20
        asking.join(60)
        assert (code, len(answers)) == (1, 1)
        assert answers[0].status_code == 503
        assert "has stopped before the answer" in answers[0].json()["error"]
        assert json.loads(out.splitlines()[-1]) == {"answered": 0, "lost": 1}
        assert "stopped with 1 requests not answered" in err


def test_the_drain_has_an_end(place):
    with process(
        place, "--batch-wait-ms", "60000", "--no-warm-up", "--drain-seconds", "1"
    ) as server:
        answers = []
        asking = later(server, answers)
        until(lambda: httpx.get(f"{server.url}/healthz").json()["queue"] == 3)
        server.child.send_signal(signal.SIGTERM)
        code, _, err = server.ended()
        asking.join(60)
        assert (code, answers[0].status_code) == (1, 503)
        assert "stopped with 1 requests not answered; 0 were" in err


def test_the_token_of_the_environment_and_the_printed_request(place):
    with process(place, "--no-warm-up", "-v", SPOT_SERVE_TOKEN="s3cret") as server:
        assert "serving 2 prompts of 2 tasks on " in server.first
        line = next(line for line in server.first.splitlines() if line.startswith("try: "))
        assert '-H "Authorization: Bearer $TOKEN"' in line and "s3cret" not in server.first
        done = subprocess.run(
            ["bash", "-c", line.removeprefix("try: curl ").join(["curl -sS ", ""])],
            env={**os.environ, "TOKEN": "s3cret"}, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert json.loads(done.stdout)["task"] == "bird", done.stderr
        server.child.send_signal(signal.SIGINT)
        code, out, err = server.ended()
        assert (code, "all 1 requests that were accepted are answered" in out) == (0, True)
        assert re.search(r"^\d{4}-\d\d-\d\dT[\d:]{8} debug POST /v1/predict: 200 in ", err, re.M)
        assert "s3cret" not in err


# --- what keeps it from starting ------------------------------------------------------------------


@pytest.fixture
def start(place, monkeypatch):
    """Call the command in this process, with what stops it."""
    monkeypatch.chdir(place.folder)
    monkeypatch.delenv("SPOT_SERVE_TOKEN", raising=False)
    return lambda *arguments: invoke(*place.arguments, *arguments)


def test_a_port_in_use(start):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = start("--port", str(taken.getsockname()[1]))
    assert done.exit_code == 1
    assert "error: cannot listen on 127.0.0.1 port" in done.stderr
    assert "hint: choose another with --port" in done.stderr


def test_an_empty_token_is_refused(start, tmp_path, monkeypatch):
    file = tmp_path / "token"
    file.write_text("\n")
    done = start("--token-file", str(file))
    assert f"error: expected a token in {file}, found none" in done.stderr
    assert "secrets.token_urlsafe" in done.stderr
    done = start("--token-file", str(tmp_path / "none"))
    assert f"expected a file with a token at {tmp_path / 'none'}: No such file" in done.stderr
    monkeypatch.setenv("SPOT_SERVE_TOKEN", "")
    done = start()
    assert "expected a token in the variable SPOT_SERVE_TOKEN, found none" in done.stderr


def test_without_the_extra_it_says_what_to_install(start, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "uvicorn" else find(name, *a)
    )
    done = start()
    assert done.exit_code == 1
    assert "error: spot serve needs uvicorn, which this Python has not" in done.stderr
    assert "hint: pip install 'spot-transfer[serve]'" in done.stderr


def test_a_host_that_others_reach_wants_a_token(start):
    done = start("--host", "203.0.113.7")  # of documentation: no machine has it
    assert "warning: anyone who can connect to 203.0.113.7 may use this server" in done.stderr
    assert "error: cannot listen on 203.0.113.7 port 0: Cannot assign" in done.stderr
    assert "warning" not in start("--host", "localhost", "--bank", str(Path("none"))).stderr


def test_a_bank_that_is_not_there(start):
    done = start("--bank", "nowhere")
    assert done.exit_code == 1
    assert "error: expected a bank at nowhere, found nothing" in done.stderr


def test_lines_of_the_log_are_text_or_json():
    record = logging.LogRecord("spot.x", logging.WARNING, "f", 1, "gone: %s", ("a\x1bb",), None)
    text = _Lines(as_json=False).format(record)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d warning gone: a\\x1bb", text)
    content = json.loads(_Lines(as_json=True).format(record))
    assert content.pop("time") == text[:19]
    assert content == {"level": "warning", "message": "gone: a\x1bb"}
    try:
        raise ValueError("no")
    except ValueError:
        record.exc_info = sys.exc_info()
    assert "ValueError: no" in json.loads(_Lines(as_json=True).format(record))["traceback"]
    assert _Lines(as_json=False).format(record).endswith("ValueError: no")

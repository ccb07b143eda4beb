"""A server over a real socket, in a thread: a small bank made by hand, and answers that a test controls."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import httpx2 as httpx
import numpy as np

from bank.entry import Entry, Prompts, id_of
from bank.store import Bank
from spot.serving.predicting import Prediction
from spot.serving.web.app import create_app
from spot.serving.web.server import Server, address, bound, open_service
from spot.serving.web.settings import ServerSettings
from spot.tasks.task import Task

PROMPT_LENGTH = 4


def task(name):
    """A task of the toy sentences; "pair" reads two columns, "animal" is free text."""
    if name == "animal":
        rows = [{"text": "a red cat is here", "label": "cat"}]
        return Task.from_rows(name, rows, rows, rows, inputs="{text}", target="label")
    columns = ("a", "b") if name == "pair" else ("text",)
    rows = [{**dict.fromkeys(columns, "a red cat is here"), "label": "no"}]
    inputs = "{a} is {b}" if name == "pair" else "{text}"
    return Task.from_rows(name, rows, rows, rows, inputs=inputs, labels=["no", "yes"])


def item(model, name, seed=0, score=None, recipe=None):
    """An entry of a random prompt, different for every name and seed, as a bank takes it."""
    rng = np.random.default_rng([seed, *name.encode()])
    key, value = rng.normal(size=(2, PROMPT_LENGTH, model.width)).astype(np.float32)
    scores = {} if score is None else {"validation": {"metric": "accuracy", "value": score, "n": 9}}
    entry = Entry(
        id="",
        kind="source",
        task=name,
        members=(),
        family="",
        seed=seed,
        backbone=model.identity,
        recipe={"prompt_length": PROMPT_LENGTH, "input_length": 32, **(recipe or {})},
        key_step=1,
        value_step=2,
        scores=scores,
    )
    return replace(entry, id=id_of(entry)), Prompts(None, key, value)


def make_bank(folder, model):
    """Two seeds of "colour", the second the better one, and one entry each of "bird" and "pair"."""
    bank = Bank(folder)
    entries = [("colour", 0, 50.0), ("colour", 1, 75.0), ("bird", 0, 60.0), ("pair", 0, 55.0)]
    bank.add_many([item(model, *each) for each in entries])
    return bank


def ids(bank):
    """The ids of a bank's entries by task and seed."""
    return {(entry.task, entry.seed): entry.id for entry in bank.entries()}


class Scripted:
    """Answers "no" to everything. `gate` closed: the model is at work until it opens. `fail`: a text that
    breaks the batch it is in.
    """

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Event()
        self.batches, self.held, self.fail = [], [], None

    def hold(self, predictors):
        self.held.append(list(predictors))

    def answers(self, rows):
        texts = [text for _, text in rows]
        self.batches.append(texts)
        self.begun.set()
        assert self.gate.wait(120)
        if self.fail in texts:
            raise RuntimeError(f"/secret/folder/model.bin broke on {self.fail}")
        return [Prediction(text, "no", {"no": 0.75, "yes": 0.25}, 0.5) for text in texts]


@contextlib.contextmanager
def running(
    bank,
    model,
    answering=None,
    wait=None,
    task_of=lambda prompt, name: task(prompt.facts.task),
    **settings,
):
    """A server of the bank's entries in a thread; stops by draining.

    Has `url`, `client` (httpx), `service`, `server`, `watch` and `port`.
    """
    # A look every hour: tests look by themselves.
    chosen = ServerSettings(**{"port": 0, "poll": 3600.0, "drain": 5.0, **settings})
    service, watch = open_service(bank, model, task_of, chosen, None, answering)
    with bound(chosen) as listening:
        server = Server(create_app(service, chosen), service, chosen.drain)
        service.engine.start()
        watch.start()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        until(lambda: server.started)
        headers = {"Authorization": f"Bearer {chosen.token}"} if chosen.token else {}
        url = address(listening)
        with httpx.Client(base_url=url, timeout=120, headers=headers) as client:
            try:
                yield SimpleNamespace(
                    url=url, client=client, service=service, server=server, watch=watch,
                    port=listening.getsockname()[1], settings=chosen,
                )  # fmt: skip
            finally:
                if isinstance(answering, Scripted):
                    answering.gate.set()
                if not service.draining:
                    server.begin_drain()
                thread.join(60)
                watch.stop()
                service.engine.stop()
                assert not thread.is_alive() and service.engine.join(60)


def until(condition, seconds=60.0):
    """Wait until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "not within the time"
        time.sleep(0.005)


def raw(port, data, *, read=True):
    """Send bytes on a connection of their own; the whole answer, or the open socket."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(data)
    if not read:
        return connection
    with connection:
        return everything(connection)


def everything(connection):
    """All bytes until the other side closes."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def post(body, *headers, path="/v1/predict"):
    """The bytes of a request with this body."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        "Connection: close",
    ]
    return "\r\n".join([*lines, *headers, f"Content-Length: {len(body)}", "", ""]).encode() + body

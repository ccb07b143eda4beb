"""The process of a server: a socket, the model made ready, and a stop that loses no accepted request."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Mapping, Sequence
from types import FrameType

import uvicorn
from fastapi import FastAPI

from bank.store import Bank
from spot.errors import SpotError
from spot.models.model import Model
from spot.models.padding import FEW_BUCKETS
from spot.serving.predicting import Predictor
from spot.serving.web.answering import PlacedPrompts
from spot.serving.web.app import create_app
from spot.serving.web.catalogue import Catalogue, TaskOf, read_catalogue
from spot.serving.web.engine import Answering, Engine, cost
from spot.serving.web.metrics import Metrics
from spot.serving.web.service import Service
from spot.serving.web.settings import ServerSettings
from spot.serving.web.upstream import Upstream
from spot.serving.web.watch import Watch, log_faults

_log = logging.getLogger(__name__)

KEEP_ALIVE = 30  # seconds that a connection stays open without a request
HEADERS = 32 << 10  # bytes of a request's line and headers
FAREWELL = 0.5  # seconds in which a server that stops still says so to new requests


def bound(settings: ServerSettings) -> socket.socket:
    """A socket that nobody else listens on; it takes no connection yet. Raises SpotError."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as error:
        listening.close()
        raise SpotError(
            f"cannot listen on {settings.host} port {settings.port}: {error.strerror or error}",
            "choose another with --port, 0 for a free one, or an address of this machine with --host",
        ) from error
    return listening


def address(listening: socket.socket) -> str:
    """The address of a bound socket as a client writes it."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """Uvicorn, stopped so that every accepted request is answered.

    The first SIGTERM or SIGINT begins to drain: new requests are told so (503), those that were accepted are
    answered, then the socket is closed. The second ends the process at once.
    """

    def __init__(self, app: FastAPI, service: Service, drain: float) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=2,
                h11_max_incomplete_event_size=HEADERS,
            )
        )
        self.service, self.drain = service, drain
        self.drained_since = 0.0

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The signals' handler; Uvicorn's own would raise them again once it has ended."""
        if self.service.draining:
            self.should_exit = self.force_exit = True
        else:
            self.begin_drain()

    def begin_drain(self) -> None:
        """Take no more requests, and end once those that were accepted are answered."""
        self.drained_since = time.monotonic()
        self.service.draining = True

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second; True ends the server."""
        if await super().on_tick(counter):
            return True
        if not self.service.draining:
            return False
        seconds = time.monotonic() - self.drained_since
        return (not self.service.in_flight and seconds >= FAREWELL) or seconds >= self.drain


def open_service(
    bank: Bank,
    model: Model,
    task_of: TaskOf,
    settings: ServerSettings,
    lengths: Mapping[str, int] | None = None,
    answering: Answering | None = None,
) -> tuple[Service, Watch]:
    """The bank's entries ready to answer, and who follows its changes; neither has begun.

    lengths: `input_length` and `target_length` where they are not the prompts' own. Raises SpotError where
    no entry can be used.
    """
    catalogue = read_catalogue(bank, model, task_of, lengths)
    log_faults(catalogue)
    if not catalogue.served:
        raise SpotError(
            f"expected entries of {model.name} in the bank {bank.path}, found none that can answer",
            "build some with spot build-bank, or choose the bank's model with --set model.name=…",
        )
    metrics = Metrics()
    engine = Engine(
        answering or PlacedPrompts(model),
        queue=settings.queue,
        batch_rows=settings.batch_rows,
        batch_wait=settings.batch_wait,
        watching=metrics,
    )
    service = Service(model, catalogue, engine, metrics)

    def read(before: Catalogue) -> Catalogue:
        return read_catalogue(bank, model, task_of, lengths, before)

    return service, Watch(bank, catalogue, read, service.publish, settings.poll)


def warm_up(service: Service) -> float:
    """Compile what the first requests would wait for: every entry once, and full batches of every length of
    texts. Returns seconds.
    """
    begun = time.monotonic()
    predictors = [each.predictor for each in service.catalogue.served.values()]
    longest = max(predictor.lengths.inputs for predictor in predictors)
    # Half of what texts are padded to, for a template has tokens of its own.
    for length in (*(size // 2 for size in FEW_BUCKETS if size // 2 < longest), longest):
        text = " ".join(["a"] * length)
        for batch in _batches(predictors, service.engine.batch_rows):
            service.engine.submit([(each, text) for each in batch]).future.result()
    return time.monotonic() - begun


def _batches(predictors: Sequence[Predictor], rows: int) -> list[list[Predictor]]:
    """The predictors in full batches; the last one is filled up with copies."""
    out: list[list[Predictor]] = []
    for start in range(0, len(predictors), rows):
        part = list(predictors[start : start + rows])
        while sum(cost((each, "")) for each in part) < rows:
            part.append(part[len(part) % len(predictors[start : start + rows])])
        out.append(part)
    return out


def run_server(
    service: Service,
    watch: Watch,
    settings: ServerSettings,
    listening: socket.socket,
    upstream: Upstream | None = None,
) -> bool:
    """Serve until a signal ends it. True if all that was accepted has been answered.

    The service's engine has been started. upstream: as for `create_app`.
    """
    server = Server(create_app(service, settings, upstream), service, settings.drain)
    watch.start()
    try:
        server.run(sockets=[listening])
    finally:
        watch.stop()
        service.engine.stop()
    if server.force_exit:
        return False
    return service.in_flight == 0 and service.engine.join(1)

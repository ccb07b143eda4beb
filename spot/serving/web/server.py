"""The process of a server: a socket, the model made ready, and a stop that loses no accepted request."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Mapping
from itertools import product
from types import FrameType

import uvicorn
from fastapi import FastAPI

from bank.store import Bank
from spot.errors import SpotError
from spot.models.model import Model
from spot.models.padding import FEW_BUCKETS, bucket_length
from spot.models.scoring import LABEL_LENGTHS
from spot.prompts.prompt import SoftPrompt
from spot.serving.predicting import Predictor
from spot.serving.prompt_set import ROW_COUNTS
from spot.serving.web.answering import PlacedPrompts
from spot.serving.web.app import create_app
from spot.serving.web.catalogue import Catalogue, TaskOf, read_catalogue
from spot.serving.web.engine import Answering, Engine
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
    answered, then the socket is closed. The second waits for no answer any more, the third for nothing.
    """

    def __init__(self, app: FastAPI, service: Service, drain: float) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="on",
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
        if not self.service.draining:
            self.begin_drain()
        elif self.drain:
            self.drain = 0.0
        else:
            self.should_exit = self.force_exit = True

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
        if seconds >= self.drain and self.service.in_flight:
            self.service.give_up()
            return True
        return not self.service.in_flight and seconds >= min(FAREWELL, self.drain)


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


def warm_up(service: Service, seconds: float) -> float:
    """Compile what requests would wait for: batches of every length of texts and number of rows, for each
    shape of prompts and label words. Begins with what is most common and ends after `seconds`, whatever is
    left. Returns the seconds it took.
    """
    begun = time.monotonic()
    predictors = [each.predictor for each in service.catalogue.served.values()]
    alike: dict[tuple[object, ...], list[Predictor]] = {}
    for predictor in predictors:
        alike.setdefault(_shape(predictor), []).append(predictor)
    longest = max(predictor.lengths.inputs for predictor in predictors)
    most = service.engine.batch_rows
    counts = [most, *(count for count in ROW_COUNTS if count < most)]
    # Half of what texts are padded to, for a template has tokens of its own.
    lengths = [*(size // 2 for size in FEW_BUCKETS if size // 2 < longest), longest]
    for length, count, group in product(lengths, counts, alike.values()):
        text = " ".join(["a"] * length)
        if time.monotonic() - begun > seconds:
            _log.info("compiled for %g s; other shapes compile when they come", seconds)
            break
        # Prompts stand one a row: a batch of one entry and of many run the same program.
        rows = [(group[number % len(group)], text) for number in range(count)]
        service.engine.submit(rows).future.result()
    return time.monotonic() - begun


def _shape(predictor: Predictor) -> tuple[object, ...]:
    """What the programs of a predictor depend on."""
    longest = max(map(len, predictor.labels), default=1)
    labels = bucket_length(len(predictor.labels)), bucket_length(longest, LABEL_LENGTHS)
    prompt = predictor.prompts[0]
    arrays = (prompt.kind.name, prompt.key.shape) if isinstance(prompt, SoftPrompt) else ()
    return arrays, labels, 0 if predictor.labels else predictor.lengths.targets


def run_server(
    service: Service,
    watch: Watch,
    settings: ServerSettings,
    listening: socket.socket,
    upstream: Upstream | None = None,
) -> bool:
    """Serve until a signal ends it. True if the model's thread has ended, too; `service.lost` are the
    requests that were accepted and not answered.

    The service's engine has been started. upstream: as for `create_app`.
    """
    server = Server(create_app(service, settings, upstream), service, settings.drain)
    watch.start()
    try:
        server.run(sockets=[listening])
    finally:
        watch.stop()
        service.engine.stop()
    return service.engine.join(1)

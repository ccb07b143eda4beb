"""What a server counts and times, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The numbers of one server, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "spot_requests", "Requests answered.", ("route", "status"), registry=self.registry
        )
        self.texts = Counter("spot_texts", "Texts answered.", registry=self.registry)
        self.seconds = Histogram(
            "spot_request_seconds",
            "Seconds from a request's arrival to the end of its answer.",
            ("route",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.batches = Histogram(
            "spot_batch_rows",
            "Rows that the model read at once.",
            buckets=ROWS,
            registry=self.registry,
        )
        self.model_seconds = Counter(
            "spot_model_seconds", "Seconds that the model has worked.", registry=self.registry
        )
        ProcessCollector(registry=self.registry)

    def batch(self, rows: int, seconds: float) -> None:
        """As `spot.serving.web.engine.Watching` has it."""
        self.batches.observe(rows)
        self.model_seconds.inc(seconds)

    def request(self, route: str, status: int, seconds: float) -> None:
        """A request of this route was answered."""
        self.requests.labels(route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def gauge(self, name: str, help: str, read: Callable[[], float]) -> None:
        """Add a number that is read when it is asked for."""
        Gauge(name, help, registry=self.registry).set_function(read)

    def text(self) -> bytes:
        """All numbers in the text format 0.0.4."""
        return generate_latest(self.registry)

"""What stands behind the routes: the entries that are served now, their ensembles, and the engine."""

from __future__ import annotations

import threading
from asyncio import Future
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from spot.errors import SpotError
from spot.models.model import Model
from spot.prompts.prompt import SoftPrompt
from spot.serving.ensemble import Combine, Ensemble
from spot.serving.predicting import Prediction, Predictor
from spot.serving.web.catalogue import Catalogue, Served, public_name
from spot.serving.web.engine import Engine
from spot.serving.web.metrics import Metrics
from spot.serving.web.refusal import Refusal
from spot.serving.web.wire import Question

ENSEMBLES = 64  # predictors of several prompts that are kept ready


@dataclass(frozen=True)
class Choice:
    """Who answers a request: a predictor, and the entries behind it."""

    predictor: Predictor
    entries: Sequence[Served]

    @property
    def task(self) -> str:
        """The name of their task."""
        return self.entries[0].entry.task


class Service:
    """The entries of a model that are served now. Thread-safe."""

    def __init__(
        self, model: Model, catalogue: Catalogue, engine: Engine, metrics: Metrics
    ) -> None:
        self.model, self.engine, self.metrics = model, engine, metrics
        self.model_name = public_name(model)
        self.draining = False
        self.in_flight = 0  # requests for predictions that were accepted and not answered yet
        self.answered = 0  # those whose answer was written
        self.lost = 0  # those that were given up
        self.open: set[Future[list[Prediction]]] = set()  # what they wait for
        self._ensembles: OrderedDict[tuple[object, ...], Predictor] = OrderedDict()
        self._lock = threading.Lock()
        self._catalogue = catalogue
        engine.hold([each.predictor for each in catalogue.served.values()])
        metrics.gauge("spot_queue_rows", "Rows that wait for the model.", lambda: engine.waiting)
        metrics.gauge(
            "spot_prompts",
            "Prompts of the bank that are served.",
            lambda: len(self.catalogue.served),
        )
        metrics.gauge(
            "spot_requests_in_flight", "Predictions asked for.", lambda: float(self.in_flight)
        )

    @property
    def catalogue(self) -> Catalogue:
        """The entries that are served now."""
        return self._catalogue

    def publish(self, catalogue: Catalogue) -> None:
        """Serve these entries from now on; requests that have begun end with those before."""
        with self._lock:
            self._ensembles.clear()
            self._catalogue = catalogue
        self.engine.hold([each.predictor for each in catalogue.served.values()])

    def give_up(self) -> None:
        """Wait for no answer any more; from the thread of the event loop."""
        self.lost = self.in_flight
        for future in list(self.open):
            future.cancel()

    def prompt(self, name: str) -> SoftPrompt:
        """The prompt of an entry. Raises Refusal for an unknown name."""
        return self.catalogue.find(name).prompt

    def choose(self, question: Question) -> Choice:
        """Who answers a question. Raises Refusal for unknown names, and for entries that do not fit
        together.
        """
        catalogue = self.catalogue
        if question.task is not None:
            entries = [catalogue.best(question.task)]
        elif question.entry is not None:
            entries = [catalogue.find(question.entry)]
        elif isinstance(question.ensemble, str):
            entries = catalogue.of_task(question.ensemble)
        else:
            entries = [catalogue.find(name) for name in question.ensemble or ()]
            entries = list({each.entry.id: each for each in entries}.values())
        if len(entries) == 1:
            return Choice(entries[0].predictor, entries)
        check_together(entries)
        return Choice(self._ensemble(entries, question.combine or "vote"), entries)

    def _ensemble(self, entries: Sequence[Served], combine: Combine) -> Predictor:
        """The predictor of several entries, made once as long as it is in use."""
        key = (combine, *map(id, entries))
        with self._lock:
            if key in self._ensembles:
                self._ensembles.move_to_end(key)
                return self._ensembles[key]
        made = ensemble_of(self.model, entries, combine)
        with self._lock:
            self._ensembles[key] = made
            while len(self._ensembles) > ENSEMBLES:
                self._ensembles.popitem(last=False)
        return made


def check_together(entries: Sequence[Served]) -> None:
    """Raises Refusal unless the entries answer one task in the same words."""
    first, *rest = (each.predictor.task for each in entries)
    for each, task in zip(entries[1:], rest, strict=True):
        if each.entry.task != entries[0].entry.task:
            raise Refusal(
                422,
                f"ensemble: expected entries of one task, found {entries[0].entry.id} of "
                f"{entries[0].entry.task} and {each.entry.id} of {each.entry.task}",
                "GET /v1/prompts lists the entries of each task",
            )
        if (task.labels, task.inputs, task.wording) != (first.labels, first.inputs, first.wording):
            raise Refusal(
                422,
                f"ensemble: {entries[0].entry.id} and {each.entry.id} were trained with other words: "
                "their label words, texts or lists of labels differ",
                "name entries that were trained alike",
            )


def ensemble_of(model: Model, entries: Sequence[Served], combine: Combine) -> Predictor:
    """The predictor of several entries of one task. Raises Refusal where they cannot be combined so."""
    first = entries[0].predictor
    try:
        return Predictor(
            model,
            first.task,
            Ensemble(tuple(each.prompt for each in entries), combine),
            input_length=first.lengths.inputs,
            target_length=first.lengths.targets,
        )
    except SpotError as error:
        raise Refusal(422, f"ensemble: {error.message}", error.hint) from error

"""The routes of a server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

import spot
from spot.errors import SpotError, did_you_mean
from spot.models.context import check_context
from spot.models.padding import bucket_length
from spot.serving.predicting import Prediction, Predictor, row_texts
from spot.serving.web.catalogue import Served
from spot.serving.web.engine import Full, Row, cost
from spot.serving.web.guard import ARRIVED, PREDICT, Guard
from spot.serving.web.page import page_routes
from spot.serving.web.proxy import proxy_routes
from spot.serving.web.refusal import Refusal
from spot.serving.web.service import Choice, Service
from spot.serving.web.settings import ServerSettings
from spot.serving.web.upstream import Upstream
from spot.serving.web.wire import (
    Answered,
    AnswerOut,
    ErrorOut,
    Health,
    NearOut,
    PromptOut,
    Question,
)
from spot.settings import mistake, shown

PAGES: tuple[Callable[[], APIRouter], ...] = (page_routes,)
"""Routes of pages for people, which need no token: they hold nothing of the bank."""

OPEN = ("/healthz", "/docs", "/openapi.json")  # routes that need no token
GONE = 499  # the status that is counted where the client has left; nobody reads it

REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorOut, "description": description}
    for status, description in {
        400: "The body is no JSON.",
        401: "The token is missing or wrong.",
        404: "No such task or entry.",
        408: "The body did not come in time.",
        413: "The body, or the number of texts, is too large.",
        415: "The body is not said to be JSON.",
        421: "The request names another host, and the server has no token.",
        422: "A field is missing, unknown or wrong; the message names it.",
        429: "The queue is full; Retry-After says for how long.",
        500: "The server failed; its log says why.",
        503: "The server is stopping.",
        504: "The time limit passed.",
    }.items()
}

GUARDED: dict[int | str, dict[str, Any]] = {
    status: REFUSALS[status]
    for status in (401, 421)  # of a route that only reads
}


def create_app(
    service: Service, settings: ServerSettings, upstream: Upstream | None = None
) -> FastAPI:
    """The application: predictions, prompts, health, metrics, their description, and pages.

    upstream: a server of the same model; what is asked below /v1/ and not known here goes on to it. Raises
    SpotError for one behind a model that is no decoder.
    """
    app = FastAPI(
        title="spot serve",
        version=spot.__version__,
        description="One frozen model with the prompts of a bank. Every error is an object of error and "
        "hint.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    own, pages = [_api(service, settings), _about(service, app)], [make() for make in PAGES]
    for router in (*own, *pages):
        app.include_router(router)
    if upstream is not None:  # the last, for it takes every path
        app.include_router(proxy_routes(service.model, service.prompt, upstream))
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _unknown)
    app.add_middleware(
        Guard,
        service=service,
        settings=settings,
        routes={*OPEN, *_paths([*own, *pages])},
        public={*OPEN, *_paths(pages)},
        passes_on=upstream is not None,
    )
    return app


def _paths(routers: Sequence[APIRouter]) -> set[str]:
    """The paths of all routes."""
    return {getattr(route, "path", "") for router in routers for route in router.routes}


def _api(service: Service, settings: ServerSettings) -> APIRouter:
    """The routes that programs use."""
    router = APIRouter()

    @router.post(PREDICT, responses=REFUSALS, summary="Answer texts")
    async def predict(question: Question, request: Request) -> Answered:
        """Answer every text with a prompt of the bank, or with several that decide together."""
        check_count(question, settings)
        choice = service.choose(question)
        texts = rendered(choice.predictor, question.texts)
        await fit(service, choice, texts)
        rows = [(choice.predictor, text) for text in texts]
        predictions = await answered(service, settings, rows, request)
        service.metrics.texts.inc(len(texts))
        return answer(service, choice, question, predictions)

    @router.get("/v1/prompts", responses=GUARDED, summary="List the entries")
    async def prompts() -> list[PromptOut]:
        """Every entry of the bank that answers here, with the most similar entries of other tasks."""
        catalogue = service.catalogue
        return [
            described(each, catalogue.nearest[each.entry.id]) for each in catalogue.served.values()
        ]

    return router


def _about(service: Service, app: FastAPI) -> APIRouter:
    """The routes that tell of the server itself."""
    router = APIRouter()

    @router.get("/healthz", responses={503: {"model": Health}}, summary="Is it up?")
    async def healthz() -> JSONResponse:
        """200 while requests are taken, 503 once the server stops."""
        alive = service.engine.is_alive
        health = Health(
            status="failed" if not alive else "draining" if service.draining else "ok",
            model=service.model_name,
            prompts=len(service.catalogue.served),
            queue=service.engine.waiting,
        )
        return JSONResponse(health.model_dump(), 200 if health.status == "ok" else 503)

    @router.get("/metrics", responses=GUARDED, summary="Numbers for Prometheus")
    async def metrics() -> Response:
        """Requests, texts, queue, batches and seconds, in the text format of Prometheus."""
        return Response(service.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    @router.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(_reference().render(api=app.openapi()))

    return router


@cache
def _reference() -> jinja2.Template:
    """The page of the routes, which loads nothing from elsewhere."""
    source = (files("spot.serving.web") / "reference.html").read_text("utf-8")
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(source)


def check_count(question: Question, settings: ServerSettings) -> None:
    """Raises Refusal for more texts than a request may have."""
    if len(question.texts) > settings.max_texts:
        raise Refusal(
            413,
            f"texts: expected at most {settings.max_texts}, found {len(question.texts):,}",
            "send them in several requests",
        )


def rendered(predictor: Predictor, texts: Sequence[str | Mapping[str, object]]) -> list[str]:
    """The texts by the task's template. Raises Refusal that names the number of one that cannot be."""
    out: list[str] = []
    for number, text in enumerate(texts):
        try:
            out.extend(row_texts(predictor.task, [text]))
        except SpotError as error:
            # It says "texts, text 1:" of the one that it was given.
            reason = (
                error.message.partition(", text 1: ")[2] or error.message.partition(", row 1: ")[2]
            )
            message = f"texts[{number}]: {reason or error.message}"
            raise Refusal(422, message, row_hint(predictor)) from error
    return out


def row_hint(predictor: Predictor) -> str:
    """What a text of the predictor's task looks like."""
    columns = predictor.task.columns
    if len(columns) < 2:
        return "a text that is not empty"
    return "a row is " + "{" + ", ".join(f'"{column}": "…"' for column in columns) + "}"


async def fit(service: Service, choice: Choice, texts: Sequence[str]) -> None:
    """Raises Refusal for a text that does not fit the model's context behind the longest prompt."""
    config, predictor = service.model.config, choice.predictor
    if config.context is None:
        return
    prompt = max(each.prompt.tokens for each in choice.entries)
    longest = max(map(len, predictor.labels), default=0)
    length = bucket_length(longest) if longest else predictor.lengths.targets
    if prompt + predictor.lengths.inputs + length <= config.context:
        return  # texts are cut to the input length
    for number, text in enumerate(texts):
        tokens = await asyncio.to_thread(predictor.rows, [text])
        try:
            check_context(config, prompt, tokens, length)
        except SpotError as error:
            raise Refusal(
                422, f"texts[{number}]: {error.message}", "send a shorter text"
            ) from error


async def answered(
    service: Service, settings: ServerSettings, rows: Sequence[Row], request: Request
) -> list[Prediction]:
    """The engine's answers, within the time limit and as long as the client waits for them."""
    engine = service.engine
    needed = sum(map(cost, rows))
    if needed > engine.queue:
        raise Refusal(
            413,
            f"expected at most {engine.queue:,} rows, texts times prompts, found {needed:,}",
            "send fewer texts at once",
        )
    if not engine.is_alive:
        raise Refusal(
            503, "the model has stopped", "restart the server; its log says what went wrong"
        )
    try:
        job = engine.submit(rows)
    except Full as full:
        raise Refusal(
            429,
            f"the queue is full: {engine.waiting:,} rows wait",
            f"try again in {full.seconds} s",
            {"Retry-After": str(full.seconds)},
        ) from full
    answers = asyncio.wrap_future(job.future)
    service.open.add(answers)
    gone = asyncio.ensure_future(_gone(request))
    waiting: set[asyncio.Future[Any]] = {answers, gone}
    left = settings.time_limit - (time.monotonic() - request.scope[ARRIVED])
    try:
        await asyncio.wait(waiting, timeout=max(left, 0), return_when=asyncio.FIRST_COMPLETED)
        if answers.cancelled():
            raise Refusal(
                503, "the server has stopped before the answer", "ask again, or another server"
            )
        if answers.done():
            return answers.result()
        if gone.done():
            raise Refusal(GONE, "the client has left")
        raise Refusal(
            504,
            f"no answer within {settings.time_limit:g} s",
            "send fewer texts at once, or try again when the server has less to do",
        )
    finally:
        service.open.discard(answers)
        gone.cancel()
        if not answers.done() or answers.cancelled():
            engine.drop(job)
            answers.cancel()


async def _gone(request: Request) -> None:
    """Return once the client has left."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def answer(
    service: Service, choice: Choice, question: Question, predictions: Sequence[Prediction]
) -> Answered:
    """What is written to the client: a text as it was given, a row as the template writes it."""
    return Answered(
        answers=[
            AnswerOut(
                text=given if isinstance(given, str) else each.text,
                answer=each.answer,
                probabilities=each.probabilities,
                margin=each.margin if question.margins else None,
                votes=each.votes,
                agreement=each.agreement,
            )
            for given, each in zip(question.texts, predictions, strict=True)
        ],
        task=choice.task,
        entries=[each.entry.id for each in choice.entries],
        model=service.model_name,
    )


def described(served: Served, nearest: Sequence[Any]) -> PromptOut:
    """What is told of an entry."""
    predictor, entry = served.predictor, served.entry
    return PromptOut(
        entry=entry.id,
        task=entry.task,
        kind=entry.prompt_kind,
        length=served.prompt.tokens,
        score=served.score,
        metric=served.metric,
        labels=list(predictor.task.labels),
        columns=list(predictor.task.columns),
        nearest=[
            NearOut(entry=near.entry, task=near.task, similarity=near.similarity)
            for near in nearest
        ],
    )


def _json(refusal: Refusal) -> JSONResponse:
    return JSONResponse(refusal.content(), refusal.status, refusal.headers)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # registered for it alone
    return _json(error)


async def _invalid(request: Request, error: Exception) -> Response:
    """400 for a body that is no JSON, 422 with the field for one that is another."""
    assert isinstance(error, RequestValidationError)  # registered for it alone
    problems = error.errors()
    # A misspelt field is missing, too; what is wrong is its name.
    unknown = [each for each in problems if each["type"] == "extra_forbidden"]
    problem = (unknown or problems)[0]
    if problem["type"] == "json_invalid":
        where = problem["loc"][-1]
        reason = problem.get("ctx", {}).get("error", "")
        return _json(
            Refusal(400, f"the body is no JSON: {reason} at character {where}", "check its quotes")
        )
    return _json(Refusal(422, *_field(problem)))


def _field(problem: Mapping[str, Any]) -> tuple[str, str]:
    """Message and hint for a field that is not as expected."""
    place = [part for part in problem["loc"] if part != "body"]
    if problem["type"] in ("selectors", "combine"):
        return problem["msg"], 'for example {"task": "mini_rooms", "texts": ["…"]}'
    if not place:
        return "expected a JSON object as the body", 'for example {"task": …, "texts": ["…"]}'
    name = str(place[0])
    fields = list(Question.model_fields)
    if problem["type"] == "extra_forbidden":
        return (
            f'unknown field "{name[:80]}".{did_you_mean(name, fields)}',
            f"fields are {', '.join(fields)}",
        )
    if len(place) > 1 and isinstance(place[1], int):
        name += f"[{place[1]}]"
    if problem["type"] == "too_short":
        return f"{name}: expected one or more, found none", "give it something"
    if place[0] == "texts" and len(place) > 1:
        return (
            f"{name}: expected a text or an object of columns, found {shown(problem['input'])}",
            'for example "my invoice is wrong", or {"title": "Invoice", "body": "It is wrong."}',
        )
    return f"{name}: {mistake(problem)[1]}", "GET /docs shows every field"


async def _unknown(request: Request, error: Exception) -> Response:
    """Unknown routes, wrong methods, and bodies that cannot be read."""
    assert isinstance(error, HTTPException)  # registered for it alone
    headers = dict(error.headers or {})
    path = request.url.path[:80]
    if error.status_code == 404:
        near = did_you_mean(path, [PREDICT, "/v1/prompts", "/metrics", *OPEN])
        return _json(Refusal(404, f'no route "{path}".{near}', "GET /docs lists the routes"))
    if error.status_code == 405:
        allowed = headers.get("allow") or headers.get("Allow") or "another method"
        message = f"expected {allowed} for {path}, found {request.method}"
        return _json(Refusal(405, message, "GET /docs lists the routes", headers))
    if error.status_code == 400:
        return _json(Refusal(400, "the body is no JSON that can be read", "send it as UTF-8"))
    return _json(Refusal(error.status_code, str(error.detail), "", headers))

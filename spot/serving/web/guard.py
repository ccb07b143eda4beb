"""What stands in front of every route: the token, the limits of a body, what is counted.

A request that is refused here costs no memory: its body is not read, or read and thrown away.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Collection
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spot.serving.web.refusal import Refusal
from spot.serving.web.service import Service
from spot.serving.web.settings import ServerSettings, is_loopback
from spot.settings import shown

_log = logging.getLogger(__name__)

PREDICT = "/v1/predict"
ARRIVED = "spot.arrived"  # in a scope: when the request came, by time.monotonic
LINGER = (
    1.0  # seconds in which the rest of a refused body is thrown away, so that the client reads why
)
LINGER_BYTES = 64 << 20


class Guard:
    """An ASGI application around another one."""

    def __init__(
        self,
        app: ASGIApp,
        service: Service,
        settings: ServerSettings,
        routes: Collection[str],
        public: Collection[str],
        passes_on: bool = False,
    ) -> None:
        """routes: paths that are counted by their name. public: those that need no token. passes_on: true if
        another server answers what is asked below /v1/ and not known here.
        """
        self.app, self.service, self.settings = app, service, settings
        self.routes, self.public = frozenset(routes), frozenset(public)
        self.passes_on = passes_on
        self.token = f"Bearer {settings.token}".encode() if settings.token else b""
        self.most = settings.queue + settings.batch_rows  # requests at once: each has a row or more

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # the application's own start and end
            await self.app(scope, receive, send)
            return
        begun, status = time.monotonic(), 0
        scope[ARRIVED] = begun

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        try:
            await self._answer(scope, receive, counted)
        except Exception:
            # Answered here, for what rises to the server closes the connection without a word.
            if status:
                raise
            _log.exception("%s %s failed", scope["method"], self._route(scope["path"]))
            failed = Refusal(
                500, "the server could not answer this request", "its log says what went wrong"
            )
            await JSONResponse(failed.content(), failed.status)(scope, receive, counted)
        finally:
            path = scope["path"]
            if path == PREDICT and status == 200:
                self.service.answered += 1
            route = self._route(path)
            seconds = time.monotonic() - begun
            self.service.metrics.request(route, status, seconds)
            _log.debug("%s %s: %d in %.1f ms", scope["method"], route, status, 1000 * seconds)

    def _route(self, path: str) -> str:
        """The path as it is counted and logged."""
        return path if path in self.routes else "other"

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check(scope)
        except Refusal as refusal:
            await refuse(refusal, receive, send)
            return
        if not self._is_work(scope["path"]):
            await self._with_body(scope, receive, send)
            return
        self.service.in_flight += 1
        try:
            await self._with_body(scope, receive, send)
        finally:
            self.service.in_flight -= 1

    def _is_work(self, path: str) -> bool:
        """True for requests that are answered to the end before the server stops, and are bounded."""
        passed = self.passes_on and path.startswith("/v1/") and path not in self.routes
        return path == PREDICT or passed

    def _check(self, scope: Scope) -> None:
        """Raises Refusal for what can be refused without the body."""
        headers = dict(scope["headers"])
        self._check_host(headers.get(b"host", b""))
        if self.token and scope["path"] not in self.public:
            given = headers.get(b"authorization", b"")
            if not secrets.compare_digest(given, self.token):
                found = "another one" if given else "none"
                raise Refusal(
                    401,
                    f"expected the server's token, found {found}",
                    "send the header  Authorization: Bearer TOKEN",
                    {"WWW-Authenticate": "Bearer"},
                )
        works = self._is_work(scope["path"])
        if works and self.service.draining:
            raise Refusal(
                503,
                "the server is stopping and takes no more requests",
                "try again in a moment, or another server",
                {"Retry-After": "5"},
            )
        if works and self.service.in_flight >= self.most:
            raise Refusal(
                429,
                f"{self.service.in_flight:,} requests wait already",
                "try again in a moment",
                {"Retry-After": "1"},
            )
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self.settings.max_body:
            raise self._too_large(f"{int(length):,}")
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if scope["path"] == PREDICT and scope["method"] == "POST" and kind != b"application/json":
            found = kind.decode("latin-1")[:60] or "none"
            raise Refusal(
                415,
                f"expected a body of the type application/json, found {found}",
                "send the header  Content-Type: application/json",
            )

    def _check_host(self, given: bytes) -> None:
        """Raises Refusal for another name than this machine's, where anyone who reaches the server may use
        it: the script of a page whose name was made to lead here (DNS rebinding) would read its answers.
        """
        if self.token or not self.settings.is_local:
            return
        name = host_name(given.decode("latin-1"))
        if given and not is_loopback(name):  # every browser sends one
            raise Refusal(
                421,
                f"expected a request to localhost or 127.0.0.1, found one to {shown(name[:80])}",
                "a server without a token answers to this machine's own names alone; start it with "
                "--token-file to reach it by another",
            )

    def _too_large(self, found: str) -> Refusal:
        return Refusal(
            413,
            f"expected a body of at most {self.settings.max_body:,} bytes, found {found}",
            "send fewer texts at once",
        )

    async def _with_body(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body, no further than its limit, and pass it on."""
        body = bytearray()
        try:
            async with asyncio.timeout(self.settings.time_limit):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) > self.settings.max_body:
                        body.clear()
                        raise self._too_large("more")
        except Refusal as refusal:
            await refuse(refusal, receive, send)
            return
        except TimeoutError:
            late = Refusal(
                408,
                f"expected the whole body within {self.settings.time_limit:g} s",
                "send it at once",
            )
            await refuse(late, receive, send)
            return
        passed = False

        async def replay() -> Message:
            nonlocal passed
            if passed:
                return await receive()
            passed = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        await self.app(scope, replay, send)


def host_name(given: str) -> str:
    """The name in a header Host, without its port."""
    try:
        return urlsplit(f"//{given}").hostname or ""
    except ValueError:
        return given


async def refuse(refusal: Refusal, receive: Receive, send: Send) -> None:
    """Answer at once, and close the connection once the client has had the time to read the answer: it may
    still be sending its body, and would not read while it does.
    """
    content = json.dumps(refusal.content(), ensure_ascii=False).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"connection", b"close"),
        *((name.lower().encode(), text.encode()) for name, text in refusal.headers.items()),
    ]
    start: dict[str, Any] = {
        "type": "http.response.start",
        "status": int(HTTPStatus(refusal.status)),
        "headers": headers,
    }
    await send(start)
    await send({"type": "http.response.body", "body": content, "more_body": True})
    thrown = 0
    try:
        async with asyncio.timeout(LINGER):
            more = True
            while more and thrown < LINGER_BYTES:
                message = await receive()
                thrown += len(message.get("body", b""))
                more = message["type"] == "http.request" and message.get("more_body", False)
    except TimeoutError:
        pass
    await send({"type": "http.response.body", "body": b"", "more_body": False})

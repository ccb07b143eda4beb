"""The server behind this one: where it is, and how requests and answers pass."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from spot.errors import SpotError
from spot.serving.web.insertion import Dtype
from spot.serving.web.refusal import Refusal

_log = logging.getLogger(__name__)

CONNECT = 5.0  # seconds in which a connection must be there
STREAM = b"text/event-stream"
# RFC 9110, 7.6.1: of one connection, not of the message; those that `Connection` names come to them.
HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer "
    b"transfer-encoding upgrade".split()
)
OF_REQUEST = HOP_BY_HOP | frozenset(b"host content-length authorization cookie expect".split())
OF_ANSWER = HOP_BY_HOP | frozenset(b"content-length server date set-cookie".split())

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Upstream:
    """A server with the interface of OpenAI's, such as vLLM's; `Upstream.at` checks an address.

    token: sent to it as a bearer token, "" for none; what clients send to this server never is. dtype: of the
    embeddings. silence: seconds without a byte of an answer before it is given up. connections: at once;
    busy: seconds that a request waits for one.
    """

    url: str
    token: str = ""
    dtype: Dtype = "float32"
    silence: float = 600.0
    connections: int = 256
    busy: float = 5.0

    @classmethod
    def at(cls, address: str, token: str = "", dtype: Dtype = "float32") -> Upstream:
        """The server at an address such as http://127.0.0.1:8001, with or without /v1 at its end.

        Raises SpotError for what is no address of an HTTP server.
        """
        try:
            parts = urlsplit(address)
            sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            sound = False
        if not sound or parts.query or parts.fragment or parts.username is not None:
            raise SpotError(
                f"expected the address of an HTTP server for --upstream, found {address.rpartition('@')[2]}",
                "for example http://127.0.0.1:8001; a token is given by --upstream-token-file",
            )
        return cls(address.rstrip("/").removesuffix("/v1"), token, dtype)

    def client(self) -> httpx2.AsyncClient:
        """A client with this server's limits, which takes no proxy from the environment."""
        return httpx2.AsyncClient(
            trust_env=False,
            limits=httpx2.Limits(max_connections=self.connections, max_keepalive_connections=32),
        )

    def request(
        self, method: str, path: str, query: str, headers: Headers, body: bytes
    ) -> httpx2.Request:
        """The request to pass on. path: as the client wrote it, from /v1/ on; headers: the client's."""
        passed = end_to_end(headers, OF_REQUEST)
        if not any(name == b"accept-encoding" for name, _ in passed):
            passed.append((b"accept-encoding", b"identity"))
        if self.token:
            passed.append((b"authorization", f"Bearer {self.token}".encode()))
        timeout = httpx2.Timeout(self.silence, connect=CONNECT, pool=self.busy)
        return httpx2.Request(
            method,
            self.url + path + (f"?{query}" if query else ""),
            headers=passed,
            content=body,
            extensions={"timeout": timeout.as_dict()},
        )


def end_to_end(headers: Iterable[tuple[bytes, bytes]], dropped: frozenset[bytes]) -> Headers:
    """The headers that pass: neither dropped nor named by `Connection`. Names in lower case."""
    lower = [(name.lower(), value) for name, value in headers]
    named = {
        each.strip().lower()
        for name, value in lower
        if name == b"connection"
        for each in value.split(b",")
    }
    return [(name, value) for name, value in lower if name not in dropped | named]


class Relayed(Response):
    """The upstream server's answer to a request: its status, headers and bytes.

    A stream of events passes chunk by chunk, any other answer once it is whole, so that a connection that
    breaks is an error and not half an answer. A client that leaves ends the upstream request.
    """

    def __init__(self, client: httpx2.AsyncClient, request: httpx2.Request) -> None:
        super().__init__()
        self._client, self._request = client, request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        relaying = asyncio.ensure_future(self._relay(send))
        leaving = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait({relaying, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if relaying.done():
                relaying.result()
        finally:
            for task in (relaying, leaving):
                task.cancel()
            await asyncio.gather(relaying, leaving, return_exceptions=True)

    async def _relay(self, send: Send) -> None:
        started = False
        try:
            response = await self._client.send(self._request, stream=True)
            try:
                headers = end_to_end(response.headers.raw, OF_ANSWER)
                if response.headers.get("content-type", "").encode().startswith(STREAM):
                    started = True
                    await _start(send, response.status_code, headers)
                    async for chunk in _chunks(response):
                        await _body(send, chunk, more=True)
                    await _body(send, b"")
                    return
                content = b"".join([chunk async for chunk in _chunks(response)])
            finally:
                await response.aclose()
        except httpx2.TransportError as error:
            refusal = refusal_of(error)
            _log.warning("%s: %s", self._request.url, error or type(error).__name__)
            text = json.dumps(refusal.content(), ensure_ascii=False).encode()
            if started:  # the status is sent; clients of OpenAI's interface know this event
                await _body(send, b"data: " + text + b"\n\n")
                return
            content, headers = text, [(b"content-type", b"application/json")]
            await _whole(send, refusal.status, headers, content)
            return
        if self._request.method != "HEAD":
            await _whole(send, response.status_code, headers, content)
        else:
            await _start(send, response.status_code, headers)
            await _body(send, b"")


async def _chunks(response: httpx2.Response) -> AsyncIterator[bytes]:
    """The bytes of an answer as they come, still encoded as the headers say."""
    async for chunk in response.aiter_raw():
        yield chunk


async def _gone(receive: Receive) -> None:
    """Return once the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _start(send: Send, status: int, headers: Headers) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def _body(send: Send, content: bytes, more: bool = False) -> None:
    await send({"type": "http.response.body", "body": content, "more_body": more})


async def _whole(send: Send, status: int, headers: Headers, content: bytes) -> None:
    length = (b"content-length", str(len(content)).encode())
    await _start(send, status, [*headers, length])
    await _body(send, content)


def refusal_of(error: httpx2.TransportError) -> Refusal:
    """What a client is told of an upstream server that did not answer; its address stays in the log."""
    if isinstance(error, httpx2.PoolTimeout):
        return Refusal(503, "the upstream server has no connection free", "try again in a moment")
    if isinstance(error, httpx2.TimeoutException) and not isinstance(error, httpx2.ConnectTimeout):
        return Refusal(
            504, "the upstream server was silent for too long", "ask for fewer tokens, or stream"
        )
    unreachable = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)
    what = "cannot be reached" if unreachable else "broke off its answer"
    return Refusal(
        502, f"the upstream server {what}", "is it still running? this server's log names it"
    )


def json_body(body: bytes) -> Any:
    """The JSON of a body; None for one that is none, which the upstream server may judge."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None

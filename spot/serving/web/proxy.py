"""A proxy in front of a vLLM server: a request that names an entry of the bank is sent on with its prompt.

Everything else below /v1/ passes unchanged.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from bank.errors import shown
from spot.models.model import Model
from spot.prompts.prompt import SoftPrompt
from spot.serving.web.insertion import PLACES, PROMPT_ID, Insertion
from spot.serving.web.refusal import Refusal
from spot.serving.web.upstream import Relayed, Upstream, json_body

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]

PromptOf = Callable[[str], SoftPrompt]
"""The prompt of an entry by its id; raises Refusal for an unknown one. Called in threads."""


def proxy_routes(model: Model, prompt_of: PromptOf, upstream: Upstream) -> APIRouter:
    """All paths below /v1/ that no route before these has.

    model: the same as the upstream server's. Raises SpotError for a model that is no decoder.
    """
    insertion = Insertion(model, upstream.dtype)
    _ = model.embeddings  # read now, so that no request waits for it
    client = upstream.client()

    @asynccontextmanager
    async def closing(_app: Any) -> AsyncIterator[None]:
        async with client:
            yield

    router = APIRouter(include_in_schema=False, lifespan=closing)

    @router.api_route("/v1/{path:path}", methods=METHODS)
    async def forward(path: str, request: Request) -> Response:
        if any(part in (".", "..") for part in path.split("/")):
            raise Refusal(404, "expected a path without dots for folders", "name the route itself")
        body = await request.body()
        if f'"{PROMPT_ID}"'.encode() in body:
            body = await asyncio.to_thread(inserted, insertion, prompt_of, path, body)
        scope = request.scope
        return Relayed(
            client,
            upstream.request(
                request.method,
                scope["raw_path"].decode("ascii", "replace"),
                scope["query_string"].decode("ascii", "replace"),
                scope["headers"],
                body,
            ),
        )

    return router


def inserted(insertion: Insertion, prompt_of: PromptOf, path: str, body: bytes) -> bytes:
    """The body with the prompt that it names; the same bytes where it names none.

    path: behind /v1/. Raises Refusal where a prompt cannot be inserted.
    """
    content = json_body(body)
    if not isinstance(content, dict) or PROMPT_ID not in content:
        return body
    name = content[PROMPT_ID]
    if path not in PLACES:
        raise Refusal(
            422,
            f"expected {PROMPT_ID} in a request for {' or '.join(f'/v1/{each}' for each in PLACES)}, "
            f"found it for /v1/{path[:80]}",
            "a prompt can be inserted into these alone",
        )
    if not isinstance(name, str):
        raise Refusal(
            422,
            f"{PROMPT_ID}: expected the id of an entry, found {shown(name)}",
            "GET /v1/prompts lists the entries",
        )
    front = insertion.front_of(prompt_of(name), name)
    return json.dumps(PLACES[path](insertion, content, front)).encode()

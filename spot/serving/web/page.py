"""The page at `/`: pick a task, write a text, see the label, its probabilities and the nearest sources.

It is a client of the server's own HTTP interface. A browser that shows it is told to run and to fetch what
this server sends alone, whatever a name in the bank holds.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import Response

FOLDER = Path(__file__).parent / "static"
FILES = {"page.css": "text/css", "page.js": "text/javascript"}
"""The files below /static/ and their types."""

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)
"""What a browser may run and fetch for the page."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


def page_routes() -> APIRouter:
    """`GET /` and its files below `/static/`. They hold nothing of the bank and need no token."""
    routes = APIRouter(include_in_schema=False)
    routes.add_api_route("/", _answering("page.html", "text/html"), methods=["GET"])
    for name, kind in FILES.items():
        routes.add_api_route(f"/static/{name}", _answering(name, kind), methods=["GET"])
    return routes


def _answering(name: str, kind: str) -> Callable[[], Awaitable[Response]]:
    """A handler that answers with a file of the package, read once."""
    content = (FOLDER / name).read_bytes()

    async def answer() -> Response:
        return Response(content, media_type=kind, headers=HEADERS)

    return answer

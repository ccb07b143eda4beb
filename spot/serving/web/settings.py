"""The settings of a server, checked once: where it listens, and what bounds its work and its memory."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from spot.errors import SpotError


@dataclass(frozen=True)
class ServerSettings:
    """Where a server listens, and its limits; times are seconds.

    token: the bearer token that requests must carry, "" for none. max_body: bytes of a request. max_texts:
    texts of a request. queue: rows that may wait, a row being one text behind one prompt. time_limit: from a
    request's arrival to its answer. batch_rows: rows that the model reads at once. batch_wait: how long the
    first row of a batch waits for others. drain: how long accepted requests may take once the server stops.
    poll: time between two looks at the bank.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str = ""
    max_body: int = 1 << 20
    max_texts: int = 64
    queue: int = 1024
    time_limit: float = 60.0
    batch_rows: int = 32
    batch_wait: float = 0.003
    drain: float = 30.0
    poll: float = 2.0

    @property
    def is_local(self) -> bool:
        """True if no other machine can connect."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """True for a name or an address of this machine that no other one reaches."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_token(token: str, origin: str) -> str:
    """The token without the line end of its file.

    origin: where it was read, for errors. Raises SpotError for a token that is empty, or holds what a header
    cannot carry.
    """
    token = token.strip()
    if not token:
        raise SpotError(
            f"expected a token in {origin}, found none",
            "write a long random one, for example: python -c 'import secrets; "
            "print(secrets.token_urlsafe())'",
        )
    if not token.isascii() or not token.isprintable() or " " in token:
        raise SpotError(
            f"expected a token of letters, digits and signs of ASCII in {origin}, found another character",
            "a header carries the token: it has no spaces and no line ends",
        )
    return token

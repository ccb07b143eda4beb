"""What a server answers to a request that it cannot fulfil: a status, what is wrong, what to do."""

from __future__ import annotations

from collections.abc import Mapping

from bank.characters import visible


class Refusal(Exception):
    """A request that gets no answer: an HTTP status, a message and a hint for the client, and headers.

    Neither text names a path of the machine.
    """

    def __init__(
        self, status: int, message: str, hint: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.hint = status, visible(message), visible(hint)
        self.headers = dict(headers or {})

    def content(self) -> dict[str, str]:
        """The JSON object of the answer."""
        return {"error": self.message, "hint": self.hint}

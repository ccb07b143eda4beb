"""A prompt of a bank put into a request for a vLLM server, as embeddings in front of the text.

Such a server reads `prompt_embeds`: of a completion the rows of the whole text, of a chat message a part of
its content (vLLM, "Prompt Embedding Inputs"). It then runs the same network on the same rows as here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from bank.arrays import Array
from bank.errors import shown
from bank.formats.prompt_embeds import embeds_part, payload
from spot.errors import SpotError
from spot.models.model import Model
from spot.prompts.prompt import SoftPrompt
from spot.serving.web.refusal import Refusal

PROMPT_ID = "prompt_id"
"""The field of a request that names an entry of the bank; the upstream server never sees it."""

LIMIT = 256 << 20  # bytes of embeddings of one request, before base64 makes a third more of them

Dtype = Literal["float32", "bfloat16"]
Body = Mapping[str, Any]


def check_decoder(model: Model) -> None:
    """Raises SpotError for a model whose prompts no upstream server takes."""
    if len(model.config.stacks) > 1:
        raise SpotError(
            f"expected a decoder for an upstream server, found the encoder-decoder {model.name}",
            "servers such as vLLM take prompts as embeddings of decoders alone; without --upstream, "
            "spot serve answers with this model itself",
        )


@dataclass(frozen=True)
class Insertion:
    """Puts prompts into bodies. model: a decoder, the same as the upstream server's. dtype: that of the
    rows that are sent.
    """

    model: Model
    dtype: Dtype = "float32"
    limit: int = LIMIT

    def __post_init__(self) -> None:
        check_decoder(self.model)

    def completion(self, body: Body, front: Array) -> dict[str, Any]:
        """The body of /v1/completions with its text, or its list of texts, as embeddings [P+T, H] each.

        front: the prompt's rows [P, H]. Texts are encoded as in training; no template is applied. Raises
        Refusal for no text, for token ids, and for more than `limit` bytes.
        """
        if body.get("prompt_embeds") is not None:
            raise _both("prompt_embeds")
        given = body.get("prompt")
        texts = [given] if isinstance(given, str) else given
        if not isinstance(texts, list) or not texts or not all(isinstance(t, str) for t in texts):
            found = "nothing" if given is None else shown(given)
            raise Refusal(
                422,
                f"prompt: expected a text or a list of texts beside {PROMPT_ID}, found {found}",
                "send text, which is encoded here as in training, in place of token ids",
            )
        vocabulary = self.model.vocabulary
        ids = [list(vocabulary.as_input(vocabulary.encode(text))) for text in texts]
        self._check_size(sum(len(front) + len(each) for each in ids))
        rows = self.model.embeddings
        made = [payload(np.concatenate([front, rows[each]]), self.dtype) for each in ids]
        rest = {key: value for key, value in body.items() if key not in ("prompt", PROMPT_ID)}
        return {**rest, "prompt_embeds": made[0] if isinstance(given, str) else made}

    def chat(self, body: Body, front: Array) -> dict[str, Any]:
        """The body of /v1/chat/completions with the prompt's rows [P, H] as the first part of the last
        message of the user, whose text is what is to be answered.

        Raises Refusal where there is no such message, or its content is no text or list of parts.
        """
        messages = body.get("messages")
        if not isinstance(messages, list) or not all(isinstance(each, dict) for each in messages):
            raise Refusal(
                422,
                f"messages: expected a list of objects, found {shown(messages)}",
                'for example [{"role": "user", "content": "…"}]',
            )
        of_user = [n for n, message in enumerate(messages) if message.get("role") == "user"]
        if not of_user:
            raise Refusal(
                422,
                'messages: expected one with the role "user", found none',
                f"the prompt that {PROMPT_ID} names stands in front of the user's text",
            )
        place = of_user[-1]
        content = messages[place].get("content")
        if isinstance(content, str):
            parts: list[Any] = [{"type": "text", "text": content}]
        elif isinstance(content, list):
            parts = content
        else:
            raise Refusal(
                422,
                f"messages[{place}].content: expected a text or a list of parts, found {shown(content)}",
                'for example "…", or [{"type": "text", "text": "…"}]',
            )
        self._check_size(len(front))
        part = embeds_part(payload(front, self.dtype))
        changed = {**messages[place], "content": [part, *parts]}
        rest = {key: value for key, value in body.items() if key != PROMPT_ID}
        return {**rest, "messages": [*messages[:place], changed, *messages[place + 1 :]]}

    def front_of(self, prompt: SoftPrompt, name: str) -> Array:
        """The rows [P, H] that a prompt puts in front of a text. name: the entry's, for errors.

        Raises Refusal for a prompt that does more or other than that, and for one of another width.
        """
        plain = prompt.kind.plain
        if plain is None:
            raise Refusal(
                422,
                f"expected a prompt that is rows in front of the text, found {name} of the kind "
                f"{prompt.kind.name}",
                "only such rows can be sent as embeddings; POST /v1/predict answers with every kind",
            )
        rows = np.asarray(plain(prompt.arrays), np.float32)
        if rows.shape[1] != self.model.width:
            raise Refusal(
                422,
                f"expected rows of the model's width {self.model.width}, found {rows.shape[1]} in {name}",
                "it is a prompt of another model",
            )
        return rows

    def _check_size(self, tokens: int) -> None:
        size = tokens * self.model.width * (4 if self.dtype == "float32" else 2)
        if size > self.limit:
            raise Refusal(
                413,
                f"expected at most {self.limit:,} bytes of embeddings in a request, found {size:,} for "
                f"{tokens:,} tokens",
                "send fewer or shorter texts at once",
            )


PLACES: Mapping[str, Callable[[Insertion, Body, Array], dict[str, Any]]] = {
    "completions": Insertion.completion,
    "chat/completions": Insertion.chat,
}
"""How a prompt is put into a request, by its path behind /v1/."""


def _both(field: str) -> Refusal:
    return Refusal(
        422,
        f"expected {PROMPT_ID} or {field}, found both",
        f"leave {field} out: it is made here, of the prompt and the text",
    )

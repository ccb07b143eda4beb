"""The vocabulary of a decoder: a tokenizer.json, read by the `tokenizers` package."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from spot.errors import SpotError

TOKENIZER_JSON = "tokenizer.json"
SETTINGS = "tokenizer_config.json"
SPACE = "▁"  # as SentencePiece writes it
_BYTE = re.compile("<0x[0-9A-F]{2}>")


@dataclass(frozen=True)
class TokenizerVocabulary:
    """The text of a tokenizer.json and the token that ends an answer.

    Ids are the tokenizer's plus one, because 0 is padding and a tokenizer may use its 0. A text begins
    as the tokenizer begins it and has no end; an answer begins with one space, like a word behind
    another, and ends with `eos` where it is generated rather than chosen among label words.
    """

    name: str
    content: str = field(repr=False)
    eos_token: str

    extra_ids = 0
    ends_words = False

    @property
    def eos(self) -> int:
        """The id that ends an answer."""
        token = self.tokenizer().token_to_id(self.eos_token)
        if token is None:
            raise SpotError(
                f'{self.name}: expected the token "{self.eos_token}", which ends a text, found none',
                "this is the tokenizer of another model",
            )
        return int(token) + 1

    @property
    def begin(self) -> int:
        """The token that begins the model's texts, else the one that ends them and so separates two: a
        decoder does not read its first token as text (Xiao et al. 2024, attention sinks).
        """
        return next(iter(self._beginning()), self.eos)

    def _beginning(self) -> list[int]:
        """The ids that the tokenizer puts in front of a text."""
        ids = self.tokenizer().encode("", add_special_tokens=True).ids
        return [i + 1 for i in ids if i + 1 != self.eos]

    @property
    def size(self) -> int:
        """The tokenizer's ids, and padding."""
        return int(self.tokenizer().get_vocab_size()) + 1

    def digest(self) -> str:
        """Hex sha256 of the tokenizer.json and the token that ends an answer."""
        return hashlib.sha256(f"{self.content}\0{self.eos_token}".encode()).hexdigest()

    def tokenizer(self) -> Any:
        """The loaded `tokenizers.Tokenizer`; SpotError for another file or a missing package."""
        return _tokenizer(self.content, self.name)

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without beginning and end."""
        return [i + 1 for i in self.tokenizer().encode(text, add_special_tokens=False).ids]

    def encode_target(self, text: str) -> list[int]:
        """The ids of an answer behind a text, without its end."""
        return self.encode(text if self._spaced() else f" {text}")

    def _spaced(self) -> bool:
        """True if the tokenizer itself puts a space in front, as SentencePiece's do."""
        first = self.tokenizer().encode("a", add_special_tokens=False).tokens[:1]
        return bool(first) and first[0].startswith(SPACE)

    def as_input(self, ids: Sequence[int], limit: int | None = None) -> list[int]:
        """At most `limit` ids of a text with its beginning; an empty text is `eos`.

        A longer text loses its middle, as in LongBench (Bai et al. 2024): instructions are at its
        front, and the words that the answer follows ("Sentiment:") at its end.
        """
        whole = [*self._beginning(), *ids] or [self.eos]
        if limit is None or len(whole) <= limit:
            return whole
        tail = limit // 2
        return whole[: limit - tail] + whole[len(whole) - tail :]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids; padding and special tokens are left out, and the space in front."""
        real = [int(i) - 1 for i in ids if i > 0]
        return str(self.tokenizer().decode(real, skip_special_tokens=True)).removeprefix(" ")

    def meaningful(self, ids: Sequence[int]) -> list[int]:
        """The ids whose text is more than white space."""
        return [i for i in ids if self.decode([i]).strip()]

    def frequent(self, count: int) -> list[int]:
        """The first `count` ids but special tokens and SentencePiece's bytes, which stand for rare
        characters: byte-pair encoding orders the other tokens by frequency.
        """
        tokenizer = self.tokenizer()
        special = tokenizer.get_added_tokens_decoder()
        ordinary = (
            i + 1
            for i in range(self.size - 1)
            if i not in special and not _BYTE.fullmatch(tokenizer.id_to_token(i) or "")
        )
        return list(islice(ordinary, count))

    def save(self, folder: Path) -> None:
        """Write the tokenizer and its end-of-text token as Hugging Face's files."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / TOKENIZER_JSON).write_text(self.content, encoding="utf-8")
        (folder / SETTINGS).write_text(json.dumps({"eos_token": self.eos_token}) + "\n")


@lru_cache(maxsize=4)
def _tokenizer(content: str, name: str) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise SpotError(
            "expected the package tokenizers, which reads a decoder's vocabulary, found none",
            'install it: pip install "spot-transfer[decoders]"',
        ) from None
    try:
        return Tokenizer.from_str(content)
    except Exception as error:  # the package raises nothing narrower
        raise SpotError(
            f"{name}: expected a tokenizer.json ({error})", "copy or download it again"
        ) from error


def folder_tokenizer(folder: Path, named: Path | None = None) -> TokenizerVocabulary:
    """The tokenizer of a decoder's folder: the file named, else its tokenizer.json.

    The end-of-text token is read from tokenizer_config.json beside it. SpotError when one is missing.
    """
    path = named or folder / TOKENIZER_JSON
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = "a file that is not text" if path.is_file() else "no such file"
        raise SpotError(
            f"{folder}: expected a tokenizer at {path}, as text in JSON, found {problem}",
            "download the model's own tokenizer.json, or name it: --set model.vocabulary=PATH",
        ) from error
    settings = path.parent / SETTINGS
    try:
        stated = json.loads(settings.read_text(encoding="utf-8"))["eos_token"]
        token = stated["content"] if isinstance(stated, dict) else stated
        if not isinstance(token, str):
            raise ValueError(f"found {token}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SpotError(
            f"{settings}: expected an eos_token ({error})", "copy it from the model's repository"
        ) from error
    return TokenizerVocabulary(str(path), content, token)

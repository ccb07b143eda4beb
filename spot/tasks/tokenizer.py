"""The vocabulary of a decoder: a tokenizer.json, read by the `tokenizers` package."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from io import StringIO
from itertools import islice, takewhile
from pathlib import Path
from typing import Any, NamedTuple

from bank.files import replace_file
from bank.reading import LIMIT, read_bytes
from spot.errors import SpotError
from spot.fields import SIZE, read_fields
from spot.settings import shown

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
        ids = _loaded(self.content, self.name).beginning
        return [i + 1 for i in ids if i + 1 != self.eos]

    @property
    def size(self) -> int:
        """The tokenizer's ids, up to the largest, and padding."""
        return max(_loaded(self.content, self.name).ids, default=-1) + 2

    def digest(self) -> str:
        """Hex sha256 of the tokenizer.json and the token that ends an answer."""
        return hashlib.sha256(f"{self.content}\0{self.eos_token}".encode()).hexdigest()

    def tokenizer(self) -> Any:
        """The loaded `tokenizers.Tokenizer`; SpotError for another file or a missing package."""
        return _loaded(self.content, self.name).tokenizer

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

    def special(self, ids: Sequence[int]) -> list[int]:
        """The ids of special tokens."""
        special = _loaded(self.content, self.name).special
        return [i for i in ids if i - 1 in special]

    def frequent(self, count: int) -> list[int]:
        """The first `count` ids but special tokens and SentencePiece's bytes, which stand for rare
        characters: byte-pair encoding orders the other tokens by frequency.
        """
        loaded = _loaded(self.content, self.name)
        added = loaded.tokenizer.get_added_tokens_decoder()
        ordinary = (
            i + 1
            for i in loaded.ids
            if i not in added and not _BYTE.fullmatch(loaded.tokenizer.id_to_token(i) or "")
        )
        return list(islice(ordinary, count))

    def save(self, folder: Path) -> None:
        """Write the tokenizer and its end-of-text token as Hugging Face's files. Raises BankError."""
        replace_file(folder / TOKENIZER_JSON, self.content.encode())
        stated = json.dumps({"eos_token": self.eos_token})
        replace_file(folder / SETTINGS, f"{stated}\n".encode())


class _Loaded(NamedTuple):
    """A tokenizer as it encodes one text whole, its ids in order, those of special tokens, and those that
    it puts in front of a text.
    """

    tokenizer: Any
    ids: list[int]
    special: frozenset[int]
    beginning: list[int]


@lru_cache(maxsize=4)
def _loaded(content: str, name: str) -> _Loaded:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise SpotError(
            "expected the package tokenizers, which reads a decoder's vocabulary, found none",
            'install it: pip install "spot-transfer[decoders]"',
        ) from None
    try:
        tokenizer = Tokenizer.from_str(content)
        # Saved with the file by whoever used it last, for batches of their own.
        tokenizer.no_truncation()
        tokenizer.no_padding()
        for sampling in ("dropout", "alpha", "nbest_size"):  # other ids for a text each time
            if hasattr(tokenizer.model, sampling):
                setattr(tokenizer.model, sampling, None)
        framed = tokenizer.encode("a", add_special_tokens=True)
        # Without it, no text is framed or, by a template that names it twice, written twice.
        tokenizer.post_processor = None
        ids = sorted(set(tokenizer.get_vocab(with_added_tokens=True).values()))
        added = tokenizer.get_added_tokens_decoder()
    except Exception as error:  # the package raises nothing narrower
        raise _no_tokenizer(name, error) from error
    except BaseException as error:  # nor is a panic of its compiled code an Exception
        if type(error).__name__ != "PanicException":
            raise
        raise _no_tokenizer(name, error) from error
    if max(ids, default=0) >= SIZE:
        raise _no_tokenizer(name, f"it has the id {max(ids):,}, beyond any vocabulary")
    front = takewhile(
        lambda pair: pair[1], zip(framed.ids, framed.special_tokens_mask, strict=True)
    )
    special = frozenset(i for i, token in added.items() if token.special)
    return _Loaded(tokenizer, ids, special, [i for i, _ in front])


def _no_tokenizer(name: str, error: BaseException | str) -> SpotError:
    return SpotError(f"{name}: expected a tokenizer.json ({error})", "copy or download it again")


def folder_tokenizer(folder: Path, named: Path | None = None) -> TokenizerVocabulary:
    """The tokenizer of a decoder's folder: the file named, else its tokenizer.json.

    The end-of-text token is read from tokenizer_config.json beside it. SpotError when one is missing.
    """
    path = named or folder / TOKENIZER_JSON
    try:
        content = StringIO(read_bytes(path, LIMIT).decode(), newline=None).read()
    except (OSError, UnicodeDecodeError) as error:
        if isinstance(error, FileNotFoundError):
            problem = "no such file"
        elif isinstance(error, UnicodeDecodeError):
            problem = "a file that is not text"
        else:
            problem = f"a file that cannot be read ({error.strerror})"
        raise SpotError(
            f"{folder}: expected a tokenizer at {path}, as text in JSON, found {problem}",
            "download the model's own tokenizer.json, or name it: --set model.vocabulary=PATH",
        ) from error
    settings = path.parent / SETTINGS
    stated = read_fields(settings)
    kind = stated.values.get("eos_token")
    try:
        token = stated.inner("eos_token").text("content") if isinstance(kind, dict) else kind
        if not isinstance(token, str):
            raise ValueError(f"found {shown(kind)}")
    except (SpotError, ValueError) as error:
        raise SpotError(
            f"{settings}: expected an eos_token ({error})", "copy it from the model's repository"
        ) from error
    return TokenizerVocabulary(str(path), content, token)

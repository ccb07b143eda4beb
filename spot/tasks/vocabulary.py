"""A backbone's vocabulary as a value, and label words as its token ids; no TensorFlow."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from bank.files import replace_file, sha256_hex, stamp
from bank.reading import LIMIT, read_bytes
from spot.errors import SpotError
from spot.fields import Fields, read_fields
from spot.tasks.task import Task

SENTENCEPIECE_FILE = "spiece.model"
TOKENIZER_FILE = "tokenizer_config.json"
BYTES_CLASS = "ByT5Tokenizer"
SENTINEL = "<extra_id_"
T5_SENTINELS = 100  # after the SentencePiece ids, as in every T5
MOST_SENTINELS = 10_000


class Vocabulary(Protocol):
    """Text as a backbone's token ids: 0 is padding, `eos` ends an answer."""

    @property
    def extra_ids(self) -> int:
        """The number of sentinels, the last ids."""

    @property
    def name(self) -> str:
        """Its origin, for messages."""

    @property
    def eos(self) -> int:
        """The id that ends a text."""

    @property
    def begin(self) -> int | None:
        """The id that a soft prompt begins with; None where it needs none."""

    @property
    def ends_words(self) -> bool:
        """True if `eos` also ends a label word."""

    @property
    def size(self) -> int:
        """One more than the largest id."""

    def digest(self) -> str:
        """Hex sha256 of everything that determines the ids."""

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without `eos`."""

    def encode_target(self, text: str) -> list[int]:
        """The ids of an answer behind a text, without `eos`."""

    def as_input(self, ids: Sequence[int], limit: int | None = None) -> Sequence[int]:
        """A text's ids as the model reads them, with beginning or end, cut to `limit`: at its end for
        an encoder (as T5 does), in its middle for a decoder.
        """

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids; padding, `eos`, unknown ids and sentinels are left out."""

    def meaningful(self, ids: Sequence[int]) -> list[int]:
        """The ids that have text of their own."""

    def special(self, ids: Sequence[int]) -> list[int]:
        """The ids that stand for no text: sentinels and special tokens."""

    def frequent(self, count: int) -> list[int]:
        """The ids of ordinary text, the `count` most frequent at most."""

    def save(self, folder: Path) -> None:
        """Write it into a model's folder, to be read by `model.name=FOLDER`. Raises BankError."""


@dataclass(frozen=True)
class VocabularyFile:
    """A SentencePiece model file and the number of sentinel ids that follow it (T5: 100)."""

    path: Path
    extra_ids: int = 0

    begin = None
    ends_words = True

    @property
    def name(self) -> str:
        """Its origin, for messages."""
        return str(self.path)

    @property
    def eos(self) -> int:
        """The id that ends a text."""
        return int(self.processor().eos_id())

    @property
    def size(self) -> int:
        """Pieces and sentinels."""
        return int(self.processor().GetPieceSize()) + self.extra_ids

    def sha256(self) -> str:
        """Hex sha256 of the file; SpotError when it cannot be read."""
        return sha256_hex(_content(self.path))

    digest = sha256

    def processor(self) -> Any:
        """The loaded `sentencepiece.SentencePieceProcessor`; SpotError for a foreign file."""
        try:
            now = stamp(Path(self.path))
        except OSError as error:
            raise _unreadable(self.path, error) from error
        return _processor(Path(self.path), now)

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without EOS; a sentinel written out, "<extra_id_0>", is its id."""
        if SENTINEL in text and self.extra_ids:
            return list(_with_sentinels(self.processor(), self.extra_ids).EncodeAsIds(text))
        return list(self.processor().EncodeAsIds(text))

    encode_target = encode

    def as_input(self, ids: Sequence[int], limit: int | None = None) -> Sequence[int]:
        """At most `limit` ids, EOS the last."""
        return ended(ids, self.eos, limit)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids; padding, EOS and sentinels are left out."""
        pieces = self.processor()
        size = pieces.GetPieceSize()
        return str(pieces.DecodeIds([int(token) for token in ids if 1 < token < size]))

    def meaningful(self, ids: Sequence[int]) -> list[int]:
        """The ids but unknown pieces, the bare word boundary and sentinels."""
        pieces = self.processor()
        count, unknown = pieces.GetPieceSize(), pieces.unk_id()
        return [i for i in ids if i < count and i != unknown and pieces.IdToPiece(i) != "▁"]

    def special(self, ids: Sequence[int]) -> list[int]:
        """The sentinels, behind the pieces or, as mT5's, among them."""
        pieces = self.processor()
        count = pieces.GetPieceSize()
        return [i for i in ids if i >= count or SENTINEL in pieces.IdToPiece(i)]

    def frequent(self, count: int) -> list[int]:
        """The first `count` ids that are no control, unknown or byte piece; SentencePiece orders
        pieces by frequency.
        """
        pieces = self.processor()
        ordinary = (
            index
            for index in range(pieces.GetPieceSize())
            if not (pieces.IsControl(index) or pieces.IsUnknown(index) or pieces.IsByte(index))
        )
        return list(islice(ordinary, count))

    def save(self, folder: Path) -> None:
        """Copy the file, and write the number of sentinels beside it. Raises BankError."""
        replace_file(folder / SENTENCEPIECE_FILE, _content(self.path))
        stated = json.dumps({"extra_ids": self.extra_ids})
        replace_file(folder / TOKENIZER_FILE, f"{stated}\n".encode())


def _content(path: Path) -> bytes:
    """A vocabulary's bytes. SpotError for what is no file, or larger than any vocabulary."""
    try:
        return read_bytes(path, LIMIT)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> SpotError:
    return SpotError(
        f"expected a SentencePiece vocabulary at {path}, found no readable file ({error.strerror})",
        "check the model's vocabulary path",
    )


@lru_cache(maxsize=8)
def _processor(path: Path, _stamp: tuple[int, ...]) -> Any:
    """The processor of a file that has not changed: loaded once, not for every text. SpotError for a file
    of another kind, and for one whose padding and end of a text are not T5's, 0 and 1.
    """
    import sentencepiece

    content = _content(path)
    try:
        if not content:  # which the package loads, to complain of every call
            raise ValueError("it is empty")
        pieces = sentencepiece.SentencePieceProcessor(model_proto=content)
        pieces.IdToPiece(list(range(pieces.GetPieceSize())))  # raises for one that is not UTF-8
        control, end = pieces.IsControl(0), pieces.eos_id()
    except Exception as error:  # the package's classes for a foreign file differ by release
        raise SpotError(
            f"expected a SentencePiece model at {path}, found another file",
            "check the model's vocabulary path",
        ) from error
    if not control or end != 1:
        raise SpotError(
            f"expected the vocabulary of a T5 at {path}, whose id 0 is padding and 1 ends a text; found "
            f"one whose id 0 is {pieces.IdToPiece(0)} and the end is {end}",
            "this is another model's vocabulary; name the right one with model.vocabulary",
        )
    return pieces


@lru_cache(maxsize=8)
def _with_sentinels(processor: Any, count: int) -> Any:
    """The processor with the sentinels as pieces of its own behind the others, the last one first,
    as seqio adds them.
    """
    from sentencepiece import SentencePieceProcessor, sentencepiece_model_pb2

    proto: Any = sentencepiece_model_pb2.ModelProto  # type: ignore[attr-defined]  # made at run time
    model = proto.FromString(processor.serialized_model_proto())
    for number in reversed(range(count)):
        kind = proto.SentencePiece.USER_DEFINED
        model.pieces.add(piece=f"▁{SENTINEL}{number}>", score=0.0, type=kind)
    return SentencePieceProcessor(model_proto=model.SerializeToString())


@dataclass(frozen=True)
class ByteVocabulary:
    """ByT5's: a text's UTF-8 bytes, three up for padding (0), EOS (1) and unknown (2), then
    sentinels (Xue et al. 2022, section 3.1).
    """

    extra_ids: int = 125

    begin = None
    eos = 1
    ends_words = True
    name = "bytes"

    @property
    def size(self) -> int:
        """Three special ids, the bytes, and the sentinels."""
        return 3 + 256 + self.extra_ids

    def digest(self) -> str:
        """Hex sha256 of the scheme's name, for there is no file."""
        return hashlib.sha256(b"utf-8 bytes + 3").hexdigest()

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without EOS.

        >>> ByteVocabulary().encode("Aé")
        [68, 198, 172]
        """
        return [byte + 3 for byte in text.encode()]

    encode_target = encode

    def as_input(self, ids: Sequence[int], limit: int | None = None) -> Sequence[int]:
        """At most `limit` ids, EOS the last."""
        return ended(ids, self.eos, limit)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids; what is no byte, or not UTF-8, is left out."""
        return bytes(int(i) - 3 for i in ids if 3 <= i < 259).decode(errors="ignore")

    def meaningful(self, ids: Sequence[int]) -> list[int]:
        """Bytes other than white space."""
        return [i for i in ids if 3 <= i < 259 and not bytes([i - 3]).isspace()]

    def special(self, ids: Sequence[int]) -> list[int]:
        """The sentinels, which no text encodes to."""
        return [i for i in ids if i >= 259]

    def frequent(self, count: int) -> list[int]:
        """The printable ASCII bytes, in their order: bytes have no order by frequency."""
        return [byte + 3 for byte in range(0x20, 0x7F)][:count]

    def save(self, folder: Path) -> None:
        """Write a tokenizer's configuration for bytes, as in ByT5's own folders. Raises BankError."""
        stated = json.dumps({"tokenizer_class": BYTES_CLASS, "extra_ids": self.extra_ids})
        replace_file(folder / TOKENIZER_FILE, f"{stated}\n".encode())


def folder_vocabulary(folder: Path, named: Path | None = None) -> Vocabulary:
    """The vocabulary of a model's folder: the SentencePiece file named, else `spiece.model` there,
    else bytes if the folder's tokenizer is ByT5's.

    The number of sentinels is that of tokenizer_config.json, else T5's 100. Raises SpotError for a
    folder without a vocabulary, and for a tokenizer_config.json that cannot be read.
    """
    about = folder / TOKENIZER_FILE
    stated = read_fields(about) if os.path.lexists(about) else Fields(str(about), {})
    path = named or folder / SENTENCEPIECE_FILE
    if os.path.isfile(path):
        return VocabularyFile(path, _sentinels(stated, T5_SENTINELS))
    if named is None and stated.values.get("tokenizer_class") == BYTES_CLASS:
        return ByteVocabulary(_sentinels(stated, ByteVocabulary.extra_ids))
    raise SpotError(
        f"{folder}: expected a vocabulary at {path}, found none",
        "name the model's SentencePiece file: --set model.vocabulary=PATH",
    )


def _sentinels(stated: Fields, default: int) -> int:
    return stated.size("extra_ids", default, least=0, most=MOST_SENTINELS)


def ended(ids: Sequence[int], eos: int, limit: int | None = None) -> Sequence[int]:
    """At most `limit` token ids with exactly one EOS at the end.

    >>> ended([5, 6, 7, 1], 1, 3)
    [5, 6, 1]
    """
    whole = ids if len(ids) and ids[-1] == eos else [*ids, eos]
    return whole if limit is None or len(whole) <= limit else [*whole[: limit - 1], eos]


def target_end(task: Task, vocabulary: Vocabulary) -> list[int]:
    """The end of the ids of a task's targets: `eos`, or nothing.

    A decoder's label words are scored without an end, as GPT-3's were (Brown et al. 2020, section
    2.4), unless one word is a prefix of another: the longer one would then lose on every row.
    """
    if vocabulary.ends_words or task.scoring != "rank":
        return [vocabulary.eos]
    words = [vocabulary.encode_target(word) for word in task.labels]
    prefixed = any(
        word is not other and other[: len(word)] == word for word in words for other in words
    )
    return [vocabulary.eos] if prefixed else []


def label_tokens(task: Task, vocabulary: Vocabulary) -> list[list[int]]:
    """Token ids of each label word with its end, in class order; [] without labels.

    The same ids as the task's targets. SpotError when a word has no token of its own (nothing, or
    only unknown pieces), when it has a special token, which is no word, or when two words have the same
    tokens, so that no score could tell them apart.
    """
    seen: dict[tuple[int, ...], str] = {}
    for word in task.labels:
        ids = tuple(vocabulary.encode_target(word))
        if vocabulary.special(ids):
            raise SpotError(
                f'task "{task.name}": expected the label word "{word}" to have tokens of text in '
                f"{Path(vocabulary.name).name}, found a special token in it",
                "choose another label word",
            )
        if not vocabulary.meaningful(ids):
            raise SpotError(
                f'task "{task.name}": expected the label word "{word}" to have tokens in '
                f"{Path(vocabulary.name).name}, found none but unknown ones",
                "choose another label word, or a model whose vocabulary has it",
            )
        if ids in seen:
            raise SpotError(
                f'task "{task.name}": expected label words with different tokens, found '
                f'"{seen[ids]}" and "{word}" alike in {Path(vocabulary.name).name}',
                "choose other label words",
            )
        seen[ids] = word
    end = target_end(task, vocabulary)
    return [[*ids, *end] for ids in seen]

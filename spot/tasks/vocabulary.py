"""A backbone's vocabulary as a value, and label words as its token ids; no TensorFlow."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from bank.files import stamp
from spot.errors import SpotError
from spot.tasks.files import file_sha256
from spot.tasks.task import Task

SENTENCEPIECE_FILE = "spiece.model"
TOKENIZER_FILE = "tokenizer_config.json"
BYTES_CLASS = "ByT5Tokenizer"
SENTINEL = "<extra_id_"
T5_SENTINELS = 100  # after the SentencePiece ids, as in every T5


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
        """The number of ids."""

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

    def frequent(self, count: int) -> list[int]:
        """The ids of ordinary text, the `count` most frequent at most."""

    def save(self, folder: Path) -> None:
        """Write it into a model's folder, to be read by `model.name=FOLDER`."""


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
        try:
            return file_sha256(Path(self.path))
        except SpotError as error:
            raise _unreadable(self.path) from error

    digest = sha256

    def processor(self) -> Any:
        """The loaded `sentencepiece.SentencePieceProcessor`; SpotError for a foreign file."""
        try:
            now = stamp(Path(self.path))
        except OSError as error:
            raise _unreadable(self.path) from error
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
        """The ids but unknown pieces and the bare word boundary."""
        pieces = self.processor()
        return [i for i in ids if i != pieces.unk_id() and pieces.IdToPiece(i) != "▁"]

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
        """Copy the file, and write the number of sentinels beside it."""
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.path, folder / SENTENCEPIECE_FILE)
        (folder / TOKENIZER_FILE).write_text(json.dumps({"extra_ids": self.extra_ids}) + "\n")


def _unreadable(path: Path) -> SpotError:
    return SpotError(
        f"expected a SentencePiece vocabulary at {path}, found no readable file",
        "check the model's vocabulary path",
    )


@lru_cache(maxsize=8)
def _processor(path: Path, _stamp: tuple[int, ...]) -> Any:
    """The processor of a file that has not changed: loaded once, not for every text."""
    import sentencepiece

    try:
        return sentencepiece.SentencePieceProcessor(model_file=str(path))
    except (RuntimeError, OSError) as error:
        raise SpotError(
            f"expected a SentencePiece model at {path}, found another file",
            "check the model's vocabulary path",
        ) from error


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

    def frequent(self, count: int) -> list[int]:
        """The printable ASCII bytes, in their order: bytes have no order by frequency."""
        return [byte + 3 for byte in range(0x20, 0x7F)][:count]

    def save(self, folder: Path) -> None:
        """Write a tokenizer's configuration for bytes, as in ByT5's own folders."""
        folder.mkdir(parents=True, exist_ok=True)
        stated = {"tokenizer_class": BYTES_CLASS, "extra_ids": self.extra_ids}
        (folder / TOKENIZER_FILE).write_text(json.dumps(stated) + "\n")


def folder_vocabulary(folder: Path, named: Path | None = None) -> Vocabulary:
    """The vocabulary of a model's folder: the SentencePiece file named, else `spiece.model` there,
    else bytes if the folder's tokenizer is ByT5's.

    The number of sentinels is that of tokenizer_config.json, else T5's 100. Raises SpotError for a
    folder without a vocabulary.
    """
    try:
        stated = json.loads((folder / TOKENIZER_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        stated = {}
    extra = stated.get("extra_ids")
    path = named or folder / SENTENCEPIECE_FILE
    if path.is_file():
        return VocabularyFile(path, extra if isinstance(extra, int) else T5_SENTINELS)
    if named is None and stated.get("tokenizer_class") == BYTES_CLASS:
        return ByteVocabulary(extra) if isinstance(extra, int) else ByteVocabulary()
    raise SpotError(
        f"{folder}: expected a vocabulary at {path}, found none",
        "name the model's SentencePiece file: --set model.vocabulary=PATH",
    )


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
    only unknown pieces) or when two words have the same tokens, so that no score could tell them
    apart.
    """
    seen: dict[tuple[int, ...], str] = {}
    for word in task.labels:
        ids = tuple(vocabulary.encode_target(word))
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

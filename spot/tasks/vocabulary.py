"""A backbone's SentencePiece file as a value, and label words as its token ids; no TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spot.errors import SpotError
from spot.tasks.files import file_sha256

if TYPE_CHECKING:
    from spot.tasks.definition import TaskDefinition


@dataclass(frozen=True)
class VocabularyFile:
    """A SentencePiece model file and the number of sentinel ids that follow it (T5: 100)."""

    path: Path
    extra_ids: int = 0

    def sha256(self) -> str:
        """Hex sha256 of the file; SpotError when it cannot be read."""
        try:
            return file_sha256(Path(self.path))
        except SpotError as error:
            raise SpotError(
                f"expected a SentencePiece vocabulary at {self.path}, found no readable file",
                "check the model's vocabulary path",
            ) from error

    def processor(self) -> Any:
        """The loaded `sentencepiece.SentencePieceProcessor`; SpotError for a foreign file."""
        import sentencepiece

        self.sha256()
        try:
            return sentencepiece.SentencePieceProcessor(model_file=str(self.path))
        except (RuntimeError, OSError) as error:
            raise SpotError(
                f"expected a SentencePiece model at {self.path}, found another file",
                "check the model's vocabulary path",
            ) from error


def label_tokens(definition: TaskDefinition, vocabulary: VocabularyFile) -> list[list[int]]:
    """Token ids of each label word with EOS at the end, in class order; [] without labels.

    The same ids as the task's targets. SpotError when a word has no token of its own (nothing, or
    only unknown pieces) or when two words have the same tokens, so that no score could part them.
    """
    pieces = vocabulary.processor()
    seen: dict[tuple[int, ...], str] = {}
    for word in definition.labels:
        ids = tuple(pieces.EncodeAsIds(word))
        known = [i for i in ids if i != pieces.unk_id() and pieces.IdToPiece(i) != "▁"]
        if not known:
            raise SpotError(
                f'task "{definition.name}": expected the label word "{word}" to have tokens in '
                f"{vocabulary.path}, found none but unknown ones",
                "choose another label word, or a model whose vocabulary has it",
            )
        if ids in seen:
            raise SpotError(
                f'task "{definition.name}": expected label words with different tokens, found '
                f'"{seen[ids]}" and "{word}" alike in {vocabulary.path}',
                "choose other label words",
            )
        seen[ids] = word
    return [[*ids, pieces.eos_id()] for ids in seen]

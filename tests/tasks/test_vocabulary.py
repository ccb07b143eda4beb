"""Vocabulary files and label words as token ids, without TensorFlow."""

from __future__ import annotations

import dataclasses

import pytest

from spot.errors import SpotError
from spot.tasks.vocabulary import VocabularyFile, label_tokens


def test_label_words_letter_by_letter(words, fake):
    pieces = words.processor()
    by_hand = [[pieces.PieceToId(c) for c in ("▁", *word)] + [1] for word in ("no", "yes")]
    assert label_tokens(fake(), words) == by_hand
    assert label_tokens(fake(labels=()), words) == []


@pytest.mark.parametrize("word", ["", "42", "  ", "好"])
def test_label_word_without_tokens(word, words, fake):
    with pytest.raises(SpotError, match=f'label word "{word}" to have tokens'):
        label_tokens(fake(labels=("no", word)), words)


def test_label_words_with_the_same_tokens(words, fake):
    with pytest.raises(SpotError, match='found "a4" and "a5" alike'):
        label_tokens(fake(labels=("a4", "a5")), words)


def test_missing_and_foreign_vocabulary(tmp_path, words):
    with pytest.raises(SpotError, match="expected a SentencePiece vocabulary at .*nothing"):
        VocabularyFile(tmp_path / "nothing", 0).sha256()
    (tmp_path / "text").write_text("no model")
    with pytest.raises(SpotError, match="expected a SentencePiece model at .*text"):
        VocabularyFile(tmp_path / "text", 0).processor()
    assert dataclasses.replace(words, extra_ids=5).sha256() == words.sha256()


def test_t5_vocabulary(shared_data, fake):
    t5 = VocabularyFile(shared_data / "t5x" / "t5_vocab", 100)
    assert label_tokens(fake(labels=("True", "False")), t5) == [[10998, 1], [10747, 7, 15, 1]]

"""Vocabulary files and label words as token ids, without TensorFlow."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spot.errors import SpotError
from spot.tasks.vocabulary import ByteVocabulary, VocabularyFile, folder_vocabulary, label_tokens


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


def test_t5_vocabulary(t5_vocabulary_file, fake):
    t5 = VocabularyFile(t5_vocabulary_file, 100)
    assert label_tokens(fake(labels=("True", "False")), t5) == [[10998, 1], [10747, 7, 15, 1]]


@given(st.text())
def test_bytes_come_back_as_the_text(text):
    ids = ByteVocabulary().encode(text)
    assert ByteVocabulary().decode([0, *ids, 1, 300]) == text
    assert [i - 3 for i in ids] == list(text.encode())


def test_byte_vocabulary_is_seqios():
    from spot.tasks.seqio_import import import_seqio

    ours = ByteVocabulary()
    theirs = import_seqio().ByteVocabulary(extra_ids=ours.extra_ids)
    for text in ("a red cat", "é\n漢 🙂", ""):
        assert ours.encode(text) == list(theirs.encode(text))
    assert (ours.size, ours.eos) == (theirs.vocab_size, theirs.eos_id)


def test_byte_vocabulary_is_transformers():
    transformers = pytest.importorskip("transformers")
    theirs = transformers.ByT5Tokenizer()
    for text in ("a red cat", "é漢 🙂"):
        assert [*ByteVocabulary().encode(text), 1] == theirs(text)["input_ids"]
    assert ByteVocabulary().size == len(theirs)


def test_label_words_as_bytes(fake):
    assert label_tokens(fake(labels=("no", "yes")), ByteVocabulary()) == [
        [113, 114, 1],
        [124, 104, 118, 1],
    ]
    with pytest.raises(SpotError, match='label word " " to have tokens in bytes'):
        label_tokens(fake(labels=(" ", "yes")), ByteVocabulary())


def test_ordinary_ids(words):
    pieces = words.processor()
    first = words.frequent(5)
    assert first == sorted(first) and len(words.frequent(10**6)) < words.size
    assert all(i > 2 and not pieces.IsByte(i) for i in words.frequent(10**6))
    assert bytes(i - 3 for i in ByteVocabulary().frequent(5000)).decode().isprintable()


@pytest.mark.parametrize("extra", [0, 100, 125])
def test_a_saved_vocabulary_is_found_again(tmp_path, words, extra):
    for kind in (dataclasses.replace(words, extra_ids=extra), ByteVocabulary(extra)):
        folder = tmp_path / type(kind).__name__
        kind.save(folder)
        found = folder_vocabulary(folder)
        assert (found.digest(), found.size) == (kind.digest(), kind.size)
        assert found.encode("ab") == kind.encode("ab")


def test_a_folder_without_a_vocabulary_and_one_that_names_a_missing_file(tmp_path, words):
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "T5Tokenizer"}))
    with pytest.raises(SpotError, match=r"expected a vocabulary at .*spiece\.model, found none"):
        folder_vocabulary(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "ByT5Tokenizer"})
    )
    assert folder_vocabulary(tmp_path) == ByteVocabulary(125)
    with pytest.raises(SpotError, match="expected a vocabulary at .*other"):
        folder_vocabulary(tmp_path, tmp_path / "other")
    assert folder_vocabulary(tmp_path, words.path) == dataclasses.replace(words, extra_ids=100)

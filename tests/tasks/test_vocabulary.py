"""Vocabulary files and label words as token ids, without TensorFlow."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil

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


FOREIGN = {
    "nothing": b"",
    "another message": b"\n\x0e\n\x05<pad>\x15",
    "JSON": b'{"model": {}}',
    "zeros": bytes(1000),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_another_file_is_no_vocabulary(tmp_path, name):
    (tmp_path / "spiece.model").write_bytes(FOREIGN[name])
    with pytest.raises(
        SpotError, match=r"expected a SentencePiece model at .*spiece\.model, found an"
    ):
        VocabularyFile(tmp_path / "spiece.model", 100).encode("a")


def test_every_cut_and_piece_that_is_no_text_is_refused(tmp_path, words):
    whole = words.path.read_bytes()
    at = whole.index("▁".encode())
    broken = whole[:at] + b"\xff" + whole[at + 1 :]
    for content in (whole[: len(whole) // 2], whole[:-40], broken):
        (tmp_path / "spiece.model").write_bytes(content)
        try:
            VocabularyFile(tmp_path / "spiece.model", 100).encode("a cat")
        except SpotError as error:
            assert "expected a SentencePiece model" in error.message
        else:
            assert content != broken


def test_a_pipe_a_device_or_a_huge_file_is_no_vocabulary(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    with open(tmp_path / "huge", "wb") as file:
        file.truncate(1 << 30)
    kinds = {
        "pipe": "it is a pipe",
        "device": "it is a device",
        "huge": "it has 1,073,741,824 bytes",
    }
    for name, found in kinds.items():
        for use in (VocabularyFile.sha256, VocabularyFile.processor):
            with pytest.raises(SpotError, match=f"found no readable file .{found}"):
                use(VocabularyFile(tmp_path / name, 100))


def test_a_vocabulary_whose_padding_is_text_is_another_models(tmp_path, words):
    import sentencepiece

    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a red cat", "the blue dog"] * 20), model_prefix=str(tmp_path / "m"),
        vocab_size=40, model_type="bpe", hard_vocab_limit=False, num_threads=1, minloglevel=2,
    )  # fmt: skip
    with pytest.raises(
        SpotError, match="whose id 0 is padding and 1 ends a text; found .*<unk>.* is 2"
    ):
        VocabularyFile(tmp_path / "m.model", 100).processor()


@pytest.mark.parametrize("word", ["<extra_id_0>", "yes <extra_id_7>", "<extra_id_99>"])
def test_a_label_word_with_a_sentinel_is_refused(word, words, fake):
    with pytest.raises(
        SpotError, match=f'label word "{word}" to have tokens of text in .*a special tok'
    ):
        label_tokens(fake(labels=("no", word)), dataclasses.replace(words, extra_ids=100))


def test_a_sentinel_has_no_text_of_its_own(words):
    t5 = dataclasses.replace(words, extra_ids=100)
    ids = t5.encode("a <extra_id_0>")
    assert t5.special(ids) == [t5.size - 1] and t5.meaningful(ids) == t5.meaningful(t5.encode("a"))
    assert label_tokens_as_bytes("<extra_id_0>") == [3 + byte for byte in b"<extra_id_0>"]


def label_tokens_as_bytes(word):
    ids = ByteVocabulary().encode_target(word)
    assert not ByteVocabulary().special(ids)
    return ids


SETTINGS = {
    "words": ('{"extra_ids": "x"}', "extra_ids to be a whole number from 0 to 10,000"),
    "a flag": ('{"extra_ids": true}', "extra_ids to be a whole number"),
    "a negative number": ('{"extra_ids": -1}', "extra_ids to be a whole number"),
    "a number without end": ('{"extra_ids": 1000000000}', "extra_ids to be a whole number"),
    "digits without end": ('{"extra_ids": ' + "9" * 4300 + "}", "a whole number of 4,300 digits"),
    "no object": ("3", "a JSON object, found 3"),
    "lists without end": ("[" * 100_000, "nested in more than 64 levels"),
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("kind", ["T5Tokenizer", "ByT5Tokenizer"])
def test_settings_of_another_type_are_named(tmp_path, words, name, kind):
    content, message = SETTINGS[name]
    if kind == "T5Tokenizer":
        shutil.copyfile(words.path, tmp_path / "spiece.model")
    else:
        content = content.replace("{", '{"tokenizer_class": "ByT5Tokenizer", ', 1)
    (tmp_path / "tokenizer_config.json").write_text(content)
    with pytest.raises(SpotError, match=f"tokenizer_config.json: expected .*{message}"):
        folder_vocabulary(tmp_path)


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

"""A decoder's vocabulary against ids worked out by hand, and its place in the token pipeline."""

from __future__ import annotations

import json

import pytest

from spot.errors import SpotError
from spot.tasks.text import Example
from spot.tasks.tokenizer import folder_tokenizer
from spot.tasks.tokens import Lengths, tokens
from spot.tasks.vocabulary import label_tokens, target_end
from tests.toys import definition, write_tokenizer

pytest.importorskip("tokenizers", reason="the extra decoders is not installed")


@pytest.fixture
def words(tmp_path):
    return write_tokenizer(tmp_path)


def test_ids_are_the_tokenizers_plus_one(words):
    # <end> is 0, then a to e are 1 to 5, the space 6, "ab" 7, " ab" 8.
    assert words.encode("abc") == [8, 4]
    assert words.encode("c ab") == [4, 9]
    assert (words.size, words.eos) == (10, 1)


def test_an_answer_follows_a_space_and_a_text_has_no_end(words):
    assert words.encode_target("ab") == [9]
    assert words.as_input([4, 9]) == [4, 9]
    assert words.as_input([4, 9, 2], 2) == [4, 2]
    assert words.as_input([]) == [1]


def test_a_text_begins_as_the_tokenizer_begins_it(tmp_path):
    words = write_tokenizer(tmp_path, begin="e")
    assert words.encode("ab") == [8]
    assert words.as_input([8, 2], 2) == [6, 2]


def test_a_prompt_begins_as_a_text_does_or_with_the_end_of_the_one_before(words, tmp_path):
    assert words.begin == words.eos == 1
    assert write_tokenizer(tmp_path, begin="e").begin == 6


def test_a_long_text_loses_its_middle_and_keeps_what_the_answer_follows(tmp_path):
    words = write_tokenizer(tmp_path, begin="e")
    text = [2, 3, 4, 5, 8, 7]
    assert words.as_input(text, 4) == [6, 2, 8, 7]
    assert words.as_input(text, 5) == [6, 2, 3, 8, 7]
    assert words.as_input(text, 7) == words.as_input(text) == [6, *text]


def test_text_comes_back_without_padding_end_and_first_space(words):
    assert words.decode([*words.encode_target("ab c"), 1, 0, 0]) == "ab c"
    assert words.meaningful([1, 7, 9]) == [9]
    assert words.frequent(2) == [2, 3] and len(words.frequent(100)) == 8


def test_label_words_have_no_end_and_one_of_white_space_is_refused(words):
    assert label_tokens(definition("t", labels=("ab", "c")), words) == [[9], [7, 4]]
    with pytest.raises(SpotError, match='expected the label word " " to have tokens'):
        label_tokens(definition("t", labels=("ab", " ")), words)


def test_label_words_end_where_one_begins_another(words):
    begun = definition("t", labels=("ab c", "ab"))
    assert label_tokens(begun, words) == [[9, 7, 4, 1], [9, 1]]
    assert target_end(begun, words) == [1]


def test_a_text_that_is_written_ends(words, tmp_path):
    rows = [Example("abc", "c", -1)]
    task = definition("t", labels=(), scoring="generate", read=lambda split: iter(rows))
    split = tokens(task, "train", words, Lengths(4, 4), tmp_path)
    assert [list(row) for row in split.targets] == [[7, 4, 1]]


@pytest.mark.parametrize("word", ["", "z", "好"])
def test_a_label_word_that_the_tokenizer_cannot_write_is_refused(words, word):
    with pytest.raises(SpotError, match=f'label word "{word}" to have tokens in toy') as caught:
        label_tokens(definition("t", labels=("ab", word)), words)
    assert "another label word" in caught.value.hint


def test_label_words_that_are_written_alike_are_refused(words):
    with pytest.raises(SpotError, match='different tokens, found "abz" and "aby" alike in toy'):
        label_tokens(definition("t", labels=("abz", "aby")), words)


def test_rows_become_tokens_without_seqio(words, tmp_path):
    rows = [Example("abc", "ab", 0), Example("cab" * 9, "c", 1)]
    task = definition("t", labels=("ab", "c"), read=lambda split: iter(rows))
    split = tokens(task, "train", words, Lengths(4, 4), tmp_path)
    assert [list(row) for row in split.inputs] == [[8, 4], [4, 8, 4, 8]]
    assert [list(row) for row in split.targets] == [[9], [7, 4]]
    assert split.truncated == 1


def test_it_is_saved_and_found_again(words, tmp_path):
    words.save(tmp_path / "other")
    found = folder_tokenizer(tmp_path / "other")
    assert found.digest() == words.digest() and found.encode("abc") == [8, 4]


def test_the_end_is_part_of_the_digest(words, tmp_path):
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"eos_token": {"content": "a"}}))
    other = folder_tokenizer(tmp_path)
    assert other.eos == 2 and other.digest() != words.digest()


DAMAGE = {
    "no file": (
        lambda f: (f / "tokenizer.json").unlink(),
        "expected a tokenizer at .*found no such file",
    ),
    "SentencePiece's file": (
        lambda f: (f / "tokenizer.json").write_bytes(b"\n\x0e\xff\xfe"),
        "expected a tokenizer at .*found a file that is not text",
    ),
    "another file": (
        lambda f: (f / "tokenizer.json").write_text("{}"),
        "expected a tokenizer.json",
    ),
    "no end": (lambda f: (f / "tokenizer_config.json").write_text("{}"), "expected an eos_token"),
    "another's end": (
        lambda f: (f / "tokenizer_config.json").write_text('{"eos_token": "</s>"}'),
        'expected the token "</s>"',
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named(words, tmp_path, name):
    damage, message = DAMAGE[name]
    damage(tmp_path)
    with pytest.raises(SpotError, match=message):
        _ = folder_tokenizer(tmp_path).eos


def test_without_the_package_the_hint_says_how_to_get_it(tmp_path, monkeypatch):
    words = write_tokenizer(tmp_path, begin="d")
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    with pytest.raises(SpotError, match="expected the package tokenizers") as caught:
        words.encode("a")
    assert "decoders" in caught.value.hint

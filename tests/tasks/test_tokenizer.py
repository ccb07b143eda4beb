"""A decoder's vocabulary against ids worked out by hand, and its place in the token pipeline."""

from __future__ import annotations

import json
import os

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


def changed(words, folder, change):
    """The tokenizer of a folder whose tokenizer.json has been changed."""
    content = json.loads(words.content)
    change(content)
    (folder / "tokenizer.json").write_text(json.dumps(content))
    return folder_tokenizer(folder)


PADDING = {
    "strategy": {"Fixed": 8}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0,
    "pad_type_id": 0, "pad_token": "<end>",
}  # fmt: skip
TRUNCATION = {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0}


@pytest.mark.parametrize("saved", [{"padding": PADDING}, {"truncation": TRUNCATION}])
def test_what_batches_of_others_were_padded_and_cut_to_is_not_applied(words, tmp_path, saved):
    from tokenizers import Tokenizer

    other = changed(words, tmp_path, lambda c: c.update(saved))
    applied = Tokenizer.from_str(other.content).encode("abcab").ids
    assert applied != [7, 3, 7]  # the saved setting, where it is left on
    assert other.encode("abcab") == words.encode("abcab") == [8, 4, 8]
    assert other.begin == words.begin and other.as_input([4, 9]) == [4, 9]
    assert other.digest() != words.digest()  # another file is another model, as before


def test_pairs_are_never_left_apart_at_random(words, tmp_path):
    other = changed(words, tmp_path, lambda c: c["model"].update(dropout=0.9))
    assert [other.encode("ab")] * 50 == [other.encode("ab") for _ in range(50)] == [[8]] * 50


def special(number, token):
    return {"id": token, "ids": [number], "tokens": [token]}


def template(*parts):
    """A post-processor: "A" is the text, other parts are tokens."""
    text, ids = (
        {"Sequence": {"id": "A", "type_id": 0}},
        {"<end>": special(0, "<end>"), "e": special(5, "e")},
    )
    single = [
        text if part == "A" else {"SpecialToken": {"id": part, "type_id": 0}} for part in parts
    ]
    return {"type": "TemplateProcessing", "single": single, "pair": single, "special_tokens": ids}


@pytest.mark.parametrize(
    ("parts", "begins"),
    [
        (("e", "A"), [6]),
        (("A", "e"), []),
        (("e", "A", "<end>"), [6]),
        (("A", "A"), []),
        (("A",), []),
    ],
)
def test_a_template_writes_a_text_once_and_only_its_front_begins_one(
    words, tmp_path, parts, begins
):
    other = changed(words, tmp_path, lambda c: c.update(post_processor=template(*parts)))
    assert other.encode("abc") == [8, 4]
    assert other.as_input([8, 4]) == [*begins, 8, 4]


def test_the_size_is_that_of_the_largest_id(words, tmp_path):
    other = changed(words, tmp_path, lambda c: c["model"]["vocab"].update(ab=700))
    assert other.size == 702 and other.encode("ab") == [701]
    assert other.frequent(100) == [2, 3, 4, 5, 6, 7, 9, 701]


@pytest.mark.parametrize("word", ["<end>", "ab<end>", "<end> c"])
def test_a_label_word_with_a_special_token_is_refused(words, word):
    with pytest.raises(
        SpotError, match=f'label word "{word}" to have tokens of text in toy, found a sp'
    ):
        label_tokens(definition("t", labels=("ab", word)), words)


def settings(text):
    return lambda f: (f / "tokenizer_config.json").write_text(text)


def pipe(folder, name):
    (folder / name).unlink()
    os.mkfifo(folder / name)


DAMAGE = {
    "a huge file": (
        lambda f: os.truncate(f / "tokenizer.json", 1 << 30),
        "found a file that cannot be read .it has 1,073,741,824 bytes",
    ),
    "a pipe": (
        lambda f: pipe(f, "tokenizer.json"),
        "found a file that cannot be read .it is a pipe",
    ),
    "a device": (
        lambda f: ((f / "tokenizer.json").unlink(), (f / "tokenizer.json").symlink_to("/dev/zero")),
        "it is a device, not a regular file",
    ),
    "a folder": (
        lambda f: ((f / "tokenizer.json").unlink(), (f / "tokenizer.json").mkdir()),
        "found a file that cannot be read .Is a directory",
    ),
    "nothing": (lambda f: (f / "tokenizer.json").write_text(""), "expected a tokenizer.json"),
    "lists without end": (
        lambda f: (f / "tokenizer.json").write_text("[" * 100_000),
        "expected a tokenizer.json",
    ),
    "an id without end": (
        lambda f: (f / "tokenizer.json").write_text(
            (f / "tokenizer.json").read_text().replace('"ab": 7', '"ab": 4294967295')
        ),
        "it has the id 4,294,967,295, beyond any vocabulary",
    ),
    "settings of another type": (
        settings("[]"),
        "tokenizer_config.json: expected a JSON object, found",
    ),
    "settings that are no JSON": (settings("{"), "tokenizer_config.json: expected a JSON object"),
    "settings without end": (settings("[" * 100_000), "nested in more than 64 levels"),
    "an end of another type": (settings('{"eos_token": 5}'), "expected an eos_token .found 5"),
    "an end without text": (
        settings('{"eos_token": {"content": 5}}'),
        "content to be a text, found 5",
    ),
    "a pipe for settings": (lambda f: pipe(f, "tokenizer_config.json"), "it is a pipe"),
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

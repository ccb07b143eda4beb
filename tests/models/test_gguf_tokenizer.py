"""The tokenizers in GGUF files: splits worked out by hand, and SentencePiece's own answers."""

from __future__ import annotations

import json
import unicodedata

import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st

from spot.errors import SpotError
from spot.models.weights.gguf import GgufFile
from spot.models.weights.gguf_tokenizer import tokenizer_json
from spot.tasks.tokenizer import TokenizerVocabulary

gguf = pytest.importorskip("gguf", reason="the extra decoders is not installed")
pytest.importorskip("tokenizers", reason="the extra decoders is not installed")

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6


def byte_letters():
    """The letter that byte-level tokenizers write for each byte: printable ones as they are, the
    others from U+0100 on.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters, other = [], 0x100
    for byte in range(256):
        letters.append(chr(byte if byte in printable else other))
        other += byte not in printable
    return letters


LETTERS = byte_letters()
ALL = ["<end>", "<tool>", *LETTERS]


def stated(**changes):
    """The metadata of a byte-level tokenizer of all bytes, as `GgufFile.stated` gives them."""
    values = {
        "model": "gpt2", "pre": "qwen2", "tokens": ALL, "merges": [],
        "token_type": [CONTROL, USER_DEFINED] + [NORMAL] * 256, "eos_token_id": 0,
        "bos_token_id": 0, **changes,
    }  # fmt: skip

    def find(key, default=None):
        found = values.get(key.removeprefix("tokenizer.ggml."), default)
        assert found is not None, key
        return found

    return find


def vocabulary(**changes):
    return TokenizerVocabulary("m.gguf", *tokenizer_json(stated(**changes), "m.gguf"))


def split(pre, text):
    """The pieces that a text is cut into before pairs are joined, as text."""
    cut = vocabulary(pre=pre).tokenizer().pre_tokenizer.pre_tokenize_str(text)
    return [text[start:end] for _, (start, end) in cut]


SPLITS = {  # text: (qwen2, llama-bpe where it differs)
    "Hello world": (["Hello", " world"], None),
    "It'S they'LL don't": (["It", "'S", " they", "'LL", " don", "'t"], None),
    "a'se A'SE": (["a", "'s", "e", " A", "'S", "E"], None),
    "in 12345": (["in", " ", *"12345"], ["in", " ", "123", "45"]),
    "x1234567": (["x", *"1234567"], ["x", "123", "456", "7"]),
    "½²": (["½", "²"], ["½²"]),
    "(word) [x]!?": (["(word", ")", " [", "x", "]!?"], None),
    "end.\n\nNext": (["end", ".\n\n", "Next"], None),
    "a   b": (["a", "  ", " b"], None),
    "a  \n  b": (["a", "  \n", " ", " b"], None),
    "tail  ": (["tail", "  "], None),
    "\tx": (["\tx"], None),
    "日本語です": (["日本語です"], None),
    "x\r\n\r\ny": (["x", "\r\n\r\n", "y"], None),
}


@pytest.mark.parametrize("text", SPLITS)
@pytest.mark.parametrize("pre", ["qwen2", "llama-bpe", "llama3", "llama-v3"])
def test_a_text_is_split_as_the_models_split_it(pre, text):
    qwen, llama = SPLITS[text]
    assert split(pre, text) == (qwen if pre == "qwen2" or llama is None else llama)


def test_the_older_splits_know_small_contractions_and_all_or_single_digits():
    assert split("gpt-2", "It's IT'S 123") == ["It", "'s", " IT", "'", "S", " 123"]
    assert split("smollm", "it's 123") == ["it", "'s", " ", "1", "2", "3"]


@pytest.mark.parametrize("pre", ["gpt-2", "smollm", "qwen2", "llama-bpe"])
@settings(deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_every_text_is_its_bytes_and_comes_back(pre, text):
    words = vocabulary(pre=pre)
    written = unicodedata.normalize("NFC", text) if pre == "qwen2" else text
    ids = words.encode(text)
    assert ids == [3 + byte for byte in written.encode()]
    assert words.decode(ids) == written.removeprefix(" ")


def test_qwen2_composes_letters_and_llama_does_not():
    apart, whole = "e\u0301", "\u00e9"
    assert vocabulary().encode(apart) == vocabulary().encode(whole)
    assert len(vocabulary(pre="llama-bpe").encode(apart)) == 3


def test_llama3_takes_a_whole_word_that_is_a_token_and_qwen2_joins_pairs():
    whole = {"tokens": [*ALL, "ab", "abc"], "token_type": stated()("token_type") + [NORMAL] * 2}
    assert vocabulary(**whole, pre="llama-bpe").encode("abc") == [len(ALL) + 2]
    assert vocabulary(**whole, merges=["a b"], pre="qwen2").encode("abc") == [
        len(ALL) + 1,
        3 + ord("c"),
    ]


def test_added_tokens_are_found_in_a_text_and_only_control_tokens_are_silent():
    words = vocabulary()
    assert words.encode("a<tool>b<end>") == [3 + ord("a"), 2, 3 + ord("b"), 1]
    assert words.decode([3 + ord("a"), 2, 1]) == "a<tool>"
    assert words.eos == 1


@pytest.mark.parametrize(
    ("changes", "begins"),
    [({}, []), ({"pre": "llama-bpe"}, [2]), ({"pre": "llama-bpe", "add_bos_token": False}, []),
     ({"add_bos_token": True}, [2])],
)  # fmt: skip
def test_llama3_begins_a_text_unless_the_file_says_otherwise(changes, begins):
    words = vocabulary(**changes, bos_token_id=1, eos_token_id=0)
    assert words.as_input([70]) == [*begins, 70]


# SentencePiece


@pytest.fixture(scope="module")
def pieces(tmp_path_factory):
    """A SentencePiece model of pairs with bytes, trained as Llama 2's."""
    words = ["the cat sat on the mat", "a nice review: good or bad?", "bad books are not good"]
    prefix = tmp_path_factory.mktemp("pieces") / "m"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(words * 30), model_prefix=str(prefix), vocab_size=340,
        model_type="bpe", byte_fallback=True, normalization_rule_name="identity",
        remove_extra_whitespaces=False, hard_vocab_limit=False, num_threads=1, minloglevel=2,
    )  # fmt: skip
    return sentencepiece.SentencePieceProcessor(model_file=f"{prefix}.model")


def piece_kind(pieces, i):
    kinds = ((pieces.IsUnknown, UNKNOWN), (pieces.IsControl, CONTROL), (pieces.IsByte, BYTE))
    return next((kind for holds, kind in kinds if holds(i)), NORMAL)


def write_pieces(path, pieces, **more):
    """A GGUF file with the pieces, as llama.cpp's converter writes them."""
    writer = gguf.GGUFWriter(path, "llama")
    count = range(pieces.GetPieceSize())
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([pieces.IdToPiece(i) for i in count])
    writer.add_token_scores([pieces.GetScore(i) for i in count])
    writer.add_token_types([piece_kind(pieces, i) for i in count])
    writer.add_bos_token_id(pieces.bos_id())
    writer.add_eos_token_id(pieces.eos_id())
    for name, value in more.items():
        getattr(writer, name)(value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return path


@pytest.fixture(scope="module")
def llama(pieces, tmp_path_factory):
    path = write_pieces(tmp_path_factory.mktemp("llama") / "m.gguf", pieces)
    return TokenizerVocabulary("m.gguf", *GgufFile(path).tokenizer_json())


SOME = st.sampled_from(
    ["good", "bad", "the", "cat", "re", "view", "book", " ", "  ", "é", "日", "\n", "s", "ok"]
)


@settings(deadline=None, max_examples=300)
@given(
    text=st.one_of(st.lists(SOME).map("".join), st.text(st.characters(exclude_categories=["Cs"])))
)
def test_pieces_are_those_of_sentencepiece(pieces, llama, text):
    if "▁" in text or any(token in text for token in ("<s>", "</s>", "<unk>")):
        return  # SentencePiece reads ▁ as a space, and these as text
    ids = llama.encode(text)
    assert ids == [i + 1 for i in pieces.EncodeAsIds(text)]
    assert llama.decode(ids) == text.removeprefix(" ")


def test_an_answer_has_one_space_in_front_and_a_text_begins(pieces, llama):
    assert llama.encode_target("good") == [i + 1 for i in pieces.EncodeAsIds("good")]
    whole = pieces.EncodeAsIds("review: good")
    assert [*llama.encode("review:"), *llama.encode_target("good")] == [i + 1 for i in whole]
    assert llama.as_input([9]) == [pieces.bos_id() + 1, 9] and llama.eos == pieces.eos_id() + 1
    assert llama.decode(llama.encode_target("good")) == "good"


def test_bytes_and_special_tokens_are_not_frequent(pieces, llama):
    ordinary = [i for i in range(pieces.GetPieceSize()) if piece_kind(pieces, i) == NORMAL]
    assert llama.frequent(5000) == [i + 1 for i in ordinary]


def test_no_space_in_front_where_the_file_says_so(pieces, tmp_path):
    path = write_pieces(tmp_path / "m.gguf", pieces, add_add_space_prefix=False)
    words = TokenizerVocabulary("m.gguf", *GgufFile(path).tokenizer_json())
    assert (
        words.encode(" good")
        == words.encode_target("good")
        == [i + 1 for i in pieces.EncodeAsIds("good")]
    )
    assert words.encode("good") != words.encode(" good")
    assert words.tokenizer().decode([i - 1 for i in words.encode(" good")]) == " good"


BAD = {
    "another split": ({"pre": "dbrx"}, "gpt2 split as gpt-2 or smollm or qwen2 .*gpt2 split as dbrx"),
    "another kind": ({"model": "bert"}, "expected a tokenizer llama, or .*found bert split as qwen2"),
    "no such end": ({"eos_token_id": 300}, "eos_token_id to be one of 258 tokens, found 300"),
    "no such beginning": (
        {"bos_token_id": 300, "add_bos_token": True},
        "bos_token_id to be one of 258 tokens, found 300",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_read_is_named(name):
    changes, message = BAD[name]
    with pytest.raises(SpotError, match=f"m.gguf: expected .*{message.removeprefix('expected ')}"):
        tokenizer_json(stated(**changes), "m.gguf")


def test_the_text_has_the_order_that_fingerprints_were_made_of():
    content = json.loads(tokenizer_json(stated(pre="smollm"), "m.gguf")[0])
    assert list(content) == [
        "version", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder",
        "model",
    ]  # fmt: skip
    assert list(content["model"]) == ["type", "vocab", "merges"]

"""Where a prompt starts: every init, its rows, its seeds, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from bank.entry import Backbone, Entry, Prompts, entry_id
from bank.formats import export_prompt
from bank.store import Bank
from spot.errors import SpotError
from spot.prompts import inits as module
from spot.prompts.files import write_prompt
from spot.prompts.inits import default_rate, init_prompt, relabelled
from spot.prompts.kind import Start
from spot.prompts.kinds import find_kind
from spot.prompts.prompt import SoftPrompt
from spot.prompts.settings import PromptSettings
from tests.toys import toy_model, write_tokenizer, write_vocabulary

V, H = 160, 4
# Row i of the embedding is all i, so a prompt says which tokens it was made of.
EMBEDDING = np.repeat(np.arange(V, dtype=np.float32)[:, None], H, axis=1)
LABELS = [[10, 20, 1], [33, 1]]
MODEL = Backbone("m", "f")


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    return write_vocabulary(tmp_path_factory.mktemp("vocabulary") / "spiece.model")


@pytest.fixture
def start(vocabulary):
    """A function that makes a prompt of 6 tokens from an init."""

    def make(init, seed=0, *, length=6, labels=LABELS, bank=None, text="", filler="vocab"):
        settings = PromptSettings(init=init, length=length, text=text, filler=filler)
        return init_prompt(
            settings, toy_model(MODEL, EMBEDDING, vocabulary), labels, seed, bank
        ).key

    return make


def tokens(prompt):
    """The token of each row; fails when a row is not one token's embedding."""
    assert (prompt == prompt[:, :1]).all()
    return prompt[:, 0].tolist()


def ordinary(vocabulary):
    pieces = vocabulary.processor()
    special = {0, 1, 2}
    return [i for i in range(pieces.GetPieceSize()) if i not in special]


@pytest.mark.parametrize("init", ["vocab", "labels", "random"])
def test_is_float32_and_a_function_of_the_seed(start, init):
    prompt = start(init, seed=3)
    assert prompt.shape == (6, H) and prompt.dtype == np.float32
    np.testing.assert_array_equal(prompt, start(init, seed=3))
    assert not np.array_equal(prompt, start(init, seed=4))


def test_vocab_draws_different_ordinary_tokens(start, vocabulary):
    drawn = tokens(start("vocab", length=20))
    assert len(set(drawn)) == 20
    assert set(drawn) <= set(ordinary(vocabulary))


def test_vocab_repeats_tokens_only_when_there_are_too_few(start, vocabulary):
    every = ordinary(vocabulary)
    assert sorted(tokens(start("vocab", length=len(every)))) == every
    assert len(tokens(start("vocab", length=len(every) + 1))) == len(every) + 1


def test_vocab_keeps_to_the_most_frequent_tokens(start, vocabulary, monkeypatch):
    monkeypatch.setattr(module, "FREQUENT", 9)
    assert sorted(tokens(start("vocab", length=9))) == ordinary(vocabulary)[:9]


def test_vocab_does_not_depend_on_the_task(start):
    np.testing.assert_array_equal(start("vocab"), start("vocab", labels=[[50, 1]]))


@pytest.mark.parametrize("scale", [0.01, 0.1, 2.0])
def test_rate_and_random_start_are_never_large_beside_the_embeddings(vocabulary, scale):
    rows = np.random.default_rng(0).normal(size=(500, 40)).astype(np.float32) * scale
    assert default_rate(rows) == pytest.approx(min(0.3, scale / 10), rel=0.02)
    settings = PromptSettings(init="random", length=200)
    prompt = init_prompt(settings, toy_model(MODEL, rows, vocabulary), [], 0).key
    expected = min(scale, 0.5 / 3**0.5)  # a uniform number's root mean square
    assert np.sqrt((prompt**2).mean()) == pytest.approx(expected, rel=0.03)
    assert np.abs(prompt).max() <= 0.5


def test_random_is_uniform_within_half(start):
    prompt = start("random", length=4000)
    assert -0.5 <= prompt.min() < -0.49 and 0.49 < prompt.max() <= 0.5
    assert abs(prompt.mean()) < 0.02


def test_labels_come_first_token_by_token_without_eos(start):
    prompt = start("labels")
    assert tokens(prompt)[:3] == [10, 20, 33]
    np.testing.assert_array_equal(prompt[3:], start("vocab")[:3])


def test_more_labels_than_tokens_are_cut(start):
    assert tokens(start("labels", length=1)) == [10]


@pytest.mark.parametrize(("init", "first"), [("labels", [10, 20, 33]), ("text", None)])
def test_a_random_filler_stands_behind_labels_and_text(start, vocabulary, init, first):
    ids = first or vocabulary.processor().EncodeAsIds("a cat")
    prompt = start(init, text="a cat", filler="random")
    assert tokens(prompt[: len(ids)]) == ids
    np.testing.assert_array_equal(prompt[len(ids) :], start("random")[: 6 - len(ids)])


def test_a_filler_says_nothing_of_other_inits(start):
    np.testing.assert_array_equal(start("vocab", filler="random"), start("vocab"))


def test_labels_need_labels(start):
    with pytest.raises(SpotError, match="needs a task with label words") as caught:
        start("labels", labels=[])
    assert "prompt.init=vocab" in caught.value.hint


def test_text_comes_first_token_by_token(start, vocabulary):
    ids = vocabulary.processor().EncodeAsIds("a red cat")
    prompt = start("text", text="a red cat", length=len(ids) + 2)
    assert tokens(prompt)[: len(ids)] == ids
    np.testing.assert_array_equal(prompt[len(ids) :], start("vocab", length=len(ids) + 2)[:2])
    assert tokens(start("text", text="a red cat", length=1)) == ids[:1]


@pytest.mark.parametrize("init", ["text", "words"])
def test_text_and_words_need_a_text(start, init):
    with pytest.raises(SpotError, match=f"prompt.init={init} needs a text") as caught:
        start(init)
    assert "prompt.text" in caught.value.hint


def test_words_are_a_text_whose_tokens_sum_to_zero(start):
    text, words = (start(init, text="a red cat", length=9) for init in ("text", "words"))
    np.testing.assert_allclose(words.sum(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(words - words[0], text - text[0], atol=1e-5)  # nothing else changes


def test_words_of_a_decoder_stand_behind_its_first_token(tmp_path):
    pytest.importorskip("tokenizers", reason="the extra decoders is not installed")
    settings = PromptSettings(init="words", length=6, text="c ab")
    prompt = init_prompt(
        settings, toy_model(MODEL, EMBEDDING, write_tokenizer(tmp_path)), [], 0
    ).key
    assert tokens(prompt[:1]) == [1]
    np.testing.assert_allclose(prompt[1:].sum(axis=0), 0, atol=1e-4)


def test_one_word_cannot_be_told_from_what_words_share(start):
    with pytest.raises(SpotError, match="two tokens for words or more, found 1") as caught:
        start("words", text="a red cat", length=1)
    assert "prompt.length=2 or more" in caught.value.hint


@pytest.mark.parametrize(
    ("init", "text", "rows"),
    [("labels", "", [1, 3, 6, 4]), ("text", "c ab", [1, 4, 9]), ("vocab", "", [1])],
)
def test_a_decoders_prompt_of_tokens_begins_with_what_stands_between_texts(
    tmp_path, init, text, rows
):
    pytest.importorskip("tokenizers", reason="the extra decoders is not installed")
    words = write_tokenizer(tmp_path)
    settings = PromptSettings(init=init, length=6, text=text)
    prompt = init_prompt(settings, toy_model(MODEL, EMBEDDING, words), [[3, 6], [4, 1]], 0).key
    assert len(prompt) == 6 and tokens(prompt)[: len(rows)] == rows
    assert set(tokens(prompt)[len(rows) :]) <= set(words.frequent(100))


@pytest.fixture
def bank(tmp_path):
    """A bank of one source "boolq" and one import "sst2" without value."""
    bank = Bank.create_or_open(tmp_path / "bank")
    for number, task in enumerate(("boolq", "sst2")):
        known = {"task": task, "members": (), "seed": 0, "recipe": {}, "data": ""}
        kind = "source" if task == "boolq" else "imported"
        entry = Entry(
            id=entry_id(kind=kind, backbone="f", **known), kind=kind, family="",
            backbone=MODEL, **known,
        )  # fmt: skip
        key, value = np.random.default_rng(number).normal(size=(2, 6, H)).astype(np.float32)
        bank.add(entry, Prompts(key * 0, key, value if kind == "source" else None))
    return bank


def test_an_entry_gives_its_value(start, bank):
    expected = bank.prompts(bank.get("boolq")).value
    np.testing.assert_array_equal(start("entry:boolq", bank=bank), expected)
    np.testing.assert_array_equal(start(f"entry:{bank.get('boolq').id}", bank=bank), expected)


def test_an_entry_without_value_gives_its_key(start, bank):
    expected = bank.prompts(bank.get("sst2")).key
    np.testing.assert_array_equal(start("entry:sst2", bank=bank), expected)


def test_an_entry_of_another_backbone_is_refused_though_its_shape_fits(bank, vocabulary):
    settings = PromptSettings(init="entry:boolq", length=6)
    other = Backbone("m", "g")
    with pytest.raises(SpotError, match="was trained on m, not on m with these weights") as caught:
        init_prompt(settings, toy_model(other, EMBEDDING, vocabulary), LABELS, 0, bank)
    assert "model.name" in caught.value.hint


def test_an_entry_needs_a_bank(start):
    with pytest.raises(SpotError, match="init entry:boolq needs a bank") as caught:
        start("entry:boolq")
    assert "--bank" in caught.value.hint


@pytest.fixture
def mixing(bank, vocabulary):
    """A function that makes a prompt of a kind that is made of so many prompts of the bank."""

    def make(sources, *, task="", identity=MODEL, length=6, bank=bank):
        kind = f"attempt:sources={sources},width=2"
        settings = PromptSettings(kind=kind, init="vocab", length=length)
        model = toy_model(identity, EMBEDDING, vocabulary)
        return init_prompt(settings, model, [], 0, bank, task)

    return make


def test_a_kind_that_is_made_of_others_takes_those_of_other_tasks(mixing, bank):
    values = [bank.prompts(bank.get(task)).start for task in ("boolq", "sst2")]
    np.testing.assert_array_equal(mixing(2).arrays["sources"], np.stack(values))
    np.testing.assert_array_equal(mixing(1, task="boolq").arrays["sources"], values[1:])


def test_a_kind_that_is_made_of_others_needs_enough_of_them(mixing):
    for given, found in (({"task": "boolq"}, 1), ({"length": 5}, 0)):
        with pytest.raises(SpotError, match=f"plain prompts of 2 other tasks.*found {found}"):
            mixing(2, **given)
    with pytest.raises(SpotError, match="made of the prompts of a bank, and none was named"):
        mixing(2, bank=None)


def test_a_kind_that_is_made_of_others_refuses_those_of_another_model(mixing):
    with pytest.raises(SpotError, match="was trained on m, not on m with these weights"):
        mixing(2, identity=Backbone("m", "g"))


@pytest.mark.parametrize("suffix", [".npy", ".safetensors"])
def test_a_file_is_read_as_it_is(start, tmp_path, suffix):
    given = np.random.default_rng(0).normal(size=(6, H)).astype(np.float32)
    export_prompt(tmp_path / f"p{suffix}", given)
    np.testing.assert_array_equal(start(f"file:{tmp_path}/p{suffix}"), given)


@pytest.mark.parametrize("shape", [(5, H), (6, H + 1)])
def test_a_prompt_of_another_shape_is_refused(start, tmp_path, shape):
    export_prompt(tmp_path / "p.npy", np.ones(shape, np.float32))
    found = f"expected a prompt of 6 x {H}.*found {shape[0]} x {shape[1]}"
    with pytest.raises(SpotError, match=found) as caught:
        start(f"file:{tmp_path}/p.npy")
    assert "prompt.length" in caught.value.hint


@pytest.fixture
def nearest(vocabulary):
    """A function that makes a prompt from the tokens nearest to a file's rows, and its embeddings."""
    embedding = np.random.default_rng(1).normal(size=(V, H)).astype(np.float32)

    def make(path, length=6, kind="prefix"):
        settings = PromptSettings(init=f"nearest:{path}", length=length, kind=kind)
        return init_prompt(settings, toy_model(MODEL, embedding, vocabulary), [], 0)

    return make, embedding


@pytest.mark.parametrize("suffix", [".npy", ".safetensors"])
def test_nearest_are_the_tokens_of_a_file(nearest, vocabulary, tmp_path, suffix):
    make, embedding = nearest
    ids = vocabulary.processor().EncodeAsIds("a red cat")
    rows = 3 * embedding[ids] + 1e-3
    export_prompt(tmp_path / f"p{suffix}", rows)
    start = make(tmp_path / f"p{suffix}", len(ids))
    np.testing.assert_array_equal(start.key, embedding[ids])
    np.testing.assert_array_equal(make(tmp_path / f"p{suffix}", len(ids), "suffix").key, start.key)


def test_nearest_needs_rows_of_the_models_width(nearest, tmp_path):
    make, embedding = nearest
    export_prompt(tmp_path / "wide.npy", np.ones((6, H + 1), np.float32))
    with pytest.raises(
        SpotError, match=f"expected a prompt that is its rows.*found rows {H + 1} wide"
    ):
        make(tmp_path / "wide.npy")
    kind = find_kind("keys-values")
    start = Start.of_sizes(toy_model(MODEL, embedding).config, 6)
    write_prompt(tmp_path / "kv.safetensors", SoftPrompt(kind, kind.make(start)))
    with pytest.raises(SpotError, match="found a keys-values prompt") as caught:
        make(tmp_path / "kv.safetensors")
    assert "of the kind prefix" in caught.value.hint
    export_prompt(tmp_path / "long.npy", np.ones((7, H), np.float32))
    with pytest.raises(SpotError, match=f"expected a prompt of 6 x {H}.*found 7 x {H}"):
        make(tmp_path / "long.npy")


@pytest.mark.parametrize(
    ("init", "near"),
    [("vocabulary", "vocab"), ("lables", "labels"), ("entry", "entry:<id>"), ("file:", "file:")],
)
def test_an_unknown_init_names_the_nearest(start, init, near):
    with pytest.raises(SpotError, match=f'unknown prompt init "{init}".*Did you mean "{near}'):
        start(init)


OLD = np.arange(1, 7, dtype=np.float32)[:, None].repeat(H, 1)
ROWS = np.asarray([[-1.0], [-2.0]], np.float32).repeat(H, 1)


@pytest.mark.parametrize(
    ("front", "own", "rows", "expected"),
    [
        (0, 2, 2, [-1, -2, 3, 4, 5, 6]),
        (0, 1, 2, [-1, -2, 2, 3, 4, 5]),  # one token too many: the last is dropped
        (0, 0, 2, [-1, -2, 1, 2, 3, 4]),
        (0, 4, 2, [-1, -2, 5, 6, -1, -2]),  # two are missing: the label words come again
        (0, 5, 2, [-1, -2, 6, -1, -2, -1]),
        (0, 9, 1, [-1, -1, -1, -1, -1, -1]),
        (1, 2, 2, [1, -1, -2, 4, 5, 6]),
        (1, 3, 2, [1, -1, -2, 5, 6, -1]),
    ],
)
def test_label_words_are_exchanged_and_the_other_tokens_stay(front, own, rows, expected):
    prompt = relabelled(OLD, own, ROWS[:rows], front)
    assert prompt.shape == OLD.shape and prompt.dtype == np.float32
    assert tokens(prompt) == expected
    assert tokens(OLD) == [1, 2, 3, 4, 5, 6]

"""The tokens nearest to rows, against slow searches and by the properties of each similarity."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ortho_group

from spot.errors import SpotError
from spot.prompts.discretise import (
    SIMILARITIES,
    Tokens,
    by_cosine,
    by_distance,
    by_product,
    nearest_ids,
    text_ids,
    unit,
)
from spot.tasks.vocabulary import ByteVocabulary, VocabularyFile
from tests.toys import write_tokenizer, write_vocabulary


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    return write_vocabulary(tmp_path_factory.mktemp("vocabulary") / "spiece.model")


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def tokens_among(count, width=8, seed=0):
    """Tokens of every second id."""
    return Tokens(np.arange(count) * 2, drawn(count, width, seed=seed))


def slow(rows, others, count, similarity):
    places, values = [], []
    for row in rows.astype(float):
        found = [similarity(row, other) for other in others.astype(float)]
        best = sorted(range(len(others)), key=lambda place: -found[place])[:count]
        places.append(best)
        values.append([found[place] for place in best])
    return np.array(places), np.array(values)


@pytest.mark.parametrize(
    ("quick", "similarity"),
    [
        (by_cosine, lambda a, b: a @ b / np.sqrt((a @ a) * (b @ b))),
        (by_distance, lambda a, b: -np.sqrt(np.sum((a - b) ** 2))),
        (by_product, lambda a, b: a @ b),
    ],
)
def test_neighbours_are_those_of_a_slow_search(quick, similarity):
    rows, others = drawn(7, 8), 3 * drawn(40, 8, seed=1)
    places, values = quick(rows, others, 5)
    expected, found = slow(rows, others, 5, similarity)
    np.testing.assert_array_equal(places, expected)
    np.testing.assert_allclose(values, found, rtol=1e-5, atol=1e-5)


def test_an_embedding_is_nearest_to_itself():
    tokens = tokens_among(50)
    places, cosines = by_cosine(tokens.rows, tokens.rows, 1)
    np.testing.assert_array_equal(places[:, 0], np.arange(50))
    np.testing.assert_allclose(cosines, 1.0, atol=1e-6)
    np.testing.assert_array_equal(nearest_ids(tokens.rows, tokens, "distance"), tokens.ids)


def test_the_length_of_a_row_changes_no_cosine():
    tokens, rows = tokens_among(50), drawn(6, 8, seed=2)
    scaled = rows * np.array([[1e-3], [0.5], [2], [7], [100], [1e4]], np.float32)
    for plain, other in zip(
        by_cosine(rows, tokens.rows, 5), by_cosine(scaled, tokens.rows, 5), strict=True
    ):
        np.testing.assert_allclose(plain, other, atol=1e-6)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_one_rotation_of_rows_and_embeddings_changes_nothing(similarity):
    tokens, rows = tokens_among(50), drawn(6, 8, seed=2)
    turn = ortho_group.rvs(8, random_state=0).astype(np.float32)
    turned = Tokens(tokens.ids, tokens.rows @ turn)
    np.testing.assert_array_equal(
        nearest_ids(rows, tokens, similarity), nearest_ids(rows @ turn, turned, similarity)
    )


def test_similarities_agree_on_rows_of_length_one():
    tokens, rows = tokens_among(50), unit(drawn(20, 8, seed=2))
    tokens = Tokens(tokens.ids, unit(tokens.rows))
    cosine, distance, product = (nearest_ids(rows, tokens, name) for name in SIMILARITIES)
    np.testing.assert_array_equal(cosine, distance)
    np.testing.assert_array_equal(cosine, product)


@pytest.mark.parametrize("similarity", ["cosine", "distance"])
def test_a_prompt_of_tokens_stays_as_it_is(similarity):
    embeddings = drawn(100, 8)
    tokens = Tokens(np.arange(0, 100, 2), embeddings[::2])
    once = nearest_ids(drawn(30, 8, seed=3), tokens, similarity)
    np.testing.assert_array_equal(nearest_ids(embeddings[once], tokens, similarity), once)


def test_the_product_prefers_long_embeddings():
    tokens = Tokens(np.array([4, 9]), np.array([[1, 0], [3, 1]], np.float32))
    row = np.array([[1, 0]], np.float32)
    assert nearest_ids(row, tokens, "cosine") == nearest_ids(row, tokens, "distance") == [4]
    assert nearest_ids(row, tokens, "product") == [9]


def test_rows_of_zeros_have_no_direction():
    tokens = Tokens(np.arange(3), np.array([[0, 0], [0, 1], [-1, 0]], np.float32))
    rows = np.array([[0, 0], [0, 5]], np.float32)
    _, cosines = by_cosine(rows, tokens.rows, 3)
    np.testing.assert_array_equal(cosines, [[0, 0, 0], [1, 0, 0]])


def test_unknown_similarity_is_named():
    with pytest.raises(SpotError, match='unknown similarity of a row to a token "cosin"'):
        nearest_ids(drawn(1, 8), tokens_among(4), "cosin")


def test_padding_unknown_pieces_and_sentinels_stand_in_no_text(vocabulary):
    pieces = vocabulary.processor()
    assert vocabulary.size == pieces.GetPieceSize() + 100
    np.testing.assert_array_equal(text_ids(vocabulary), [1, *range(3, pieces.GetPieceSize())])


def test_sentinels_among_the_pieces_stand_in_no_text(tmp_path):
    import sentencepiece

    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a red cat is here"] * 9), model_prefix=str(tmp_path / "spiece"),
        vocab_size=24, hard_vocab_limit=False, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
        user_defined_symbols=["<extra_id_0>"], num_threads=1, minloglevel=2,
    )  # fmt: skip
    words = VocabularyFile(tmp_path / "spiece.model")
    assert words.processor().IdToPiece(3) == "<extra_id_0>"
    np.testing.assert_array_equal(text_ids(words), [1, *range(4, words.size)])


def test_a_decoder_has_its_end_and_its_beginning_but_no_other_special_token(tmp_path):
    vocabulary = write_tokenizer(tmp_path, begin="<end>")
    np.testing.assert_array_equal(text_ids(vocabulary), range(1, vocabulary.size))
    content = vocabulary.content.replace('"content": "<end>"', '"content": "b"').replace(
        '"id": 0, "content": "b"', '"id": 2, "content": "b"'
    )
    other = type(vocabulary)("toy", content, "<end>")
    assert other.special(range(1, other.size)) == [3]
    assert 3 not in text_ids(other) and other.eos in text_ids(other)


def test_bytes_but_what_is_no_text():
    expected = {1, *(i + 3 for i in range(256) if i == 0x20 or not bytes([i]).isspace())}
    assert set(text_ids(ByteVocabulary()).tolist()) == expected


def test_unused_ids_are_never_nearest(vocabulary):
    size = vocabulary.processor().GetPieceSize()
    embeddings = drawn(192, 8)  # ids beyond pieces and sentinels are used by nothing
    tokens = Tokens.of(embeddings, vocabulary)
    found = nearest_ids(embeddings, tokens)
    assert set(found.tolist()) <= set(range(1, size)) - {2}
    kept = np.isin(np.arange(192), tokens.ids)
    np.testing.assert_array_equal(found[kept], tokens.ids)

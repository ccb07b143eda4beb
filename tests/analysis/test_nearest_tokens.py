"""Tokens near to a prompt's rows, and their nulls, against clusters that are made by hand."""

from __future__ import annotations

import dataclasses
import itertools
import json
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom, ortho_group

from spot.analysis.case import Case
from spot.analysis.lexical import distance
from spot.analysis.nearest_tokens import (
    CENTRED,
    CLUSTER,
    DIFFERENT,
    FORMS,
    LABEL,
    NEAREST,
    Neighbours,
    against,
    chance,
    different_tokens,
    find,
    forms,
    label_pieces,
    measures,
    neighbours,
    random_rows,
    token_text,
)
from spot.errors import SpotError
from spot.prompts.discretise import Tokens, text_ids
from spot.prompts.prompt import as_prompt
from tests.analysis.toy_cases import CONFIGS, model_of, prompt_of, toy_case
from tests.toys import write_tokenizer

FAMILIES = pytest.mark.parametrize("family", CONFIGS)


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


class Words:
    """A vocabulary of tokens 1 to V that have a number for a text."""

    begin, eos = None, 1

    def __init__(self, size):
        self.size = size + 1

    def decode(self, ids):
        return " ".join(f"word{chr(96 + i % 26)}{i}" for i in ids)

    def meaningful(self, ids):
        return [i for i in ids if i > 0]

    def frequent(self, count):
        return list(range(1, self.size))[:count]

    def special(self, ids):
        return []


def case_of_rows(rows, embeddings, start=None):
    """A case without a task whose model has only embeddings [V, H], of padding and of tokens 1 to V."""
    padded = np.concatenate([np.full((1, embeddings.shape[1]), 7, np.float32), embeddings])
    model = SimpleNamespace(embeddings=padded, vocabulary=Words(len(embeddings)))
    return Case("toy", model, as_prompt(rows), None if start is None else as_prompt(start))


def summary(finding):
    """The table of means as {measure: {column: value}}."""
    columns, *lines = (finding.tables[0].columns, *finding.tables[0].rows)
    return {line[0]: dict(zip(columns[1:], line[1:], strict=True)) for line in lines}


def clustered(seed=0, clusters=20, each=6, others=600, width=24):
    """Embeddings of tokens in tight clusters, then of tokens anywhere; and the clusters' centres."""
    centres = drawn(clusters, width, seed=seed)
    close = (centres[:, None] + 0.2 * drawn(clusters, each, width, seed=seed + 1)).reshape(
        -1, width
    )
    return np.concatenate([close, drawn(others, width, seed=seed + 2)]), centres


def test_clusters_are_the_mean_cosine_of_all_pairs():
    rows, tokens = drawn(9, 8), Tokens(np.arange(40) + 3, drawn(40, 8, seed=1))
    near = neighbours(rows, tokens)
    assert near.ids.shape == near.cosines.shape == (9, 5)
    for ids, score in zip(near.ids, near.clusters, strict=True):
        vectors = tokens.rows[ids - 3].astype(float)
        cosines = [
            a @ b / np.sqrt((a @ a) * (b @ b)) for a, b in itertools.combinations(vectors, 2)
        ]
        assert score == pytest.approx(np.mean(cosines), abs=1e-6)


def test_a_cluster_by_hand():
    close = np.array([[1, 0], [1, 1], [0, 1], [-1, 0]], np.float32)
    near = neighbours(
        np.array([[3, 3]], np.float32), Tokens(np.array([4, 5, 6, 7]), close), count=3
    )
    assert near.ids[0, 0] == 5 and set(near.ids[0].tolist()) == {4, 5, 6}
    np.testing.assert_allclose(near.cosines, [[1, 0.5**0.5, 0.5**0.5]], rtol=1e-6)
    np.testing.assert_allclose(near.clusters, [2 * 0.5**0.5 / 3], rtol=1e-6)


def test_a_token_is_not_among_its_own_neighbours():
    tokens = Tokens(np.arange(40) + 3, drawn(40, 8))
    alone = neighbours(tokens.rows[:9], tokens, own=tokens.ids[:9])
    among = neighbours(tokens.rows[:9], tokens, count=6)
    np.testing.assert_array_equal(among.ids[:, 0], tokens.ids[:9])
    np.testing.assert_array_equal(alone.ids, among.ids[:, 1:])
    np.testing.assert_array_equal(alone.cosines, among.cosines[:, 1:])
    twins = Tokens(tokens.ids, np.repeat(tokens.rows[:4], 10, axis=0))
    for _, ids in zip(tokens.ids, neighbours(twins.rows, twins, own=twins.ids).ids, strict=True):
        assert len(set(ids.tolist())) == 5


def test_random_rows_have_norms_of_the_prompt_and_no_direction():
    rows = random_rows(np.diag([1, 5] + [5] * 14).astype(np.float32)[:2], np.random.default_rng(0))
    found = np.linalg.norm(rows, axis=1)
    assert np.isclose(found[:, None], [1, 5], rtol=1e-5).any(axis=1).all()
    assert (found < 2).mean() == pytest.approx(0.5, abs=0.06)
    assert np.abs(rows.mean(axis=0)).max() < 0.2


def test_random_rows_are_as_far_in_one_direction_as_the_prompt():
    prompt = np.array([[3, 4, 0, 0], [1, 0, 0, 2]], np.float32)
    rows = random_rows(prompt, np.random.default_rng(0), along=np.array([7, 0, 0, 0], np.float32))
    assert {(round(float(row[0]), 3), round(float(np.linalg.norm(row)), 3)) for row in rows} == {
        (3.0, 5.0), (1.0, round(5**0.5, 3)),
    }  # fmt: skip
    assert np.abs(rows[:, 1:].mean(axis=0)).max() < 0.3


def test_rows_at_real_clusters_are_told_from_both_nulls():
    embeddings, centres = clustered()
    finding = find(case_of_rows(centres, embeddings))
    of = summary(finding)[CLUSTER]
    assert of["z, random directions "] > 4 and of["z, real tokens "] > 1.5
    assert "tighter than around random directions" in finding.notes[0]
    assert "tighter than around real tokens" in finding.notes[0]


def test_random_rows_are_not_told_from_random_directions():
    embeddings, _ = clustered()
    of = summary(find(case_of_rows(drawn(500, 24, seed=9), embeddings)))
    for measure in (CLUSTER, CENTRED, NEAREST, FORMS):
        assert abs(of[measure]["z, random directions "]) < 0.2
    judged = [against(*drawn(2, 30, seed=seed), np.random.default_rng(seed)) for seed in range(400)]
    # the null of 30 is small, so that its mean varies as much as that of the values
    assert judged.count("above") + judged.count("below") < 90


@pytest.mark.parametrize("part", [0, 1])
def test_what_lies_with_the_mean_or_without_is_no_cluster(part):
    embeddings, _ = clustered()
    shift = np.full(24, 2, np.float32)
    rows = drawn(300, 24, seed=9) + part * shift
    of = summary(find(case_of_rows(rows, embeddings + shift)))[CENTRED]
    assert abs(of["z, random directions "]) < 0.2


def test_judgements_by_hand():
    null = np.array([0.0, 1.0] * 50)
    rng = np.random.default_rng(0)
    assert against(np.full(40, 0.9), null, rng) == "above"
    assert against(np.full(40, 0.1), null, rng) == "below"
    assert against(np.full(40, 0.5), null, rng) == "within"
    assert against(np.zeros(3), np.zeros(9), rng) == "within"


def test_the_scale_of_rows_changes_only_what_is_mean_centred():
    embeddings, centres = clustered()
    plain, scaled = (find(case_of_rows(rows, embeddings)) for rows in (centres, 3 * centres))
    first, second = summary(plain), summary(scaled)
    for measure in (NEAREST, CLUSTER, FORMS, DIFFERENT):
        assert first[measure]["prompt "] == second[measure]["prompt "]
    assert [row[1:3] for row in plain.tables[1].rows] == [row[1:3] for row in scaled.tables[1].rows]


def test_one_rotation_of_prompt_and_embeddings_changes_nothing():
    embeddings, centres = clustered()
    embeddings, rows = embeddings + 0.3, centres + 0.5 * drawn(*centres.shape, seed=5)
    turn = ortho_group.rvs(24, random_state=0).astype(np.float32)
    plain, turned = (
        find(case_of_rows(rows, embeddings)),
        find(case_of_rows(rows @ turn, embeddings @ turn)),
    )
    for before, after in zip(plain.tables[1].rows, turned.tables[1].rows, strict=True):
        assert (before[1], before[3]) == (after[1], after[3])
        np.testing.assert_allclose(before[2], after[2], atol=2e-3)  # cells have three digits
    for measure, of in summary(plain).items():
        for column in ("prompt ", "real tokens "):
            assert summary(turned)[measure][column] == pytest.approx(of[column], abs=2e-3)


def test_a_real_embedding_returns_itself():
    embeddings, _ = clustered()
    finding = find(case_of_rows(embeddings[[3, 200]], embeddings))
    words = Words(9)
    for line, token in zip(finding.tables[1].rows, (4, 201), strict=True):
        assert line[1].split("▁")[1].strip() == words.decode([token]) and line[2] == 1.0


def test_the_share_of_label_words_by_hand():
    ids = np.array([[5, 6, 7], [8, 6, 9], [10, 11, 12], [7, 5, 8]])
    near = Neighbours(ids, np.ones((4, 3)), np.zeros(4))
    found = measures(near, near, str, frozenset({6, 12}))
    np.testing.assert_array_equal(found[LABEL], [100, 100, 100, 0])
    assert LABEL not in measures(near, near, str, frozenset())


@given(st.integers(5, 60), st.data())
def test_the_chance_of_a_label_is_that_of_drawing_without_putting_back(tokens, data):
    labels = data.draw(st.integers(0, tokens))
    expected = hypergeom.sf(0, tokens, labels, min(5, tokens))
    assert chance(labels, tokens) == pytest.approx(expected, abs=1e-9)


def test_pieces_of_label_words_are_those_of_text_and_answer(tmp_path):
    words = write_tokenizer(tmp_path)  # an answer begins with a space
    task = SimpleNamespace(labels=("ab", "c"))
    case = Case("toy", SimpleNamespace(vocabulary=words), as_prompt(np.zeros((1, 4))), task=task)
    texts = {token_text(words, i) for i in label_pieces(case)}
    assert texts == {"ab", "▁ab", "c"}
    assert label_pieces(dataclasses.replace(case, task=None)) == frozenset()


def test_different_tokens_are_counted_by_hand():
    near = Neighbours(np.array([[1, 2], [2, 3]]), np.ones((2, 2)), np.ones(2))
    rng = np.random.default_rng(0)
    assert different_tokens(near, 2, rng).tolist() == [3]
    assert set(different_tokens(near, 1, rng).tolist()) == {2}


def test_a_hub_is_near_to_more_rows_than_by_chance():
    embeddings = drawn(500, 24)
    rows = drawn(20, 24, seed=1) + 3 * embeddings[17]
    finding = find(case_of_rows(rows, embeddings))
    hub = finding.tables[2].rows[0]
    assert hub[1] == 20 and hub[2] == 100.0
    assert max(hub[3:]) < 10
    assert summary(finding)[DIFFERENT]["z, random directions "] < -3
    assert any("fewer than of as many random directions" in note for note in finding.notes)


def test_the_start_is_beside_the_prompt():
    embeddings, centres = clustered()
    start = embeddings[:20] * 1.0
    moved = start.copy()
    moved[:5] = embeddings[300:305]
    finding = find(case_of_rows(moved, embeddings, start))
    assert "At 15 of 20 positions the nearest token is that of the start." in finding.notes
    assert summary(finding)[NEAREST]["start "] == 1.0
    assert [group.name for group in finding.charts[0].groups] == ["prompt", "start"]


@pytest.mark.parametrize("size", [2, 3, 4, 5, 6])
def test_few_tokens_and_one_row(size):
    finding = find(case_of_rows(drawn(1, 8), drawn(size, 8, seed=1)))
    (line,) = finding.tables[1].rows
    assert len(line[1].split()) == min(5, size)
    assert not any("nan" in note for note in finding.notes)
    json.dumps(asdict(finding), allow_nan=False)


@FAMILIES
@pytest.mark.parametrize("kind", ["prefix", "suffix", "around:after=2", "masked"])
def test_rows_anywhere_beside_the_text(family, kind, tiny_folder):
    model = model_of(family, tiny_folder)
    prompt = prompt_of(model, kind)
    finding = find(toy_case(model, prompt, prompt_of(model, kind, seed=1)))
    rows, tokens = np.asarray(prompt), text_ids(model.vocabulary)
    pieces = model.vocabulary.processor()
    for row, line in zip(rows, finding.tables[1].rows, strict=True):
        found = model.embeddings[tokens] @ row / np.linalg.norm(model.embeddings[tokens], axis=1)
        best = int(tokens[found.argmax()])
        text = "<end>" if best == 1 else pieces.IdToPiece(best)
        assert line[1].split()[0] == text
        assert line[2] == pytest.approx(found.max() / np.linalg.norm(row), abs=6e-4)
    json.dumps(asdict(finding), allow_nan=False)


@FAMILIES
def test_labels_among_the_neighbours_of_their_own_embeddings(family, tiny_folder):
    model = model_of(family, tiny_folder)
    ids = model.vocabulary.encode("yes no")
    finding = find(toy_case(model, model.embeddings[ids]))
    assert summary(finding)[LABEL]["prompt "] == 100.0
    assert any("have a piece of a label word" in note for note in finding.notes)
    without = find(Case("toy", model, as_prompt(model.embeddings[ids])))
    assert LABEL not in summary(without)


def test_a_kind_without_rows_is_named(tiny_folder):
    model = model_of("T5", tiny_folder)
    with pytest.raises(
        SpotError, match="toy is of the kind keys-values, whose numbers are not rows"
    ):
        find(toy_case(model, prompt_of(model, "keys-values")))


def test_equal_seeds_find_the_same(tiny_folder):
    model = model_of("T5", tiny_folder)
    case = toy_case(model, prompt_of(model))
    assert find(case) == find(case)
    assert find(dataclasses.replace(case, seed=1)).tables[0] != find(case).tables[0]


def test_tokens_are_written_with_their_space(tiny_folder, tmp_path):
    words = model_of("T5", tiny_folder).vocabulary
    pieces = words.processor()
    for token in text_ids(words)[1:].tolist():
        assert token_text(words, token) == pieces.IdToPiece(token)
    assert token_text(words, 1) == "<end>"
    decoder = write_tokenizer(tmp_path)
    names = {token_text(decoder, token) for token in range(1, decoder.size)}
    assert names == {"<end>", "a", "b", "c", "d", "e", "▁", "ab", "▁ab"}


def test_forms_of_a_word():
    assert forms(["▁technology", "Technology", "▁technologies", "▁science", "tech"]) == 50.0
    assert forms(["▁is", "▁at", "▁it"]) == 0.0
    assert np.isnan(forms(["▁is"]))


def slow_distance(a, b):
    if not a or not b:
        return len(a) + len(b)
    same = slow_distance(a[1:], b[1:]) + (a[0] != b[0])
    return min(same, slow_distance(a[1:], b) + 1, slow_distance(a, b[1:]) + 1)


@given(st.text("ab", max_size=5), st.text("ab", max_size=5))
def test_distances_are_those_of_a_slow_recursion(a, b):
    assert distance(a, b) == slow_distance(a, b)

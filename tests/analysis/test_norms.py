"""Norms beside the embeddings', from rows whose norms are known."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from spot.analysis.case import Case
from spot.analysis.norms import find
from spot.errors import SpotError
from spot.prompts.discretise import text_ids
from spot.prompts.prompt import as_prompt
from tests.analysis.toy_cases import CONFIGS, model_of, prompt_of

FAMILIES = pytest.mark.parametrize("family", CONFIGS)


def norms(finding):
    """The table as {rows of: {column: value}}."""
    columns, *lines = (finding.tables[0].columns, *finding.tables[0].rows)
    return {line[0]: dict(zip(columns[1:], line[1:], strict=True)) for line in lines}


@FAMILIES
def test_a_prompt_of_tokens_has_their_norms_and_did_not_move(family, tiny_folder):
    model = model_of(family, tiny_folder)
    rows = model.embeddings[text_ids(model.vocabulary)]
    found = norms(find(Case("toy", model, as_prompt(rows), as_prompt(rows))))
    assert found["prompt"] == found["start"] == found["embeddings"]
    assert found["embeddings"]["of the embeddings' "] == 1.0
    assert found["prompt - start"]["largest "] == 0.0


@FAMILIES
@pytest.mark.parametrize("kind", ["prefix", "suffix", "around:after=2"])
def test_numbers_are_those_of_slow_sums(family, kind, tiny_folder):
    model = model_of(family, tiny_folder)
    prompt, start = prompt_of(model, kind, 9), prompt_of(model, kind, 9, seed=1)
    finding = find(Case("toy", model, prompt, start))
    difference = np.asarray(prompt) - np.asarray(start)
    for name, rows in (("prompt", prompt), ("start", start), ("prompt - start", difference)):
        each = sorted(sum(float(x) ** 2 for x in row) ** 0.5 for row in np.asarray(rows))
        found = norms(finding)[name]
        mean = sum(each) / 9
        assert found["number "] == 9
        assert found["mean norm "] == pytest.approx(mean, rel=1e-6)
        assert found["deviation "] == pytest.approx(
            (sum((x - mean) ** 2 for x in each) / 9) ** 0.5, rel=1e-4
        )
        assert (found["smallest "], found["median "], found["largest "]) == pytest.approx(
            (each[0], each[4], each[8]), rel=1e-6
        )
    json.dumps(asdict(finding), allow_nan=False)


def test_sentences_read_the_numbers(tiny_folder):
    model = model_of("T5", tiny_folder)
    typical = np.linalg.norm(model.embeddings[text_ids(model.vocabulary)], axis=1).mean()
    rows = np.zeros((4, 16), np.float32)
    rows[:, 0] = np.array([0.01, 1, 1, 100]) * typical
    moved = rows + np.diag([0, 0.3, 0.4, 0.5]).astype(np.float32) @ np.eye(4, 16, 1, np.float32)
    first, second = find(Case("toy", model, as_prompt(moved), as_prompt(rows))).notes
    assert "1 of 4 rows are longer than 95 % of these, 1 shorter" in first
    assert "Training moved a row by 0.3 in the mean" in second
    assert "the most at position 4 (0.5), the least at 1 (0)" in second


def test_a_start_of_another_length_has_no_way(tiny_folder):
    model = model_of("T5", tiny_folder)
    finding = find(Case("toy", model, prompt_of(model), prompt_of(model, length=3)))
    assert list(norms(finding)) == ["prompt", "start", "embeddings"]
    assert finding.notes[-1] == "The start has 3 rows, so no row has a way from it."


def test_positions_are_points_and_embeddings_levels(tiny_folder):
    model = model_of("T5", tiny_folder)
    prompt = prompt_of(model, length=1)
    (chart,) = find(Case("toy", model, prompt)).charts
    (group,) = chart.groups
    assert group.x == (1.0,)
    assert group.y == pytest.approx((np.linalg.norm(np.asarray(prompt)),))
    every = np.linalg.norm(model.embeddings[text_ids(model.vocabulary)], axis=1)
    assert [level.value for level in chart.levels] == pytest.approx(
        [np.quantile(every, q) for q in (0.05, 0.5, 0.95)]
    )


def test_a_kind_without_rows_is_named(tiny_folder):
    model = model_of("decoder", tiny_folder)
    with pytest.raises(
        SpotError, match="toy is of the kind keys-values, whose numbers are not rows"
    ):
        find(Case("toy", model, prompt_of(model, "keys-values")))

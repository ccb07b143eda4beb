"""`spot.analyze` and `spot analyze`: parts, what is skipped, files."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spot.analysis.analysis import FILE, Analysis, analyze
from spot.analysis.parts import PARTS
from spot.errors import SpotError
from tests.analysis.toy_cases import model_of, prompt_of, task_of


@pytest.fixture
def model(tiny_folder):
    return model_of("T5", tiny_folder)


def test_every_part_is_there_or_says_why_not(model):
    result = analyze(model, task_of(), prompt_of(model), most_rows=8)
    assert [finding.part for finding in result.findings] == list(PARTS)
    assert result.skipped == {} and result.n == 8
    for finding in result.findings:
        assert finding.tables and finding.tables[0].rows
        for table in finding.tables:
            assert all(len(row) == len(table.columns) for row in table.rows)


def test_a_kind_without_rows_skips_the_parts_that_need_them(model):
    result = analyze(model, task_of(), prompt_of(model, "keys-values"), most_rows=8)
    assert {"gate", "layers"} <= {finding.part for finding in result.findings}
    assert "norms" in result.skipped
    assert "not rows" in result.skipped["norms"]
    with pytest.raises(SpotError, match="not rows"):
        analyze(model, task_of(), prompt_of(model, "keys-values"), parts=["norms"])


def test_without_a_task_what_is_scored_is_skipped(model):
    result = analyze(model, None, prompt_of(model))
    assert "norms" in {finding.part for finding in result.findings}
    assert "expected a task" in result.skipped["gate"]
    assert result.task is None and result.n == 0


def test_an_unknown_part_is_named(model):
    with pytest.raises(SpotError, match='unknown part of an analysis "gates". Did you mean "gate"'):
        analyze(model, None, prompt_of(model), parts=["gates"])


def test_a_prompt_of_another_width_is_refused(model):
    with pytest.raises(SpotError, match="the prompt to analyze is 8 wide, the model 16"):
        analyze(model, task_of(), np.zeros((3, 8), np.float32), parts=["layers"])
    with pytest.raises(SpotError, match="that it started from is 8 wide, the model 16"):
        analyze(model, None, prompt_of(model), start=np.zeros((3, 8), np.float32))


def test_an_analysis_is_read_as_it_was_written(model, tmp_path):
    result = analyze(model, task_of(), prompt_of(model), parts=["norms", "gate"], most_rows=8)
    path = result.write(tmp_path / "there")
    assert path == tmp_path / "there" / FILE
    assert Analysis.read(tmp_path / "there") == result


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "expected an analysis"),
        ('{"prompt": 3}', "expected an analysis"),
        ("{", "analysis.json"),
    ],
)
def test_another_content_is_refused(tmp_path, content, message):
    (tmp_path / FILE).write_text(content)
    with pytest.raises(SpotError, match=message):
        Analysis.read(tmp_path)


def test_no_file_is_refused(tmp_path):
    with pytest.raises(SpotError, match="expected an analysis"):
        Analysis.read(tmp_path)


def test_values_that_are_not_defined_are_null(model, tmp_path):
    result = analyze(model, None, prompt_of(model), parts=["norms"])
    text = result.write(tmp_path).read_text()
    assert "NaN" not in text and "Infinity" not in text
    json.loads(text)

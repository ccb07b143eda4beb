"""Bad rows of local files: every error names file and line and says what was expected."""

from __future__ import annotations

import pytest

from spot.errors import SpotError
from spot.tasks.published.catalog import local_task

BAD = {
    "not json": ("sst2", "{oops", "expected one JSON object a line"),
    "not an object": ("sst2", "[1]", r"expected a JSON object, found \[1\]"),
    "missing field": ("sst2", '{"label": 1, "sentense": "x"}', 'field "sentence".*Did you mean'),
    "label out of range": ("sst2", '{"sentence": "x", "label": 2}', "from 0 to 1 .*0 = negative"),
    "label unknown": ("sst2", '{"sentence": "x", "label": -1}', "found -1"),
    "label as text": ("sst2", '{"sentence": "x", "label": "1"}', 'found "1"'),
    "label as truth value": ("boolq", '{"question": "x", "passage": "y", "label": true}', "true"),
    "empty text": ("sst2", '{"sentence": " ", "label": 1}', 'text in "sentence", found empty'),
    "text is a number": ("sst2", '{"sentence": 4, "label": 1}', 'text in "sentence", found 4'),
    "half a character": ("sst2", '{"sentence": "\\ud800", "label": 1}', "surrogate"),
    "score": ("stsb", '{"sentence1": "x", "sentence2": "y", "label": 5.1}', "from 0 to 5"),
    "score nan": (
        "stsb",
        '{"sentence1": "x", "sentence2": "y", "label": NaN}',
        "text that is not JSON .JSON has no NaN: write null",
    ),
    "choices": ("arc_easy", '{"question": "x", "choices": ["a"], "label": 0}', "list of 4 texts"),
    "answers": ("squad_xquad_en", '{"context": "x", "question": "y", "answers": []}', '"text" in'),
    "no answer": (
        "squad_xquad_en",
        '{"context": "x", "question": "y", "answers": {"text": [""]}}',
        'one or more texts in "answers.text"',
    ),
    "index": (
        "wsc",
        '{"text": "x", "span1_text": "x", "span2_text": "x", "label": 0, "span2_index": "1"}',
        'number of a word in "span2_index"',
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_row_names_file_and_line(case, tmp_path):
    name, line, message = BAD[case]
    file = tmp_path / name / "train.jsonl"
    file.parent.mkdir()
    (file.parent / "validation.jsonl").touch()
    file.write_text("\n" + line + "\n")
    with pytest.raises(SpotError, match=message) as caught:
        list(local_task(name, tmp_path).read("train"))
    assert f"{file}, line 2: expected" in caught.value.message


def test_bytes_that_are_not_utf8(tmp_path):
    file = tmp_path / "sst2" / "train.jsonl"
    file.parent.mkdir()
    (file.parent / "validation.jsonl").touch()
    file.write_bytes(b'\xef\xbb\xbf{"sentence": "x", "label": 1}\n{"sentence": "\xff"}\n')
    rows = local_task("sst2", tmp_path).read("train")
    assert next(rows).targets == "positive"  # the byte order mark is no part of the row
    with pytest.raises(SpotError, match="line 2: expected UTF-8 text, found the byte 0xff at"):
        next(rows)

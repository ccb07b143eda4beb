"""Tables and hashes; JSONL rows are tested with the local tasks."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from pathlib import Path

import pytest

from bank.files import CLOCK_STEP
from spot.errors import SpotError
from spot.tasks import files
from spot.tasks.files import data_rows, file_sha256, parquet_rows


def test_csv_with_quotes_line_breaks_and_blank_lines(tmp_path):
    file = tmp_path / "a.csv"
    file.write_bytes('\ufefftext, label\n"one, ""two""\nthree",4\n\nfive,6\n'.encode())
    rows = list(data_rows(file))
    assert [dict(row.fields) for row in rows] == [
        {"text": 'one, "two"\nthree', "label": "4"},
        {"text": "five", "label": "6"},
    ]
    assert rows[0].line == 2


def test_tsv_and_jsonl_by_suffix(tmp_path):
    (tmp_path / "a.TSV").write_text("text\tlabel\na, b\t1\n")
    (tmp_path / "a.jsonl").write_text('{"text": "a, b", "label": "1"}\n\n')
    for name in ("a.TSV", "a.jsonl"):
        assert [dict(r.fields) for r in data_rows(tmp_path / name)] == [
            {"text": "a, b", "label": "1"}
        ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,label\na\n", "line 2: expected 2 columns, found 1"),
        ("text,label\na,b\nc,d,e\n", "line 3: expected 2 columns, found 3"),
        ("text,text\n", "line 1: expected a header row of distinct column names"),
        ("", "line 1: expected a header row"),
        ('text\n"a"b\n', "line 2: expected a well-formed table row"),
        ('text\n"a\n', "expected a well-formed table row"),
    ],
)
def test_bad_tables(content, message, tmp_path):
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(SpotError, match=message):
        list(data_rows(tmp_path / "a.csv"))


def test_semicolons_and_columns_without_a_name(tmp_path):
    (tmp_path / "a.csv").write_text(";text;label\n0;one, two;x\n")
    assert [dict(row.fields) for row in data_rows(tmp_path / "a.csv")] == [
        {"column 1": "0", "text": "one, two", "label": "x"}
    ]
    (tmp_path / "b.csv").write_text("a;b,label\none;x,y\n")
    assert [dict(row.fields) for row in data_rows(tmp_path / "b.csv")] == [
        {"a;b": "one;x", "label": "y"}
    ]
    (tmp_path / "c.csv").write_text(",,\n1,2,3\n")
    with pytest.raises(SpotError, match="expected a header row of distinct column names"):
        list(data_rows(tmp_path / "c.csv"))


def test_parquet_keeps_types_and_counts_rows(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [{"text": f"row {i}", "label": i % 2 == 0, "n": i} for i in range(2100)]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    read = list(data_rows(tmp_path / "a.parquet"))
    assert [dict(row.fields) for row in read] == rows
    assert (read[-1].line, read[-1].unit) == (2100, "row")


def test_a_file_that_is_no_parquet_is_named_and_pyarrow_asked_for(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    file = tmp_path / "a.parquet"
    with pytest.raises(SpotError, match=f"expected a data file at {file}, found none"):
        list(parquet_rows(file))
    file.write_bytes(b"PAR1 but cut")
    with pytest.raises(SpotError, match=f"expected a parquet file at {file}"):
        list(parquet_rows(file))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SpotError, match="expected pyarrow to read") as caught:
        list(parquet_rows(file))
    assert "spot-transfer[parquet]" in caught.value.hint


def test_unknown_suffix_and_missing_file(tmp_path):
    with pytest.raises(SpotError, match=r"ending in .csv, .tsv, .jsonl, .parquet, found .*a.xlsx"):
        data_rows(tmp_path / "a.xlsx")
    with pytest.raises(SpotError, match="expected a data file at .*a.csv, found: No such file"):
        list(data_rows(tmp_path / "a.csv"))
    with pytest.raises(SpotError, match="expected a data file at"):
        file_sha256(tmp_path / "a.csv")


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def test_hash_is_remembered_until_the_file_changes(tmp_path, monkeypatch):
    file, cache = tmp_path / "data", tmp_path / "cache"
    file.write_bytes(b"one")
    assert file_sha256(file) == file_sha256(file, cache) == sha256(b"one")
    with monkeypatch.context() as patch:
        patch.setattr(files, "open_regular", lambda _: pytest.fail("read again"))
        assert file_sha256(file, cache) == sha256(b"one")
    file.write_bytes(b"two")
    os.utime(file, ns=(1, 1))
    assert file_sha256(file, cache) == sha256(b"two")


def replaced(file, content):
    """Another file under the name, as tar and rsync put it there."""
    other = file.with_name("other")
    other.write_bytes(content)
    other.replace(file)


@pytest.mark.parametrize("write", [Path.write_bytes, replaced])
def test_other_content_of_the_same_size_and_time_is_noticed_at_once(tmp_path, write):
    file, cache = tmp_path / "data", tmp_path / "cache"
    file.write_bytes(b"000")
    times = file.stat()
    for number in range(30):
        content = b"%03d" % number
        write(file, content)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert file_sha256(file, cache) == sha256(content)
    after = file.stat()
    assert (after.st_size, after.st_mtime_ns) == (times.st_size, times.st_mtime_ns)


def test_a_hash_is_noted_when_another_change_would_show(tmp_path, monkeypatch):
    times = []
    monkeypatch.setattr(files, "_write_note", lambda *_: times.append(time.time_ns()))
    for _ in range(3):
        (tmp_path / "data").write_bytes(b"one")
        file_sha256(tmp_path / "data", tmp_path / "cache")
        assert times[-1] - (tmp_path / "data").stat().st_ctime_ns >= CLOCK_STEP


def flipped(content):
    """The content with each of its bytes changed in its lowest bit, one after another."""
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1
        yield bytes(changed)


def test_a_damaged_note_of_a_hash_is_made_again(tmp_path):
    file, cache = tmp_path / "data", tmp_path / "cache"
    file.write_bytes(b"one")
    file_sha256(file, cache)
    (note,) = (cache / "hashes").iterdir()
    whole = note.read_bytes()
    others = (b"", b"{damaged", b"\0" * len(whole), b"[]", b"[" * 10**5, b"\xff", b"7")
    for content in (*others, *flipped(whole)):
        note.write_bytes(content)
        assert file_sha256(file, cache) == sha256(b"one")
        assert note.read_bytes() == whole


def test_a_pipe_in_the_place_of_a_data_file_is_a_sentence(tmp_path):
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(SpotError, match="a pipe, not a regular file"):
        file_sha256(tmp_path / "a.csv")


def test_hash_cache_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "data").write_bytes(b"one")
    (tmp_path / "cache").write_bytes(b"a file where a folder should be")
    assert file_sha256(tmp_path / "data", tmp_path / "cache") == file_sha256(tmp_path / "data")

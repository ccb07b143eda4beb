"""Tables and hashes; JSONL rows are tested with the local tasks."""

from __future__ import annotations

import csv
import datetime
import decimal
import hashlib
import io
import math
import os
import random
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from bank.files import CLOCK_STEP
from spot.errors import SpotError
from spot.tasks import files
from spot.tasks.files import Row, data_rows, file_sha256, is_missing, json_row, parquet_rows, plain


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
        (
            'text\n"a"b\n',
            "line 2: expected a well-formed table row, found text behind a quote that",
        ),
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


def fields(file) -> list[dict]:
    """The rows of a file as plain dicts."""
    return [dict(row.fields) for row in data_rows(file)]


def test_a_quote_in_a_raw_tsv_is_a_character_like_others(tmp_path):
    file = tmp_path / "raw.tsv"
    lines = [
        'he said "no',
        '"No," he said',
        '"opened and not closed',
        '5" pipe"',
        'closed and not opened"',
        '"whole"',
        "plain",
    ]
    file.write_text("text\tlabel\n" + "".join(f"{line}\t{i}\n" for i, line in enumerate(lines)))
    assert fields(file) == [
        {"text": line if line != '"whole"' else "whole", "label": str(i)}
        for i, line in enumerate(lines)
    ]
    file.write_text("label\ttext\r\n" + "".join(f"{i}\t{line}\r\n" for i, line in enumerate(lines)))
    assert [row["label"] for row in fields(file)] == list("0123456")
    assert [row.line for row in data_rows(file)] == list(range(2, 9))


def test_a_raw_tsv_has_a_row_a_line_whatever_its_quotes(tmp_path):
    drawn = random.Random(7)
    letters = ['"', '"', "a", " ", ",", "'", "\\", "é"]
    for columns in (1, 2, 3):
        rows = [
            ["".join(drawn.choices(letters, k=drawn.randint(1, 6))) for _ in range(columns)]
            for _ in range(400)
        ]
        file = tmp_path / f"{columns}.tsv"
        header = "\t".join(f"c{i}" for i in range(columns))
        file.write_text("\n".join([header, *("\t".join(row) for row in rows)]), "utf-8")
        found = fields(file)
        assert len(found) == len(file.read_text("utf-8").splitlines()) - 1 == 400
        for row, cells in zip(found, rows, strict=True):
            for value, cell in zip(row.values(), cells, strict=True):
                assert value == cell or f'"{value.replace(chr(34), chr(34) * 2)}"' == cell


def test_a_tsv_that_a_program_wrote_with_quotes_is_read_back(tmp_path):
    drawn = random.Random(8)
    letters = ['"', "a", " ", ",", "é"]
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL):
        for order in (["text", "label"], ["label", "text"], ["id", "text", "label"]):
            rows = [
                {"text": "".join(drawn.choices([*letters, other], k=9)), "label": "y", "id": str(i)}
                for i, other in enumerate(["\n", "\r\n", "\t", "b"] * 80)
            ]
            written = io.StringIO(newline="")
            table = csv.DictWriter(
                written, order, delimiter="\t", quoting=quoting, extrasaction="ignore"
            )
            table.writeheader()
            table.writerows(rows)
            file = tmp_path / "a.tsv"
            file.write_bytes(written.getvalue().encode())
            assert fields(file) == [{name: row[name] for name in order} for row in rows]


def test_what_a_prediction_writes_as_tsv_is_read_back(tmp_path):
    from spot.serving.writers import Columns, writer_of

    rows = [{"text": '"Hi", she said', "label": "a"}, {"text": "one\ntwo\tthree", "label": '"'}]
    columns = Columns()
    for row in rows:
        columns.see(row)
    with writer_of(tmp_path / "a.tsv")(tmp_path / "a.tsv", columns) as write:
        write(rows)
    assert fields(tmp_path / "a.tsv") == rows


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "\ufeffsep=;"])
def test_the_line_in_which_excel_names_the_separator(first, tmp_path):
    file = tmp_path / "a.csv"
    file.write_text(f"{first}\ntext;label\none, two;x\nthree\n", "utf-8")
    with pytest.raises(SpotError, match="line 4: expected 2 columns, found 1") as caught:
        fields(file)
    assert "the names of the columns in line 2" in caught.value.hint
    file.write_text(f"{first}\ntext;label\none, two;x\n", "utf-8")
    assert fields(file) == [{"text": "one, two", "label": "x"}]
    assert next(iter(data_rows(file))).line == 3


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        (
            "text,text\na,b\n",
            'found "text" for the columns 1 and 2',
            "each column in line 1 a name",
        ),
        ("column 2,\na,b\n", 'found "column 2" for the columns 1 and 2', "a name of its own"),
        (",,\na,b,c\n", "distinct column names, found no names", "names of the columns, as text"),
        ("", "distinct column names, found no text", "above the rows"),
        (
            "a,b\n0,c,d\n",
            "line 2: expected 2 columns, found 3",
            "the names of the columns in line 1",
        ),
        ("sep=,\ntext,text\n", "line 2: expected a header row", "each column in line 2"),
    ],
)
def test_a_mistake_in_the_header_says_what_to_do_about_it(content, message, hint, tmp_path):
    for name, text in (("a.csv", content), ("a.tsv", content.replace(",", "\t"))):
        if name == "a.tsv" and "sep=" in content:
            continue
        (tmp_path / name).write_text(text)
        with pytest.raises(SpotError, match=message) as caught:
            fields(tmp_path / name)
        assert hint in caught.value.hint and "remove the row" not in caught.value.hint


def test_long_cells_are_read_and_an_open_quote_is_named_where_it_begins(tmp_path, monkeypatch):
    file = tmp_path / "a.csv"
    long = "word " * 60_000
    file.write_text(f'text,label\n"{long}",x\n{long},y\n')
    assert [row["text"] for row in fields(file)] == [long, long]
    file.write_text('text,label\na,b\n\n"never closed,c\nd,e\n')
    with pytest.raises(SpotError, match="line 4: .* found a quote that is never closed"):
        fields(file)
    monkeypatch.setattr(files, "CELL", 200_000)
    monkeypatch.setattr(csv, "field_size_limit", csv.field_size_limit)
    csv.field_size_limit(200_000)
    file.write_text(f'text,label\na,b\n"{long},c\n')
    with pytest.raises(SpotError, match="line 3: .* a cell of more than .* never closed"):
        fields(file)
    file.write_bytes(b"text,label\ra,b\r")
    with pytest.raises(SpotError, match="line 1: .* carriage return inside a line: save the file"):
        fields(file)


@pytest.mark.parametrize("suffix", files.SUFFIXES)
def test_pipes_devices_and_folders_are_no_data_files(suffix, tmp_path):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    pipe, folder, device = (tmp_path / f"{name}{suffix}" for name in ("pipe", "folder", "zero"))
    os.mkfifo(pipe)
    folder.mkdir()
    device.symlink_to("/dev/zero")
    for file, found in (
        (pipe, "it is a pipe"),
        (folder, "a directory"),
        (device, "it is a device"),
    ):
        with pytest.raises(SpotError, match=f"expected a data file at {file}, found: .*{found}"):
            fields(file)
    with pytest.raises(SpotError, match="expected a data file at .*, found: its name holds a NUL"):
        fields(tmp_path / f"a\0b{suffix}")


def test_a_line_without_an_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LINE", 1000)
    for name in ("a.csv", "a.tsv", "a.jsonl"):
        (tmp_path / name).write_bytes(b"text\n" + b"\0" * 2000)
        if name == "a.jsonl":
            (tmp_path / name).write_bytes(b"\0" * 2000)
        with pytest.raises(
            SpotError, match="expected lines of at most 1,000 bytes, found a longer"
        ):
            fields(tmp_path / name)


def test_text_of_other_encodings_is_named(tmp_path):
    (tmp_path / "a.csv").write_bytes("text,label\né,x\n".encode("utf-16"))
    with pytest.raises(
        SpotError, match="a.csv: expected UTF-8 text, found the mark of UTF-16"
    ) as e:
        fields(tmp_path / "a.csv")
    assert "iconv -f utf-16 -t utf-8" in e.value.hint
    (tmp_path / "a.csv").write_bytes("text,label\né,x\n".encode("latin-1"))
    with pytest.raises(
        SpotError, match="line 2: expected UTF-8 text, found the byte 0xe9 at place 1"
    ):
        fields(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": NaN}', "JSON has no NaN: write null, or leave the value out"),
        ('{"text": -Infinity}', "JSON has no -Infinity"),
        ('{"n": 1e999}', "the number 1e999 is beyond what can be held"),
        ('{"n": ' + "7" * 4300 + "}", "a whole number of 4,300 digits"),
        ('{"n": ' + "[" * 100_000, "nested in more than 64 levels"),
        ('{"n": ' + "[" * 65 + "]" * 65 + "}", "nested in more than 64 levels"),
        ('{"text": "a" 1}', "Expecting ',' delimiter at place 14 of the line"),
        ("[1]", "expected a JSON object, found"),
        ("null", "expected a JSON object, found null"),
    ],
)
def test_jsonl_that_is_no_json_names_file_and_line(line, message, tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text('{"text": "a"}\n\n' + line + "\n")
    with pytest.raises(SpotError, match=f"a.jsonl, line 3: .*{message}"):
        fields(file)


def test_json_of_one_kind_is_one_text():
    row = json_row(Path("a"), 1, '\ufeff{"a": 12345678901234567890, "b": "\\ud83d", "c": "x"}\r\n')
    assert row.written("a") == "12345678901234567890" and row.text("c") == "x"
    with pytest.raises(
        SpotError, match='a, line 1: expected text in "b", found half of a surrogate'
    ):
        row.text("b")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (decimal.Decimal("1.50"), "1.50"),
        (datetime.date(2024, 2, 29), "2024-02-29"),
        (datetime.datetime(2024, 2, 29, 12, 30), "2024-02-29 12:30:00"),
        ("café".encode(), "café"),
        (np.int64(4), "4"),
        (np.float32(0.5), "0.5"),
        (np.str_("word"), "word"),
        (7, "7"),
    ],
)
def test_cells_that_are_no_text_are_written_as_text(value, text):
    from spot.tasks.row_form import label_key

    assert Row(Path("a"), 1, {"x": value}).written("x") == label_key(value) == text


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        np.float64("nan"),
        decimal.Decimal("nan"),
        None,
        True,
        b"\xff",
        {"a": 1},
        ["x"],
    ],
)
def test_cells_that_have_no_text_are_refused(value):
    with pytest.raises(SpotError, match='a, line 1: expected text in "x", found'):
        Row(Path("a"), 1, {"x": value}).written("x")


def test_missing_values_of_other_libraries():
    class NA:
        """As pandas's: every question is answered with itself, which is neither true nor false."""

        def __eq__(self, other):
            return self

        __ne__ = __eq__
        __hash__ = None

        def __bool__(self):
            raise TypeError("boolean value of NA is ambiguous")

    assert all(map(is_missing, (None, math.nan, np.float32("nan"), np.datetime64("NaT"), NA())))
    assert not any(map(is_missing, (0, "", False, np.zeros(2), [], "NaN")))
    assert plain(b"\xff") == b"\xff"


def test_a_row_of_a_program_with_odd_names_is_named():
    row = Row(Path("rows"), 3, {1: "a", None: "b", "text": "c"}, "row")
    with pytest.raises(
        SpotError, match='row 3: expected a field "txt", found the fields 1, None, text'
    ):
        row.value("txt")


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


def test_parquet_cells_of_other_types_are_read_or_named(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "a.parquet"
    columns = {
        "text": pyarrow.array([b"caf\xc3\xa9", b"\xff"], pyarrow.binary()),
        "kind": pyarrow.array(["a", "b"]).dictionary_encode(),
        "price": pyarrow.array([decimal.Decimal("1.50"), None], pyarrow.decimal128(9, 2)),
        "day": pyarrow.array([datetime.date(2024, 2, 29), None]),
        "n": pyarrow.array([1.5, math.nan]),
        "more": pyarrow.array([{"a": [1, 2]}, None]),
    }
    parquet.write_table(pyarrow.table(columns), file)
    first, second = data_rows(file)
    assert [first.written(name) for name in ("text", "kind", "price", "day", "n")] == [
        "café", "a", "1.50", "2024-02-29", "1.5",
    ]  # fmt: skip
    for row, name in [(first, "more"), *((second, name) for name in columns if name != "kind")]:
        with pytest.raises(
            SpotError, match=f'a.parquet, row {row.line}: expected text in "{name}"'
        ):
            row.written(name)


def test_parquet_that_cannot_be_rows_is_a_sentence(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table([pyarrow.array(["a"])] * 2, names=["x", "x"]), file)
    with pytest.raises(SpotError, match='expected distinct column names, found "x" more than once'):
        fields(file)
    beyond = pyarrow.array([2**62 + 1], pyarrow.timestamp("ns"))
    parquet.write_table(pyarrow.table({"when": beyond}), file)
    with pytest.raises(
        SpotError, match="expected a parquet file at .*a.parquet, found: Nanosecond"
    ):
        fields(file)
    whole = tmp_path / "whole.parquet"
    rows = {"text": [f"row {i}" for i in range(500)], "label": [i % 3 for i in range(500)]}
    parquet.write_table(pyarrow.table(rows), whole, write_page_checksum=True)
    content, drawn = whole.read_bytes(), random.Random(5)
    expected, refused = fields(whole), 0
    for _ in range(300):
        damaged = bytearray(content)
        if drawn.random() < 0.3:
            damaged = damaged[: drawn.randrange(len(damaged))]
        for _ in range(drawn.randint(1, 3)):
            if damaged:
                damaged[drawn.randrange(len(damaged))] ^= 1 << drawn.randrange(8)
        file.write_bytes(damaged)
        try:
            read = fields(file)
        except SpotError as error:
            assert str(file) in error.message
            refused += 1
        else:
            # Checksums guard the values; names, types and counts of the footer have none.
            assert (
                read == expected or len(read) <= len(expected) or set(read[0]) != set(expected[0])
            )
    assert refused > 150


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

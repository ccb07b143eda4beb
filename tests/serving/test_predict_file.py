"""Files of answers: every format, every row in its place, and nothing half-written."""

from __future__ import annotations

import csv
import dataclasses
import datetime
import itertools
import json
import signal
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from bank.formats import Facts
from spot.errors import SpotError
from spot.models.model import Model
from spot.prompts.files import find_prompt
from spot.prompts.prefix import PREFIX
from spot.prompts.prompt import SoftPrompt
from spot.serving import files
from spot.serving.ensemble import Ensemble
from spot.serving.files import predict_file
from spot.serving.predicting import Prediction, predict
from spot.serving.writers import Columns, writer_of
from spot.tasks.files import data_rows
from spot.tasks.task import Task
from spot.training.runs import Runs
from spot.training.slots import Reporter
from tests.lab import lines
from tests.models.test_hf_decoder import write_folder
from tests.toys import model_settings, random_arrays, sentences, tiny_decoder

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
pytest_plugins = ("tests.lab",)

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
ROWS = [
    {"id": "7", "text": "a red cat is here", "note": 'she said "no", twice'},
    {"id": "3", "text": "a blue hen\nis there", "note": ""},
    {"id": "5", "text": "a white\r\nowl", "note": "a,b;c\td"},
]
LABELLED = [{"text": text, "label": "no"} for text in ("a red cat", "a hen")]
TASK = Task.from_rows(
    "house", LABELLED, LABELLED, LABELLED, inputs="no {text} yes", labels=["no", "yes"]
)
WORDS = {"no": "p_no", "yes": "p_yes"}


class Quick(Model):
    """A model that is not run: "no" is the likelier, the longer a text is."""

    def score(self, inputs, labels, prompt=None, normalisation="sum"):
        lengths = inputs.lengths().astype(np.float32)
        return np.stack([lengths, np.full_like(lengths, 8)], axis=1)


@pytest.fixture
def quick(tiny_backbone):
    return Quick(**{f.name: getattr(tiny_backbone, f.name) for f in dataclasses.fields(Model)})


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(path: str, rows) -> Path:
    """Rows as a file of this suffix, written without the code under test."""
    file = Path(path)
    if file.suffix == ".jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif file.suffix == ".parquet":
        parquet.write_table(pyarrow.Table.from_pylist(rows), file)
    else:
        with open(file, "w", newline="", encoding="utf-8-sig") as stream:
            table = csv.DictWriter(
                stream, rows[0], dialect="excel" if file.suffix == ".csv" else "excel-tab"
            )
            table.writeheader()
            table.writerows(rows)
    return file


def stored(file) -> list[dict]:
    return [dict(row.fields) for row in data_rows(Path(file))]


@pytest.mark.parametrize("target", SUFFIXES)
@pytest.mark.parametrize("source", SUFFIXES)
def test_rows_keep_their_order_and_columns_in_every_format(quick, source, target):
    result = predict_file(quick, TASK, None, write(f"in{source}", ROWS), f"out{target}")
    assert (result.rows, result.answer, result.probabilities) == (3, "label", WORDS)
    assert (result.label, result.labelled, result.accuracy) == ("", 0, None)
    written = stored(f"out{target}")
    expected = predict(quick, TASK, None, ROWS)
    for row, answered, prediction in zip(ROWS, written, expected, strict=True):
        assert {name: answered[name] for name in row} == row
        assert list(answered) == [*row, "label", "p_no", "p_yes"]
        assert answered["label"] == prediction.answer
        for word, column in WORDS.items():
            share = float(answered[column])
            assert share == pytest.approx(prediction.probabilities[word], abs=1e-6)


def test_a_table_is_written_by_rfc_4180(quick):
    predict_file(quick, TASK, None, write("in.jsonl", ROWS), "out.csv")
    first, second, *_ = Path("out.csv").read_bytes().split(b"\r\n")
    assert first == b"id,text,note,label,p_no,p_yes"
    assert second.startswith(b'7,a red cat is here,"she said ""no"", twice",')
    assert b'3,"a blue hen\nis there",,' in Path("out.csv").read_bytes()


@pytest.mark.parametrize("kind", ["t5", "decoder"])
def test_answers_are_those_of_predict_for_every_family(lab, tmp_path, kind, monkeypatch):
    if kind == "t5":
        model = lab.objects().model
    else:
        pytest.importorskip("tokenizers", reason="the extra decoders is not installed")
        from spot.models.model import load

        config = tiny_decoder(context=64)
        model = load(model_settings(write_folder(tmp_path / "d", config, random_arrays(config))))
    letters = [{"text": text, "label": "a"} for text in ("abc", "cab", "dd", "e")] * 3
    task = Task.from_rows("t", letters, letters, letters, inputs="b {text}", labels=["a", "no"])
    if kind == "decoder":
        task = Task.from_rows("t", letters, letters, letters, inputs="b {text}", labels=["a", "c"])
    prompt = SoftPrompt.of(PREFIX, np.random.default_rng(0).normal(size=(4, 16)))
    monkeypatch.setattr(files, "ROWS", 5)
    predict_file(model, task, prompt, write("in.csv", letters), "out.jsonl")
    expected = predict(model, task, prompt, [row["text"] for row in letters])
    for answered, prediction in zip(stored("out.jsonl"), expected, strict=True):
        assert answered["prediction"] == prediction.answer
        for word, share in prediction.probabilities.items():
            assert answered[f"p_{word}"] == pytest.approx(share, abs=2e-6)


def test_free_answers_have_a_column_of_their_own(lab, tiny_backbone):
    at = lab.objects()
    task = at.task("animal")
    rows = [{"text": text} for text, _, _ in sentences(5, 1)]
    sizes = {"input_length": 16, "target_length": 8}
    result = predict_file(tiny_backbone, task, None, write("in.jsonl", rows), "out.jsonl", **sizes)
    assert (result.answer, result.probabilities, result.accuracy) == ("answer", {}, None)
    expected = [row.answer for row in predict(tiny_backbone, task, None, rows, **sizes)]
    assert [row["answer"] for row in stored("out.jsonl")] == expected


def test_columns_that_are_taken_stay_and_labels_are_compared(quick):
    rows = [
        {"text": "a", "label": "yes", "p_no": "x"},
        {"text": "a red cat is here", "label": "yes"},
    ]
    rows += [{"text": "a", "label": "?"}, {"text": "a hen", "label": None, "prediction": 3}]
    result = predict_file(quick, TASK, None, write("in.jsonl", rows), "out.jsonl")
    assert (result.answer, result.probabilities) == (
        "prediction_2", {"no": "p_no_2", "yes": "p_yes"},
    )  # fmt: skip
    answers = [row["prediction_2"] for row in stored("out.jsonl")]
    assert (result.label, result.labelled) == ("label", 2)
    assert result.correct == (answers[0] == "yes") + (answers[1] == "yes") == 1
    assert result.accuracy == 50
    for row, answered in zip(rows, stored("out.jsonl"), strict=True):
        assert answered.items() >= row.items()


def test_columns_of_label_words_that_look_alike_differ(quick):
    words = dataclasses.replace(TASK, labels=("no", "no_2"))
    result = predict_file(
        quick, words, None, write("in.jsonl", [{"text": "a", "p_no": 1}]), "a.csv"
    )
    assert result.probabilities == {"no": "p_no_2", "no_2": "p_no_2_2"}


def test_values_of_labels_are_compared_as_the_task_reads_them(quick):
    rows = [{"text": "a", "stars": 5}, {"text": "a", "stars": 1}, {"text": "a red cat", "stars": 9}]
    task = Task.from_rows(
        "t", rows[:2], rows[:2], rows[:2], label="stars", labels={1: "no", 5: "yes"}
    )
    for suffix in SUFFIXES:
        result = predict_file(
            quick, task, None, write(f"in{suffix}", rows), f"out-{suffix[1:]}.csv"
        )
        assert (result.answer, result.label, result.labelled, result.correct) == (
            "label", "stars", 2, 1,
        )  # fmt: skip


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_bad_row_is_named_before_anything_is_scored(quick, suffix, monkeypatch):
    monkeypatch.setattr(Quick, "score", lambda *_: pytest.fail("something was scored"))
    empty = write(f"empty{suffix}", [*ROWS, {**ROWS[0], "text": " "}])
    place = {".csv": "line 7", ".tsv": "line 7", ".jsonl": "line 4", ".parquet": "row 4"}[suffix]
    with pytest.raises(SpotError, match=rf'empty{suffix}, {place}: expected text in "text", found'):
        predict_file(quick, TASK, None, empty, "out.csv")
    other = write(f"other{suffix}", [{"texts": "a", "id": "1"}])
    with pytest.raises(SpotError, match='expected a field "text", found the fields texts, id. Did'):
        predict_file(quick, TASK, None, other, "out.csv")
    assert not list(Path().glob("*out*"))


def test_places_and_tasks_that_cannot_work_are_refused(quick):
    rows = write("in.csv", ROWS)
    Path("folder.csv").mkdir()
    write("none.jsonl", [])
    free = dataclasses.replace(TASK, render=None, columns=())
    for task, source, target, message in (
        (
            TASK,
            rows,
            "out.cvs",
            "ending in .csv, .tsv, .jsonl, .parquet for the answers, found out",
        ),
        (TASK, rows, "folder.csv", "expected a file for the answers, found the folder folder.csv"),
        (TASK, rows, "in.csv", "expected another file for the answers than in.csv"),
        (TASK, "none.jsonl", "out.csv", "expected rows to predict in none.jsonl, found none"),
        (TASK, "gone.csv", "out.csv", "expected a data file at gone.csv"),
        (free, rows, "out.csv", 'task "house": expected a template that columns fill, found none'),
    ):
        with pytest.raises(SpotError, match=message):
            predict_file(quick, task, None, source, target)
    assert Path("in.csv").stat().st_size > 50


def test_without_pyarrow_a_parquet_file_is_refused_up_front(quick, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(SpotError, match="expected pyarrow to write out.parquet") as caught:
        predict_file(quick, TASK, None, write("in.csv", ROWS), "out.parquet")
    assert "spot-transfer[parquet]" in caught.value.hint


def test_types_of_values_are_kept_in_parquet(quick):
    day = datetime.datetime(2024, 2, 29, 12, 30)
    rows = [
        {"text": "a", "n": 1, "x": 0.5, "ok": True, "big": 2**70, "tags": ["a", "é"], "odd": 1},
        {"text": "b", "n": None, "x": 2, "ok": False, "big": 1, "tags": [], "odd": "one"},
    ]
    predict_file(quick, TASK, None, write("in.jsonl", rows), "out.parquet")
    kinds = {field.name: str(field.type) for field in parquet.read_schema("out.parquet")}
    assert kinds == {
        "text": "string", "n": "int64", "x": "double", "ok": "bool", "big": "string",
        "tags": "string", "odd": "string", "label": "string", "p_no": "double", "p_yes": "double",
    }  # fmt: skip
    first, second = stored("out.parquet")
    assert (first["tags"], first["big"], second["odd"]) == ('["a", "é"]', str(2**70), "one")
    assert (first["odd"], second["n"], second["x"]) == ("1", None, 2.0)
    timed = [{"text": "a", "day": day, "tags": ["b"], "x": float("nan")}]
    timed += [{"text": "b", "day": None, "tags": None, "x": 0.5}]
    predict_file(quick, TASK, None, write("in.parquet", timed), "kept.parquet")
    for row, answered in zip(timed, stored("kept.parquet"), strict=True):
        assert [answered[name] for name in ("day", "tags")] == [row["day"], row["tags"]]
    assert np.isnan(stored("kept.parquet")[0]["x"]) and stored("kept.parquet")[1]["x"] == 0.5
    for target, nothing in (("out.jsonl", None), ("out.csv", "")):
        predict_file(quick, TASK, None, "in.parquet", target)
        first, second = stored(target)
        assert (first["day"], first["x"]) == ("2024-02-29 12:30:00", nothing)
        assert (second["day"], second["tags"]) == (nothing, nothing)


def test_half_a_surrogate_pair_beside_the_text_does_no_harm(quick):
    rows = [{"text": "a", "note": "\ud83d"}]
    for target in ("out.jsonl", "out.csv"):
        predict_file(quick, TASK, None, write("in.jsonl", rows), target)
    assert stored("out.jsonl")[0]["note"] == "\ud83d"
    assert stored("out.csv")[0]["note"] == "\\ud83d"


class Heard(Reporter):
    def __init__(self):
        super().__init__()
        self.heard = []

    def begin(self, title, steps, done):
        self.heard.append(("begin", title, steps, done))

    def advance(self, step, loss):
        self.heard.append(("advance", step))

    def end(self):
        self.heard.append(("end",))

    def say(self, text):
        self.heard.append(("say", text))


def test_a_finished_file_is_found_and_another_one_is_made_again(quick, tmp_path):
    rows = write("in.csv", [ROWS[0]] * 2500)

    def heard(**more):
        reporter = Heard()
        values = {"model": quick, "task": TASK, "prompt": None, "target": "out.csv", **more}
        result = predict_file(**values, source=rows, runs=Runs(tmp_path / "runs", reporter))
        assert result.rows == len(stored(values["target"]))
        return reporter.heard

    made = [
        ("begin", "answering in.csv", 2500, 0), ("advance", 1024), ("advance", 2048), ("advance", 2500),
        ("end",),
    ]  # fmt: skip
    assert heard() == made
    content = Path("out.csv").read_bytes()
    assert heard() == [("say", "found: out.csv (finished before)")]
    Path("out.csv").write_text("edited")
    assert heard() == made and Path("out.csv").read_bytes() == content
    Path("out.csv").unlink()
    assert heard() == made and Path("out.csv").read_bytes() == content
    prompt = SoftPrompt.of(PREFIX, np.ones((4, 16)))
    words = dataclasses.replace(TASK, labels=("yes", "no"))
    for change in ({"prompt": prompt}, {"task": words}, {"input_length": 8}, {"target": "a.tsv"}):
        assert heard(**change)[0][0] == "begin", change
    rows = write("in.csv", [ROWS[1]] * 3)
    assert heard()[0] == ("begin", "answering in.csv", 3, 0)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_an_interrupted_call_continues_and_writes_equal_bytes(quick, tmp_path, monkeypatch, suffix):
    rows = write(f"in{suffix}", [{**ROWS[n % 3], "n": str(n)} for n in range(2500)])
    out, answers = Path(f"out{suffix}"), files.Predictor.answers
    predict_file(quick, TASK, None, rows, f"whole{suffix}", margins=True)
    out.write_text("the answers of yesterday")
    calls = []

    def counted(self, texts):
        calls.append(len(texts))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return answers(self, texts)

    monkeypatch.setattr(files.Predictor, "answers", counted)
    runs = Runs(tmp_path / "runs")
    with pytest.raises(KeyboardInterrupt):
        predict_file(quick, TASK, None, rows, out, margins=True, runs=runs)
    assert calls == [1024, 1024]
    assert out.read_text() == "the answers of yesterday" and not list(Path().glob(".tmp*"))
    so_far = Path(f"out{suffix}.so-far")
    with open(so_far, "ab") as stream:  # as a kill leaves it that comes while a line is written
        stream.write(so_far.read_bytes()[-3000:-2000])
    heard = Heard()
    result = predict_file(
        quick, TASK, None, rows, out, margins=True, runs=Runs(tmp_path / "runs", heard)
    )
    assert calls == [1024, 1024, 1024, 452] and result.rows == 2500
    assert heard.heard[0] == ("begin", f"answering in{suffix}", 2500, 1024)
    assert out.read_bytes() == Path(f"whole{suffix}").read_bytes()
    assert not so_far.exists()


def test_answers_so_far_of_something_else_are_not_used(quick, tmp_path, monkeypatch):
    rows, answers = write("in.csv", [ROWS[0]] * 1500), files.Predictor.answers
    monkeypatch.setattr(files, "ROWS", 500)

    def interrupted(**more):
        def stops(self, texts):
            if self.texts:
                raise KeyboardInterrupt
            return answers(self, texts)

        with monkeypatch.context() as patch:
            patch.setattr(files.Predictor, "answers", stops)
            with pytest.raises(KeyboardInterrupt):
                predict_file(quick, TASK, None, rows, "out.csv", **more)

    def said(source=rows, **more):
        reporter = Heard()
        given = {"prompt": None, "task": TASK, **more}
        predict_file(
            quick, source=source, target="out.csv", runs=Runs(tmp_path / "runs", reporter), **given
        )
        return reporter.heard[0]

    prompt = SoftPrompt.of(PREFIX, np.ones((4, 16)))
    words = dataclasses.replace(TASK, labels=("yes", "no"))
    for more, what in (
        ({"prompt": prompt}, "prompt"),
        ({"task": words}, "task"),
        ({"margins": True}, "margins"),
        ({"prompt": Ensemble([prompt, prompt])}, "prompt, another ensemble"),
    ):
        interrupted()
        assert said(**more) == (
            "say",
            f"out.csv.so-far: the answers so far are of another {what}; all rows are answered again",
        )
    interrupted()
    rows = write("in.csv", [ROWS[1]] * 1500)
    assert "are of another rows; all rows" in said(rows)[1]
    Path("out.csv.so-far").write_text("a file of the user's")
    rows = write("in.csv", [ROWS[2]] * 10)
    with pytest.raises(SpotError, match="nothing, at out.csv.so-far, found another file"):
        said(rows)
    Path("out.csv.so-far").unlink()
    said(rows)
    Path("out.csv.so-far").write_text("a file of the user's")
    assert said(rows) == ("say", "found: out.csv (finished before)")
    assert Path("out.csv.so-far").read_text() == "a file of the user's"


def test_rows_that_change_while_they_are_read_are_refused(quick, monkeypatch):
    rows, answers = write("in.csv", [ROWS[0]] * 3), files.Predictor.answers

    def edits(self, texts):
        write("in.csv", [ROWS[1]] * 2)
        return answers(self, texts)

    monkeypatch.setattr(files.Predictor, "answers", edits)
    with pytest.raises(SpotError, match="expected in.csv as it was when its rows were read first"):
        predict_file(quick, TASK, None, rows, "out.csv")
    assert not Path("out.csv").exists()


def test_a_killed_command_continues_and_writes_equal_bytes(lab, tmp_path):
    rows = write(str(tmp_path / "in.csv"), [{"text": text} for text, _, _ in sentences(9000, 1)])
    out, so_far = tmp_path / "out.csv", tmp_path / "out.csv.so-far"
    command = ("predict", "--task", "house", "--in", str(rows), "--out")
    with lab.start(*command, str(out)) as running:
        for _ in range(4800):
            if so_far.exists() and so_far.read_bytes().count(b"\n") > 1:
                break
            if running.poll() is not None:
                pytest.fail(f"ended before it was killed: {running.communicate()}")
            time.sleep(0.05)
        running.send_signal(signal.SIGKILL)
    assert not out.exists()
    kept = so_far.read_bytes().count(b"\n") - 1
    done = lab.run(*command, str(out), "--json")
    assert done.exit_code == 0, done.stderr
    assert f"resumed at step {1024 * kept}" in done.stderr
    assert lines(done.stdout)[0]["rows"] == len(stored(out)) == 9000
    assert lab.run(*command, str(tmp_path / "whole.csv")).exit_code == 0
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes() and not so_far.exists()


MIXED = [ROWS[0], {**ROWS[1], "text": " "}, ROWS[2], {**ROWS[0], "text": ""}, ROWS[1]]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_bad_rows_go_to_a_file_of_their_own(quick, suffix, monkeypatch):
    monkeypatch.setattr(files, "ROWS", 2)
    source, reporter = write(f"in{suffix}", MIXED), Reporter()
    result = predict_file(
        quick,
        TASK,
        None,
        source,
        f"out{suffix}",
        bad_rows=f"bad{suffix}",
        runs=Runs(reporter=reporter),
    )
    assert (result.rows, result.skipped, result.bad_rows) == (3, 2, Path(f"bad{suffix}"))
    predict_file(
        quick, TASK, None, write(f"good{suffix}", [MIXED[n] for n in (0, 2, 4)]), f"all{suffix}"
    )
    assert stored(f"out{suffix}") == stored(f"all{suffix}")
    places = {".jsonl": (2, 4), ".parquet": (2, 4)}.get(suffix, (3, 6))  # a row has two lines
    bad = stored(f"bad{suffix}")
    assert [str(row["line"]) for row in bad] == [str(place) for place in places]
    for row, found in zip(bad, (MIXED[1], MIXED[3]), strict=True):
        assert {name: row[name] for name in found} == found
        assert row["reason"].startswith('expected text in "text", found empty text')
    unit = "row" if suffix == ".parquet" else "line"
    assert reporter.warnings == [
        f"skipped 2 of 5 rows, which are in bad{suffix}; the first: in{suffix}, {unit} {places[0]}: "
        'expected text in "text", found empty text'
    ]
    with pytest.raises(SpotError, match=rf"in{suffix}, {unit} {places[0]}: expected text"):
        predict_file(quick, TASK, None, source, "none.csv")


def test_bad_rows_of_other_fields_and_names(quick):
    rows = [{"text": "a", "line": "x"}, {"line": "y", "reason": "z"}, {"text": "b"}]
    source = write("in.jsonl", rows)
    result = predict_file(quick, TASK, None, source, "out.jsonl", bad_rows="bad.csv")
    assert (result.rows, result.skipped) == (2, 1)
    (bad,) = stored("bad.csv")
    assert (bad["line"], bad["reason"], bad["line_2"]) == ("y", "z", "2")
    assert bad["reason_2"].startswith('expected a field "text", found the fields line, reason')
    predict_file(quick, TASK, None, write("in.jsonl", rows[::2]), "out.jsonl", bad_rows="bad.csv")
    assert stored("bad.csv") == []  # of the last call, not of an earlier one
    write("in.jsonl", [rows[1]] * 3)
    with pytest.raises(
        SpotError, match="to predict in in.jsonl, found 3 bad ones, the first: in.jsonl, line 1"
    ):
        predict_file(quick, TASK, None, source, "out.jsonl", bad_rows="bad.csv")
    for bad_rows, message in (
        ("in.jsonl", "another file for the bad rows than in.jsonl, whose rows they are"),
        ("out.jsonl", "another file for the bad rows than out.jsonl, where the answers go"),
        ("bad.txt", "ending in .csv, .tsv, .jsonl, .parquet for the bad rows, found bad.txt"),
    ):
        with pytest.raises(SpotError, match=message):
            predict_file(quick, TASK, None, source, "out.jsonl", bad_rows=bad_rows)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_margins_and_agreement_have_columns(tiny_backbone, suffix):
    rng = np.random.default_rng(0)
    ensemble = Ensemble([SoftPrompt.of(PREFIX, rng.normal(size=(4, 16))) for _ in range(3)])
    rows = [{"text": text, "margin": "m", "label": "no"} for text, _, _ in sentences(12, 4)]
    source, sizes = write(f"in{suffix}", rows), {"calibrate": True, "input_length": 16}
    result = predict_file(
        tiny_backbone, TASK, ensemble, source, f"out{suffix}", margins=True, **sizes
    )
    assert result.columns == ("prediction", "p_no", "p_yes", "margin_2", "agreement")
    expected = predict(tiny_backbone, TASK, ensemble, rows, **sizes)
    for row, found in zip(stored(f"out{suffix}"), expected, strict=True):
        assert (row["prediction"], row["margin"]) == (found.answer, "m")
        assert float(row["margin_2"]) == pytest.approx(found.margin, abs=1e-6)
        assert float(row["agreement"]) == pytest.approx(found.agreement, abs=1e-6)
    apart = [a != b for row in expected for a, b in itertools.combinations(row.members, 2)]
    assert result.disagreement is not None
    assert result.disagreement.share == pytest.approx(np.mean(apart)) and any(apart)
    agreed = [np.mean([row.members[m] == row.answer for row in expected]) for m in range(3)]
    assert result.disagreement.agreement == pytest.approx(agreed)
    again = predict_file(
        tiny_backbone, TASK, ensemble, source, f"out{suffix}", margins=True, **sizes
    )
    assert again == result


def test_generated_answers_have_no_margins(lab, tiny_backbone):
    rows = write("in.jsonl", [{"text": "a cat"}])
    with pytest.raises(SpotError, match='to give margins, found the task "animal"'):
        predict_file(
            tiny_backbone, lab.objects().task("animal"), None, rows, "out.csv", margins=True
        )


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_large_file_takes_little_memory(quick, suffix, monkeypatch):
    text = "a red cat is here and a blue hen is there"
    rows = write(f"in{suffix}", [{"id": number, "text": text} for number in range(100_000)])
    shares = {"no": 0.25, "yes": 0.75}
    monkeypatch.setattr(
        files.Predictor,
        "answers",
        lambda self, texts: [Prediction(text, "yes", shares, 0.5) for text in texts],
    )
    few = write(f"few{suffix}", [{"id": 1, "text": text}])
    predict_file(quick, TASK, None, few, f"warm{suffix}")  # imports are not counted
    tracemalloc.start()
    result = predict_file(quick, TASK, None, rows, f"out{suffix}")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert result.rows == sum(1 for _ in data_rows(Path(f"out{suffix}"))) == 100_000
    assert peak < 6_000_000  # the rows alone are ten times as much


def test_the_command_needs_a_prompt_and_a_file_alone(lab):
    rows = [{"text": text, "answer": "yes"} for text, _, _ in sentences(6, 3)]
    lab.run("train", "--task", "house", "--out", "p.safetensors")
    done = lab.run("predict", "--prompt", "p.safetensors", "--in", str(write("new.csv", rows)),
                   "--out", "answers.csv")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    answers = [row["label"] for row in stored("answers.csv")]
    right = 100 * answers.count("yes") / 6
    assert done.stdout.splitlines() == [
        "6 rows; new columns: label, p_no, p_yes",
        f'accuracy {right:.2f} against the column "answer" (n 6)',
        "answers written to answers.csv",
    ]
    printed = lab.run("predict", "--prompt", "p.safetensors", "--in", "new.csv")
    assert [line.split("\t")[0] for line in printed.stdout.splitlines()] == answers
    prompt = find_prompt("p.safetensors", lab.bank, lab.objects().model)
    assert isinstance(prompt.facts, Facts) and prompt.facts.task == "house"


def test_a_value_that_a_parquet_column_cannot_hold_is_a_sentence(tmp_path):
    parquet.write_table(pyarrow.table({"a": pyarrow.array([1], pyarrow.int8())}), "in.parquet")
    columns = Columns({"a": {int}}, Path("in.parquet"))
    with (
        pytest.raises(SpotError, match='of the type int8 in the column "a", found: '),
        writer_of(Path("out.parquet"))(Path("out.parquet"), columns) as write,
    ):
        write([{"a": 1000}])

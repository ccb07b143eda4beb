"""The table of rows, the command, and the rows that need no PyTorch, on tiny shapes."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.bench import __main__ as command
from benchmarks.bench import machine, peak, slots, table, text
from benchmarks.bench.apart import Failed, apart
from benchmarks.bench.lines import Line, Measured
from benchmarks.bench.sizes import FULL, QUICK

FOLDER = Path(table.__file__).parent
LINE = Line("a step", "s", Measured("ours", (1.0,)), Measured("theirs", (3.0,)))


@pytest.mark.parametrize("name", table.ROWS)
def test_every_row_names_a_function_of_its_file(name):
    module, _, function = table.ROWS[name].function.partition(":")
    tree = ast.parse((FOLDER / f"{module}.py").read_text("utf-8"))
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_rows_are_skipped_with_a_reason(monkeypatch):
    row = table.Row("x", "y:z", ("json", "no_such_package"))
    assert table.reason_to_skip(row) == "without no_such_package (make bench installs them)"
    monkeypatch.delenv("SPOT_DATA_DIR", raising=False)
    data = table.Row("x", "y:z", ("json",), data=True)
    assert "SPOT_DATA_DIR" in (table.reason_to_skip(data) or "")
    monkeypatch.setenv("SPOT_DATA_DIR", "there")
    assert table.reason_to_skip(data) is None


def test_command_measures_each_row_once_and_names_what_failed(monkeypatch, tmp_path, capsys):
    calls = []

    def measured(module, name, function, sizes):
        calls.append((function, sizes))
        if function == table.ROWS["bank"].function:
            raise Failed("ValueError: expected equal results")
        return [LINE]

    monkeypatch.setattr(command, "apart", measured)
    monkeypatch.setattr(command, "reason_to_skip", lambda row: "why" if row.data else None)
    arguments = ["--quick", "--json", str(tmp_path / "b.json"), "t5-slots", "bank"]
    assert command.main([*arguments, "smollm2-sst2-step"]) == 1
    out = capsys.readouterr().out
    assert "| a step | s | ours | 1.00 | theirs | 3.00 | **3.00** |" in out
    assert "bank failed: ValueError" in out
    assert "smollm2-sst2-step was left out: why" in out
    assert machine.facts()["releases"]["jax"] in out
    assert calls == [(table.ROWS[name].function, QUICK) for name in ("t5-slots", "bank")]
    assert command.main(arguments[:-1]) == 0
    assert len(calls) == 2  # found in the file
    assert command.main([*arguments[:-1], "--precision", "float32"]) == 0
    sizes = replace(QUICK, precisions=("float32",))  # another measurement
    assert calls[2:] == [(table.ROWS["t5-slots"].function, sizes)]
    assert command.main([*arguments[:-1], "--again"]) == 0
    assert len(calls) == 4
    stored = json.loads((tmp_path / "b.json").read_text())
    assert stored["rows"]["t5-slots"]["lines"][0]["ratio"] == 3.0


def test_command_refuses_unknown_rows(capsys):
    with pytest.raises(SystemExit):
        command.main(["t5-stp"])
    assert "found t5-stp" in capsys.readouterr().err


def test_function_runs_in_a_process_of_its_own():
    assert apart("os.path", "join", "a", "b") == "a/b"
    with pytest.raises(Failed, match="ZeroDivisionError"):
        apart("operator", "floordiv", 1, 0)
    with pytest.raises(Failed, match="longer than"):
        apart("time", "sleep", 30, timeout=0.5)


def test_rows_without_pytorch_are_measured():
    sizes = replace(QUICK, rounds=1, slot_rounds=1)
    (line,) = slots.on_t5(sizes)
    assert (line.ours.name, line.other.name, line.unit) == ("S 2", "S 1", "ms")
    lines = peak.on_t5(sizes)
    assert [line.what.rpartition(", ")[2] for line in lines] == ["float32", "bfloat16"]
    for (
        line
    ) in lines:  # of toy shapes a share says nothing: the call alone takes most of a product's time
        assert line.ours.name.startswith("a step") and line.other.name.startswith("XLA")
        assert min(*line.ours.values, *line.other.values) > 0
        assert line.ratio == pytest.approx(line.ours.values[0] / line.other.values[0])


def test_texts_have_the_stated_lengths():
    (batch,) = text.whole_rows(FULL, 1)
    assert [array.shape for array in batch] == [(16, 128), (16, 8)]
    assert all((array > 0).all() for array in batch)
    lengths = np.concatenate([(texts > 0).sum(1) for texts, _ in text.short_rows(FULL, 20)])
    assert (lengths.min(), lengths.max()) == (10, 60)

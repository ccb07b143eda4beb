"""The benchmark for GPUs, without one: its dry run, and what it does about memory and time."""

from __future__ import annotations

import json

import pytest

from benchmarks import gpu


def test_dry_run_prints_a_line_a_case(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(gpu, "why_not_peft", lambda dry: "not in this test")
    path = tmp_path / "gpu.json"
    assert gpu.main(["--dry-run", "--json", str(path)]) == 0
    out = capsys.readouterr().out
    lines = [line.split("|") for line in out.splitlines() if "| spot |" in line]
    assert [cells[1].strip() for cells in lines] == list(gpu.DRY)
    assert "PEFT was left out: not in this test" in out
    for result, case in zip(json.loads(path.read_text())["rows"], gpu.DRY.values(), strict=True):
        assert result["rows"] == case.step.rows
        assert 0 < result["share"] < 1
        assert len(result["seconds"]) == gpu.ROUNDS


def test_nothing_is_begun_when_the_time_is_used_up(monkeypatch, capsys):
    monkeypatch.setattr(gpu, "apart", lambda *_, **__: pytest.fail("something was measured"))
    monkeypatch.setattr(gpu, "why_not_peft", lambda dry: "absent")
    assert gpu.main(["--budget", "5"]) == 1
    out = capsys.readouterr().out
    assert [f"{name}, spot: left out, the 5 s are used up" in out for name in gpu.CASES] == [
        True
    ] * len(gpu.CASES)


def test_failures_and_small_devices_are_notes(monkeypatch, capsys):
    def measured(_, function, name, option, environment, timeout):
        if name == "t5-base":
            raise gpu.Failed("JaxRuntimeError: INTERNAL")
        return {"skipped": "weights and a row need about 20 GB, the device has 16"}

    monkeypatch.setattr(gpu, "apart", measured)
    monkeypatch.setattr(gpu, "why_not_peft", lambda dry: "absent")
    assert gpu.main(["t5-base", "llama-8b"]) == 1
    out = capsys.readouterr().out
    assert "t5-base, spot: JaxRuntimeError: INTERNAL" in out
    assert "llama-8b, spot: left out, weights and a row need about 20 GB" in out


def test_micro_batches_halve_until_they_fit():
    config, step = gpu.CASES["llama-8b"]
    one = gpu.row_bytes(config, step)
    assert gpu.rows_at_once(config, step, 100 * one) == 16
    assert gpu.rows_at_once(config, step, 5 * one) == 4
    assert gpu.rows_at_once(config, step, 0.1 * one) == 1
    tried = []

    def run(rows):
        tried.append(rows)
        if rows > 3:
            raise MemoryError
        return 1.0, [1.0]

    short = lambda error: isinstance(error, MemoryError)  # noqa: E731
    assert gpu._halving(16, run, short) == (2, (1.0, [1.0]))
    assert tried == [16, 8, 4, 2]
    with pytest.raises(ZeroDivisionError):
        gpu._halving(4, lambda rows: 1 // 0, short)


@pytest.mark.parametrize(
    ("name", "billions"),
    [("t5-base", 0.25), ("t5-xl", 2.85), ("llama-1b", 1.24), ("llama-8b", 8.03)],
)
def test_cases_have_the_parameters_of_their_models(name, billions):
    assert gpu.CASES[name].config.count() / 1e9 == pytest.approx(billions, rel=0.01)

"""Ratios of medians, the table, the file of measured rows, and contenders in turns."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.bench.lines import Line, Measured, markdown
from benchmarks.bench.sizes import FULL, QUICK
from benchmarks.bench.store import Store
from benchmarks.bench.timing import Contender, agree, in_turns, quickest

OURS, OTHER = Measured("a", (1.0, 9.0, 2.0)), Measured("b", (8.0, 3.0))


class Clock:
    """A clock that contenders turn forward."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize(("speed", "ratio"), [(False, 5.5 / 2), (True, 2 / 5.5)])
def test_ratio_is_of_medians_and_more_than_one_where_ours_is_better(speed, ratio):
    assert Line("x", "s", OURS, OTHER, speed).ratio == pytest.approx(ratio)


def test_table_shows_median_extremes_and_ratio():
    assert markdown([Line("a step", "s", OURS, Measured("b", (0.5,)))]) == (
        "| a step | s | a | 2.00 (1.00 to 9.00) | b | 0.500 | **0.25** |"
    )


def test_line_survives_json():
    line = Line("a step", "GFLOP/s", OURS, OTHER, speed=True)
    assert Line.from_json(line.to_json()) == line


def test_contenders_run_in_turns_after_their_warm_rounds():
    clock, calls = Clock(), []

    def runner(name, seconds):
        def run(number):
            calls.append((name, number))
            clock.now += seconds

        return run

    contenders = [Contender("a", runner("a", 2.0), warm=2), Contender("b", runner("b", 5.0))]
    times = in_turns(contenders, 2, clock)
    assert calls[:3] == [("a", 0), ("a", 1), ("b", 0)]
    assert calls[3:] == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    assert times == {"a": Measured("a", (2.0, 2.0)), "b": Measured("b", (5.0, 5.0))}


def test_trials_count_the_second_run_only():
    clock = Clock()

    def maker(first, later):
        def make():
            seconds = iter([first, later])

            def run(_):
                clock.now += next(seconds)

            return Contender("any", run)

        return make

    trials = {"late": maker(2, 3), "early": maker(50, 1)}
    assert quickest(trials, clock) == ["early", "late"]


@pytest.mark.parametrize("theirs", [[1.0, 2.1], [1.0, float("nan")]])
def test_results_that_differ_are_not_compared(theirs):
    agree("equal", [1.0, 2.0], [1.0, 2.0001], 1e-4)
    with pytest.raises(ValueError, match="first loss: expected equal results, found"):
        agree("first loss", [1.0, 2.0], theirs, 1e-2)


def test_measured_rows_stay_until_code_machine_or_sizes_change(tmp_path):
    path, line = tmp_path / "bench.json", Line("a step", "s", OURS, OTHER)
    Store(path, {"code": "1"}, QUICK).put("t5-step", [line], 1.5)
    assert Store(path, {"code": "1"}, QUICK).get("t5-step") == [line]
    assert Store(path, {"code": "1"}, QUICK).get("bank") is None
    for facts, sizes in (({"code": "2"}, QUICK), ({"code": "1"}, replace(QUICK, rounds=9))):
        assert Store(path, facts, sizes).get("t5-step") is None
    other = Store(path, {"code": "1"}, FULL)
    other.put("bank", [line], 2.0)
    assert Store(path, {"code": "1"}, FULL).get("t5-step") is None

"""Learning curves as text: the chart by hand, and its size."""

from __future__ import annotations

from spot.report.text_curves import COLUMNS, text_curves

CURVES = {"scratch": [(0, 50.0), (20, 60.0), (40, 70.0)], "transfer": [(0, 70.0), (40, 70.0)]}


def test_the_chart_is_this_text():
    assert text_curves(CURVES, "validation accuracy by step") == [
        "validation accuracy by step: ● transfer, ○ scratch, ◉ both",
        " 70.0 ┤     ●           ◉",
        "      │",
        "      │           ○",
        "      │",
        "      │",
        " 50.0 ┤     ○",
        "  step      0    20    40",
    ]


def test_many_checks_fit_80_columns_and_ten_lines():
    steps = [0, 1, 2, 5, *range(10, 1000, 10)]
    curve = [(step, 50 + step / 20) for step in steps]
    lines = text_curves({"scratch": curve, "transfer": curve}, "validation accuracy+f1 by step")
    assert len(lines) <= 10 and max(map(len, lines)) < 80
    shown = [int(step) for step in lines[-1].split()[1:]]
    assert len(shown) == COLUMNS and shown[0] == 0 and shown[-1] == 990


def test_fewer_than_two_checks_make_no_chart():
    assert text_curves({"scratch": [(60, 70.0)], "transfer": [(60, 71.0)]}, "x") == []
    assert text_curves({"scratch": [], "transfer": []}, "x") == []


def test_equal_scores_make_a_level_line():
    lines = text_curves({"scratch": [(0, 50.0), (5, 50.0)]}, "x")
    assert lines[1:] == [
        " 50.0 ┤     ●     ●", "      │", "      │", "      │", "      │", " 45.0 ┤", "  step      0     5",
    ]  # fmt: skip

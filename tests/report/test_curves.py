"""Learning curves: what is drawn is what was given."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from spot.errors import SpotError
from spot.report.curves import Curve, Plot, draw_curves, learning_curves, transfer_plot
from spot.training.slots import Check
from tests.commands import samples

CURVES = (
    Curve("boolq-s0", (0, 100, 200), (50.0, 60.1, 60.1), "no transfer"),
    Curve("boolq-s1", (0, 100, 200), (51.0, 59.0, 62.5), "no transfer"),
    Curve("_from $mnli$", (0, 50), (70.0, 69.0)),
)


def test_png_is_an_image(tmp_path):
    with Image.open(learning_curves(Plot(CURVES, "T " * 90), tmp_path / "a.png")) as image:
        image.load()
        assert 800 < image.width < 2500 and 500 < image.height < 1500


def test_svg_names_each_group_once(tmp_path):
    path = learning_curves(Plot(CURVES, "Title", metric="accuracy"), tmp_path / "a.svg")
    words = [e.text for e in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")]
    assert words.count("no transfer") == 1
    assert {"_from $mnli$", "Title", "accuracy", "step"} <= set(words)


def test_names_of_any_kind_are_text(tmp_path):
    curve = Curve("\x1b[2J\ud800", (0, 1), (1.0, 2.0), "a\n\u202eb")
    plot = Plot((curve,), "$\\frac{ \0", "\x1b", "\u200b")
    path = learning_curves(plot, tmp_path / "a.svg")
    words = [e.text for e in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")]
    assert {"a\\n\\u202eb", "$\\frac{ \\x00", "\\x1b", "\\u200b"} <= set(words)
    assert b"\\x1b[2J\\ud800" in learning_curves(plot, tmp_path / "a.csv").read_bytes()


def test_lines_hold_the_data_and_rings_the_first_best_step():
    axes = draw_curves(Plot(CURVES)).axes[0]
    lines = [line.get_xydata() for line in axes.lines]
    for number, curve in zip((0, 2, 5), CURVES, strict=True):
        np.testing.assert_array_equal(lines[number][:, 1], curve.scores)
    assert [lines[i].tolist() for i in (1, 3, 6)] == [[[100, 60.1]], [[200, 62.5]], [[0, 70.0]]]
    np.testing.assert_allclose(
        lines[4], [[0, 50.5], [100, 59.55], [200, 61.3]]
    )  # of two, their mean
    colours = [axes.lines[i].get_color() for i in (0, 2, 4, 5)]
    assert len(set(colours[:3])) == 1 and colours[3] != colours[0]


@pytest.mark.parametrize("scores", [(100.0, 100.0), (60.0, 100.0)])
def test_the_axis_ends_at_the_best_possible_score(scores):
    low, high = draw_curves(Plot((Curve("a", (0, 1), scores),))).axes[0].get_ylim()
    assert (high, low < min(scores)) == (101, True)


def test_many_long_names_stay_inside():
    many = [Curve(f"{i} " + "W" * 60, (0, 1), (0.0, float(i))) for i in range(30)]
    figure = draw_curves(Plot(tuple(many)))
    renderer = figure.canvas.get_renderer()
    figure.draw(renderer)
    box = figure.axes[0].get_legend().get_window_extent(renderer)
    assert box.x1 <= figure.bbox.x1 and box.y0 >= 0
    styles = {(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines[::2]}
    assert len(styles) == 30


def test_csv_round_trip(tmp_path):
    text = learning_curves(Plot(CURVES), tmp_path / "a.csv").read_text("utf-8")
    head, *rows = csv.reader(io.StringIO(text))
    assert head == ["group", "run", "step", "score"]
    assert [(g, n, int(s), float(v)) for g, n, s, v in rows] == [
        (c.group, c.name, s, v) for c in CURVES for s, v in zip(c.steps, c.scores, strict=True)
    ]


def test_a_transfer_has_a_curve_an_arm_and_seed():
    def with_history(run):
        checks = [Check(step, run.test + step, 0.1, {}, 5) for step in (20, 40)]
        return replace(run, history=tuple(checks))

    report = samples.transfer(2.0, 5.0)
    report = replace(
        report,
        baseline=tuple(map(with_history, report.baseline)),
        transfer=tuple(map(with_history, report.transfer)),
    )
    plot = transfer_plot(report)
    assert plot.title == "boolq: transfer from news, and scratch"
    assert plot.metric == "validation accuracy"
    assert [(curve.group, curve.name, curve.steps, curve.scores) for curve in plot.curves] == [
        ("scratch", "scratch, seed 0", (20, 40), (80.0, 100.0)),
        ("scratch", "scratch, seed 1", (20, 40), (80.0, 100.0)),
        ("transfer", "transfer from news, seed 0", (20, 40), (82.0, 102.0)),
        ("transfer", "transfer from news, seed 1", (20, 40), (85.0, 105.0)),
    ]


@pytest.mark.parametrize(
    ("steps", "scores", "text"),
    [
        ((), (), "at least one step, found 0 steps and 0 scores"),
        ((1, 2), (1.0,), "found 2 steps and 1 scores"),
        ((1, 1), (1.0, 2.0), "rising steps, found 1 after 1"),
        ((1, 2), (1.0, float("nan")), "the score at step 2 is nan"),
    ],
)
def test_a_broken_curve_is_refused(steps, scores, text):
    with pytest.raises(SpotError, match=f'curve "x": .*{text}'):
        Curve("x", steps, scores)


def test_errors(tmp_path):
    with pytest.raises(SpotError, match="at least one learning curve"):
        learning_curves(Plot(()), tmp_path / "a.png")
    with pytest.raises(SpotError, match='.png, .svg, .pdf, .csv, found ".html"'):
        learning_curves(Plot(CURVES), tmp_path / "a.html")

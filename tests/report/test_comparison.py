"""The table and picture of a comparison: what is shown is what was given, in every format."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from PIL import Image

from spot.errors import SpotError
from spot.report.comparison import (
    CSV,
    LEGEND,
    chosen_sentences,
    latex_text,
    markdown,
    same_sentence,
    table,
    write_comparison,
)
from spot.report.comparison_figure import LENGTHS, SIZES, comparison_plot, draw_comparison
from spot.study.comparison import Comparison, Variant, joined
from tests.commands import samples

ONE = samples.COMPARISON


def bigger(comparison=ONE, name="other/big", parameters=60_000_000, **variant):
    """The same comparison on another model."""
    rows = [
        replace(row, model=name, parameters=parameters, variant=replace(row.variant, **variant))
        for row in comparison.rows
    ]
    references = [replace(one, model=name) for one in comparison.references]
    return Comparison(tuple(rows), tuple(references))


def words(path):
    return [e.text for e in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")]


def test_markdown_has_a_line_for_everything():
    text = markdown(ONE)
    lines = text.splitlines()
    titles = [cell.strip() for cell in lines[0].strip("|").split("|")]
    assert titles == [
        "kind", "rate", "validation", "test", "95 %", "difference", "verdict", "trained", "ms", "memory", "n",
    ]  # fmt: skip
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:6]]
    assert cells[0] == ["no prompt", *"––", "55.0", "45.0 to 65.0", *"–––––", "100"]
    assert cells[1] == [
        "prefix", "0.3 (not finite: 1)", "72.0", "71.0 ± 1.4", "60.0 to 80.0", "–", "above chance", "5.1K",
        "12.5", "95 MB", "100",
    ]  # fmt: skip
    assert cells[2][:6] == [
        "suffix", "0.3", "70.0", "75.0 ± 1.4", "66.0 to 84.0", "+4.0 (+1.0 to +7.0)"
    ]  # fmt: skip
    assert cells[3] == ["pool:size=2", *"–––––", "gap", *"––––"]
    assert "- gap: pool:size=2 on rte: it cannot | be" in text
    assert "- validation chooses prefix: test 71.0 (60.0 to 80.0) on rte" in text
    assert text.endswith(
        f"all rows: loss cross-entropy, start vocab, length 20; seeds 0, 1. {LEGEND}\n"
    )


def test_validation_chooses_and_not_test():
    """The suffix is better on test."""
    (chosen,) = ONE.chosen
    assert chosen.variant.kind == "prefix" and chosen.test < max(row.test for row in ONE.rows)
    better = [replace(ONE.rows[0], trials=ONE.rows[1].trials), ONE.rows[0]]
    (sentence,) = chosen_sentences(Comparison((better[0], ONE.rows[1], ONE.rows[0])))
    assert sentence.startswith("validation chooses prefix: test 71.0")


def test_csv_has_all_digits_and_json_is_the_comparison(tmp_path):
    text = write_comparison(ONE, tmp_path / "a.csv").read_text("utf-8")
    reference, prefix, suffix, gap = csv.DictReader(io.StringIO(text))
    assert tuple(reference) == CSV and reference["what"] == "no prompt"
    assert (prefix["what"], prefix["parameters"], prefix["difference"]) == ("prompt", "6000000", "")
    assert float(suffix["difference_low"]) == 1.0 and float(suffix["test"]) == 75.0
    assert (gap["what"], gap["kind"], gap["reason"]) == ("gap", "pool:size=2", "it cannot | be")
    written = json.loads(write_comparison(ONE, tmp_path / "a.json").read_text("utf-8"))
    assert written == json.loads(json.dumps(ONE.to_json()))


def test_latex_is_escaped_and_has_every_cell(tmp_path):
    lines = write_comparison(ONE, tmp_path / "a.tex").read_text("utf-8").splitlines()
    body = [line for line in lines if line.endswith(r"\\")]
    titles, cells, texts = table(ONE)
    assert len(body) == 1 + len(cells) and {line.count(" & ") for line in body} == {len(titles) - 1}
    assert r"71.0 $\pm$ 1.4" in body[2] and r"95 \%" in body[0]
    assert rf"\begin{{tabular}}{{{''.join('l' if text else 'r' for text in texts)}}}" in lines
    assert latex_text("a_b\\c~") == r"a\_b\textbackslash{}c\textasciitilde{}"
    assert all(line.startswith("%") for line in lines[: lines.index(next(
        line for line in lines if line.startswith(r"\begin")))])  # fmt: skip


def test_models_have_columns_where_there_are_several():
    both = joined([ONE, bigger(length=11)])
    titles, cells, _ = table(both)
    assert titles[:3] == ["model", "kind", "length"]
    assert [row[0] for row in cells] == ["nano"] * 4 + ["other/big"] * 3
    assert same_sentence(both).startswith("all rows: loss cross-entropy, start vocab; ")


def test_a_picture_over_sizes_has_a_line_for_each_kind(tmp_path):
    """Although the models' prompts have lengths of their own."""
    axes = draw_comparison(joined([ONE, bigger(length=11)])).axes[0]
    assert axes.get_xlabel() == SIZES
    (prefix, _, _), (suffix, _, _) = axes.containers
    assert prefix.get_ydata().tolist() == [71.0, 71.0] and suffix.get_ydata().tolist() == [75.0] * 2
    for line, aside in ((prefix, -0.006), (suffix, 0.006)):
        assert line.get_xdata() == pytest.approx([6e6 * 10**aside, 6e7 * 10**aside])
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["prefix", "suffix", "no prompt"]
    (bars,) = axes.containers[0].lines[2]
    ends = [sorted(segment[:, 1].tolist()) for segment in bars.get_segments()]
    assert ends == [[60.0, 80.0]] * 2
    path = comparison_plot(joined([ONE, bigger(length=11)]), tmp_path / "a.svg")
    assert {"6.0M", "60.0M", "nano", "big"} <= set(words(path))


def test_models_of_one_size_are_beside_each_other():
    """As of other pretraining."""
    axes = draw_comparison(joined([ONE, bigger(parameters=6_000_000)])).axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["prefix, nano", "suffix, nano", "prefix, big", "suffix, big"]


def test_a_picture_over_lengths(tmp_path):
    longer = tuple(replace(row, variant=replace(row.variant, length=40)) for row in ONE.rows)
    axes = draw_comparison(replace(ONE, rows=(*ONE.rows, *longer), gaps=())).axes[0]
    assert axes.get_xlabel() == LENGTHS and len(axes.containers) == 2
    assert [label.get_text() for label in axes.get_xticklabels()] == ["20", "40"]


def test_a_picture_by_variant_has_every_seed(tmp_path):
    axes = draw_comparison(ONE).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["prefix", "suffix"]
    rings = [line.get_xdata() for line in axes.lines if line.get_markerfacecolor() == "white"]
    assert [list(ring) for ring in rings] == [[70.0, 72.0], [74.0, 76.0]]
    with Image.open(comparison_plot(ONE, tmp_path / "a.png")) as image:
        image.load()
        assert 700 < image.width < 2500
    text = " ".join(words(comparison_plot(ONE, tmp_path / "a.svg")))
    assert "1 variant with gaps left out" in text and "2 seeds" in text


def test_names_of_any_kind_are_text(tmp_path):
    odd = replace(ONE.rows[0], model="\x1b[2J$x$", variant=Variant("a\n$_$", "l", "s", 1))
    comparison_plot(Comparison((odd,)), tmp_path / "a.svg")
    assert "a\\n$_$" in words(tmp_path / "a.svg")


def test_refusals(tmp_path):
    with pytest.raises(SpotError, match="expected a file name ending in .md, .tex, .csv, .json"):
        write_comparison(ONE, tmp_path / "a.doc")
    with pytest.raises(SpotError, match="expected rows to draw, found none"):
        draw_comparison(Comparison(()))

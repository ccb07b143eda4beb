"""The page of results: HTML that is whole and loads nothing, numbers that are those of the files, names that
stay text, and sentences for what cannot be read.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import spot
from spot.commands.usage import report_of
from spot.errors import SpotError
from spot.report.charts import draw_chart
from spot.report.files import PICTURES
from spot.report.pages.kinds import KINDS
from spot.report.pages.marks import draw_marked
from spot.report.pages.numbers import table_of
from spot.report.pages.svg import VARIABLES, Mark, inline_svg
from spot.study import store_comparison
from spot.training.runs import Runs
from tests.commands import samples
from tests.report.results import (
    EVIL,
    Tree,
    analysis_folder,
    bank_folder,
    baselines_folder,
    charts,
    comparison_folder,
    matrix_folder,
    rows_of,
    study_folder,
    transfer_folder,
)

MAKERS = {
    "report.json": transfer_folder,
    "study.json": study_folder,
    "baselines.json": baselines_folder,
    "comparison.json": comparison_folder,
    "matrix.json": matrix_folder,
    "analysis.json": analysis_folder,
    "bank.json": bank_folder,
}
EVIL_TASKS = (EVIL, "a&b <i>", "quote \" and ' end")


@pytest.fixture(scope="module")
def evil(tmp_path_factory):
    """Folders of every kind with names that HTML must escape."""
    root = tmp_path_factory.mktemp("evil")
    return [
        transfer_folder(root, EVIL),
        study_folder(root, EVIL),
        baselines_folder(root, EVIL),
        analysis_folder(root, EVIL),
        bank_folder(root, EVIL_TASKS),
    ]


def test_every_kind_of_folder_is_made_here():
    assert set(MAKERS) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_whole_and_loads_nothing(tmp_path, kind):
    folder = MAKERS[kind](tmp_path)
    page = Tree(spot.report_page(folder, tmp_path)).root
    ids = [id for element in everything(page) if (id := element.attributes.get("id"))]
    assert len(ids) == len(set(ids)) > 2
    for element in everything(page):
        for name, value in element.attributes.items():
            for link in re.findall(r"url\(#([^)]+)\)", value):
                assert link in ids
            if name == "href" and value.startswith("#"):
                assert value[1:] in ids
            if name in ("src", "href", "srcset", "action"):
                assert (
                    value.startswith(("#", "data:"))
                    or (tmp_path / value.replace("%20", " ")).exists()
                )
            assert not name.startswith("on"), (name, value)
    assert len(page.all("h1")) == 1 and page.all("h2")
    assert all(table.all("caption") for table in page.all("table"))
    assert all(th.attributes["scope"] for th in page.all("th"))


def everything(element):
    for child in element.children:
        yield child
        yield from everything(child)


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_names_no_folder_of_the_machine(tmp_path, kind):
    text = spot.report_page(MAKERS[kind](tmp_path), tmp_path)
    assert str(tmp_path) not in text and "/home/me" not in text


def test_the_policy_allows_this_script_alone(tmp_path):
    text = spot.report_page(bank_folder(tmp_path))
    (script,) = Tree(text).root.all("script")
    digest = base64.b64encode(hashlib.sha256(script.content[0].encode()).digest()).decode()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    assert f"script-src 'sha256-{digest}'" in policy and "default-src 'none'" in policy


def test_names_stay_text_in_tables_and_pictures(evil):
    text = spot.report_page(evil)
    page = Tree(text).root
    assert len(page.all("script")) == 1 and not page.all("i")
    assert page.all("h1")[0].text.count(EVIL) == 3
    marks = [mark.attributes["aria-label"] for mark in page.all("rect", "mark")]
    assert [title.text for title in page.all("title")][1:] == marks
    for name in EVIL_TASKS:
        assert any(name in cell.text for cell in page.all("th"))
        assert any(name in mark for mark in marks)
    assert any(EVIL in drawn.text for drawn in page.all("text"))


def test_what_cannot_be_seen_is_escaped(tmp_path):
    text = spot.report_page(transfer_folder(tmp_path, "a\x1b[2Jb\u202e\x00"))
    assert not re.search("[\x00\x1b\u202e]", text) and "a\\x1b[2Jb\\u202e\\x00" in text


@pytest.mark.parametrize("chart", charts("a\x00\x1b\u202eb"), ids=lambda chart: chart.kind)
def test_pictures_escape_what_cannot_be_seen(chart):
    chart = replace(
        chart, title="\x00t", **{name: "\x00" for name in ("x", "y") if hasattr(chart, name)}
    )
    text = inline_svg(*draw_marked(chart), chart.title, "f1")
    assert not re.search("[\x00\x1b\u202e]", text) and "\\x00" in text


def test_the_numbers_of_a_transfer_are_those_of_its_file(tmp_path):
    folder = transfer_folder(tmp_path)
    stored = json.loads((folder / "report.json").read_text())
    page = Tree(spot.report_page(folder, tmp_path)).root
    table = next(each for each in page.all("table") if "test split" in each.all("caption")[0].text)
    rows = rows_of(table)
    assert len(rows) == len(stored["runs"]) + 1 and rows[-1]["test accuracy"] == "58.00"
    for row, run in zip(rows, stored["runs"], strict=False):
        assert row["test accuracy"] == f"{run['test']:.2f}"
        assert row["validation"] == f"{run['validation']:.2f}"
        assert (row["seed"], row["step"], row["rows"]) == (
            str(run["seed"]),
            str(run["step"]),
            str(run["n_test"]),
        )
    exact = [float(data.attributes["value"]) for data in table.all("data")]
    assert {run["test"] for run in stored["runs"]} <= set(exact)
    links = {link.attributes["href"] for link in table.all("a")}
    assert links == {"prompts/boolq%201"}
    verdict = page.all("p", "verdict")[0]
    assert verdict.text == f"{stored['verdict']['kind']} {stored['verdict']['sentence']}"


def test_the_curves_of_a_transfer_are_means_of_its_seeds(tmp_path):
    page = Tree(spot.report_page(transfer_folder(tmp_path))).root
    (table,) = [
        t for t in page.all("table") if t.all("caption")[0].text == "Validation accuracy by step"
    ]
    rows = [tuple(row.values()) for row in rows_of(table)]
    assert rows == [
        ("scratch", "0.00", "52.00", "50.00", "54.00"),
        ("scratch", "10.00", "59.00", "58.00", "60.00"),
        ("scratch", "20.00", "61.50", "61.00", "62.00"),
        ("transfer", "0.00", "60.50", "60.50", "60.50"),
        ("transfer", "10.00", "69.50", "69.00", "70.00"),
        ("transfer", "20.00", "70.00", "70.00", "70.00"),
        ("transferred start", "–", "60.50", "–", "–"),
    ]
    assert "scratch (52.0) needs about 20 steps to get there." in page.text
    assert "Phases of learning" not in page.text


def test_phases_are_drawn_where_checks_have_counted_them(tmp_path):
    folder = transfer_folder(tmp_path)
    stored = json.loads((folder / "report.json").read_text())
    for run in stored["runs"]:
        for place, check in enumerate(run["history"]):
            check |= {"valid_labels": 40.0 * place, "commonest_label": 30.0}
    stored["phases"] = {"scratch": [[0, "junk"], [10, "labels"]], "transfer": [[0, "labels"]]}
    stored["skipped_phases"] = "the start skips junk"
    (folder / "report.json").write_text(json.dumps(stored))
    page = Tree(spot.report_page(folder)).root
    (phases,) = [t for t in page.all("table") if "by step, of the" in t.all("caption")[0].text]
    assert [tuple(row.values()) for row in rows_of(phases)] == [
        ("0", "junk", "labels"), ("10", "labels", "–"),
    ]  # fmt: skip
    assert "The start skips junk." in page.text
    (table,) = [t for t in page.all("table") if t.all("caption")[0].text.startswith("Phases of")]
    rows = {tuple(row.values())[:3] for row in rows_of(table)}
    assert ("transfer: label words", "10.00", "40.00") in rows
    assert ("scratch: the commonest label word", "20.00", "30.00") in rows


def test_warnings_and_judgements_come_first(tmp_path):
    bank = bank_folder(tmp_path)
    broken = next((bank / "entries").iterdir()) / "entry.json"
    broken.write_text(broken.read_text()[:-9])
    text = spot.report_page([transfer_folder(tmp_path), analysis_folder(tmp_path), bank])
    page = Tree(text).root
    first = [verdict.text for verdict in page.all("p", "verdict")]
    assert first[0] == "warning gate was skipped: one has no gate"
    assert re.match("warning the damaged entry .* is left out: ", first[1])
    assert first[2].startswith("helped transfer helped")
    assert text.index("was skipped") < text.index("transfer helped boolq") < text.index("<main")


def test_a_page_says_what_was_run(tmp_path):
    folder = transfer_folder(tmp_path)
    (folder / "config.json").write_text(
        '{"train": {"steps": 80}, "bank": {"path": "/home/me/bank"}}'
    )
    page = Tree(spot.report_page(folder)).root
    facts = {
        row["setting"]: row["value"]
        for t in page.all("table")
        for row in rows_of(t)
        if "setting" in row
    }
    assert facts["model"] == "nano" and facts["its fingerprint"] == "0123456789ab"
    assert facts["seeds"] == "0, 1" and facts["spot"] == spot.__version__ and "numpy" in facts
    assert facts["train.steps"] == "80" and facts["bank.path"] == "bank"


def test_a_page_has_the_parts_that_are_there(tmp_path):
    folder = transfer_folder(tmp_path)
    stored = json.loads((folder / "report.json").read_text())
    for run in stored["runs"]:
        del run["history"], run["folder"]  # as before 0.3
    (folder / "report.json").write_text(json.dumps(stored))
    (folder / "provenance.json").unlink()
    page = Tree(spot.report_page(folder)).root
    assert [title.text for title in page.all("h2")] == ["Test scores"]
    shutil.copy(analysis_folder(tmp_path) / "analysis.json", folder)
    page = Tree(spot.report_page(folder)).root
    titles = [title.text for title in page.all("h2")]
    assert titles == [
        "What was run",
        "Test scores",
        "What one is near to",
        "How large its rows are",
    ]


def test_a_bank_shows_entries_outcomes_and_how_tasks_relate(tmp_path):
    page = Tree(spot.report_page(bank_folder(tmp_path), tmp_path)).root
    entries, matrix, outcomes = page.all("table")[1:]
    assert [row["validation"] for row in rows_of(entries)] == ["81.50", "80.50", "82.50"]
    assert len(rows_of(matrix)) == 3 and len(page.all("rect", "mark")) == 9
    (row,) = rows_of(outcomes)
    assert (row["target"], row["score"], row["gain"], row["rows"]) == ("cb", "61.25", "6.25", "128")
    empty = spot.Bank(tmp_path / "empty")
    assert "Entries" in spot.report_page(empty)


def test_the_numbers_of_a_study_are_those_of_its_summary(tmp_path):
    folder = study_folder(tmp_path)
    stored = json.loads((folder / "study.json").read_text())
    summary = stored["summary"]
    page = Tree(spot.report_page(folder, tmp_path)).root
    tables = {table.all("caption")[0].text.split(" Means")[0]: table for table in page.all("table")}
    methods = rows_of(tables["Methods"])
    assert [row["test score"] for row in methods] == [
        f"{row['score']['mean']:.2f}" for row in summary["table"]["rows"]
    ]
    by_name = {row["method"]: row for row in methods}
    for name, gain in summary["gains"].items():
        assert by_name[name]["gain"] == f"{gain['mean']:.2f}"
        assert by_name[name]["p"] == f"{summary['significance'][name]['p']:.2f}"
    runs = next(table for title, table in tables.items() if title.startswith("Runs"))
    assert [row["test"] for row in rows_of(runs)] == [
        f"{run['test']:.2f}" for run in stored["runs"]
    ]
    assert {link.attributes["href"] for link in runs.all("a")} == {
        f"prompts/{name}-1" for name in ("boolq", "rte", "cb")
    }
    warning, verdict = page.all("p", "verdict")
    assert (
        warning.text
        == "warning cb: the run from news-s0-1111, seed 0, is missing: the loss was not finite"
    )
    assert verdict.text.endswith(summary["verdict"]["sentence"])


def test_the_curves_of_a_study_have_oracle_and_scratch(tmp_path):
    folder = study_folder(tmp_path)
    summary = json.loads((folder / "study.json").read_text())["summary"]
    page = Tree(spot.report_page(folder)).root
    title = "Test score of the best of the k nearest sources"
    (table,) = [each for each in page.all("table") if each.all("caption")[0].text == title]
    rows = [list(row.values()) for row in rows_of(table)]
    scores = {row["method"]: row["score"]["mean"] for row in summary["table"]["rows"]}
    levels = {row[0]: row[2] for row in rows if row[1] == "–"}
    assert levels == {
        "from scratch": f"{scores['no transfer']:.2f}",
        "oracle": f"{scores['oracle']:.2f}",
    }
    for k, gain in summary["by_order"]["average"].items():
        (row,) = [
            row for row in rows if row[:2] == ["average (the study's search)", f"{int(k)}.00"]
        ]
        assert row[2] == f"{scores['no transfer'] + gain['mean']:.2f}"
    assert {"popularity", "random"} <= {row[0] for row in rows}
    assert "scratch (50.0)" in page.text and len(page.all("svg")) == 7


def test_a_damaged_study_is_a_sentence(tmp_path):
    path = study_folder(tmp_path) / "study.json"
    text = path.read_text()
    for before, after in (('"seed": 0', '"seed": 3'), ('"format": 1', '"format": 9'), ("{", "[")):
        path.write_text(text.replace(before, after, 1))
        with pytest.raises(SpotError, match=r"study\.json: .*(expected the result|was changed)"):
            spot.report_page(path.parent)


def test_a_comparison_shows_rows_references_and_gaps(tmp_path):
    page = Tree(spot.report_page(comparison_folder(tmp_path))).root
    assert "gap: pool:size=2 on rte (nano): it cannot | be" in page.all("p", "verdict")[0].text
    table = page.all("table")[-1]
    rows = rows_of(table)
    assert [(row["prompt"], row["test accuracy"], row["difference"]) for row in rows] == [
        ("no prompt", "55.00", "–"), ("prefix", "71.00", "–"), ("suffix", "75.00", "4.00"),
    ]  # fmt: skip
    assert "Validation chooses prefix: above chance: accuracy 71.0." in page.text


def test_a_comparison_lies_where_its_content_says(tmp_path):
    first, again = (store_comparison(samples.COMPARISON, Runs(tmp_path / name)) for name in "ab")
    assert first.name == again.name
    other = store_comparison(spot.Comparison(samples.COMPARISON.rows[:1]), Runs(tmp_path / "a"))
    assert other.name != first.name


def test_baselines_link_the_prompt(tmp_path):
    folder = baselines_folder(tmp_path)
    page = Tree(spot.report_page(folder, folder)).root
    assert [link.text for link in page.all("tbody")[-1].all("a")] == ["62.00"]
    assert page.all("p", "verdict")[0].text == "at chance at chance: accuracy 70.0 by model tuning"


@pytest.mark.parametrize("chart", charts(), ids=lambda chart: chart.kind)
def test_marks_lie_on_the_values(chart):
    figure, marks = draw_marked(chart)
    values = [value for value in numbers(chart) if value is not None]
    assert len(marks) == len(values)
    for mark, value in zip(marks, values, strict=True):
        assert f"{value:.4g}" in mark.text
    page = Tree(inline_svg(figure, marks, chart.title, "f1")).root
    centres = {
        (round(mark.left + mark.width / 2, 1), round(mark.top + mark.height / 2, 1))
        for mark in marks
    }
    if chart.kind in ("lines", "points"):  # Matplotlib's own markers
        own = {(round(float(use.attributes["x"]), 1), round(float(use.attributes["y"]), 1))
               for group in markers(page) for use in group}  # fmt: skip
        assert centres <= own
    elif chart.kind == "bars":
        boxes = [
            box(path) for path in page.all("path") if path.attributes.get("d", "").count("L") == 3
        ]
        for mark in marks:
            own_box = (mark.left, mark.top, mark.left + mark.width, mark.top + mark.height)
            assert any(np.allclose(own_box, other, atol=0.1) for other in boxes)
    else:
        (image,) = page.all("image")[:1]
        left, width = float(image.attributes["x"]), float(image.attributes["width"])
        assert abs(min(mark.left for mark in marks) - left) < 1.5
        assert abs(max(mark.left + mark.width for mark in marks) - left - width) < 1.5


def numbers(chart):
    if chart.kind == "lines":
        return [y for line in chart.lines for y in line.y]
    if chart.kind == "points":
        return [y for group in chart.groups for y in group.y]
    return chart.values if chart.kind == "bars" else [v for row in chart.values for v in row]


def markers(page):
    return [group.all("use") for group in page.all("g") if group.all("use")]


def box(path):
    points = np.array(re.findall(r"[ML] ([-\d.]+) ([-\d.]+)", path.attributes["d"]), float)
    return (*points.min(axis=0), *points.max(axis=0))


@pytest.mark.parametrize("chart", charts(), ids=lambda chart: chart.kind)
def test_the_table_of_a_picture_has_all_its_numbers(chart):
    table = table_of(chart)
    cells = [cell for row in table.rows for cell in row]
    assert all(len(row) == len(table.columns) for row in table.rows)
    assert all(value in cells for value in numbers(chart))
    assert all(level.value in cells for level in getattr(chart, "levels", ()))


def test_pictures_have_the_colours_of_the_page():
    lines = charts()[0]
    text = inline_svg(draw_chart(lines), [Mark(1, 2, 3, 4, "a", 0, 0)], "t", "f1")
    assert not any(colour in text for colour in VARIABLES) and "var(--line-0)" in text
    assert "fill: #ffffff" not in text and "<style" not in text and "xmlns" not in text


def test_style_sheet_knows_every_colour():
    style = (Path(spot.__file__).parent / "report/pages/page.css").read_text()
    for variable in {*VARIABLES.values(), "var(--paper)"}:
        assert style.count(f"{variable[4:-1]}: #") == 2, variable  # light and dark


@pytest.mark.parametrize("suffix", PICTURES)
def test_pictures_are_written_in_any_format(tmp_path, suffix):
    places = [transfer_folder(tmp_path), bank_folder(tmp_path), analysis_folder(tmp_path)]
    paths = spot.write_figures(places, tmp_path / "figures", suffix)
    assert [path.name for path in paths] == [
        f"{name}{suffix}"
        for name in (
            "01-validation-accuracy-by-step", "02-task-similarity", "03-lines", "04-points", "05-bars",
            "06-heat",
        )
    ]  # fmt: skip
    assert all(path.stat().st_size > 500 for path in paths)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "expected the results of spot transfer, found another content"),
        ("[]", "content: input should be "),
        ('{"target": 3}', "target: input should be a valid string"),
        ('{"target": "a", "metric": NaN}', "JSON has no NaN"),
        ("[" * 99 + "]" * 99, "nested in more than"),
        ("\xff", "found another content"),
    ],
)
def test_damaged_results_are_a_sentence(tmp_path, content, reason):
    folder = transfer_folder(tmp_path)
    (folder / "report.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(SpotError) as error:
        spot.report_page(folder)
    assert reason in error.value.message and "report.json" in error.value.message
    assert error.value.hint


@pytest.mark.parametrize(
    "name", ["report.json", "baselines.json", "comparison.json", "provenance.json"]
)
def test_results_of_another_type_are_a_sentence(tmp_path, name):
    folder = transfer_folder(tmp_path)
    (folder / name).write_text('{"rows": 5, "models": "nano", "target": null}')
    with pytest.raises(SpotError, match=f"{name}: expected the results of spot .*input should be"):
        spot.report_page(folder)


def test_numbers_that_cannot_be_drawn_are_a_sentence(tmp_path):
    folder = transfer_folder(tmp_path)
    stored = json.loads((folder / "report.json").read_text())
    stored["runs"][2]["history"][0]["valid_labels"] = -1e308
    (folder / "report.json").write_text(json.dumps(stored))
    with pytest.raises(SpotError, match='the picture "Phases of learning.*" cannot be drawn'):
        spot.report_page(folder)


def test_a_folder_of_something_else_is_a_sentence(tmp_path):
    with pytest.raises(
        SpotError, match=r"expected a bank or a folder of results, which has report\.json, "
    ):
        spot.report_page(tmp_path)
    with pytest.raises(SpotError, match="found no folder") as error:
        spot.report_page(tmp_path / "none")
    assert "spot transfer, study, compare, baselines, matrix or analyze" in error.value.hint
    with pytest.raises(SpotError, match="expected a bank or a folder of results, found none"):
        spot.report_page([])


def test_a_page_has_a_name_that_a_browser_opens(tmp_path):
    bank = bank_folder(tmp_path)
    with pytest.raises(SpotError, match=r"expected a file name ending in \.html"):
        spot.write_report(bank, tmp_path / "report.pdf")
    assert spot.write_report(bank, tmp_path / "new" / "report.html").stat().st_size > 10_000


def test_equal_results_give_equal_pages(tmp_path):
    folder = transfer_folder(tmp_path)
    assert spot.report_page(folder) == spot.report_page(folder)


def test_the_command_that_is_named_is_one(tmp_path):
    from click.testing import CliRunner

    from spot.commands import main

    folder, out = transfer_folder(tmp_path), tmp_path / "report.html"
    words = report_of(folder).split()[1:]
    words[-1] = str(out)
    figures = ["--figures", str(tmp_path / "figures"), "--format", "svg", "--json"]
    done = CliRunner().invoke(main, [*words, *figures])
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    assert record["page"] == str(out) and len(record["pictures"]) == 1
    assert "Transfer to boolq" in out.read_text()
    bad = CliRunner().invoke(main, ["report", str(folder), "--out", str(tmp_path / "x.txt")])
    assert bad.exit_code == 1

"""The heatmap in every format: readable by independent readers, complete, at the right places."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
from html import escape
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from scipy.cluster.hierarchy import leaves_list

from spot.errors import SpotError
from spot.report.heatmap import WRITERS, heatmap
from spot.report.heatmap_figure import (
    NO_FAMILY,
    OFF_SCALE,
    cell_text,
    colour_range,
    draw_heatmap,
    family_styles,
    ink_on,
)
from spot.study.clusters import cluster
from spot.study.similarity import TaskSimilarity


def structured(size, groups=3, seed=0):
    """Unit vectors around `groups` centres: similarity with clear families."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(groups, 20))
    rows = np.array([centres[i % groups] + 0.4 * rng.normal(size=20) for i in range(size)])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    tasks = tuple(f"task_{i:02d}" for i in range(size))
    families = {task: f"family {i % groups}" for i, task in enumerate(tasks)}
    return TaskSimilarity(tasks, rows @ rows.T, "per-token", (3,) * size), families


def text_of(figure):
    from matplotlib.text import Text

    return [item for item in figure.findobj(Text) if item.get_text() and item.get_visible()]


@pytest.mark.parametrize("suffix", WRITERS)
def test_names_of_any_kind_are_drawn_as_text(tmp_path, suffix):
    names = (
        "$x$",
        "$\\frac{",
        "[/x]",
        "\x1b[2J",
        "<b>&",
        "\u202egnp",
        "\ud800",
        "a\nb",
        "名前",
        "\0",
    )
    similarity = TaskSimilarity(names, np.eye(len(names)), "average", (1,) * len(names))
    families = {name: name for name in names}
    path = heatmap(similarity, families, tmp_path / f"a{suffix}", title="$\x1b", subtitle="$_{")
    content = path.read_bytes()
    assert suffix == ".pdf" or b"\x1b" not in content or suffix == ".png"
    if suffix == ".svg":
        texts = [element.text for element in ElementTree.fromstring(content).iter() if element.text]
        assert {"$x$", "[/x]", "<b>&", "\\x1b[2J", "\\u202egnp", "a\\nb"} <= set(texts)


@pytest.mark.parametrize("size", [1, 2, 12, 60])
def test_png_is_an_image_of_plausible_size(tmp_path, size):
    similarity, families = structured(size)
    path = heatmap(similarity, families, tmp_path / "a.png", title="T", subtitle="S")
    assert path == tmp_path / "a.png"
    with Image.open(path) as image:
        image.load()
        width, height = image.size
        colours = len(image.convert("RGB").getcolors(maxcolors=2**24))
    assert 500 < width < 4000 and 300 < height < 4000
    assert colours > 30


@pytest.mark.parametrize("size", [2, 5, 12, 26, 60])
def test_no_text_is_cut_and_labels_do_not_overlap(size):
    similarity, families = structured(size)
    figure, _ = draw_heatmap(similarity, cluster(similarity), families, "Title", "Subtitle")
    renderer = figure.canvas.get_renderer()
    figure.draw(renderer)
    edges = figure.bbox
    for item in text_of(figure):
        box = item.get_window_extent(renderer)
        assert box.x0 >= edges.x0 and box.x1 <= edges.x1, item.get_text()
        assert box.y0 >= edges.y0 and box.y1 <= edges.y1, item.get_text()
    rows = [label.get_window_extent(renderer) for label in figure.axes[0].get_yticklabels()]
    assert all(upper.y0 >= lower.y1 - 0.5 for upper, lower in zip(rows, rows[1:], strict=False))
    panel = [item.get_window_extent(renderer) for item in text_of(figure.axes[-1])]
    assert min(box.x0 for box in panel) > max(box.x1 for box in rows)


def test_long_names_and_titles_stay_inside():
    similarity, _ = structured(4)
    names = ("a$b_{x}$<&>", "n" * 90, "_hidden", "W" * 33)
    odd = TaskSimilarity(names, similarity.matrix, "s" * 60)
    figure, _ = draw_heatmap(odd, cluster(odd), {names[0]: "F" * 40}, "word " * 60, "more " * 90)
    renderer = figure.canvas.get_renderer()
    figure.draw(renderer)
    for item in text_of(figure):
        box = item.get_window_extent(renderer)
        assert box.x1 <= figure.bbox.x1 and box.y0 >= 0 and box.y1 <= figure.bbox.y1
    assert "a$b_{x}$<&>" in [item.get_text() for item in text_of(figure)]


def test_values_are_written_up_to_twenty_tasks_only():
    for size, expected in ((20, True), (21, False)):
        similarity, families = structured(size)
        figure, _ = draw_heatmap(similarity, cluster(similarity), families, "", "")
        written = [text.get_text() for text in figure.axes[0].texts]
        assert (len(written) == size * size) is expected
        assert written.count("1.00") >= size if expected else not written


def test_scale_comes_from_the_off_diagonal():
    assert colour_range(np.array([[1.0, 0.2], [0.4, 1.0]])) == (0.2, 0.4)
    assert colour_range(np.array([[1.0, 0.5], [0.5, 1.0]])) == (0.45, 0.55)
    assert colour_range(np.array([[0.9]])) == (0.9 - 0.05, 0.9 + 0.05)


def test_legend_names_families_and_cells_off_the_scale():
    similarity, families = structured(6)
    del families["task_00"]
    figure, _ = draw_heatmap(similarity, cluster(similarity), families, "", "")
    words = [item.get_text() for item in text_of(figure)]
    assert {"family 0", "family 1", "family 2", NO_FAMILY, OFF_SCALE, "per-token"} <= set(words)
    figure, _ = draw_heatmap(similarity, cluster(similarity), {}, "", "")
    assert NO_FAMILY not in [item.get_text() for item in text_of(figure)]


def test_many_families_keep_distinct_styles():
    tasks = tuple(map(str, range(30)))
    assert len(set(family_styles(tasks, {task: task for task in tasks}).values())) == 30


def test_text_on_cells_has_contrast():
    assert ink_on((0, 0, 0.3)) == "white"
    assert ink_on((1, 1, 0.5)) == "black"
    assert [cell_text(v) for v in (0.876, -0.1, -0.001, 153.26)] == ["0.88", "-0.10", "0.00", "153"]


def test_svg_is_xml_with_every_label(tmp_path):
    similarity, families = structured(12)
    root = ElementTree.parse(
        heatmap(similarity, families, tmp_path / "a.svg", title="Hi")
    ).getroot()
    words = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert set(similarity.tasks) | {"Hi", "family 2"} <= words


def test_pdf_and_upper_case_suffix(tmp_path):
    similarity, families = structured(5)
    data = heatmap(similarity, families, tmp_path / "a.PDF").read_bytes()
    assert data.startswith(b"%PDF-") and b"%%EOF" in data[-20:]


@pytest.mark.parametrize("suffix", WRITERS)
def test_equal_input_gives_equal_bytes(tmp_path, suffix):
    similarity, families = structured(5)
    first = heatmap(similarity, families, tmp_path / f"a{suffix}").read_bytes()
    assert heatmap(similarity, families, tmp_path / f"b{suffix}").read_bytes() == first


class Page(HTMLParser):
    """Collects table cells, tooltips and every address that the page would load."""

    def __init__(self):
        super().__init__()
        self.rows, self.titles, self.loads, self.open_tags, self._inside = [], [], [], [], ""

    def handle_starttag(self, tag, attrs):
        self._inside = tag
        if tag != "meta":
            self.open_tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        for name, value in attrs:
            if name in ("src", "href", "xlink:href") and not value.startswith(("#", "data:")):
                self.loads.append(value)

    def handle_endtag(self, tag):
        assert self.open_tags.pop() == tag
        self._inside = ""

    def handle_data(self, data):
        if self._inside in ("td", "th"):
            self.rows[-1].append(data)
        if self._inside == "title":
            self.titles.append(data)


def test_html_is_self_contained_with_tooltips_and_table(tmp_path):
    similarity, families = structured(6)
    names = ("<script>", *similarity.tasks[1:])
    similarity = TaskSimilarity(names, similarity.matrix, "per-token")
    text = heatmap(similarity, families, tmp_path / "a.html", title="A & B").read_text("utf-8")
    page = Page()
    page.feed(text)
    page.close()
    assert page.open_tags == [] and page.loads == []
    assert "<?xml" not in text and "<script" not in text and "@import" not in text
    order = cluster(similarity).ordered_tasks
    nearest, numbers = page.rows[:7], page.rows[7:]
    assert numbers[0] == ["task", "family", *order] and len(numbers) == 7
    assert nearest[0] == ["task", "nearest"]
    matrix = np.where(np.eye(6, dtype=bool), -np.inf, similarity.matrix)
    for task, *_ in nearest[1:]:
        row = matrix[names.index(task)]
        best = names[int(row.argmax())]
        line = re.search(rf'"row">{escape(task)}</th><td>(.*?)</td>', text)[1]
        spans = re.findall(r"<span>(.*?)</span>", line)
        assert len(spans) == 3 and spans[0] == f"{escape(best)} {row.max():.2f}"
    value = similarity.matrix[names.index(order[0]), names.index(order[1])]
    assert f"{order[0]} / {order[1]}: {value:.4g}" in page.titles
    assert len(page.titles) == 36 + 2  # and the page's and the picture's
    assert 'role="img"' in text and "<desc" in text


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_shows_the_page_without_errors_or_sideways_scrolling(tmp_path, width):
    similarity, families = structured(16)
    path = heatmap(similarity, families, tmp_path / "a.html", title="T", subtitle="S")
    # The page tells its own measures: a probe that is in no page of ours.
    probe = (
        "<script>addEventListener('load', () => { const e = document.documentElement;"
        "const svg = document.querySelector('svg').getBoundingClientRect();"
        "e.dataset.size = [innerWidth, e.scrollWidth, Math.round(svg.width)].join(' ') })</script>"
    )
    path.write_text(path.read_text().replace("</body>", f"{probe}</body>"))
    done = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
         f"--window-size={width},844", "--dump-dom", path.as_uri()],
        capture_output=True, text=True, timeout=120, env={**os.environ, "HOME": str(tmp_path)},
    )  # fmt: skip
    assert "CONSOLE" not in done.stderr
    inner, content, picture = map(int, re.search(r'data-size="([^"]+)"', done.stdout)[1].split())
    assert content <= inner  # only picture and table scroll, in themselves
    assert picture >= 700 if width == 390 else picture <= inner


def test_tooltips_lie_on_their_cells(tmp_path):
    similarity, families = structured(7)
    figure, place = draw_heatmap(similarity, cluster(similarity), families, "T", "S")
    text = heatmap(similarity, families, tmp_path / "a.html", title="T", subtitle="S").read_text()
    boxes = re.findall(r'class="cell" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"', text)
    view = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)
    np.testing.assert_allclose(
        [float(v) for v in view.groups()], figure.get_size_inches() * 72, rtol=1e-5
    )
    for row, column in ((0, 0), (2, 5), (6, 6)):
        x, y, side = map(float, boxes[row * 7 + column])
        corner = figure.axes[0].transData.transform((column, row)) / figure.dpi * 72
        assert x == pytest.approx(corner[0], abs=0.05)
        assert y == pytest.approx(place.height * 72 - corner[1], abs=0.05)
        assert side == pytest.approx(place.cell * 72, abs=0.01)


def test_csv_round_trip_is_exact(tmp_path):
    similarity, families = structured(9)
    text = heatmap(similarity, families, tmp_path / "a.csv").read_text("utf-8")
    head, *rows = csv.reader(io.StringIO(text))
    tree = cluster(similarity)
    assert head == ["task", *tree.ordered_tasks]
    assert [row[0] for row in rows] == list(tree.ordered_tasks)
    values = np.array([[float(value) for value in row[1:]] for row in rows])
    np.testing.assert_array_equal(values, similarity.matrix[np.ix_(tree.order, tree.order)])


def test_json_round_trip(tmp_path):
    similarity, families = structured(9)
    content = json.loads(heatmap(similarity, families, tmp_path / "a.json", title="x").read_text())
    assert content["title"] == "x" and content["similarity"] == "per-token"
    position = [similarity.tasks.index(task) for task in content["tasks"]]
    np.testing.assert_array_equal(content["matrix"], similarity.matrix[np.ix_(position, position)])
    assert content["linkage_tasks"] == list(similarity.tasks)
    assert leaves_list(np.array(content["linkage"])).tolist() == position
    assert content["families"] == [families[task] for task in content["tasks"]]
    assert content["adjusted_rand"] == 1.0
    assert content["clusters"] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert content["entries"] == [3] * 9


def test_json_of_one_task(tmp_path):
    similarity, _ = structured(1)
    content = json.loads(heatmap(similarity, {}, tmp_path / "a.json").read_text())
    assert content["linkage"] == [] and content["clusters"] == [1]
    assert content["adjusted_rand"] is None


def test_errors(tmp_path):
    similarity, families = structured(3)
    with pytest.raises(SpotError, match='.png, .svg, .pdf, .html, .csv, .json, found ".pgn"') as e:
        heatmap(similarity, families, tmp_path / "a.pgn")
    assert 'Did you mean ".png"' in e.value.hint
    with pytest.raises(SpotError, match="found no suffix"):
        heatmap(similarity, families, tmp_path / "a")
    similarity.matrix[0, 1] = np.nan
    with pytest.raises(SpotError, match="is nan"):
        heatmap(similarity, families, tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []

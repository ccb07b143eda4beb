"""The page of results in a headless Chromium: no error, no request, keys, width, contrast, inert names."""

from __future__ import annotations

import os
import shutil

import pytest

import spot
from tests.report.results import (
    EVIL,
    analysis_folder,
    bank_folder,
    baselines_folder,
    comparison_folder,
    study_folder,
    transfer_folder,
)

playwright = pytest.importorskip("playwright.sync_api", reason="needs the extra test: playwright")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PROGRAM = next((path for name in BROWSERS if (path := shutil.which(name))), None)
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="needs an installed Chromium")
LEAST_CONTRAST = 4.5  # of small text, WCAG 2.2, 1.4.3

CONTRASTS = """() => {
  const numbers = (colour) => (colour.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = numbers(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    throw Error("no background");
  };
  const found = [];
  const inMark = (text) => {
    const own = text.getBoundingClientRect();
    const [x, y] = [own.x + own.width / 2, own.y + own.height / 2];
    return [...text.ownerSVGElement.querySelectorAll(".mark")].some((mark) => {
      const box = mark.getBoundingClientRect();
      return x > box.left && x < box.right && y > box.top && y < box.bottom;
    });
  };
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const drawn = element instanceof SVGElement;
    const unseen = ["title", "script", "style"].includes(element.tagName);
    if (!own || unseen || !element.getClientRects().length) continue;
    if (drawn && (element.tagName !== "text" || inMark(element))) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(numbers(drawn ? style.fill : style.color)), light(behind(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    found.push([contrast, element.tagName, element.textContent.trim()]);
  }
  return found;
}"""

FOCUSED = """() => {
  const at = document.activeElement, style = getComputedStyle(at);
  const box = at.getBoundingClientRect();
  return {
    tag: at.tagName.toLowerCase(), name: at.getAttribute("class") || "", text: at.textContent.trim(),
    visible: (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2)
      || (at.matches(".mark") && parseFloat(style.strokeWidth) >= 2),
    shown: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
  };
}"""


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    """A page of every kind of folder, with names that HTML must escape."""
    root = tmp_path_factory.mktemp("pages")
    folders = [
        transfer_folder(root, EVIL),
        study_folder(root, EVIL),
        baselines_folder(root, EVIL),
        comparison_folder(root),
        analysis_folder(root, EVIL),
        bank_folder(root, (EVIL, "a&b <i>", "news")),
    ]
    return spot.write_report(folders, root / "report.html")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """One browser for all tests of this file."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=PROGRAM, args=arguments)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser, page_file):
    """Opens the page at a width and in a colour scheme; what goes wrong is in `wrong`."""
    contexts = []

    def open_page(width=1280, scheme="light", **more):
        context = browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme, **more
        )
        contexts.append(context)
        page = context.new_page()
        page.wrong = []
        page.on("console", lambda message: page.wrong.append(message.text))
        page.on("pageerror", lambda error: page.wrong.append(str(error)))
        page.on("request", lambda request: page.wrong.append(request.url))
        page.goto(page_file.as_uri())
        assert page.wrong == [page_file.as_uri()]  # the page itself, and nothing else
        page.wrong.clear()
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_the_screen_and_can_be_read(visit, width, scheme):
    page = visit(width, scheme)
    page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    contrasts = page.evaluate(CONTRASTS)
    low = [each for each in contrasts if each[0] < LEAST_CONTRAST]
    assert low == [] and len(contrasts) > 200
    assert sum(tag == "text" for _, tag, _ in contrasts) > 50  # of pictures
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") < "rgb(200"
    assert dark == (scheme == "dark")


def test_all_of_it_is_reached_with_the_keyboard(visit):
    page = visit()
    stops = []
    for _ in range(400):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUSED)
        if at["tag"] == "body":
            break
        assert at["visible"] and at["shown"], at
        stops.append(at)
    assert stops[0]["text"] == "Skip to the results"
    count = {
        what: page.locator(what).count() for what in ("svg", "nav a", "thead button", "summary")
    }
    assert count["svg"] >= 8
    assert sum("mark" in at["name"] for at in stops) == count["svg"]  # one stop a picture
    assert sum(at["tag"] == "summary" for at in stops) == count["summary"] > 8
    assert sum(at["tag"] == "button" for at in stops) >= 20
    assert sum(at["tag"] == "a" for at in stops) >= count["nav a"] + 4
    page.keyboard.press("Tab")  # around, to the link that skips
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main" and page.wrong == []


def test_arrow_keys_say_every_value_of_a_heatmap(visit):
    page = visit()
    picture = page.locator("figure").last  # the bank's heatmap of three tasks
    marks, output = picture.locator(".mark"), picture.locator("output")
    assert marks.count() == 9
    marks.first.focus()
    said = [output.inner_text()]
    for key in (
        "ArrowRight",
        "ArrowRight",
        "ArrowRight",
        "ArrowDown",
        "ArrowLeft",
        "End",
        "Home",
        "ArrowUp",
    ):
        page.keyboard.press(key)
        said.append(output.inner_text())
    titles = [marks.nth(place).locator("title").text_content() for place in range(9)]
    assert said == [titles[place] for place in (0, 1, 2, 2, 5, 4, 8, 0, 0)]
    marks.nth(3).hover()
    assert output.inner_text() == titles[3]
    assert EVIL in "".join(titles) and page.evaluate("window.hacked") is None and page.wrong == []


def test_headers_sort_their_table(visit):
    page = visit()
    table = page.locator("table", has_text="on the test split").first
    header = table.locator("th", has_text="test accuracy")
    column = header.evaluate("(cell) => cell.cellIndex + 1")

    def values():
        return [
            float(text)
            for text in table.locator(f"tbody tr > :nth-child({column})").all_inner_texts()
        ]

    before = values()
    for direction, order in (("ascending", sorted(before)), ("descending", sorted(before)[::-1])):
        header.locator("button").press("Enter")
        assert values() == order != before and header.get_attribute("aria-sort") == direction
    table.locator("th button").first.click()
    assert header.get_attribute("aria-sort") is None and page.wrong == []


def test_without_a_script_values_have_titles(visit):
    page = visit(java_script_enabled=False)
    assert page.locator(".mark title").count() > 30 and page.locator("thead button").count() == 0
    assert page.locator("details").first.is_visible() and page.locator(EVIL[1:7]).count() == 1

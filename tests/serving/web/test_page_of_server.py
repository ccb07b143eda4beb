"""The page of the server: its answers, and in a headless Chromium its keys, names, errors and safety."""

from __future__ import annotations

import os
import re
import shutil
from types import SimpleNamespace

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient

from spot.serving.web.page import FILES, FOLDER, page_routes
from tests.report.test_pages_in_browser import CONTRASTS, FOCUSED, LEAST_CONTRAST
from tests.serving.web import stand
from tests.serving.web.running import serving

EVIL = "<img src=x onerror=\"document.title='hacked'\">"
TOKEN = "letmein"
PROGRAM = next(
    (path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None
)


def entry(
    name: str,
    task: str,
    score: float | None,
    labels: list[str],
    columns: list[str],
    similarity: float = 0.8125,
) -> dict:
    near = [{"entry": "cola-s0-9", "task": f"near {EVIL}", "similarity": similarity}]
    return {
        "entry": name, "task": task, "kind": "prefix", "length": 20, "score": score,
        "metric": "accuracy", "labels": labels, "columns": columns, "nearest": near,
    }  # fmt: skip


PROMPTS = [
    entry("tickets-s0-1", "tickets", 61.25, ["billing", "bug"], ["subject", "body"]),
    entry("tickets-s1-2", "tickets", 93.5, ["billing", "bug"], ["subject", "body"]),
    entry("hostile-s0-3", EVIL, None, [EVIL, "plain"], []),
    entry("title-s0-4", "write a title", 12.0, [], ["text"], similarity=-0.25),
]
OF_ENTRY = {each["entry"]: each for each in PROMPTS}


class StandIn:
    """What the page asks a server, with answers that a test can tell apart."""

    def __init__(self) -> None:
        self.token, self.bodies, self.failing = "", [], None
        self.app = FastAPI()
        self.app.include_router(page_routes())
        self.app.add_api_route("/v1/prompts", self.prompts, methods=["GET"])
        self.app.add_api_route("/healthz", self.healthz, methods=["GET"])
        self.app.add_api_route("/v1/predict", self.predict, methods=["POST"])

    def refused(self, request: Request) -> JSONResponse | None:
        if self.token and request.headers.get("authorization") != f"Bearer {self.token}":
            body = {"error": "expected a token, found none", "hint": "send it as a bearer token"}
            return JSONResponse(body, 401)
        return None

    async def prompts(self, request: Request):
        return self.refused(request) or PROMPTS

    async def healthz(self):
        return {"status": "ok", "model": "spot-nano", "prompts": len(PROMPTS), "queue": 0}

    async def predict(self, request: Request):
        if refusal := self.refused(request):
            return refusal
        self.bodies.append(body := await request.json())
        if self.failing:
            return JSONResponse(*self.failing)
        together = "ensemble" in body
        ids = [p["entry"] for p in PROMPTS if p["task"] == body.get("ensemble")]
        entries = ids if together else [body["entry"]]
        labels = OF_ENTRY[entries[0]]["labels"]
        shares = dict(zip(labels, (0.0004, 0.9996), strict=True)) if labels else {}
        answer = {
            "text": "", "answer": labels[-1] if labels else f"A title of {EVIL}",
            "probabilities": shares, "margin": 0.9992 if labels else None,
            "votes": {labels[1]: 1, labels[0]: 1} if together else {},
            "agreement": 0.5 if together else None,
        }  # fmt: skip
        task = OF_ENTRY[entries[0]]["task"]
        return {"answers": [answer], "task": task, "entries": entries, "model": "spot-nano"}


def test_the_page_and_its_files_are_answered_with_a_strict_policy():
    client = TestClient(StandIn().app)
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.text == (FOLDER / "page.html").read_text("utf-8")
    for name, kind in FILES.items():
        answer = client.get(f"/static/{name}")
        assert answer.headers["content-type"].startswith(kind)
        assert answer.content == (FOLDER / name).read_bytes()
    policy = dict(
        rule.split(" ", 1) for rule in page.headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert {policy[f"{kind}-src"] for kind in ("script", "style", "connect")} == {"'self'"}


def test_every_file_of_the_folder_is_served_and_no_other():
    assert {path.name for path in FOLDER.iterdir()} == {"page.html", *FILES}
    client = TestClient(StandIn().app)
    for path in ("/static/", "/static/page.html", "/static/../page.py", "/static/%2e%2e/page.py"):
        assert client.get(path).status_code == 404


def test_its_text_names_nothing_that_the_policy_forbids():
    html = (FOLDER / "page.html").read_text("utf-8")
    script = (FOLDER / "page.js").read_text("utf-8")
    assert not re.search(r"\son\w+=|style=|<style|https?:|javascript:", html)
    assert re.findall(r"<script[^>]*>(.*?)</script>", html, re.S) == [""]
    for sink in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval", "Storage"):
        assert sink not in script
    assert "http" not in script.replace("Refused", "")


# The rest needs a browser.

playwright = pytest.importorskip("playwright.sync_api", reason="needs the extra test: playwright")
in_browser = pytest.mark.skipif(PROGRAM is None, reason="needs an installed Chromium")


@pytest.fixture(scope="module")
def browser():
    """One browser for all tests of this file."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=PROGRAM, args=arguments)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def site():
    """A stand-in server, and where it is."""
    stand_in = StandIn()
    with serving(stand_in.app) as address:
        yield SimpleNamespace(server=stand_in, address=address)


@pytest.fixture
def quiet():
    """Chromium itself logs every answer that is an error."""
    return ("Failed to load resource",)


@pytest.fixture
def visit(browser, site):
    """Opens the page; after the test nothing was logged, fetched from elsewhere, or run from a text."""
    site.server.token, site.server.failing = "", None
    site.server.bodies.clear()
    pages = []

    def open_page(width=1280, scheme="light", expected=(), **more):
        context = browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme, **more
        )
        page = context.new_page()
        wrong: list[str] = []
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "request",
            lambda request: request.url.startswith(site.address + "/") or wrong.append(request.url),
        )
        pages.append((context, page, wrong, expected))
        page.goto(site.address + "/")
        page.wait_for_load_state("networkidle")
        return page

    yield open_page
    for context, page, wrong, expected in pages:
        unexpected = [line for line in wrong if not any(part in line for part in expected)]
        assert unexpected == [] and page.title() == "Ask a bank of prompts"
        assert page.locator("img, script:not([src])").count() == 0
        context.close()


def focused(page) -> str:
    """The id of the element that has the focus; its ring is seen, and it is on the screen."""
    at = page.evaluate(FOCUSED)
    assert at["visible"] and at["shown"], at
    return page.evaluate("document.activeElement.id || document.activeElement.tagName")


def said(page) -> str:
    return page.locator("[role=status]").inner_text()


def answered(page) -> str:
    """The sentence that is announced once the server has answered."""
    page.locator("#details table").first.wait_for()
    return said(page)


@in_browser
def test_it_is_used_with_the_keyboard_alone(visit, site):
    page = visit()
    assert page.locator("header").inner_text().endswith("Model spot-nano, 4 prompts for 3 tasks.")
    page.keyboard.press("Tab")
    assert focused(page) == "A" and page.evaluate("document.activeElement.hash") == "#main"
    page.keyboard.press("Tab")
    assert focused(page) == "task"
    page.keyboard.type("tickets")
    page.keyboard.press("Tab")
    assert focused(page) == "prompt"
    assert page.locator("#prompt option").all_inner_texts() == [
        "tickets-s1-2 (accuracy 93.5)",  # the best first
        "tickets-s0-1 (accuracy 61.3)",
        "all 2 prompts of the task, together",
    ]
    for text in ("a subject", "a body"):
        page.keyboard.press("Tab")
        page.keyboard.type(text)
    assert focused(page) == "column-1"
    page.keyboard.press("Tab")
    assert focused(page) == "send"
    page.keyboard.press("Enter")
    assert answered(page) == "bug, 100.0 %"
    assert site.server.bodies == [
        {"entry": "tickets-s1-2", "texts": [{"subject": "a subject", "body": "a body"}]}
    ]
    assert focused(page) == "send"  # the focus stays where the person is
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Control+Enter")
    stand.until(lambda: len(site.server.bodies) == 2)
    page.locator("#details table").nth(1).wait_for()
    assert page.locator("#details table").count() == 2 and len(site.server.bodies) == 2


@in_browser
def test_probabilities_and_sources_are_tables_with_text(visit):
    page = visit()
    page.get_by_label("Task").select_option("tickets")
    page.get_by_label("subject").fill("s")
    page.get_by_label("body").fill("b")
    page.get_by_role("button", name="Ask").click()
    answered(page)
    shares = page.get_by_role("table", name="Probability of each label")
    cells = shares.locator("tbody tr").all_inner_texts()
    assert [re.split(r"\s*\t\s*", row.strip()) for row in cells] == [
        ["bug ✓ answer", "100.0 %"], ["billing", "< 0.1 %"],
    ]  # fmt: skip
    widths = shares.locator(".bar").evaluate_all("bars => bars.map(b => b.style.width)")
    assert widths == ["99.96%", "0.04%"]
    near = page.get_by_role("table", name=re.compile("^Nearest sources"))
    assert near.locator("tbody tr").all_inner_texts() == [f"near {EVIL}\tcola-s0-9\t0.813"]
    details = page.locator("#details").inner_text()
    assert "Margin over the next label: 99.9 points." in details and "is near" not in details


@in_browser
def test_all_prompts_of_a_task_answer_together(visit, site):
    page = visit()
    page.get_by_label("Task").select_option("tickets")
    page.get_by_label("Prompt").select_option(label="all 2 prompts of the task, together")
    page.get_by_label("subject").fill("s")
    page.get_by_label("body").fill("b")
    page.get_by_role("button", name="Ask").click()
    assert answered(page) == "bug, 100.0 %. 50.0 % of 2 prompts agree."
    assert site.server.bodies[-1]["ensemble"] == "tickets"
    headers = page.locator("#details table").first.locator("thead th").all_inner_texts()
    assert headers == ["label", "probability", "votes"]
    sources = page.locator("#details table").last.locator("tbody tr")
    assert [row.split("\t")[0] for row in sources.all_inner_texts()] == [
        "tickets-s0-1", "tickets-s1-2",
    ]  # fmt: skip


@in_browser
def test_names_and_texts_of_others_stay_text(visit, site, quiet):
    page = visit(expected=quiet)
    page.get_by_label("Task").select_option(EVIL)
    assert not page.locator("#prompt").is_visible()  # there is one
    page.get_by_label("text").fill(EVIL)
    page.get_by_role("button", name="Ask").click()
    answered(page)
    assert site.server.bodies == [{"entry": "hostile-s0-3", "texts": [EVIL]}]
    assert EVIL in page.locator("#details").inner_text()
    page.get_by_label("Task").select_option("write a title")
    page.get_by_label("text").fill("once")
    site.server.failing = ({"error": f"no {EVIL}", "hint": EVIL}, 422)
    page.get_by_role("button", name="Ask").click()
    alert = page.get_by_role("alert")
    alert.get_by_text("Not answered.").wait_for()
    assert alert.inner_text().count(EVIL) == 2
    site.server.failing = None
    page.get_by_role("button", name="Ask").click()
    page.get_by_text(f"A title of {EVIL}").wait_for()
    assert page.locator("#details table").count() == 1  # no probabilities of free text
    assert "-0.250" in page.locator("#details").inner_text()
    assert "None of them is near" in page.locator("#details").inner_text()


@in_browser
def test_an_error_is_an_alert_and_the_next_answer_removes_it(visit, site, quiet):
    page = visit(expected=quiet)
    page.get_by_label("Task").select_option("write a title")
    page.get_by_role("button", name="Ask").click()  # nothing was written
    alert = page.get_by_role("alert")
    assert "The text of “text” is empty." in alert.inner_text()
    assert focused(page) == "column-0" and site.server.bodies == []
    assert page.get_by_label("text").get_attribute("aria-invalid") == "true"
    page.get_by_label("text").fill("x")
    site.server.failing = ({"error": "the queue is full", "hint": "ask again in 2 s"}, 429)
    page.get_by_role("button", name="Ask").click()
    alert.get_by_text("the queue is full").wait_for()
    assert "ask again in 2 s" in alert.inner_text() and said(page) == "No answer."
    assert page.get_by_label("text").get_attribute("aria-invalid") is None
    site.server.failing = ({"detail": "Not Found"}, 500)  # not of this server's form
    page.get_by_role("button", name="Ask").click()
    alert.get_by_text("The server answered 500.").wait_for()
    site.server.failing = None
    page.get_by_role("button", name="Ask").click()
    page.locator("#details table").wait_for()
    assert alert.inner_text() == ""


@in_browser
def test_a_server_that_is_gone_is_said(visit, quiet):
    page = visit(expected=quiet)
    page.context.set_offline(True)
    page.get_by_label("Task").select_option("write a title")
    page.get_by_label("text").fill("x")
    page.get_by_role("button", name="Ask").click()
    page.get_by_role("alert").get_by_text("The server cannot be reached.").wait_for()


@in_browser
def test_a_server_with_a_token_asks_for_it_and_keeps_it_nowhere(visit, site, quiet):
    site.server.token = TOKEN
    page = visit(expected=quiet)
    field = page.get_by_label("Token of this server")
    field.wait_for()
    assert focused(page) == "token" and field.get_attribute("type") == "password"
    assert "expected a token" in page.locator("#access [role=alert]").inner_text()
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    page.locator("#token[aria-invalid=true]").wait_for()
    field.fill(TOKEN)
    page.keyboard.press("Enter")
    field.wait_for(state="hidden")
    assert focused(page) == "task" and page.locator("[role=alert]").all_inner_texts() == ["", ""]
    page.get_by_label("Task").select_option("write a title")
    page.get_by_label("text").fill("x")
    page.get_by_role("button", name="Ask").click()
    page.get_by_text("A title of").wait_for()
    kept = "[localStorage.length, sessionStorage.length, document.cookie, location.href]"
    assert page.evaluate(kept) == [0, 0, "", f"{site.address}/"]
    assert TOKEN not in page.content() and page.locator("#token").input_value() == ""
    page.reload()
    field.wait_for()  # a new page has no token


@in_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_it_fits_the_screen_and_can_be_read(visit, site, width, scheme, quiet):
    page = visit(width, scheme, expected=quiet)
    page.get_by_label("Task").select_option("tickets")
    page.get_by_label("Prompt").select_option("")
    page.get_by_label("subject").fill("My invoice " * 20)
    page.get_by_label("body").fill("w" * 300)
    page.get_by_role("button", name="Ask").click()
    answered(page)
    contrasts = page.evaluate(CONTRASTS)
    page.get_by_label("subject").fill("")
    page.get_by_role("button", name="Ask").click()
    contrasts += page.evaluate(CONTRASTS)
    assert any("empty" in text for _, _, text in contrasts) and len(contrasts) > 40
    assert [each for each in contrasts if each[0] < LEAST_CONTRAST] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") < "rgb(200"
    assert dark == (scheme == "dark")


@in_browser
def test_nothing_moves_so_nobody_has_to_ask_for_less_motion(visit):
    moving = """() => [...document.querySelectorAll("*")].filter((each) => {
      const style = getComputedStyle(each);
      return style.animationName !== "none" || parseFloat(style.transitionDuration) > 0;
    }).map((each) => each.className)"""
    assert visit(reduced_motion="no-preference").evaluate(moving) == []


@in_browser
def test_a_screen_reader_finds_landmarks_and_names(visit):
    page = visit()
    page.get_by_label("Task").select_option("tickets")
    page.get_by_label("subject").fill("s")
    page.get_by_label("body").fill("b")
    page.get_by_role("button", name="Ask").click()
    answered(page)
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    named = {
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node["ignored"]
    }
    assert named >= {
        ("banner", ""), ("main", ""), ("contentinfo", ""), ("form", "Question"), ("region", "Answer"),
        ("heading", "Ask a bank of prompts"), ("combobox", "Task"), ("combobox", "Prompt"),
        ("textbox", "subject"), ("textbox", "body"), ("button", "Ask"), ("status", ""), ("alert", ""),
        ("table", "Probability of each label"), ("rowheader", "bug ✓ answer"),
    }  # fmt: skip
    controls = {"combobox", "textbox", "button", "link", "table"}
    assert [pair for pair in named if pair[0] in controls and not pair[1]] == []
    live = [node for node in nodes if node["role"]["value"] == "status"]
    settings = {each["name"]: each["value"]["value"] for each in live[0]["properties"]}
    assert (settings["live"], settings["atomic"]) == ("polite", True)
    assert page.locator("html").get_attribute("lang") == "en"


@in_browser
def test_the_real_server_answers_the_page(browser, tmp_path, tiny_backbone):
    """The same with the server's own routes, guard and catalogue, and a token."""
    bank = stand.make_bank(tmp_path / "bank", tiny_backbone)
    with stand.running(bank, tiny_backbone, stand.Scripted(), token=TOKEN) as server:
        page = browser.new_page()
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        answer = page.goto(server.url)
        assert answer is not None and answer.headers["x-content-type-options"] == "nosniff"
        page.get_by_label("Token of this server").fill(TOKEN)
        page.keyboard.press("Enter")
        page.get_by_label("Task").select_option("pair")
        page.get_by_label("a", exact=True).fill("a hen")
        page.get_by_label("b", exact=True).fill("a bird")
        page.keyboard.press("Control+Enter")
        assert answered(page) == "no, 75.0 %"
        near = page.get_by_role("table", name=re.compile("^Nearest sources")).locator("tbody tr")
        assert {row.split("\t")[0] for row in near.all_inner_texts()} == {"colour", "bird"}
        page.get_by_label("Task").select_option("colour")
        page.get_by_label("Prompt").select_option("")
        page.get_by_label("text").fill("a red cat")
        page.get_by_role("button", name="Ask").click()
        page.get_by_role("columnheader", name="prompt").wait_for()  # sources of both prompts
        assert wrong == []
        page.close()


@in_browser
def test_without_a_script_it_says_so(visit):
    page = visit(java_script_enabled=False)
    assert "This page needs JavaScript." in page.locator("main").inner_text()

"""What a person sees while something is being done: phases, time left, and never silence."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from spot.report import console
from spot.report.console import ConsoleReporter, progress
from spot.report.output import People
from spot.training.slots import Check

CHECK = Check(6, 50.0, 0.5, {}, 20)


class Clock:
    """A clock that is set by hand."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(console.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.fixture
def quick(monkeypatch):
    """Silences that a test can wait for."""
    monkeypatch.setattr(console, "SILENCE", 0.3)


def reporter(**choices):
    """A reporter without a terminal, and the text that it has printed."""
    text = io.StringIO()
    return ConsoleReporter(Console(file=text, width=200), **choices), text


def test_compiling_is_a_phase_and_no_step(clock):
    shown, _ = reporter()
    shown.begin("news", 80, 0)
    shown.phase("compiling the step")
    clock.now += 15
    assert shown.line() == "compiling the step … 15 s"
    shown.advance(1, 0.5)
    assert shown.line() == "news: step 1/80, loss 0.500"


def test_time_left_is_measured_from_the_first_finished_step(clock):
    shown, _ = reporter()
    shown.begin("news", 80, 20)
    clock.now += 30  # the first step compiles
    lines = []
    for step in range(21, 26):
        shown.advance(step, 0.5)
        lines.append(shown.line())
        clock.now += 2
    assert lines[2] == "news: step 23/80, loss 0.500"
    assert lines[3] == "news: step 24/80, loss 0.500, about 1.9 minutes left"  # 56 steps of 2 s
    assert lines[4] == "news: step 25/80, loss 0.500, about 1.8 minutes left"


def test_what_is_compiled_later_takes_no_part_in_the_time_left(clock):
    lefts = {}
    for text in ("compiling the scores", "validating"):
        shown, _ = reporter()
        shown.begin("news", 10, 0)
        shown.advance(1, 0.5)
        shown.phase(text)
        clock.now += 60
        shown.say("done")
        for step in (2, 3, 4):
            clock.now += 1
            shown.advance(step, 0.5)
        lefts[text] = shown.line().rpartition("about ")[2]
    assert lefts == {"compiling the scores": "6 seconds left", "validating": "2.1 minutes left"}


def test_a_phase_lasts_until_the_next_call(clock):
    shown, text = reporter()
    shown.begin("news", 80, 0)
    shown.advance(1, 0.5)
    for call in (
        lambda: shown.advance(1, 0.5),
        lambda: shown.check("news", CHECK),
        lambda: shown.say("a line"),
        lambda: shown.detail("more"),
    ):
        shown.phase("reading rows")
        assert shown.line() == "reading rows …"
        call()
        assert shown.line() == "news: step 1/80, loss 0.500"
    shown.end()
    assert shown.line() == "working …"
    assert text.getvalue() == "a line\n"


def test_the_line_of_a_training_has_the_mean_of_the_last_scores(clock):
    shown, text = reporter(verbose=True)
    shown.begin("news", 80, 0)
    for step, scores in ((1, (50, 60)), (2, (51.5, 70))):
        for name, score in zip("ab", scores, strict=True):
            shown.check(name, Check(step, score, 0.5, {}, 20))
        shown.advance(step, 0.5)
    assert shown.line() == "news: step 2/80, loss 0.500, validation 60.8"
    assert "  b: step 1, validation 60.0, loss 0.500\n" in text.getvalue()
    shown.end()
    shown.begin("other", 80, 0)
    shown.advance(1, 0.5)
    assert shown.line() == "other: step 1/80, loss 0.500"


def test_a_training_before_its_first_step_is_named_with_its_time(clock):
    shown, text = reporter()
    shown.begin("news", 80, 40)
    clock.now += 7
    assert shown.line() == "news … 7 s"
    assert text.getvalue() == "news: resumed at step 40\n"


def test_silence_is_broken_where_stderr_is_no_terminal(quick, capsys):
    with progress() as shown:
        shown.phase("compiling the step")
        time.sleep(1.7)
    time.sleep(0.5)
    lines = capsys.readouterr().err.splitlines()
    # A line after every silence of 0.3 seconds or a little more, and none after the block.
    assert 2 <= len(lines) <= 5
    assert lines[0] == "compiling the step …" and lines[-1].startswith("compiling the step … ")


def test_no_silence_is_longer_than_five_seconds():
    assert console.SILENCE + 0.2 < 5


def test_a_printed_line_delays_the_next(quick, capsys):
    with progress() as shown:
        for _ in range(6):
            time.sleep(0.15)
            shown.say("a line")
    assert set(capsys.readouterr().err.splitlines()) == {"a line"}


def test_the_display_ends_with_the_block_however_it_ends(quick, capsys):
    with pytest.raises(KeyboardInterrupt), progress() as shown:
        shown.phase("compiling the step")
        raise KeyboardInterrupt
    time.sleep(0.8)
    assert capsys.readouterr().err == ""


def test_quiet_prints_nothing_and_keeps_warnings(quick, capsys):
    with progress(People(quiet=True)) as shown:
        shown.begin("news", 80, 40)
        shown.check("news", CHECK)
        shown.warn("careful")
        time.sleep(0.7)
        shown.end()
    assert capsys.readouterr().err == "" and shown.warnings == ["careful"]


def test_verbose_tells_details_and_durations(clock):
    shown, text = reporter(verbose=True)
    shown.begin("news", 80, 0)
    shown.phase("compiling the step")
    clock.now += 12.3
    shown.advance(1, 0.5)
    clock.now += 2
    shown.detail("  in spot-runs/prompts/news")
    shown.end()
    assert text.getvalue().splitlines() == [
        "compiling the step: 12.3 s",
        "  in spot-runs/prompts/news",
        "news: 14.3 s",
    ]


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_terminal_has_one_line_whatever_its_width(width, monkeypatch):
    monkeypatch.setattr(console, "SPINNER", console.Spinner("line"))
    text = io.StringIO()
    terminal = Console(file=text, width=width, force_terminal=True, color_system=None)
    shown = ConsoleReporter(terminal)
    title = "transfer to mini_boolq, 1 of 2"
    shown.begin(title, 60, 0)
    for step in range(1, 6):
        shown.advance(step, 0.5)
    terminal.print(shown.drawn())
    (line,) = text.getvalue().splitlines()
    assert "5/60, loss 0.500" in line
    assert (title in line) is (width > 40)
    assert len(line.rstrip()) <= width
    shown.start()
    shown.phase("compiling the step")
    time.sleep(0.4)
    shown.stop()
    assert "compiling the step" in text.getvalue() and text.getvalue().count(title) <= 1

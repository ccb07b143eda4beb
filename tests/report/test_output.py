"""Tables on terminals of some width, and through a pipe."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from spot.report.output import People, Whole

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = ("entry", "family", "about", "path", "score ")
LONG = "mini_crossword+mini_dictionary-s0-0123abcd"
ROWS = [
    (Whole(LONG), "natural language inference", "a long sentence about it", Path("a/b-c.npy"), 1.5),
    (Whole("x-s1-4567cdef"), "topic", None, Path("d"), 100.0),
]
SHOW = """
from tests.report.test_output import COLUMNS, ROWS
from spot.report.output import People
"""
ENTRIES = 'People().table("entries", COLUMNS, ROWS)'


def on_a_terminal(width, show=ENTRIES):
    """What the table looks like on a terminal that wide, line by line."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": str(width), "TERM": "xterm"}
    subprocess.run(
        [sys.executable, "-c", SHOW + show], env=environment, cwd=ROOT, stdout=theirs, check=True
    )
    os.close(theirs)
    text = b""
    try:
        while chunk := os.read(ours, 4096):
            text += chunk
    except OSError:  # how the end of a terminal reads on Linux
        pass
    os.close(ours)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text.decode())
    return [line.rstrip() for line in plain.replace("\r", "").splitlines()]


@pytest.mark.parametrize("width", [80, 100, 200])
def test_ids_paths_and_numbers_are_whole_and_texts_are_cut(width):
    title, header, rule, first, second = on_a_terminal(width)
    assert title == "entries" and header.split() == [name.strip() for name in COLUMNS]
    assert set(rule) <= set("─- ")
    assert first.startswith(LONG + "  ") and first.endswith("1.50") and second.endswith("100.00")
    assert "a/b-c.npy" in first
    assert max(map(len, (header, first, second))) <= width
    assert ("…" in first) is (width < 120)
    assert ("natural language inference  a long sentence about it" in first) is (width > 120)


def test_what_is_whole_is_whole_even_where_the_terminal_is_too_narrow():
    lines = on_a_terminal(40)
    assert any(LONG in line and "a/b-c.npy" in line for line in lines)
    assert not any(line.startswith(("3abcd", "natural")) for line in lines)


def test_names_of_any_kind_are_cells_and_columns(capsys):
    lines = on_a_terminal(
        80, "People().table('[/t]', ('[/x]', '[red]b '), [('[/y]\\n\\x1b[2Jz', 1.0)])"
    )
    assert lines[0] == "[/t]" and lines[1].split() == ["[/x]", "[red]b"]
    assert lines[3].split() == ["[/y]", "\\x1b[2Jz", "1.00"]


def test_a_piped_table_has_tabs_and_no_padding(capsys):
    People().table("", COLUMNS, [*ROWS, (Whole("y"), "two\nlines", "a\ttab", Path("e"), None)])
    assert capsys.readouterr().out.splitlines() == [
        "entry\tfamily\tabout\tpath\tscore",
        f"{LONG}\tnatural language inference\ta long sentence about it\ta/b-c.npy\t1.50",
        "x-s1-4567cdef\ttopic\t–\td\t100.00",
        "y\ttwo lines\ta tab\te\t–",
    ]

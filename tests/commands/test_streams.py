"""Commands whose streams are closed, full or of another encoding; texts that would steer a terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spot import Prediction
from spot.commands import predict
from spot.commands.streams import PLAIN
from spot.report.output import JsonLines, People
from tests.lab import invoke

ROOT = Path(__file__).resolve().parents[2]
WITHOUT_HOME = """
import os, pwd, sys
def unknown(user):
    raise KeyError(user)
os.environ.pop("HOME", None)
pwd.getpwuid = unknown
from spot.commands import main
main(sys.argv[1:])
"""


def shell(line: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """What a line of a shell prints, where $SPOT is the command."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SPOT": f"{sys.executable} -m spot"}
    return subprocess.run(
        ["sh", "-c", line], env={**environment, **variables}, capture_output=True, timeout=120
    )


@pytest.mark.parametrize("command", ["models", "models --json"])
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_streams_are_as_the_null_device(command, closed):
    done = shell(f"$SPOT {command} {closed}")
    assert (done.returncode, done.stderr) == (0, b"")
    assert bool(done.stdout) is (">&-" not in closed or closed == "2>&-")


def test_without_stdin_there_are_no_texts():
    for end in ("<&-", "</dev/null"):
        done = shell(f"$SPOT predict --task mini_boolq {end}")
        assert (done.returncode, done.stdout) == (1, b"")
        assert b"error: expected texts to predict, found none\nhint: give --text" in done.stderr


def test_a_file_never_takes_the_place_of_a_closed_stream(tmp_path):
    script = (
        "import os, sys; from spot.commands.streams import open_streams; open_streams();"
        "file = open(sys.argv[1], 'wb'); os.write(1, b'x'); os.write(2, b'x'); print('x', flush=True)"
    )
    path = tmp_path / "data"
    done = shell(f'{sys.executable} -c "{script}" {path} >&- 2>&- <&-')
    assert done.returncode == 0 and path.read_bytes() == b""


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["models", "models --json"])
def test_a_full_disk_behind_stdout_is_said(command, unbuffered):
    done = shell(f"$SPOT {command} > /dev/full", PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 1
    assert done.stderr.splitlines()[0].startswith(b"error: No space left on device")
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp437"])
def test_other_encodings_get_plain_characters(encoding):
    text = "".join(PLAIN)[:20] + "é好🙂"
    command = f"$SPOT config --explain data.text --set 'data.text=\"{text}\"'"
    expected, found = shell(command), shell(command, PYTHONIOENCODING=encoding)
    assert (found.returncode, found.stderr) == (0, b"") and text in expected.stdout.decode()
    plain = expected.stdout.decode()
    for character in text:
        try:
            character.encode(encoding)
        except UnicodeEncodeError:
            plain = plain.replace(character, PLAIN.get(character) or ascii(character)[1:-1])
    assert found.stdout.decode(encoding) == plain != expected.stdout.decode()
    lines = [shell(f"{command} --json", PYTHONIOENCODING=e).stdout for e in ("utf-8", encoding)]
    assert lines[1].isascii() and json.loads(lines[0]) == json.loads(lines[1])
    assert json.loads(lines[1])["value"] == text


def test_marks_of_curves_stay_apart_on_every_terminal():
    from spot.report.text_curves import MARKS, SEVERAL

    assert len({PLAIN[mark] for mark in MARKS + SEVERAL}) == len(MARKS) + 1
    assert all(len(PLAIN[mark]) == 1 for mark in MARKS + SEVERAL)


def test_the_locale_c_without_utf8_is_no_error(tmp_path):
    rows = "".join(f"ein schöner Tag {i},{'gut' if i % 2 else 'schlecht 好'}\n" for i in range(40))
    (tmp_path / "tage.csv").write_text("text,label\n" + rows, "utf-8")
    done = shell(
        f"cd {tmp_path}; $SPOT init tage.csv", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0"
    )
    assert done.returncode == 0 and b"schlecht \\u597d" in done.stdout
    assert "schlecht 好" in (tmp_path / "tage.toml").read_text("utf-8")


def test_a_command_without_a_home_has_one_and_python_is_told(monkeypatch, tmp_path):
    from spot.errors import SpotError
    from spot.settings import cache_dir

    command = [sys.executable, "-c", WITHOUT_HOME]
    environment = {name: value for name, value in os.environ.items() if name != "SPOT_CACHE_DIR"}
    for words in (["config"], ["models"]):
        done = subprocess.run(
            [*command, *words], env={**environment, "PYTHONPATH": str(ROOT)}, cwd=tmp_path,
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []

    def unknown(user):
        raise KeyError(user)

    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", unknown)
    assert cache_dir() == Path(os.environ["SPOT_CACHE_DIR"])
    monkeypatch.delenv("SPOT_CACHE_DIR")
    with pytest.raises(SpotError, match="expected a home folder to keep a cache in, found none"):
        cache_dir()


@pytest.mark.parametrize("seed", ["-1", "4294967296", "1e3"])
@pytest.mark.parametrize("command", ["train", "tune"])
def test_a_seed_that_is_none_is_wrong_usage(command, seed, tmp_path):
    done = invoke(command, "--task", "mini_boolq", "--seed", seed, "--out", str(tmp_path / "q"))
    assert done.exit_code == 2 and "Invalid value for '--seed': " in done.stderr
    assert list(tmp_path.iterdir()) == []


STEERING = "\x1b]0;title\x07\x1b[31mred\x1b[0m \x9b2J\u202egnp\r"


def test_nothing_that_is_printed_for_people_steers_a_terminal(capsys):
    out = People(verbose=True)
    out.say(STEERING)
    out.table(STEERING, ("a", STEERING), [(STEERING, 1.0)])
    out.warn(STEERING)
    out.detail(STEERING)
    predict.show([Prediction("text", f"one\n{STEERING}", {})], out)
    printed = capsys.readouterr()
    for text in (printed.out, printed.err):
        assert all(c.isprintable() or c in "\n\t" for c in text)
        assert "\\x1b[31mred\\x1b[0m" in text
    assert printed.out.splitlines()[-1].startswith("one\\n\\x1b]0;title")
    predict.show([Prediction("text", STEERING, {})], JsonLines())
    line = capsys.readouterr().out
    assert "\x1b" not in line and json.loads(line)["answer"] == STEERING


@pytest.mark.parametrize("name", [STEERING, "[/x]", "[red]", "\u200b"])
def test_errors_and_warnings_of_any_name_are_text(name, tmp_path):
    (tmp_path / "a.csv").write_text(f"text,label\na,{name}\nb,x\n", "utf-8")
    done = invoke("init", str(tmp_path / "a.csv"), "--text", "text", "--label", name)
    assert done.exit_code == 1 and "expected a column for --label, found no" in done.stderr
    assert all(c.isprintable() or c == "\n" for c in done.stderr)
    assert done.stderr.count("[/x]") == (name == "[/x]")
    assert ("\\u200b" in done.stderr) is (name == "\u200b")


def test_progress_of_any_name_is_text():
    import io

    from rich.console import Console

    from spot.report.console import ConsoleReporter

    text = io.StringIO()
    reporter = ConsoleReporter(Console(file=text, width=200), verbose=True)
    for name in (STEERING, "[/x]"):
        reporter.begin(name, 3, 1)
        reporter.phase(name)
        reporter.say(name)
        reporter.advance(2, 0.5)
        reporter.drawn()
        assert "\x1b" not in reporter.line()
        reporter.end()
    assert all(c.isprintable() or c == "\n" for c in text.getvalue()) and "[/x]" in text.getvalue()

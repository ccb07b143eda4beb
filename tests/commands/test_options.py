"""Options become one config; results go to one output; every command is a file and a table line."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bank.store import Bank
from spot.commands import COMMANDS
from spot.commands import bank as bank_commands
from spot.commands.group import Spot
from spot.commands.options import NamesOption, Shorthand, configured, printed
from spot.report.output import JsonLines, People

ROOT = Path(__file__).resolve().parents[2]


@click.command()
@click.option("--target")
@click.option("--k", cls=Shorthand, key="search.k", type=int)
@click.option("--similarity", cls=Shorthand, key="search.similarity")
@configured
def sample(config, out, target):
    """A command with two shorthands."""
    out.record({"target": target, "config": config.model_dump(mode="json")})
    out.say(f"k is {config.search.k}")


def config_of(*arguments):
    done = CliRunner().invoke(sample, [*arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)["config"]


def test_later_words_win_over_earlier_ones(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text('[search]\nk = 5\nsimilarity = "delta"\n[train]\nsteps = 70\n')
    assert config_of()["search"]["k"] == 3
    config = config_of("--config", str(file), "--set", "search.k=6", "--set", "train.steps=90")
    assert (config["search"]["k"], config["search"]["similarity"]) == (6, "delta")
    assert config["train"]["steps"] == 90
    config = config_of("--k", "7", "--set", "search.k=6", "--similarity", "average")
    assert (config["search"]["k"], config["search"]["similarity"]) == (7, "average")


@pytest.mark.parametrize("text", ['my "bank"', "a b", "[1]", "true", "7", "ü/é", "back\\slash"])
def test_a_text_comes_through_a_shorthand_unread(text):
    assert config_of("--bank", text)["bank"]["path"] == text


def test_quiet_and_verbose_change_stderr_alone():
    @click.command()
    @printed
    def noisy(out):
        """A command."""
        log = logging.getLogger("bank")
        log.warning("a warning")
        log.debug("a trifle")
        out.warn("doubtful")
        out.detail("more")
        out.record({"a": 1})
        out.say("said")

    @click.group(cls=Spot, package="", table={})
    def whole():
        """A group."""

    whole.get_command = lambda ctx, name: noisy
    whole.table = {"noisy": None}
    before = logging.getLogger("bank").level
    errors = {
        (): ["warning: a warning", "warning: doubtful"],
        ("-q",): [],
        ("--quiet",): [],
        ("-v",): ["warning: a warning", "debug: a trifle", "warning: doubtful", "more"],
    }
    for words, lines in errors.items():
        for json_words, text in ((), "said\n"), (("--json",), '{"a": 1}\n'):
            done = CliRunner().invoke(whole, ["noisy", *words, *json_words])
            said = done.stderr.splitlines()
            if "-v" in words:
                assert re.fullmatch(r"finished in \d\.\d s", said.pop())
            assert (done.stdout, said, done.exit_code) == (text, lines, 0)
    done = CliRunner().invoke(whole, ["noisy", "-q", "-v"])
    assert done.exit_code == 2 and "expected -q or -v, found both" in done.stderr
    assert logging.getLogger("bank").level == before


def test_json_chooses_the_output_once():
    plain = CliRunner().invoke(sample, ["--k", "2"])
    assert plain.stdout == "k is 2\n"


def test_an_option_lists_its_table_only_in_help():
    asked = []

    def names():
        asked.append(1)
        return ["one", "two", "three"]

    @click.command()
    @click.option("--name", cls=NamesOption, names=names, help="{names} (default: one).")
    @printed
    def named(out, name):
        """A command."""
        out.say(f"name {name}")

    assert CliRunner().invoke(named, ["--name", "x"]).stdout == "name x\n" and not asked
    for _ in range(2):
        assert "one, two or three (default: one)." in CliRunner().invoke(named, ["--help"]).stdout


def test_people_get_texts_as_they_are(capsys):
    out = People()
    out.say("[red] :cat: \t tab")
    out.table("title", ("a", "b "), [("[red]x[/red] :cat:", 1.0), (None, (1, 2)), ((), True)])
    out.record({"a": 1})
    out.warn("careful [x]")
    printed_text = capsys.readouterr()
    assert printed_text.out.splitlines() == [
        "[red] :cat: \t tab",
        "title",
        "a\tb",
        "[red]x[/red] :cat:\t1.00",
        "–\t1, 2",
        "–\tTrue",
    ]
    assert printed_text.err == "warning: careful [x]\n"


def test_programs_get_json_lines_of_finite_numbers(capsys):
    out = JsonLines()
    out.say("text")
    out.table("title", ("a",), [("b",)])
    out.record({"a": float("nan"), "b": [float("inf"), {"c": (-float("inf"), 1.5)}], "d": "ü"})
    out.warn("careful")
    printed_text = capsys.readouterr()
    assert printed_text.out == '{"a": null, "b": [null, {"c": [null, 1.5]}], "d": "ü"}\n'
    assert printed_text.err == "warning: careful\n"


SHARED = {
    "__init__",
    "group",
    "objects",
    "names",
    "options",
    "planning",
    "sources",
    "usage",
    "streams",
}


@pytest.mark.parametrize(
    ("folder", "table"),
    [("spot/commands", COMMANDS), ("spot/commands/bank", bank_commands.COMMANDS)],
)
def test_every_command_is_a_file_and_a_line(folder, table):
    files = {path.stem for path in (ROOT / folder).iterdir() if path.name[0] != "_"} - SHARED
    assert {entry.module for entry in table.values()} == files
    for name, entry in table.items():
        module = __import__(f"{folder.replace('/', '.')}.{entry.module}", fromlist=["command"])
        assert module.command.name == name


def test_the_methods_of_baselines_are_in_its_help():
    from spot.commands.baselines import command
    from spot.study.methods.table import METHODS

    option = next(option for option in command.params if option.name == "methods")
    assert f"Some of {', '.join(METHODS)}, joined" in option.help


@pytest.mark.parametrize("start", [("-m", "spot"), ("cli.py",)])
def test_a_checkout_runs_the_command(start):
    done = run(*start, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: spot [OPTIONS] COMMAND")


@pytest.mark.parametrize(
    "words", ["models", "models --json", "--help", "bank verify --bank {bank} --json"]
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_leaves_is_no_error(words, unbuffered, tmp_path):
    Bank.create_or_open(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-m", "spot", *words.format(bank=tmp_path).split()],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**environment(), "PYTHONUNBUFFERED": unbuffered},
    )
    process.stdout.close()
    assert process.stderr.read() == b"" and process.wait(timeout=60) == 1
    process.stderr.close()


def run(*arguments):
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60
    )


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT)}

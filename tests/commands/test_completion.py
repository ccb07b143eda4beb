"""What a shell completes: commands, options, tasks, entries, keys; quickly, and never with an error."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from click.shell_completion import ShellComplete

from bank.store import Bank
from spot.commands import main
from spot.commands.completion import SHELLS
from tests.lab import ROOT, invoke, lines

pytest_plugins = ("tests.lab",)


def complete(*words):
    """The values that complete the last word."""
    *before, last = map(str, words)
    completer = ShellComplete(main, {}, "spot", "_SPOT_COMPLETE")
    return [item.value for item in completer.get_completions(before, last)]


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (("sear",), ["search"]),
        (("bank", "re"), ["remove", "rename"]),
        (("search", "--targ"), ["--target"]),
        (("search", "--target", "mini_cr"), ["mini_crossword"]),
        (("study", "--target", "mini_rte", "--target", "mini_cr"), ["mini_crossword"]),
        (("train", "--task", "mini_rte+mini_q"), ["mini_rte+mini_qqp"]),
        (("train", "--task", "superg"), ["superglue"]),
        (
            ("transfer", "--strategy", ""),
            ["best", "average", "average-matched", "mixture", "oracle"],
        ),
        (("bank", "export", "x", "--format", "pe"), ["peft-prefix", "peft"]),
        (("config", "--explain", "train.st"), ["train.steps"]),
        (("train", "--set", "train.st"), ["train.steps="]),
        (("train", "--set", "transfer.strategy=o"), ["transfer.strategy=oracle"]),
        (("train", "--set", "no.key=o"), []),
        (("no-command", "--set", "x"), []),
        (("completion", ""), list(SHELLS)),
    ],
)
def test_words_are_completed(words, values):
    assert complete(*words) == values


def test_tasks_of_ones_own_and_entries_of_the_named_bank_are_completed(lab):
    bank = Bank(lab.bank)
    config = ("--config", lab.file)
    assert complete("search", *config, "--target", "hou") == ["house"]
    assert complete("bank", "show", "--bank", lab.bank, "pl") == ["place", bank.get("place").id]
    assert complete("bank", "rename", "--set", f"bank.path={lab.bank}", "pl")[0] == "place"
    assert complete("eval", "--bank", lab.bank, "--prompt", "pl")[1:] == [
        "place",
        bank.get("place").id,
    ]
    assert complete("bank", "list", "--bank", lab.bank, "--family", "t") == ["toy"]


def test_what_cannot_be_read_completes_to_nothing(tmp_path):
    (tmp_path / "bad.toml").write_text("= 3")
    assert complete("bank", "show", "--bank", tmp_path / "none", "x") == []
    assert complete("search", "--config", tmp_path / "bad.toml", "--target", "mini") == []


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_gets_its_script(shell, tmp_path):
    done = invoke("completion", shell)
    assert done.exit_code == 0 and f"_SPOT_COMPLETE={shell}_complete" in done.stdout
    assert (
        lines(invoke("completion", shell, "--json").stdout)[0]["script"].strip() + "\n"
        == done.stdout
    )
    if shutil.which(shell):
        (tmp_path / "script").write_text(done.stdout)
        assert subprocess.run([shell, "-n", tmp_path / "script"]).returncode == 0


def test_bash_completes_with_the_script():
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "_SPOT_COMPLETE": "bash_complete",
        "COMP_WORDS": "spot bank sho",
        "COMP_CWORD": "2",
    }
    done = subprocess.run(
        [sys.executable, "-m", "spot"], env=environment, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr, done.returncode) == ("plain,show\n", "", 0)

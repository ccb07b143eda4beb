"""Quick starts: the packages that commands and modules load, in new processes."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted([ROOT / "cli.py", *(ROOT / "spot").rglob("*.py")])
NAMES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in FILES
]
HEAVY = ["jax", "tensorflow", "scipy", "seqio", "sklearn", "matplotlib", "faiss"]
HELPS = [
    "",
    "analyze",
    "build-bank",
    "search",
    "transfer",
    "heatmap",
    "study",
    "baselines",
    "distil",
    "compare",
    "train",
    "tune",
    "eval",
    "predict",
    "serve",
    "init",
    "bank",
    "bank list",
    "bank remove",
    "bank rename",
    "completion",
    "config",
    "tasks",
    "models",
    "doctor",
]
# Modules of a search whose query is cached: it reads files only.
QUICK = (
    "spot.config",
    "spot.models.model",
    "spot.retrieval.query",
    "spot.retrieval.target",
    "bank.nearest",
)


def run(code: str, *arguments: str) -> subprocess.CompletedProcess:
    """A new Python in the project's folder."""
    command = [sys.executable, "-c", code, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )


def heavy_after(code: str, *arguments: str) -> list[str]:
    """The heavy packages that are loaded once the code has run."""
    tail = f"\nimport sys\nprint('LOADED', *[n for n in {HEAVY!r} if n in sys.modules])"
    done = run(code + tail, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()[1:]


HELP = """
import sys
from spot.commands import main
for command in sys.argv[1:]:
    try:
        main([*command.split(), "--help"], prog_name="spot")
    except SystemExit as stop:
        assert stop.code == 0, command
"""


def test_help_loads_nothing_heavy():
    assert heavy_after(HELP, *HELPS) == []


def test_help_prints_a_usage_and_no_warning():
    done = run(HELP, *HELPS)
    assert done.stdout.count("Usage: spot") == len(HELPS)
    assert done.stderr == ""


CALL = """
import sys
from spot.commands import main
try:
    main(sys.argv[1:], prog_name="spot")
except SystemExit as stop:
    assert stop.code == 0
"""
COMPLETED = """
from click.shell_completion import ShellComplete
from spot.commands import main
for word in ("search --target mini_b", "bank show x", "train --set search.", "tasks --s", "ba"):
    *before, last = word.split(" ")
    ShellComplete(main, {}, "spot", "_SPOT_COMPLETE").get_completions(before, last)
"""


@pytest.mark.parametrize(
    "words", ["config", "config --toml", "config --explain transfer", "completion zsh", "bank list"]
)
def test_looking_things_up_loads_nothing_heavy(words, tmp_path):
    (tmp_path / "entries").mkdir()
    bank = ["--bank", str(tmp_path)] if words == "bank list" else []
    assert heavy_after(CALL, *words.split(), *bank) == []


def test_completion_loads_nothing_heavy():
    assert heavy_after(COMPLETED) == []


def test_a_search_with_a_cached_query_loads_no_jax():
    loaded = heavy_after("\n".join(f"import {name}" for name in QUICK))
    assert set(loaded) <= {"faiss"}


def test_the_check_can_fail():
    assert heavy_after("import faiss") == ["faiss"]


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_no_file_has_a_doubtful_syntax(path):
    with warnings.catch_warnings(record=True) as doubts:
        warnings.simplefilter("always")
        compile(path.read_text("utf-8"), str(path), "exec")
    assert [str(doubt.message) for doubt in doubts] == []


# A child for each module: packages of others are loaded once, ours not at all before the fork.
ALONE = """
import importlib, os, sys, warnings
import click, numpy, pydantic, rich.console, rich.progress, jax, flax.nnx, optax
failed = 0
for name in sys.argv[1:]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        child = os.fork()
    if child == 0:
        try:
            warnings.simplefilter("error", SyntaxWarning)
            importlib.import_module(name)
        except BaseException as error:
            print(f"{name}: {error!r}", flush=True)
            os._exit(1)
        bad = {"tensorflow", "seqio"} & set(sys.modules)
        print(*[f"{name} loads {found}" for found in bad], sep="\\n", end="", flush=True)
        os._exit(bool(bad))
    failed += os.waitpid(child, 0)[1] != 0
sys.exit(failed)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_every_module_imports_alone_and_without_tensorflow():
    done = run(ALONE, *NAMES)
    assert (done.stdout, done.returncode) == ("", 0), done.stderr
    assert len(NAMES) > 80


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_the_check_of_modules_can_fail():
    done = run(ALONE, "spot.config", "spot.not_there", "wave")
    assert done.returncode == 1 and "spot.not_there: ModuleNotFoundError" in done.stdout

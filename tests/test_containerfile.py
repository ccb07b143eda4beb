"""The container file: it copies what the wheel needs, holds no secret, and starts what there is.

No image is built here: that takes a base image, and a program that builds.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import click
import pytest

from spot.commands import main
from tests.wheel import build_wheel

ROOT = Path(__file__).resolve().parents[1]
LINES = re.sub(r"\\\n", " ", (ROOT / "Containerfile").read_text("utf-8")).splitlines()
STEPS = [tuple(line.split(None, 1)) for line in LINES if re.match(r"[A-Z]", line)]
STAGES = [number for number, (step, _) in enumerate(STEPS) if step == "FROM"]


def of_stage(number: int, step: str) -> list[str]:
    """The arguments of every such step of a stage."""
    end = [*STAGES, len(STEPS)][number + 1]
    return [rest for each, rest in STEPS[STAGES[number] : end] if each == step]


def copied(number: int) -> list[str]:
    """The files and folders of the checkout that a stage copies."""
    lines = [line.split() for line in of_stage(number, "COPY") if "--from" not in line]
    return [name for *names, _ in lines for name in names]


def test_there_are_two_stages():
    assert len(STAGES) == 2 and len(STEPS) > 12


def test_what_is_copied_is_there_and_not_ignored():
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert [line for line in ignored if not line.startswith("#")][0] == "*"
    kept = {line[1:] for line in ignored if line.startswith("!")}
    names = {*copied(0), *copied(1)}
    assert names == kept and all((ROOT / name).exists() for name in names)


def test_the_copied_files_make_the_same_wheel(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    ignore = shutil.ignore_patterns("__pycache__")
    for name in copied(0):
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=ignore)
        else:
            shutil.copy(path, source / name)
    (line,) = of_stage(0, "RUN")
    words = shlex.split(line)
    assert words[:4] == ["python3", "-m", "pip", "wheel"] and words[-1] == "."
    command = [
        sys.executable, *words[1:-1], "--no-index", "--no-build-isolation", "--quiet", "."
    ]  # fmt: skip
    command[command.index("/wheels")] = str(tmp_path)
    subprocess.run(command, cwd=source, check=True, timeout=300)
    (made,) = tmp_path.glob("*.whl")
    (tmp_path / "other").mkdir()
    other = build_wheel(tmp_path / "other")
    assert made.name == other.name
    assert zipfile.ZipFile(made).namelist() == zipfile.ZipFile(other).namelist()


def test_it_runs_as_nobody_in_particular_and_holds_no_secret():
    (user,) = of_stage(1, "USER")
    assert user == "10001:10001" and "--uid 10001" in " ".join(of_stage(1, "RUN"))
    for step, rest in STEPS:
        if step in ("ENV", "ARG", "LABEL"):
            assert not re.search("TOKEN|PASSWORD|SECRET|KEY", rest.upper()), rest


def test_it_starts_a_command_that_there_is_on_its_port():
    (entry,), (start,), (port,) = (of_stage(1, step) for step in ("ENTRYPOINT", "CMD", "EXPOSE"))
    name, *arguments = json.loads(start)
    assert json.loads(entry) == ["spot"]
    if name not in main.list_commands(click.Context(main)):
        pytest.fail(f"spot has no command {name}")
    command = main.get_command(click.Context(main), name)
    context = command.make_context(name, arguments)
    assert (context.params["host"], str(context.params["port"])) == ("0.0.0.0", port)
    (health,) = of_stage(1, "HEALTHCHECK")
    code = json.loads(health[health.index("[") :])[-1]
    compile(code, "HEALTHCHECK", "exec")
    assert f"http://127.0.0.1:{port}/healthz" in code


def test_the_variable_of_the_token_is_the_one_that_the_server_reads():
    from spot.commands.serve import TOKEN

    assert TOKEN in (ROOT / "Containerfile").read_text("utf-8")


def test_its_extras_are_those_of_the_package():
    (line,) = [each for each in of_stage(1, "RUN") if "pip install" in each]
    (extras,) = re.findall(r"\$\{wheel\}\[([\w,]+)\]", line)
    setup = (ROOT / "setup.py").read_text("utf-8")
    for extra in extras.split(","):
        assert re.search(rf'^        "{extra}": ', setup, re.M), extra

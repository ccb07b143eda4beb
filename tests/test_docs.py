"""README and documentation: their examples run, and every command line is one that `spot` takes.

Blocks marked `bash` and `python` run, in the order of the page, on small budgets; those marked `sh`
need what a test has not, or more time, and are read only.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import re
import shlex
import shutil
from glob import glob
from pathlib import Path

import click
import pytest

import spot
from spot import config_table
from spot.commands import main
from spot.config import load_config
from spot.models.defaults import DEFAULTS
from spot.prompts.kinds import KINDS
from tests.lab import ROOT, invoke

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SMALL = (
    "prompt.length=20", "train.steps=4", "train.key_step=2", "train.check_every=2",
    "train.batch_size=4", "data.train_examples=32", "data.validation_examples=16",
    'bank.sources=["mini_cola","mini_rooms"]', "search.unlearned=true", "search.seeds=[0]",
    "transfer.steps=2", "transfer.seeds=[0]",
)  # fmt: skip
TRAINS = {"build-bank", "search", "transfer", "train", "eval", "predict"}


def generated():
    """The module .ci/generated.py."""
    spec = importlib.util.spec_from_file_location("generated", ROOT / ".ci/generated.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, *languages: str) -> list[str]:
    """The fenced blocks of a page in these languages, in order."""
    found = re.findall(r"^```(\w*)[^\n]*\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S)
    return [text for language, text in found if language in languages]


def command_lines(page: Path) -> list[list[str]]:
    """Every `spot …` of a page's blocks and of its inline code, as words after `spot`."""
    text = page.read_text("utf-8")
    code = [line for block in blocks(page, "bash", "sh") for line in block.splitlines()]
    code += re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S))
    lines = [part.strip() for line in code for part in line.split("; ")]
    return [words(line)[1:] for line in lines if re.match(r"spot [a-z]", line)]


def words(line: str) -> list[str]:
    line = re.split(r" >+ | \| ", line)[0]  # where the output goes is the shell's
    return [word for word in shlex.split(line, comments=True) if word != "…"]


def check(arguments: list[str]) -> None:
    """Raise click's UsageError, or SpotError, for what the command does not take."""
    group, context = main, click.Context(main, info_name="spot")
    while isinstance(group, click.Group):
        name, group, arguments = group.resolve_command(context, arguments)
        if isinstance(group, click.Group) and not arguments:
            return
    try:
        group.make_context(name, list(arguments))
    except click.MissingParameter:  # a sentence may name a command without what it needs
        if arguments and all(word.startswith("--") for word in arguments):
            raise
    load_config(None, settings(arguments))


def settings(arguments: list[str]) -> list[str]:
    return [value for name, value in zip(arguments, arguments[1:], strict=False) if name == "--set"]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_command_lines_are_what_spot_takes(page):
    for arguments in command_lines(page):
        check(arguments)


def test_there_are_command_lines_to_check():
    assert sum(len(command_lines(page)) for page in PAGES) > 60
    for wrong in (["serch"], ["search", "--targt", "x"], ["train", "--set", "train.step=3"]):
        with pytest.raises((click.UsageError, spot.SpotError)):
            check(wrong)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder with a user's table and new rows, in which the examples run one after the other."""
    folder = tmp_path_factory.mktemp("desk")
    write_csv(folder / "tickets.csv", [{"id": n, **row} for n, row in enumerate(tickets(60))])
    write_csv(folder / "new.csv", [{"body": row["body"]} for row in tickets(5)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPOT_CACHE_DIR", str(folder / "cache"))
        patch.chdir(folder)
        run("spot build-bank")
        yield folder


def tickets(count: int) -> list[dict[str, str]]:
    queues = {"billing": "my invoice {} is wrong", "bug": "the page crashed {} times"}
    return [
        {"subject": "help", "body": text.format(n), "queue": queue}
        for n in range(count // 2)
        for queue, text in queues.items()
    ]


def write_csv(path: Path, rows: list[dict]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def run(line: str) -> None:
    """A command line as a user types it, on the budget of a test; nothing for a comment."""
    _, command, *rest = words(line) or ("", "")
    if not command:
        return
    rest = [path for word in rest for path in (glob(word) if "*" in word else [word])]
    small = [part for one in SMALL for part in ("--set", one)] if command in TRAINS else []
    done = invoke(command, *small, *rest)
    assert done.exit_code == 0, f"{line}\n{done.stderr}"


RUNNING = [page for page in PAGES if blocks(page, "bash")]


@pytest.mark.parametrize("page", RUNNING, ids=named)
def test_commands_run(page, desk):
    for name in ("tickets.toml", "prompt.npy"):
        (desk / name).unlink(missing_ok=True)
    # Another page may have changed the bank, and with it what a transfer starts from.
    shutil.rmtree(desk / "spot-runs" / "transfer", ignore_errors=True)
    for line in "".join(blocks(page, "bash")).splitlines():
        run(line)


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=named)
def test_python_runs(page, desk):
    names = {"rows": [{"text": row["body"], "label": row["queue"]} for row in tickets(40)]}
    for code in blocks(page, "python"):
        exec(compile(budgeted(code), named(page), "exec"), names)
    if "rows" in " ".join(blocks(page, "python")):
        assert {"billing", "bug"} == set(names["mine"].labels)


def budgeted(code: str) -> str:
    """An example with the budget of a test in place of a user's."""
    small = "steps=4, key_step=2, check_every=2, batch_size=4, validation_examples=8)"
    code, recipes = re.subn(r"steps=\d+, key_step=\d+\)", small, code)
    assert recipes == 1
    return code.replace('start="best", k=3)', 'start="best", k=1, steps=2, seeds=(0,))').replace(
        "k=3)", "k=1, settings=spot.SearchSettings(unlearned=True))"
    )


def test_the_notebook_runs(desk, capsys):
    """In the budgets that it states, and it finds what it says."""
    cells = json.loads((ROOT / "docs/first-hour.ipynb").read_text("utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    names: dict = {}
    for number, source in enumerate(code):
        exec(compile(source, f"cell {number}", "exec"), names)
    assert [answer.answer for answer in names["answers"]] == ["happy", "angry"]


def test_every_command_and_option_is_in_the_documentation():
    pages = generated()
    text = pages.on_page_markdown((ROOT / "docs/commands.md").read_text("utf-8"))
    sections = dict(re.findall(r"^## (spot [^\n]+)\n(.*?)(?=^## |\Z)", text, re.M | re.S))
    found = dict(pages.commands())
    assert set(sections) == {" ".join(path) for path in found} and len(sections) > 20
    for path, command in found.items():
        section = sections[" ".join(path)]
        for parameter in command.params:
            assert any(name in section for name in parameter.opts) or isinstance(
                parameter, click.Argument
            ), (path, parameter.opts)
        assert isinstance(command, click.Group) or "```\nspot " in section, f"{path}: no example"


def test_every_setting_is_in_the_documentation():
    text = generated().on_page_markdown((ROOT / "docs/settings.md").read_text("utf-8"))
    keys = [each.key for each in config_table.settings([])]
    assert len(keys) > 50 and [key for key in keys if f"| `{key}` |" not in text] == []


def test_the_recipe_of_every_model_is_in_the_documentation():
    text = generated().on_page_markdown((ROOT / "docs/model.md").read_text("utf-8"))
    assert [name for name in DEFAULTS if f"| `{name}` | " not in text] == []
    assert "| `smollm2-135m` | " + DEFAULTS["smollm2-135m"].suits + " | 11 | 0.006 | " in text


def test_every_kind_of_prompt_is_in_the_documentation():
    text = generated().on_page_markdown((ROOT / "docs/kinds.md").read_text("utf-8"))
    for name, form in KINDS.items():
        assert f"| `{name}` | " in text
        assert all(f"`{option}={each.default}`" in text for option, each in form.options.items())


def test_the_demo_is_the_makefiles():
    recipe = (ROOT / "Makefile").read_text("utf-8").split("\ndemo:")[1].split("\n\n")[0]
    made = re.findall(r"\$\(venv\)/bin/(spot .+)", recipe)
    assert len(made) == 4 and made == blocks(ROOT / "docs/index.md", "sh")[1].splitlines()


def test_links_of_the_readme_lead_somewhere():
    text = (ROOT / "README.md").read_text("utf-8")
    links = re.findall(r'\]\(([^)#]+)|src="([^"]+)"', text)
    files = [one or other for one, other in links if "://" not in one]
    assert len(files) > 10 and [file for file in files if not (ROOT / file).exists()] == []


def test_public_names_are_in_the_documentation():
    shown = set(
        re.findall(r"^::: spot\.(\w+)$", (ROOT / "docs/python.md").read_text("utf-8"), re.M)
    )
    assert shown == set(spot.__all__)


def test_pages_are_in_the_navigation():
    site = (ROOT / "mkdocs.yml").read_text("utf-8")
    for page in PAGES[1:]:
        assert page.relative_to(ROOT / "docs").as_posix() in site, page

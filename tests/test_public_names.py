"""Public names: the packages that list them keep their word, and benchmarks and docs use no others."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = (
    "bank",
    "spot",
    *sorted(f"spot.{path.parent.name}" for path in (ROOT / "spot").glob("*/__init__.py")),
)
USERS = sorted(path for folder in ("benchmarks", "docs") for path in (ROOT / folder).rglob("*.py"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
HEAVY = (
    "jax",
    "flax",
    "tensorflow",
    "seqio",
    "scipy",
    "sklearn",
    "matplotlib",
    "faiss",
    "pydantic",
)


def package_path(name: str) -> Path:
    return ROOT.joinpath(*name.split("."))


def in_stub(name: str) -> list[str]:
    """The public names of a package's stub file."""
    names: list[str] = []
    for node in ast.parse((package_path(name) / "__init__.pyi").read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom):  # `import name as name` makes it public in a stub
            names += [alias.name for alias in node.names if alias.asname == alias.name]
        elif isinstance(node, ast.Assign):
            names += map(ast.unparse, node.targets)
        elif isinstance(node, ast.AnnAssign):
            names.append(ast.unparse(node.target))
    return [each for each in names if not each.startswith("__")]


def module_of(name: str) -> ModuleType:
    return importlib.import_module(name)


def uses(source: str) -> Iterator[tuple[int, str, str]]:
    """(line, package, name) of everything that a source takes from `spot` or `bank`; the name of a
    package that is imported whole is "".
    """
    tree = ast.parse(source)
    whole: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] in ("spot", "bank"):
                    whole[alias.asname or alias.name] = alias.name
                    yield node.lineno, alias.name, ""
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in (
            "spot", "bank",
        ):  # fmt: skip
            for alias in node.names:
                yield node.lineno, node.module or "", alias.name
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in whole:
            yield node.lineno, whole[ast.unparse(node.value)], node.attr


def faults(source: str) -> list[str]:
    """A line for everything that is not public."""
    lines = []
    for line, package, name in uses(source):
        if package not in PACKAGES:
            lines.append(f"line {line}: {package} is no package with public names")
        elif (
            name and name not in module_of(package).__all__ and f"{package}.{name}" not in PACKAGES
        ):
            lines.append(f"line {line}: {name} is no public name of {package}")
    return lines


@pytest.mark.parametrize("package", PACKAGES)
def test_the_stub_has_the_public_names_and_no_others(package):
    public = module_of(package).__all__
    assert len(set(public)) == len(public) > 1
    assert sorted(in_stub(package)) == sorted(public)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_there_and_documented(package):
    module = module_of(package)
    assert module.__doc__
    for name in module.__all__:
        value = getattr(module, name)
        assert name in dir(module)
        assert isinstance(value, dict) or value.__doc__, f"{package}.{name}"


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_hides_a_public_name(package):
    folder = package_path(package)
    modules = {path.stem for path in folder.glob("*.py")}
    packages = {path.parent.name for path in folder.glob("*/__init__.py")}
    assert not (modules | packages) & set(module_of(package).__all__)


@pytest.mark.parametrize("path", USERS, ids=lambda path: path.name)
def test_benchmarks_and_docs_use_public_names_only(path):
    assert faults(path.read_text("utf-8")) == []


def python_blocks(path: Path) -> list[str]:
    """The Python examples of a page."""
    return re.findall(r"^```python\n(.*?)^```", path.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages_show_public_names_only(path):
    assert [fault for block in python_blocks(path) for fault in faults(block)] == []


def test_the_readme_shows_python():
    (block,) = python_blocks(ROOT / "README.md")
    assert {name for _, package, name in uses(block) if package == "spot" and name} >= {
        "load_model", "load_task", "Task", "Recipe", "Bank", "search", "transfer", "predict",
    }  # fmt: skip


def test_there_are_files_and_packages_to_check():
    assert len(USERS) >= 7
    assert {"spot.models", "spot.training", "spot.commands", "spot.study"} <= set(PACKAGES)


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("from spot.training.loop import train", "spot.training.loop is no package"),
        ("import spot.models.model", "spot.models.model is no package"),
        ("from spot import step", "step is no public name of spot"),
        ("import spot\nspot.sarch()", "line 2: sarch is no public name of spot"),
        ("import bank as b\nb.stor", "stor is no public name of bank"),
        ("def f():\n    from bank.store import Bank", "bank.store is no package"),
    ],
)
def test_the_check_can_fail(source, fault):
    assert any(fault in line for line in faults(source))


def test_the_check_can_pass():
    source = "import spot\nfrom spot import Task, training\nfrom bank import Bank\nspot.search()"
    assert faults(source) == []


def loaded(code: str) -> list[str]:
    """The heavy packages in a new Python once the code has run."""
    tail = f"\nimport sys\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    command = [sys.executable, "-W", "error", "-c", code + tail]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_importing_the_packages_loads_nothing_heavy():
    assert loaded("\n".join(f"import {name}" for name in PACKAGES)) == []


def test_the_table_of_public_names_is_read_without_jax():
    code = "import spot\nspot.Recipe, spot.Task, spot.Bank, spot.load_model, spot.search, spot.Runs"
    assert not {"jax", "tensorflow", "matplotlib"} & set(loaded(code))

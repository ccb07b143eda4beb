"""The wheel: what an installation gets, and what stays in the checkout.

`make wheel-test` (`tests/wheel.py`) also installs it and runs it.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.wheel import build_wheel

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """The wheel of this checkout."""
    return zipfile.ZipFile(build_wheel(tmp_path_factory.mktemp("wheel")))


@pytest.fixture(scope="module")
def names(wheel) -> set[str]:
    """The files in the wheel without its own metadata."""
    return {name for name in wheel.namelist() if ".dist-info/" not in name}


def sources(*suffixes: str) -> set[str]:
    """The files of the packages with these suffixes."""
    return {
        str(path.relative_to(ROOT))
        for folder in ("bank", "spot")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in suffixes
    }


def test_it_holds_two_packages_and_nothing_beside_them(names):
    assert {name.split("/")[0] for name in names} == {"bank", "spot"}


def test_it_holds_every_module_and_stub(names):
    assert {name for name in names if name.endswith(".py")} == sources(".py")
    assert {name for name in names if name.endswith(".pyi")} == sources(".pyi")
    assert {"spot/__init__.pyi", "bank/__init__.pyi", "spot/training/__init__.pyi"} <= names


def test_it_holds_the_markers_of_typed_packages(names):
    assert {"spot/py.typed", "bank/py.typed"} <= names


def test_it_holds_the_embedded_model_and_the_mini_suite(names):
    data = sources(".xz", ".safetensors", ".model", ".json", ".md")
    assert {name for name in names if Path(name).suffix not in (".py", ".pyi", ".typed")} == data
    assert "spot/models/nano/weights.safetensors" in names
    assert sum(name.endswith(".jsonl.xz") for name in names) == 26 * 3


def test_it_installs_one_command(wheel):
    (entry_points,) = [n for n in wheel.namelist() if n.endswith("dist-info/entry_points.txt")]
    text = wheel.read(entry_points).decode()
    assert text.split() == ["[console_scripts]", "spot", "=", "spot.commands:main"]

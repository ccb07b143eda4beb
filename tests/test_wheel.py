"""The wheel: what an installation gets, and what stays in the checkout.

`make wheel-test` (`tests/wheel.py`) also installs it and runs it.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest

from spot.commands.doctor import EXTRAS
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
    data = sources(".xz", ".safetensors", ".model", ".json", ".md", ".html", ".css", ".js")
    assert {name for name in names if Path(name).suffix not in (".py", ".pyi", ".typed")} == data
    assert "spot/models/nano/weights.safetensors" in names
    assert sum(name.endswith(".jsonl.xz") for name in names) == 26 * 3


def test_tensorflow_is_installed_by_extras_only(wheel):
    always = {name for name, extras in requirements(wheel).items() if None in extras}
    assert "numpy" in always and not {"seqio", "tensorflow", "pyarrow"} & always


def test_every_extra_that_doctor_names_installs_the_package_that_it_looks_for(wheel):
    asked = requirements(wheel)
    for extra, (package, _) in EXTRAS.items():
        assert extra in asked[package], extra


def requirements(wheel) -> dict[str, set[str | None]]:
    """The extras that install each package; None for the base."""
    (metadata,) = [n for n in wheel.namelist() if n.endswith("dist-info/METADATA")]
    asked: dict[str, set[str | None]] = {}
    line = re.compile(r"^Requires-Dist: ([\w.-]+)[^;\n]*(?:; extra == \"(\w+)\")?$", re.M)
    for package, extra in line.findall(wheel.read(metadata).decode()):
        asked.setdefault(package, set()).add(extra or None)
    return asked


def test_it_installs_one_command(wheel):
    (entry_points,) = [n for n in wheel.namelist() if n.endswith("dist-info/entry_points.txt")]
    text = wheel.read(entry_points).decode()
    assert text.split() == ["[console_scripts]", "spot", "=", "spot.commands:main"]

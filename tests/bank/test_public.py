"""The public surface of `bank`: every name is there, documented, and loaded on first use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import bank

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", bank.__all__)
def test_a_public_name_is_there_and_documented(name):
    value = getattr(bank, name)
    assert name in dir(bank)
    assert isinstance(value, dict) or value.__doc__


def test_the_lists_of_names_agree():
    assert sorted(bank.__all__, key=str.lower) == sorted(bank._HOME, key=str.lower)
    assert len(set(bank.__all__)) == len(bank.__all__)


def test_no_module_of_bank_hides_a_public_name():
    modules = {path.stem for path in (ROOT / "bank").glob("*.py")}
    packages = {path.parent.name for path in (ROOT / "bank").glob("*/__init__.py")}
    assert not (modules | packages) & set(bank.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'bank' has no attribute 'serch'"):
        bank.serch  # noqa: B018


def test_importing_bank_loads_nothing_else():
    script = (
        "import sys; before = set(sys.modules); import bank; "
        "print(sorted({name.split('.')[0] for name in set(sys.modules) - before} "
        "- set(sys.stdlib_module_names)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout.strip(), done.stderr) == ("['bank']", "")

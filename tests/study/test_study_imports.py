"""Looking at results needs neither Matplotlib, until something is drawn, nor JAX."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for folder in ("study", "report")
    for path in (ROOT / "spot" / folder).glob("*.py")
    if path.name != "run.py"  # it trains what the others study
)
HEAVY = ("matplotlib", "jax", "tensorflow", "seqio")


def loaded(code: str) -> set[str]:
    ask = f"import sys\n{code}\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_all_modules_without_heavy_imports():
    assert len(MODULES) >= 12
    assert loaded("\n".join(f"import {module}" for module in MODULES)) == set()


@pytest.mark.parametrize("name", ["matplotlib"])
def test_the_check_can_fail(name):
    assert loaded(f"import {name}") == {name}

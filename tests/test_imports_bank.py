"""The bank starts quickly because it needs few packages: each module imported in a new process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "bank").rglob("*.py")
)
FORBIDDEN = (
    "jax", "jaxlib", "scipy", "tensorflow", "seqio", "spot", "pydantic", "rich", "matplotlib", "torch",
)  # fmt: skip

CHECK = """
import importlib, sys
for name in sys.argv[1].split(","):
    importlib.import_module(name)
roots = {name.split(".")[0] for name in sys.modules}
print(",".join(sorted(roots & set(sys.argv[2].split(",")))))
"""


def imported(modules: str, forbidden: str) -> str:
    """The forbidden packages that a new Python holds after importing the modules."""
    command = [sys.executable, "-W", "error", "-c", CHECK, modules, forbidden]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("module", MODULES)
def test_a_module_of_the_bank_imports_alone_and_lightly(module):
    assert imported(module, ",".join(FORBIDDEN)) == ""


def test_a_search_imports_lightly_too(tmp_path):
    script = (
        "import sys, numpy as np\n"
        "from bank.entry import *\n"
        "from bank.store import Bank\n"
        "from bank.nearest import search\n"
        "from bank.similarities import SIMILARITIES\n"
        "from bank.evaluation import evaluate\n"
        "from bank.integrity import verify\n"
        "bank = Bank.create_or_open(sys.argv[1])\n"
        "for n in range(3):\n"
        "    f = dict(kind='source', task=f't{n}', members=(), seed=0, recipe={}, data='')\n"
        "    id = entry_id(backbone='f', **f)\n"
        "    e = Entry(id=id, family='', backbone=Backbone('m', 'f'), **f)\n"
        "    p = np.random.default_rng(n).normal(size=(3, 4)).astype('f4')\n"
        "    bank.add(e, Prompts(p * 0, p, p))\n"
        "for name in SIMILARITIES:\n"
        "    search(bank, Prompts(p * 0, p, p), similarity=name)\n"
        "verify(bank)\n"
        "roots = {name.split('.')[0] for name in sys.modules}\n"
        "print(sorted(roots & set(sys.argv[2].split(','))))\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "bank"), ",".join(FORBIDDEN)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_there_are_modules_to_check_and_the_check_can_fail():
    assert {"bank", "bank.store", "bank.nearest", "bank.formats.peft"} <= set(MODULES)
    assert imported("bank.similarities,wave", "numpy,wave,scipy") == "numpy,wave"

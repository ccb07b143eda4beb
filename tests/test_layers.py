"""Imports point only downwards, and heavy packages are imported only where they may be.

Read from the syntax trees, so imports inside functions count and nothing has to run.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# From the bottom to the top: a module may import its own layer and those before it.
LAYERS = (
    "bank",
    "spot.allocator",
    "spot.errors",
    "spot.settings",
    "spot.fields",
    "spot.variants",
    "spot.verdicts",
    "spot.tasks",
    "spot.models",
    "spot.prompts",
    "spot.training",
    "spot.retrieval",
    "spot.serving",
    "spot.analysis",
    "spot.strategies",
    "spot.study",
    "spot.plans",
    "spot.report",
    "spot.config",
    "spot.config_table",
    "spot.commands",
    "spot.__main__",
    "cli",
    "pretraining",
)
LAZY = {"bank", "bank.lazy", "bank.lazy.attach"}  # what `spot` itself may import
BANK_MAY = {"numpy", "faiss", "safetensors", "filelock"}
TEXT = {"seqio", "tensorflow", "tensorflow_text", "tensorflow_datasets"}
LIGHT = (
    "spot.allocator",
    "spot.errors",
    "spot.settings",
    "spot.tasks",
    "spot.models.defaults",
    "spot.models.settings",
    "spot.models.model",
    "spot.prompts.settings",
    "spot.prompts.prompt",
    "spot.training.recipe",
    "spot.training.runs",
    "spot.retrieval",
    "spot.strategies.settings",
    "spot.config",
    "spot.config_table",
    "spot.commands",
    "cli",
)
HEAVY = {"jax", "flax", "optax", "orbax", "scipy", "sklearn", "matplotlib", "faiss"}


def modules() -> dict[str, Path]:
    """Every module of the project by its dotted name."""
    folders = ("bank", "spot", "pretraining")
    files = [ROOT / "cli.py", *(file for name in folders for file in (ROOT / name).rglob("*.py"))]
    return {name_of(file.relative_to(ROOT)): file for file in files}


def name_of(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def imports(name: str, source: str, package: bool = False) -> list[tuple[str, int, bool]]:
    """(module, line, whether inside a function) of every import in a module's source.

    `from a import b` counts as a and as a.b, for b may be a module.
    """
    found = []
    tree = ast.parse(source)
    inner = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        for target in targets(node, name, package):
            found.append((target, node.lineno, id(node) in inner))
    return found


def targets(node: ast.AST, name: str, package: bool) -> list[str]:
    """The modules that one node imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            parts = name.split(".")
            kept = parts[: len(parts) - node.level + package]
            base = ".".join([*kept, *([base] if base else [])])
        return [base, *(f"{base}.{alias.name}" for alias in node.names)]
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
        first = node.args[0] if node.args else None
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            return [first.value]
    return []


def layer_of(name: str) -> int | None:
    """The layer's number; None for other packages, and for names that `spot` itself defines."""
    for number, layer in enumerate(LAYERS):
        if name == layer or name.startswith(layer + "."):
            return number
    return None


def faults(name: str, source: str, package: bool = False) -> list[str]:
    """What a module imports that it may not, one line each."""
    own, found = layer_of(name), []
    if own is None and name != "spot":
        return [f"{name} belongs to no layer; give it a place in LAYERS"]
    for target, line, inside in imports(name, source, package):
        where, root = f"{name}:{line} imports {target}", target.split(".")[0]
        layer = layer_of(target)
        if layer is not None and (layer > own if own is not None else target not in LAZY):
            found.append(f"{where}, a layer above")
        if root == "t5x":
            found.append(f"{where}, which is not on the registry")
        if root in TEXT and not (name.startswith("spot.tasks.") and inside):
            found.append(f"{where}, which only functions of spot.tasks may")
        if root in HEAVY and not inside and name.startswith(LIGHT):
            found.append(f"{where} when it is imported itself")
        if name.split(".")[0] == "bank" and root not in BANK_MAY | {"bank"} | standard():
            found.append(f"{where}, which bank does without")
    return sorted(set(found))


def standard() -> set[str]:
    import sys

    return set(sys.stdlib_module_names)


@pytest.mark.parametrize("name", sorted(modules()))
def test_imports_point_downwards(name):
    path = modules()[name]
    assert faults(name, path.read_text("utf-8"), path.name == "__init__.py") == []


def test_every_layer_has_modules():
    names = list(modules())
    assert len(names) > 80
    empty = [layer for n, layer in enumerate(LAYERS) if n not in {layer_of(x) for x in names}]
    assert empty == []


@pytest.mark.parametrize(
    ("name", "source", "fault"),
    [
        ("bank.index", "import spot.errors", "a layer above"),
        ("bank.index", "def f():\n  import scipy.stats", "bank does without"),
        ("bank.formats.peft", "def f():\n  import torch", "bank does without"),
        ("spot.settings", "from spot.tasks.catalog import task", "a layer above"),
        ("spot.training.loop", "from spot.config import Config", "a layer above"),
        ("spot", "from bank.store import Bank", "a layer above"),
        ("spot.models.t5", "from spot import training", "a layer above"),
        ("spot.models.t5", "def f():\n  from spot.training import loop", "a layer above"),
        ("spot.training.step", "from ..strategies import transfer", "a layer above"),
        ("spot.training.step", "from .. import study", "a layer above"),
        ("spot.training.step", "import cli", "a layer above"),
        ("spot.strategies.transfer", "if TYPE_CHECKING:\n  import spot.study.run", "a layer above"),
        ("spot.training.data", "def f():\n  import seqio", "only functions of spot.tasks"),
        ("spot.tasks.tokens", "import tensorflow as tf", "only functions of spot.tasks"),
        ("spot.models.t5", "importlib.import_module('seqio')", "only functions of spot.tasks"),
        ("spot.tasks.metrics", "from scipy import stats", "when it is imported itself"),
        ("cli", "import jax.numpy", "when it is imported itself"),
        ("spot.commands.search", "import faiss", "when it is imported itself"),
        ("spot.report.output", "from spot.commands import main", "a layer above"),
        ("spot.models.weights.t5x", "import t5x.checkpoints", "not on the registry"),
        ("spot.novelty", "", "belongs to no layer"),
    ],
)
def test_the_check_can_fail(name, source, fault):
    assert any(fault in line for line in faults(name, source))


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("bank.index", "import numpy as np\nimport bank.entry\nfrom pathlib import Path"),
        ("spot.models.t5", "import jax\nfrom spot.models.layers import product"),
        (
            "spot.training.step",
            "from .optim import optimiser\nfrom ..models import t5\nimport spot",
        ),
        ("spot.tasks.seqio_import", "def f():\n  import_module('tensorflow')"),
        ("spot.tasks.metrics", "def f():\n  from scipy import stats"),
        ("cli", "from spot import __version__\nimport bank.store"),
        ("spot", "from bank.lazy import attach"),
    ],
)
def test_the_check_can_pass(name, source):
    assert faults(name, source) == []


def test_packages_resolve_relative_names_from_themselves():
    assert faults("spot.models", "from .t5 import T5", package=True) == []
    assert faults("spot.models", "from ..training import loop", package=True) != []

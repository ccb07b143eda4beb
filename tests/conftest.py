"""Fixtures shared by all tests: real data, a tiny backbone, and user folders that are never touched."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import signal
import sys
import tempfile
from pathlib import Path

import pytest

# Read by JAX when it is imported, which a folder's own conftest does before `pytest_configure`.
# Programs are compiled with few optimisations: they are tiny, and compiling is most of the work here.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
PROGRAMS: tempfile.TemporaryDirectory | None = None
"""Compiled programs, shared by all processes of a run, its workers and the commands they start."""
if "PYTEST_XDIST_WORKER" not in os.environ and not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
    PROGRAMS = tempfile.TemporaryDirectory(prefix="spot-programs-")
    os.environ["JAX_COMPILATION_CACHE_DIR"] = PROGRAMS.name
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "0"


def pytest_unconfigure():
    """Remove the compiled programs of this run."""
    if PROGRAMS is not None:
        PROGRAMS.cleanup()


MOST_AREAS = 30_000  # of the 65,530 that Linux allows a process
MOST_MEMORY = 1.2e9  # bytes of a process, beyond which its compiled programs are dropped


@pytest.fixture(scope="module", autouse=True)
def bounded_memory():
    """Drop compiled programs after a module when a process has grown large: they are in the cache."""
    yield
    bound_memory()


def bound_memory():
    """Drop compiled programs of a large process. Each takes a few of the areas of memory that a process may
    have, and the compiler crashes where none is left.
    """
    if "jax" in sys.modules and (_memory() > MOST_MEMORY or _areas() > MOST_AREAS):
        sys.modules["jax"].clear_caches()
        gc.collect()


def _areas() -> int:
    """The process's areas of memory; 0 where the system does not tell."""
    maps = Path("/proc/self/maps")
    return maps.read_text().count("\n") if maps.exists() else 0


def _memory() -> int:
    """The process's memory in bytes; 0 where the system does not tell."""
    statm = Path("/proc/self/statm")
    pages = int(statm.read_text().split()[1]) if statm.exists() else 0
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(scope="session", autouse=True)
def ctrl_c():
    """Ctrl-C means what it does in a terminal, also when the tests run in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory, monkeypatch):
    """Every test gets a home and a cache of its own, so no test reads or writes the user's."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SPOT_CACHE_DIR", str(home / "cache"))
    for name in ("SPOT_DATA_DIR", "TFDS_DATA_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data, or a skip that says how to provide it."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SPOT_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip("real data absent: set SPOT_SHARED_DATA to the folder of tasks/ and golden/")
    return folder


@pytest.fixture(scope="session")
def t5_vocabulary_file(shared_data) -> Path:
    """T5's SentencePiece file, or a skip when it is not the file that its meta.json states."""
    folder = shared_data / "t5x"
    stated = json.loads((folder / "meta.json").read_text())["files"]
    (sha256,) = [file["sha256"] for file in stated if file["path"] == "t5_vocab"]
    if hashlib.sha256((folder / "t5_vocab").read_bytes()).hexdigest() != sha256:
        pytest.skip("t5x/t5_vocab is not the file that t5x/meta.json states: its SHA-256 differs")
    return folder / "t5_vocab"


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory) -> Path:
    """The folder of a T5 1.1 of width 16 with random weights and its vocabulary. Do not change it."""
    from tests.toys import random_arrays, tiny_config, write_model

    config = tiny_config()
    return write_model(tmp_path_factory.mktemp("tiny") / "model", config, random_arrays(config))


@pytest.fixture(scope="session")
def tiny_backbone(tiny_folder, tmp_path_factory):
    """That model, loaded once in float32; its compiled functions are shared by all tests."""
    from spot.models.model import load
    from tests.toys import model_settings

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPOT_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        return load(model_settings(tiny_folder))


@pytest.fixture(scope="session")
def golden(shared_data):
    """The reference implementation's outputs, parameters and architecture, as one namespace."""
    from types import SimpleNamespace

    import numpy as np

    from spot.models.weights.build import infer_config

    folder = shared_data / "golden"
    with np.load(folder / "t5x_tiny_params.npz") as file:
        params = {name: file[name] for name in file if name != "encoder/prompt/prompt/prompt"}
    config = infer_config(params, relative_max_distance=8, dropout=0.0)
    with np.load(folder / "t5x_tiny.npz") as file:
        return SimpleNamespace(params=params, config=config, **file)

"""Fixtures shared by all tests: the shared data folder, and user folders that are never touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory, monkeypatch):
    """Every test gets a home and a cache of its own, so no test reads or writes the user's."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SPOT_CACHE_DIR", str(home / "cache"))
    monkeypatch.delenv("SPOT_DATA_DIR", raising=False)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data, or a skip that says how to provide it."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SPOT_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip("real data absent: set SPOT_SHARED_DATA to the folder that holds tasks/ and golden/")
    return folder

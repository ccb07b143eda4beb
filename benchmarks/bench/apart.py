"""Call a function in a process of its own, so that memory, compiled programs and threads are its own."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# As the command `spot` says for itself before anything else; here torch starts its threads earlier.
ARENAS = {"MALLOC_ARENA_MAX": "1"}
CODE = """
import importlib, pickle, sys
with open(sys.argv[1], "rb") as file:
    module, name, arguments = pickle.load(file)
result = getattr(importlib.import_module(module), name)(*arguments)
with open(sys.argv[2], "wb") as file:
    pickle.dump(result, file)
"""


class Failed(Exception):
    """The process ended with an error; the text is its last line."""


def apart(
    module: str,
    name: str,
    *arguments: Any,
    environment: dict[str, str] | None = None,
    timeout: float | None = None,
) -> Any:
    """The result of a module's function, called in a new Python. What it prints is dropped.

    Raises Failed with the last line of its errors, and for one that takes longer than `timeout` seconds.
    """
    with tempfile.TemporaryDirectory() as folder:
        call, result = Path(folder, "call"), Path(folder, "result")
        call.write_bytes(pickle.dumps((module, name, arguments)))
        paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        try:
            done = subprocess.run(
                [sys.executable, "-W", "ignore", "-c", CODE, str(call), str(result)],
                env={**os.environ, "PYTHONPATH": paths, **ARENAS, **(environment or {})},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired as error:
            raise Failed(f"it took longer than {error.timeout:.0f} s") from error
        if done.returncode or not result.exists():
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            raise Failed(lines[-1] if lines else f"it ended with {done.returncode}")
        return pickle.loads(result.read_bytes())

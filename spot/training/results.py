"""The results of a finished run in its folder, for later calls of the same run.

`trained.safetensors` holds the arrays, `trained.json` the rest with their checksum and the folder that
it is of; the JSON is written last, so a run that has it is complete.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bank.files import replace_file, sealed, sha256_hex, unsealed
from bank.reading import read_bytes, read_json
from spot.prompts.kind import Arrays
from spot.training.slots import Check, Result, Trained, best_check

ARRAYS, FACTS = "trained.safetensors", "trained.json"
LIMIT = 1 << 30
"""The most bytes of a file of JSON that a run writes: it may hold the answers to every row of a split."""


def store(folder: Path, trained: Sequence[Trained]) -> None:
    """Write trained prompts. Raises BankError when the folder cannot be written."""
    import safetensors.numpy

    arrays = {
        f"{index}/{role}/{name}": np.ascontiguousarray(array)
        for index, slot in enumerate(trained)
        for role, prompt in (("key", slot.key), ("value", slot.value), ("last", slot.last))
        if prompt is not None
        for name, array in prompt.arrays.items()
    }
    content: bytes = safetensors.numpy.save(arrays)
    facts: dict[str, Any] = {
        "of": folder.name,
        "arrays": sha256_hex(content),
        "trained": [
            {
                "history": [check.to_json() for check in slot.history],
                "best": None if slot.best is None else slot.best.step,
                "failed_step": slot.failed_step,
                "key": slot.key is not None,
            }
            for slot in trained
        ],
    }
    replace_file(folder / ARRAYS, content)
    replace_file(folder / FACTS, (json.dumps(sealed(facts), indent=1) + "\n").encode())


def load(folder: Path, count: int) -> list[Result] | None:
    """The stored results of `count` prompts; None if they are absent, damaged, of another run or of
    another count.
    """
    import safetensors.numpy

    try:
        facts = unsealed(read_json(folder / FACTS, LIMIT))
        if facts.get("of", folder.name) != folder.name:  # releases before 0.3 did not write it
            return None
        content = read_bytes(folder / ARRAYS)
        if sha256_hex(content) != facts["arrays"]:
            return None
        arrays = safetensors.numpy.load(content)
        stored = [_result(index, row, arrays) for index, row in enumerate(facts["trained"])]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return stored if len(stored) == count else None


def _result(index: int, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> Result:
    def named(role: str) -> Arrays:
        start = f"{index}/{role}/"
        return {
            name.removeprefix(start): array
            for name, array in arrays.items()
            if name.startswith(start)
        }

    history = tuple(Check.from_json(row) for row in facts["history"])
    best = best_check(history)
    if "best" in facts:  # releases before 0.3 kept the best score, of equals the first
        best = next((check for check in history if check.step == facts["best"]), None)
    return Result(
        key=named("key") if facts["key"] else None,
        value=named("value"),
        last=named("last"),
        best=best,
        history=history,
        failed_step=facts["failed_step"],
    )

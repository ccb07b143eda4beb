"""Trained prompts in a run's folder, so that a finished run called again answers from what is there.

`trained.safetensors` holds the arrays, `trained.json` the rest with their checksum; the JSON is
written last, so it is there only when all of it is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bank.files import canonical_json, replace_file, sha256_hex
from spot.prompts.kind import Arrays
from spot.training.slots import Check, Result, Trained

ARRAYS, FACTS = "trained.safetensors", "trained.json"


def store(folder: Path, trained: Sequence[Trained]) -> None:
    """Write everything that was trained. Raises BankError when the folder cannot be written."""
    import safetensors.numpy

    arrays = {
        f"{index}/{role}/{name}": np.ascontiguousarray(array)
        for index, one in enumerate(trained)
        for role, prompt in (("key", one.key), ("value", one.value), ("last", one.last))
        if prompt is not None
        for name, array in prompt.arrays.items()
    }
    content: bytes = safetensors.numpy.save(arrays)
    facts: dict[str, Any] = {
        "arrays": sha256_hex(content),
        "trained": [
            {
                "history": [check.to_json() for check in one.history],
                "failed_step": one.failed_step,
                "key": one.key is not None,
            }
            for one in trained
        ],
    }
    facts["sha256"] = sha256_hex(canonical_json(facts))
    replace_file(folder / ARRAYS, content)
    replace_file(folder / FACTS, (json.dumps(facts, indent=1) + "\n").encode())


def load(folder: Path, count: int) -> list[Result] | None:
    """The stored results of `count` prompts; None when there are none, or any doubt about them."""
    import safetensors.numpy

    try:
        facts = json.loads((folder / FACTS).read_bytes())
        checksum = facts.pop("sha256")
        content = (folder / ARRAYS).read_bytes()
        if sha256_hex(canonical_json(facts)) != checksum or sha256_hex(content) != facts["arrays"]:
            return None
        arrays = safetensors.numpy.load(content)
        stored = [_result(index, one, arrays) for index, one in enumerate(facts["trained"])]
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return stored if len(stored) == count else None


def _result(index: int, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> Result:
    def named(role: str) -> Arrays:
        start = f"{index}/{role}/"
        return {name.removeprefix(start): a for name, a in arrays.items() if name.startswith(start)}

    return Result(
        key=named("key") if facts["key"] else None,
        value=named("value"),
        last=named("last"),
        history=tuple(Check.from_json(row) for row in facts["history"]),
        failed_step=facts["failed_step"],
    )

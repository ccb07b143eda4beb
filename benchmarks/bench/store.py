"""Measured rows in a JSON file: what was measured with the same code, machine and sizes stays."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.bench.lines import Line
from benchmarks.bench.sizes import Sizes


class Store:
    """The file. It is written anew after every row, and holds rows of one machine, code and sizes only."""

    def __init__(self, path: Path, facts: dict[str, Any], sizes: Sizes) -> None:
        """Rows in the file of another machine, code or sizes are dropped when the first is put."""
        self.path = path
        self.head = json.loads(json.dumps({"machine": facts, "sizes": asdict(sizes)}))
        stored = json.loads(path.read_text("utf-8")) if path.exists() else {}
        same = {name: stored.get(name) for name in self.head} == self.head
        self.rows: dict[str, Any] = stored["rows"] if same else {}

    def get(self, name: str) -> list[Line] | None:
        """The lines of a row, None if it was not measured."""
        row = self.rows.get(name)
        return None if row is None else [Line.from_json(line) for line in row["lines"]]

    def put(self, name: str, lines: Sequence[Line], seconds: float) -> None:
        """Keep a row, measured in so many seconds."""
        self.rows[name] = {
            "seconds": round(seconds, 1),
            "lines": [line.to_json() for line in lines],
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f"{self.path.name}.new")
        temporary.write_text(json.dumps({**self.head, "rows": self.rows}, indent=1), "utf-8")
        os.replace(temporary, self.path)

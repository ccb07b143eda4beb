"""Writes the mini suite's rows into the package: `python -m pretraining.mini [FOLDER]`."""

from __future__ import annotations

import sys
from pathlib import Path

from pretraining.mini.write import write_suite
from spot.tasks.mini.rows import DATA

if __name__ == "__main__":
    write_suite(Path(sys.argv[1]) if sys.argv[1:] else DATA)

"""Writes constraints.txt: the exact releases that a fresh install takes on each CPython.

Run by `make constraints`. Each interpreter named on the command line asks its own pip what the
package and its extras resolve to; nothing is installed. Differences between CPythons become
environment markers.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Without wandb, trackio and mlflow: nothing here imports them, and the last one holds pyarrow back.
EXTRAS = "test,dev,docs,decoders,hub,parity,parquet,seqio,serve,tensorboard,tfds"
HEADER = """\
# Exact releases for `pip install -c constraints.txt -e .[test,dev,docs]`, so that two installs a month
# apart agree. CPython {versions} on Linux x86-64. Written by `make constraints`.
"""


def resolve(python: str) -> tuple[str, dict[str, str]]:
    """("3.12", {package: release}) as this interpreter's pip resolves them, without constraints."""
    asked = [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    version = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [python, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        target = f"{ROOT}[{EXTRAS}]"
        subprocess.run([*command, "--report", str(report), target], check=True)
        found = json.loads(report.read_text())["install"]
    releases = {_name(item["metadata"]["name"]): item["metadata"]["version"] for item in found}
    releases.pop("spot-transfer")
    return version, releases


def _name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def merged(resolved: dict[str, dict[str, str]]) -> list[str]:
    """Constraint lines by name; a marker says from or up to which CPython a release holds.

    >>> merged({"3.11": {"a": "1", "b": "1"}, "3.12": {"a": "1", "b": "2"}})
    ['a==1', 'b==1 ; python_version < "3.12"', 'b==2 ; python_version >= "3.12"']
    """
    versions = sorted(resolved, key=lambda text: [int(part) for part in text.split(".")])
    lines = []
    for name in sorted({name for releases in resolved.values() for name in releases}):
        # A package that one CPython does not install needs no line of its own there.
        known = [
            (python, resolved[python][name]) for python in versions if name in resolved[python]
        ]
        pairs = zip(known, known[1:], strict=False)
        starts = [known[0]] + [now for before, now in pairs if before[1] != now[1]]
        for index, (version, release) in enumerate(starts):
            bounds = [f'python_version >= "{version}"'] if index else []
            if index + 1 < len(starts):
                bounds.append(f'python_version < "{starts[index + 1][0]}"')
            lines.append(f"{name}=={release}" + (f" ; {' and '.join(bounds)}" if bounds else ""))
    return lines


def main(pythons: list[str]) -> None:
    """Resolves with every interpreter and writes the file."""
    resolved = dict(resolve(python) for python in pythons)
    header = HEADER.format(versions=", ".join(resolved))
    (ROOT / "constraints.txt").write_text(header + "\n".join(merged(resolved)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])

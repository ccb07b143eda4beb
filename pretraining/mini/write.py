"""The files that `spot.tasks.mini.rows` reads."""

from __future__ import annotations

import hashlib
import json
import lzma
from collections.abc import Sequence
from pathlib import Path

from pretraining.mini.generate import items
from spot.tasks.mini.rows import checksums_file, rows_file
from spot.tasks.mini.suite import SPECS, SPLITS, Spec


def content_of(spec: Spec, split: str) -> bytes:
    """The split as JSONL: a column a key, and the class index under "label"."""
    rows = (
        dict(zip(spec.keys, item.texts, strict=True), label=item.label)
        for item in items(spec, split)
    )
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def compressed(content: bytes) -> bytes:
    """The content as an xz file; the bytes are the same for one release of liblzma."""
    return lzma.compress(content, preset=9 | lzma.PRESET_EXTREME)


def write_suite(folder: Path, specs: Sequence[Spec] = SPECS) -> None:
    """Write every split below `folder`, and the SHA-256 sums of their contents beside them."""
    checksums: dict[str, dict[str, str]] = {}
    for spec in specs:
        (folder / spec.name).mkdir(parents=True, exist_ok=True)
        checksums[spec.name] = {}
        for split in SPLITS:
            content = content_of(spec, split)
            rows_file(spec.name, split, folder).write_bytes(compressed(content))
            checksums[spec.name][split] = hashlib.sha256(content).hexdigest()
    checksums_file(folder).write_text(json.dumps(checksums, indent=1) + "\n")

"""The key vectors of a bank, kept in `<bank>/index/` so that a search need not read every prompt.

All of it is derived: it is used only while it matches the entries' files, and otherwise made anew.
Where the folder cannot be written it stays in memory.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bank import keys
from bank.entry import ENTRY_FILE, PROMPT_FILE, Entry, Prompts
from bank.errors import BankError
from bank.files import canonical_json, replace_file, sha256_hex
from bank.store import INDEX, Bank

log = logging.getLogger("bank")

FORMAT = 1


@dataclass(frozen=True)
class KeyIndex:
    """What a search reads: N ids and, in their order, a FAISS index or the keys themselves.

    `vectors` is a faiss.IndexFlatIP of [N, H]; `keys` is [N, P, H], for max-inner-product only;
    `mean` [H] is what a centered similarity removes. `dropped` has (id, fault) of entries
    whose arrays are damaged, `blank` the ids whose vector is zero.
    """

    ids: tuple[str, ...]
    vectors: Any = None
    keys: NDArray[np.float32] | None = None
    mean: NDArray[np.float64] | None = None
    dropped: tuple[tuple[str, str], ...] = ()
    blank: tuple[str, ...] = field(default=())


def load_index(bank: Bank, similarity: str, entries: Sequence[Entry]) -> KeyIndex:
    """The index over these entries, from the disk when it is fresh and whole, else made and kept.

    Raises BankError when a similarity of changes is asked for and an entry has no init prompt, and
    when a centered one is asked for with fewer than two keys.
    """
    stamp = _stamp(bank, similarity, entries)
    found = _read(bank.path / INDEX, similarity, stamp)
    if found is not None:
        return found
    built = build_index(bank, similarity, entries)
    try:
        _write(bank.path / INDEX, similarity, stamp, built)
    except BankError as error:
        log.debug("the index stays in memory: %s", error.message)
    return built


def build_index(bank: Bank, similarity: str, entries: Sequence[Entry]) -> KeyIndex:
    """The index made from the entries' arrays; entries with damaged arrays are left out by name."""
    kept: list[tuple[str, NDArray[Any]]] = []
    dropped: list[tuple[str, str]] = []
    for entry in entries:
        try:
            prompts = bank.prompts(entry)
        except BankError as error:
            dropped.append((entry.id, error.message))
        else:
            kept.append((entry.id, _row(similarity, entry.id, prompts)))
    ids = tuple(id for id, _ in kept)
    rows: NDArray[Any] = np.stack([row for _, row in kept]) if kept else np.zeros((0, 1, 1))
    if similarity == "max-inner-product":
        return KeyIndex(ids, keys=rows, dropped=tuple(dropped))
    mean = None
    if similarity in keys.CENTERED:
        if len(kept) < 2:
            raise BankError(
                f'the similarity "{similarity}" needs two keys or more, found {len(kept)}',
                'choose another similarity, "per-token" or "average"',
            )
        mean = keys.bank_mean(rows)
        rows = keys.centered(rows, mean)
    blank = tuple(id for id, row in zip(ids, rows, strict=True) if not row.any())
    return KeyIndex(ids, _faiss_index(rows), None, mean, tuple(dropped), blank)


def _row(similarity: str, id: str, prompts: Prompts) -> NDArray[Any]:
    """What is kept of one prompt: its vector [H], its key [P, H], or its mean token [1, H]."""
    if similarity == "max-inner-product":
        return prompts.key
    init = None if prompts.init is None else prompts.init[None]
    try:
        if similarity in keys.CENTERED:  # the bank's mean is known only when all have been read
            return keys.compared(similarity, prompts.key[None], init).mean(axis=1)
        row: NDArray[Any] = keys.vectors(similarity, prompts.key[None], init)[0]
    except BankError as error:
        raise BankError(f"{id}: {error.message}", error.hint) from error
    return row


def _faiss_index(rows: NDArray[np.float32]) -> Any:
    import faiss

    index = faiss.IndexFlatIP(rows.shape[1] if len(rows) else 1)
    if len(rows):
        index.add(np.ascontiguousarray(rows, dtype=np.float32))
    return index


def _stamp(bank: Bank, similarity: str, entries: Sequence[Entry]) -> str:
    """A digest that changes when an entry comes, goes, or one of its files is touched."""
    facts: list[Any] = [FORMAT, similarity]
    for entry in entries:
        for name in (ENTRY_FILE, PROMPT_FILE):
            try:
                status = (bank.folder(entry) / name).stat()
                facts.append([entry.id, name, status.st_mtime_ns, status.st_size])
            except OSError:
                facts.append([entry.id, name, None, None])
    return sha256_hex(canonical_json(facts))


def _paths(folder: Path, similarity: str) -> tuple[Path, Path]:
    suffix = ".keys" if similarity == "max-inner-product" else ".faiss"
    return folder / f"{similarity}{suffix}", folder / f"{similarity}.json"


def _write(folder: Path, similarity: str, stamp: str, index: KeyIndex) -> None:
    """Writes the arrays, then the description with their checksum. Raises BankError."""
    import faiss

    content_path, about_path = _paths(folder, similarity)
    if index.keys is not None:
        content = np.ascontiguousarray(index.keys, dtype="<f4").tobytes()
    else:
        content = faiss.serialize_index(index.vectors).tobytes()
    about = {
        "stamp": stamp,
        "sha256": sha256_hex(content),
        "ids": index.ids,
        "shape": None if index.keys is None else index.keys.shape,
        "mean": None if index.mean is None else index.mean.tolist(),
        "dropped": index.dropped,
        "blank": index.blank,
    }
    replace_file(content_path, content)
    replace_file(about_path, canonical_json(about).encode())


def _read(folder: Path, similarity: str, stamp: str) -> KeyIndex | None:
    """The index on disk, or None when it is absent, stale, damaged or half of two writings."""
    content_path, about_path = _paths(folder, similarity)
    try:
        about = json.loads(about_path.read_bytes())
        if about["stamp"] != stamp:
            return None
        # Mapped, not read: the keys of max-inner-product are as large as the prompts themselves.
        content = np.memmap(content_path, dtype=np.uint8, mode="r")
        if sha256_hex(content.data) != about["sha256"]:
            return None
        return KeyIndex(
            ids=tuple(about["ids"]),
            mean=None if about["mean"] is None else np.array(about["mean"], dtype=np.float64),
            dropped=tuple((id, reason) for id, reason in about["dropped"]),
            blank=tuple(about["blank"]),
            **_arrays(similarity, about, content),
        )
    except (OSError, ValueError, TypeError, KeyError, RuntimeError):
        return None


def _arrays(similarity: str, about: dict[str, Any], content: NDArray[np.uint8]) -> dict[str, Any]:
    if similarity == "max-inner-product":
        return {"keys": content.view("<f4").reshape(about["shape"])}
    import faiss

    return {"vectors": faiss.deserialize_index(np.asarray(content))}

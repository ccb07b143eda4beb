"""The compared form of a bank's keys, cached in `<bank>/index/` so that a search need not read every prompt.

All of it is derived: it is used only while it matches the entries' files, and rebuilt otherwise.
Where the folder cannot be written it stays in memory.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bank.entry import ENTRY_FILE, PROMPT_FILE, Entry, Prompts
from bank.errors import BankError
from bank.files import canonical_json, replace_file, sha256_hex
from bank.similarities import Similarity
from bank.store import INDEX, Bank

log = logging.getLogger("bank")

FORMAT = 1


@dataclass(frozen=True)
class KeyIndex:
    """N ids and, in their order, what a similarity compares a query with.

    `vectors` is a faiss.IndexFlatIP of [N, D]; `keys` is [N, P, H], for similarities that are not
    an inner product; `mean` [D] is what a centred similarity removes. `dropped` has (id, fault) of
    entries whose arrays are damaged, `blank` the ids whose vector is zero.
    """

    ids: tuple[str, ...]
    vectors: Any = None
    keys: NDArray[np.float32] | None = None
    mean: NDArray[np.float64] | None = None
    dropped: tuple[tuple[str, str], ...] = ()
    blank: tuple[str, ...] = ()

    def scores(self, similarity: Similarity, query: Prompts) -> NDArray[np.float64]:
        """The similarity of a query with each of the N keys [N].

        Raises BankError for a query without a direction, or without the init that is needed.
        """
        row = represent(similarity, query)
        if similarity.compare is not None and self.keys is not None:
            return similarity.compare(row, self.keys)
        vector = similarity.vectors(row[None], self.mean)
        if not vector.any():
            raise BankError(
                f'the query has no direction under the similarity "{similarity.name}"',
                "choose another similarity, or train the query for more steps",
            )
        scores, places = self.vectors.search(vector, len(self.ids))
        out = np.empty(len(self.ids))
        out[places[0]] = scores[0]
        return out


def represent(similarity: Similarity, prompts: Prompts) -> NDArray[Any]:
    """The row that a similarity makes of one prompt. Raises BankError without a needed init."""
    init = None if prompts.init is None else prompts.init[None]
    row: NDArray[Any] = similarity.rows(np.asarray(prompts.key)[None], init)[0]
    return row


def load_index(bank: Bank, similarity: Similarity, entries: Sequence[Entry]) -> KeyIndex:
    """The index over these entries: read from disk while fresh and whole, otherwise built and saved.

    Raises BankError as `build_index` does.
    """
    stamp = _stamp(bank, similarity, entries)
    cached = _read(bank.path / INDEX, similarity, stamp)
    if cached is not None:
        return cached
    built = build_index(bank, similarity, entries)
    try:
        _write(bank.path / INDEX, similarity, stamp, built)
    except BankError as error:
        log.debug("the index stays in memory: %s", error.message)
    return built


def build_index(bank: Bank, similarity: Similarity, entries: Sequence[Entry]) -> KeyIndex:
    """The index built from the entries' arrays; entries with damaged arrays are listed in `dropped`.

    Raises BankError when an init is needed and an entry has none, and for a centred similarity of
    fewer than two keys.
    """
    rows_by_id: dict[str, NDArray[Any]] = {}
    dropped: list[tuple[str, str]] = []
    for entry in entries:
        try:
            prompts = bank.prompts(entry)
        except BankError as error:
            dropped.append((entry.id, error.message))
            continue
        try:
            rows_by_id[entry.id] = represent(similarity, prompts)
        except BankError as error:
            raise BankError(f"{entry.id}: {error.message}", error.hint) from error
    ids = tuple(rows_by_id)
    rows: NDArray[Any] = np.stack(list(rows_by_id.values())) if ids else np.zeros((0, 1))
    if similarity.compare is not None:
        return KeyIndex(ids, keys=rows, dropped=tuple(dropped))
    if similarity.centred and len(ids) < 2:
        raise BankError(
            f'the similarity "{similarity.name}" needs two keys or more, found {len(ids)}',
            "choose a similarity that removes no mean, or add entries",
        )
    mean = similarity.mean(rows)
    vectors = similarity.vectors(rows, mean)
    blank = tuple(id for id, vector in zip(ids, vectors, strict=True) if not vector.any())
    return KeyIndex(ids, _faiss_index(vectors), None, mean, tuple(dropped), blank)


def _faiss_index(vectors: NDArray[np.float32]) -> Any:
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    if len(vectors):
        index.add(np.ascontiguousarray(vectors))
    return index


def _stamp(bank: Bank, similarity: Similarity, entries: Sequence[Entry]) -> str:
    """A digest that changes when an entry comes, goes, or one of its files is touched."""
    facts: list[Any] = [FORMAT, similarity.name]
    for entry in entries:
        for name in (ENTRY_FILE, PROMPT_FILE):
            try:
                status = (bank.folder(entry) / name).stat()
                facts.append([entry.id, name, status.st_mtime_ns, status.st_size])
            except OSError:
                facts.append([entry.id, name, None, None])
    return sha256_hex(canonical_json(facts))


def _paths(folder: Path, similarity: Similarity) -> tuple[Path, Path]:
    """The files of the arrays and of their description."""
    suffix = ".faiss" if similarity.compare is None else ".keys"
    return folder / f"{similarity.name}{suffix}", folder / f"{similarity.name}.json"


def _write(folder: Path, similarity: Similarity, stamp: str, index: KeyIndex) -> None:
    """Write the arrays, then the description with their checksum. Raises BankError."""
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


def _read(folder: Path, similarity: Similarity, stamp: str) -> KeyIndex | None:
    """The index on disk; None when it is absent, stale, damaged or a mix of two writes."""
    content_path, about_path = _paths(folder, similarity)
    try:
        about = json.loads(about_path.read_bytes())
        if about["stamp"] != stamp:
            return None
        # Mapped, not read: keys that are kept whole are as large as the prompts themselves.
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


def _arrays(
    similarity: Similarity, about: dict[str, Any], content: NDArray[np.uint8]
) -> dict[str, Any]:
    if similarity.compare is not None:
        return {"keys": content.view("<f4").reshape(about["shape"])}
    import faiss

    return {"vectors": faiss.deserialize_index(np.asarray(content))}

"""T5X checkpoints and vocabularies in buckets (gs://, s3://): copied once, then used as local files.

tensorstore reads them, so no other package is needed. An address stays a string: a Path would drop
one of its slashes.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bank.files import replace_file
from spot.errors import SpotError
from spot.fields import is_file_name
from spot.models.weights.t5x import INDEX, array_folders
from spot.settings import cache_dir

log = logging.getLogger("spot")

CONCURRENT = 16  # files read at the same time
TIMEOUT = 600.0  # seconds for a file
# tensorstore retries for minutes by default when there is no network.
RETRIES = {"max_retries": 5, "initial_delay": "500ms", "max_delay": "8s"}


def is_remote(name: str | Path | None) -> bool:
    """True for an address such as gs://bucket/folder.

    >>> is_remote("gs://bucket/checkpoint_1100000"), is_remote("google/t5-v1_1-small")
    (True, False)
    """
    return isinstance(name, str) and re.match(r"[a-z][a-z0-9+.-]*://", name) is not None


def copied_checkpoint(address: str) -> Path:
    """The local copy of a T5X checkpoint, made now if there is none; an interrupted copy is resumed.

    Only the model's arrays are copied, not the optimiser's state, and the index last, so that a
    folder with an index is complete. Raises SpotError: no access, no checkpoint, an array missing.
    """
    copy = copy_of(address)
    if copy is not None:
        return copy
    folder = _place(address)
    store = _open(address)
    index = _content(store, INDEX, address)
    names = array_folders(index, f"{address}/{INDEX}")
    if names:
        log.warning("copying %d arrays of %s to %s", len(names), address, folder)
    for name in names:
        files = _files(store, f"{name}/", address)
        if f"{name}/.zarray" not in files:
            raise SpotError(
                f"{address}: expected the array {name}, which `{INDEX}` names, found no such folder",
                "the checkpoint in the bucket is not whole",
            )
        missing = [file for file in files if not os.path.isfile(folder / file)]
        for file, content in _contents(store, missing, address):
            replace_file(folder / file, content)
    replace_file(folder / INDEX, index)
    return folder


def copy_of(address: str) -> Path | None:
    """The complete local copy of a T5X checkpoint, or None; looks at local files only."""
    folder = _place(address)
    return folder if os.path.isfile(folder / INDEX) else None


def local_file(name: str | Path | None) -> Path | None:
    """A local path as it is, or the local copy of a file in a bucket; raises as `copied_checkpoint`."""
    if name is None or not is_remote(name):
        return None if name is None else Path(name)
    address, _, file = str(name).rpartition("/")
    copy = _place(address) / file
    if not os.path.isfile(copy):
        replace_file(copy, _content(_open(address), file, address))
    return copy


def _place(address: str) -> Path:
    """The folder for the copy of an address: its last part below a hash of all of it."""
    address = address.rstrip("/")
    digest = hashlib.sha256(address.encode()).hexdigest()[:16]
    return cache_dir() / "remote" / digest / (address.rpartition("/")[2] or "root")


def _open(address: str) -> Any:
    """The key-value store of a folder's address."""
    import tensorstore

    context = tensorstore.Context({"gcs_request_retries": RETRIES, "s3_request_retries": RETRIES})
    try:
        return tensorstore.KvStore.open(f"{address.rstrip('/')}/", context=context).result(TIMEOUT)
    except Exception as error:  # what tensorstore raises has no common class
        raise _refused(address, error) from error


def _files(store: Any, prefix: str, address: str) -> list[str]:
    """The sorted names of all files directly under a prefix."""
    import tensorstore

    after = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    try:
        keys = store.list(tensorstore.KvStore.KeyRange(prefix, after)).result(TIMEOUT)
    except Exception as error:  # what tensorstore raises has no common class
        raise _refused(address, error) from error
    names = [key.decode(errors="replace")[len(prefix) :] for key in keys]
    return sorted(f"{prefix}{name}" for name in names if is_file_name(name))


def _contents(store: Any, names: list[str], address: str) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of each file, CONCURRENT read at a time."""
    for begin in range(0, len(names), CONCURRENT):
        part = names[begin : begin + CONCURRENT]
        reads = [store.read(name) for name in part]
        try:
            results = [read.result(TIMEOUT) for read in reads]
        except Exception as error:  # what tensorstore raises has no common class
            raise _refused(address, error) from error
        for name, result in zip(part, results, strict=True):
            if result.state != "value":
                raise SpotError(
                    f"{address}: expected a file {name}, found none",
                    "give the address of the folder checkpoint_<step> itself, or of the file",
                )
            yield name, result.value


def _content(store: Any, name: str, address: str) -> bytes:
    return next(_contents(store, [name], address))[1]


def _refused(address: str, error: Exception) -> SpotError:
    reason = str(error).partition("\n")[0] or type(error).__name__
    return SpotError(
        f"{address} cannot be read ({reason})",
        "check the address and the network; for a private bucket log in first "
        "(gcloud auth application-default login); or copy the folder and name the copy",
    )

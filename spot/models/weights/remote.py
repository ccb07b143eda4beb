"""T5X checkpoints and vocabularies in buckets (gs://, s3://): copied once, then used as local files.

tensorstore reads them, so nothing more is installed. A name with :// stays text all the way: as a
Path it would lose a slash.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bank.files import replace_file
from spot.errors import SpotError
from spot.models.weights.t5x import INDEX, array_folders
from spot.settings import cache_dir

log = logging.getLogger("spot")

AT_ONCE = 16  # files read at the same time
PATIENCE = 600.0  # seconds for one of them
# tensorstore's own default goes on for minutes when there is no network.
RETRIES = {"max_retries": 5, "initial_delay": "500ms", "max_delay": "8s"}


def is_remote(name: str | Path | None) -> bool:
    """Whether a name is an address such as gs://bucket/folder.

    >>> is_remote("gs://bucket/checkpoint_1100000"), is_remote("google/t5-v1_1-small")
    (True, False)
    """
    return isinstance(name, str) and re.match(r"[a-z][a-z0-9+.-]*://", name) is not None


def copied_checkpoint(address: str) -> Path:
    """The local copy of a T5X checkpoint, made first where it is not there; one that was
    interrupted goes on where it stopped.

    Only the model's arrays are copied, not the optimiser's state, and the index last, so that a
    folder with an index is whole. Raises SpotError: no access, no checkpoint, an array missing.
    """
    there = copy_of(address)
    if there is not None:
        return there
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
        missing = [file for file in files if not (folder / file).is_file()]
        for file, content in _contents(store, missing, address):
            replace_file(folder / file, content)
    replace_file(folder / INDEX, index)
    return folder


def copy_of(address: str) -> Path | None:
    """The whole local copy of a T5X checkpoint; None where there is none. Looks at files only."""
    folder = _place(address)
    return folder if (folder / INDEX).is_file() else None


def local_file(name: str | Path | None) -> Path | None:
    """A file as a local path: itself, or the copy of one in a bucket. Raises SpotError as above."""
    if name is None or not is_remote(name):
        return None if name is None else Path(name)
    address, _, file = str(name).rpartition("/")
    copy = _place(address) / file
    if not copy.is_file():
        replace_file(copy, _content(_open(address), file, address))
    return copy


def _place(address: str) -> Path:
    """The folder of an address's copy: its last part, and a hash that tells it from others."""
    address = address.rstrip("/")
    digest = hashlib.sha256(address.encode()).hexdigest()[:16]
    return cache_dir() / "remote" / digest / (address.rpartition("/")[2] or "root")


def _open(address: str) -> Any:
    """The key-value store of a folder's address."""
    import tensorstore

    context = tensorstore.Context({"gcs_request_retries": RETRIES, "s3_request_retries": RETRIES})
    try:
        return tensorstore.KvStore.open(f"{address.rstrip('/')}/", context=context).result(PATIENCE)
    except (ValueError, TimeoutError) as error:
        raise _refused(address, error) from error


def _files(store: Any, prefix: str, address: str) -> list[str]:
    """The names of all files right under a prefix, sorted; none leads out of it."""
    import tensorstore

    after = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    try:
        keys = store.list(tensorstore.KvStore.KeyRange(prefix, after)).result(PATIENCE)
    except (ValueError, TimeoutError) as error:
        raise _refused(address, error) from error
    names = [key.decode() for key in keys]
    return sorted(name for name in names if "/" not in name[len(prefix) :])


def _contents(store: Any, names: list[str], address: str) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of each file, some read at a time."""
    for begin in range(0, len(names), AT_ONCE):
        part = names[begin : begin + AT_ONCE]
        reads = [store.read(name) for name in part]
        try:
            found = [read.result(PATIENCE) for read in reads]
        except (ValueError, TimeoutError) as error:
            raise _refused(address, error) from error
        for name, one in zip(part, found, strict=True):
            if one.state != "value":
                raise SpotError(
                    f"{address}: expected a file {name}, found none",
                    "give the address of the folder checkpoint_<step> itself, or of the file",
                )
            yield name, one.value


def _content(store: Any, name: str, address: str) -> bytes:
    return next(_contents(store, [name], address))[1]


def _refused(address: str, error: Exception) -> SpotError:
    reason = str(error).partition("\n")[0] or type(error).__name__
    return SpotError(
        f"{address} cannot be read ({reason})",
        "check the address and the network; for a private bucket log in first "
        "(gcloud auth application-default login); or copy the folder and name the copy",
    )

"""Writing files so that a reader sees the old content or the new, and never half of either.

The bank's other modules do all their writing through here; that keeps the rules in one place: write
under another name, flush to the disk, rename, and turn what the system says into a `BankError`.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bank.errors import BankError

log = logging.getLogger("bank")

TEMPORARY = ".tmp-"  # first letters of everything that is not complete yet

HINTS = {
    errno.ENOSPC: "free some space, or put the bank on another disk",
    errno.EDQUOT: "free some of your quota, or put the bank on another disk",
    errno.EACCES: "you may not write there: check the folder's owner and permissions",
    errno.EPERM: "you may not write there: check the folder's owner and permissions",
    errno.EROFS: "the disk is read-only: copy the bank to one that can be written",
}


def canonical_json(value: Any) -> str:
    """The one JSON text of a value (sorted keys, no spaces), so that equal values hash equally.

    Raises BankError for what JSON cannot hold, NaN and infinity among it.

    >>> canonical_json({"b": (1, 2), "a": 1e-5})
    '{"a":1e-05,"b":[1,2]}'
    """
    try:
        plain = json.loads(json.dumps(value, allow_nan=False))  # 1 and "1" are one key in JSON
        return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise BankError(
            f"expected a value that JSON can hold, found {value!r}: {error}",
            "use only text, finite numbers, true/false, null, lists and dictionaries",
        ) from error


def sha256_hex(content: bytes | memoryview | str) -> str:
    """The SHA-256 of bytes, or of a text's UTF-8, as 64 hexadecimal digits."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


@contextlib.contextmanager
def writing(where: Path) -> Iterator[None]:
    """Turns the system's refusal to write `where` (disk full, read-only, …) into a BankError."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        hint = HINTS.get(error.errno or 0, "check that the folder exists and can be written")
        raise BankError(f"cannot write {where}: {reason}", hint) from error


def write_synced(path: Path, content: bytes) -> None:
    """Writes a new file and returns when its bytes are on the disk. Raises OSError."""
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Puts a folder's list of names on the disk; needed after a rename. Raises OSError."""
    if os.name == "nt":  # Windows opens no folders, and needs no such call
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_file(path: Path, content: bytes) -> None:
    """Writes `path` atomically, making its folder if needed. Raises BankError."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.parent / temporary_name(path.name)
        try:
            write_synced(temporary, content)
            os.replace(temporary, path)
            sync_folder(path.parent)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def temporary_name(name: str) -> str:
    """A name beside `name` that nobody else uses; readers know by the prefix to pass over it."""
    return f"{TEMPORARY}{name}-{os.getpid()}-{secrets.token_hex(4)}"


@contextlib.contextmanager
def locked(path: Path, timeout: float) -> Iterator[None]:
    """Holds the lock file `path` for the block, so that processes write one after another.

    timeout: seconds to wait. After the first second a warning says that it waits and for what.
    Raises BankError when another process still holds the lock then, or the lock cannot be made.
    """
    import filelock

    lock = filelock.FileLock(path, timeout=min(1.0, timeout))
    with writing(path):
        try:
            lock.acquire()
        except filelock.Timeout:
            log.warning("waiting for another process that writes to %s …", path.parent)
            try:
                lock.acquire(timeout=max(0.0, timeout - 1.0))
            except filelock.Timeout as error:
                raise BankError(
                    f"another process has held {path} for {timeout:g} seconds",
                    "wait until it has finished; a lock whose process has died is free by itself",
                ) from error
    try:
        yield
    finally:
        lock.release()

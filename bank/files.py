"""Atomic writing: a reader sees the old content of a file or the new, never half of either.

Everything that writes goes through here: write under a temporary name, flush to the disk, rename,
and turn an error of the system into a `BankError`.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import secrets
import stat
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bank.errors import BankError, shown
from bank.reading import open_regular, read_bytes

log = logging.getLogger("bank")

TEMPORARY = ".tmp-"  # prefix of everything that is not complete yet
CLOCK_STEP = 20_000_000  # nanoseconds, twice the longest

HINTS = {
    errno.ENOSPC: "free some space, or write to another disk",
    errno.EDQUOT: "free some of your quota, or write to another disk",
    errno.EACCES: "you may not write there: check the folder's owner and permissions",
    errno.EPERM: "you may not write there: check the folder's owner and permissions",
    errno.EROFS: "the disk is read-only: write to another one",
    errno.EISDIR: "a folder has the name of that file: remove it",
}


def canonical_json(value: Any) -> str:
    """The JSON text of a value with sorted keys and no spaces, so that equal values hash equally.

    Raises BankError for values that JSON cannot hold, NaN and infinity included.

    >>> canonical_json({"b": (1, 2), "a": 1e-5})
    '{"a":1e-05,"b":[1,2]}'
    """
    try:
        plain = json.loads(json.dumps(value, allow_nan=False))  # 1 and "1" are one key in JSON
        text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        text.encode()  # half of a surrogate pair is no text
        return text
    except (TypeError, ValueError, RecursionError) as error:
        raise BankError(
            f"expected a value that JSON can hold, found {shown(value)}: {error}",
            "use only text, finite numbers, true/false, null, lists and dictionaries",
        ) from error


def stamp(file: Path) -> tuple[int, ...]:
    """Numbers that change with the file's content: size, time of change, inode, and the time of the
    inode's last change, which no program can set back.
    """
    about = file.stat()
    return about.st_size, about.st_mtime_ns, about.st_ino, about.st_ctime_ns


def settle(changed: int) -> None:
    """Wait, after reading a file that changed at this time (the last number of its stamp), until another
    change would show in its stamp: the clock of file systems moves in steps of up to 10 ms.
    """
    age = time.time_ns() - changed
    if 0 <= age < CLOCK_STEP:
        time.sleep((CLOCK_STEP - age) / 1e9)


def sha256_hex(content: bytes | memoryview | str) -> str:
    """The SHA-256 of bytes, or of a text's UTF-8, as 64 hexadecimal digits."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


SEAL = "sha256"  # key of a sealed object


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """The object with a digest of its members, which `unsealed` compares."""
    return {**content, SEAL: sha256_hex(canonical_json(content))}


def unsealed(content: Any) -> dict[str, Any]:
    """The members of an object that `sealed` gave. Raises ValueError for anything else.

    >>> unsealed(sealed({"step": 3}))
    {'step': 3}
    """
    members = {k: v for k, v in content.items() if k != SEAL} if isinstance(content, dict) else {}
    if not members or content.get(SEAL) != sha256_hex(canonical_json(members)):
        raise ValueError("its content does not match its own checksum: it was changed")
    return members


@contextlib.contextmanager
def writing(where: Path) -> Iterator[None]:
    """Turn an OSError while writing `where` (disk full, read-only, …) into a BankError."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        hint = HINTS.get(error.errno or 0, "check that the folder exists and can be written")
        raise BankError(f"cannot write {where}: {reason}", hint) from error


def write_synced(path: Path, content: bytes) -> None:
    """Write a new file and return once its bytes are on the disk. Raises OSError."""
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Flush a folder's list of names to the disk; needed after a rename. Raises OSError."""
    if os.name == "nt":  # Windows opens no folders, and needs no such call
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_file(path: Path, content: bytes) -> None:
    """Write `path` atomically, creating its folder if needed. Raises BankError."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path that becomes `path` when the block ends without an error.

    For libraries that write a file themselves; the temporary name has the suffix of `path`. Its
    folder is created if needed, and nothing is left behind by a block that fails. The file may be read
    by whom the umask lets, also where the library wrote it for its owner alone. Raises BankError when
    the system refuses.
    """
    temporary = path.parent / temporary_name(path.name)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            mode = _mode_of_new_file(temporary)
            yield temporary
            with open(temporary, "rb+") as file:
                if stat.S_IMODE(os.fstat(file.fileno()).st_mode) != mode:
                    os.chmod(temporary, mode)
                os.fsync(file.fileno())
            os.replace(temporary, path)
            sync_folder(path.parent)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def _mode_of_new_file(path: Path) -> int:
    """The permissions that the umask, or the folder's own rules, give to a file that is created at
    `path`. Reading the umask itself would change it for a moment, for all threads.
    """
    with open(path, "xb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    path.unlink()
    return mode


def temporary_name(name: str) -> str:
    """A unique name that ends in `name`; readers skip it by its prefix.

    >>> temporary_name("a.npz").startswith(TEMPORARY), temporary_name("a.npz").endswith("-a.npz")
    (True, True)
    """
    return f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}-{name}"


@contextlib.contextmanager
def locked(path: Path, timeout: float) -> Iterator[None]:
    """Hold the lock file `path` during the block, so that processes write one after another.

    timeout: seconds to wait; a warning is logged after the first. Raises BankError when another
    process still holds the lock then, or the lock file cannot be created.
    """
    import filelock

    lock = filelock.FileLock(path, timeout=min(1.0, timeout))
    with writing(path):
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "flock not supported", UserWarning)
                lock.acquire()
        except filelock.Timeout:
            log.warning("waiting for another process that writes to %s (%s) …", path.parent, path)
            try:
                lock.acquire(timeout=max(0.0, timeout - 1.0))
            except filelock.Timeout as error:
                raise BankError(
                    f"another process has held {path} for {timeout:g} seconds",
                    _advice(path, lock_outlives(path)),
                ) from error
    try:
        yield
    finally:
        lock.release()


def lock_outlives(path: Path | str) -> bool:
    """True on a disk without locks that end with their process (flock), where the file itself is the lock
    and one that was left there stands for ever.
    """
    try:
        import fcntl
    except ImportError:  # Windows, whose locks end with their process
        return False
    try:
        with open_regular(path) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in (errno.ENOSYS, errno.EOPNOTSUPP)
    return False


def _advice(path: Path, by_existence: bool) -> str:
    """What to do about a lock that is not released.

    by_existence: see `lock_outlives`.
    """
    if not by_existence:
        return "wait until it has finished; a lock whose process has died is free by itself"
    holder = ""
    with contextlib.suppress(OSError, ValueError):
        pid, host, *_ = read_bytes(path, 1024).decode("ascii").split()
        holder = f" (process {int(pid)} on {host})"
    return (
        f"wait until it has finished{holder}. If no process writes there any more, delete the file "
        f"{path}: on this disk a lock does not end with its process"
    )

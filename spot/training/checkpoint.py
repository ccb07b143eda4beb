"""Checkpoints of a run, written by Orbax: a kill at any moment leaves the last whole one.

Orbax restores arrays whose bytes have changed, so each checkpoint holds a digest of all its files beside
them, and what does not agree with its digest is never handed to Orbax. Checkpoints are a shortcut:
one that is damaged in any way is removed, and its steps are made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax

from bank.errors import BankError
from bank.files import replace_file, sealed, sync_folder, unsealed
from bank.reading import open_regular, read_json
from spot.errors import SpotError
from spot.models.runtime import device_errors

DIGEST = "digest.json"
"""The file in a checkpoint's folder that is written last: its step, notes and the digest of its files."""

_log = logging.getLogger(__name__)


class Checkpoints:
    """A folder of numbered checkpoints of one pytree; the two newest are kept.

    A checkpoint that is unfinished, unreadable or changed is removed, with a warning, in favour of the one
    before it. One process at a time may use the folder.
    """

    def __init__(self, folder: Path) -> None:
        """Raises SpotError for a folder that cannot be made or read."""
        from orbax.checkpoint import v1 as ocp

        logging.getLogger("absl").addFilter(
            _not_of_orbax
        )  # once: the same filter is not added again
        self.notes: Any = None
        """What was saved beside the tree that was restored last."""
        self._folder = folder
        keep = ocp.training.preservation_policies.LatestN(2)
        with self._sentence("the checkpoints could not be opened"):
            _remove_others(folder)
            _remove_damaged(folder)
            self._inner = ocp.training.Checkpointer(
                folder.resolve(), preservation_policy=keep, cleanup_tmp_directories=True
            )

    def save(self, step: int, tree: Any, notes: Any = None) -> None:
        """Write the tree, and notes that JSON can hold, under `step`, durably, before returning; nothing is
        done if the step is there. Steps must be saved in order.

        Raises SpotError when the folder cannot be written.
        """
        if step in self.steps():
            return
        with self._sentence(f"the checkpoint of step {step} could not be written"):
            self._inner.save(step, tree)
            _seal(self._folder / str(step), step, notes)

    def steps(self) -> list[int]:
        """The steps that have a checkpoint, oldest first."""
        return sorted(item.step for item in self._inner.checkpoints)

    def restore(self, like: Any) -> tuple[int, Any] | None:
        """(step, tree) of the newest whole checkpoint, shaped as `like`; None if there is none. Those after
        it are removed. Raises SpotError where memory is short, and keeps all then.
        """
        for step in reversed(self.steps()):
            folder = self._folder / str(step)
            try:
                notes, tree = _sealed(folder, step)["notes"], self._loaded(step, like)
            except (OSError, ValueError) as error:
                _warn(folder, error)
            else:
                self.notes = notes
                return step, tree
            with self._sentence(f"the damaged checkpoint of step {step} could not be removed"):
                shutil.rmtree(folder)
                self._inner.reload()
        return None

    def _loaded(self, step: int, like: Any) -> Any:
        """The tree of a checkpoint. Raises SpotError where memory is short, and ValueError for whatever else
        Orbax and the libraries below it raise: they have no class for all their errors.
        """
        try:
            with _quiet(), device_errors():
                return jax.device_get(self._inner.load(step, like))
        except SpotError:
            raise
        except Exception as error:
            raise ValueError(_reason(error)) from error

    def close(self) -> None:
        """Release Orbax's background threads."""
        with contextlib.suppress(Exception), _quiet():  # it raises anew what a save has raised
            self._inner.close()

    @contextlib.contextmanager
    def _sentence(self, what: str) -> Iterator[None]:
        """Turn an error of Orbax, of the libraries below it or of the system into a SpotError; for a full
        disk they raise a ValueError.
        """
        try:
            with _quiet():
                yield
        except Exception as error:
            raise SpotError(
                f"{self._folder}: {what} ({_reason(error)})",
                "free space or choose another folder; the run goes on from the one before",
            ) from error


def _remove_others(folder: Path) -> None:
    """Remove everything in the folder that is no checkpoint: what a kill or a full disk left unfinished."""
    if folder.exists() and not folder.is_dir():
        folder.unlink()
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_symlink() or not path.is_dir():
            path.unlink()
        elif not (path.name.isdecimal() and path.name == str(int(path.name))):
            shutil.rmtree(path)


def _remove_damaged(folder: Path) -> None:
    """Remove the checkpoints that do not agree with their digest, with a warning: Orbax reads a file of
    every checkpoint as it opens the folder, and would wait for ever for a pipe.
    """
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        try:
            _check_whole(path, int(path.name))
        except (OSError, ValueError) as error:
            _warn(path, error)
            shutil.rmtree(path)


def _warn(folder: Path, error: BaseException) -> None:
    _log.warning("%s is not used (%s); its steps are made again", folder, _reason(error))


def _seal(folder: Path, step: int, notes: Any) -> None:
    """Write the digest of a checkpoint, once all its files are on the disk. Raises OSError or BankError."""
    content = {"step": step, "notes": notes, "files": _files_digest(folder, os.fsync)}
    replace_file(folder / DIGEST, json.dumps(sealed(content)).encode())
    sync_folder(folder.parent)


def _sealed(folder: Path, step: int) -> dict[str, Any]:
    """What `_seal` wrote of a checkpoint. Raises OSError or ValueError where it is not there or damaged."""
    try:
        content: dict[str, Any] = unsealed(read_json(folder / DIGEST, limit=1 << 30))
    except FileNotFoundError:  # a kill came before it, or an earlier release wrote the checkpoint
        raise ValueError(f"it has no {DIGEST}") from None
    if content["step"] != step:
        raise ValueError(f"{DIGEST} is of step {content['step']}")
    return content


def _check_whole(folder: Path, step: int) -> None:
    """Raises OSError or ValueError where anything in a checkpoint does not agree with its digest."""
    if _sealed(folder, step)["files"] != _files_digest(folder):
        raise ValueError("a file has changed since it was written")


def _files_digest(folder: Path, act: Callable[[int], None] = lambda handle: None) -> str:
    """A digest of the names and bytes of all files below a checkpoint's folder, but for DIGEST.

    act: done to each open file. Raises OSError, for what is no regular file too.
    """
    digest = hashlib.sha256()
    for path in sorted(
        path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()
    ):
        name = path.relative_to(folder).as_posix()
        if name != DIGEST:
            with open_regular(path) as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
                act(file.fileno())
            digest.update(f"{name}\0{content}\n".encode())
    return digest.hexdigest()


def _reason(error: BaseException) -> str:
    """What went wrong, in a line: the system's words where a library passes its code on."""
    if isinstance(error, BankError):
        return error.message
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    text = str(error)
    if code := re.search(r"os_error_code='(\d+)'", text):
        return os.strerror(int(code[1]))
    line = text.partition("\n")[0] or type(error).__name__
    return line if len(line) <= 200 else f"{line[:199]}…"


def _not_of_orbax(record: logging.LogRecord) -> bool:
    """False for the stack traces that Orbax logs from its threads, also later, for every error that it
    raises as well.
    """
    return record.levelno < logging.ERROR or "orbax" not in Path(record.pathname).parts


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """For the block, do not show what Orbax's threads leave behind when one of them failed."""
    hook = sys.unraisablehook

    def others(problem: Any) -> None:
        if "Event loop is closed" not in str(problem.exc_value):
            hook(problem)

    sys.unraisablehook = others
    try:
        yield
    finally:
        sys.unraisablehook = hook

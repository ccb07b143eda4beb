"""Verification of a bank, in which every byte of it is read, and removal of what nobody needs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bank import entry as entries_on_disk
from bank.entry import Record
from bank.errors import BankError
from bank.files import TEMPORARY, locked, writing
from bank.manifest import MANIFEST_FILE, DamagedManifest, Manifest, read_manifest, write_manifest
from bank.outcomes import OUTCOMES_FILE, parse_lines
from bank.store import (
    ENTRIES,
    LOCK_FILE,
    LOCK_TIMEOUT,
    QUERIES,
    Bank,
    check_is_bank,
    folder_names,
    read_records,
)

OLD_INDEX = "index"  # in which earlier versions kept what they had made of the keys


def verify(bank: Bank) -> list[str]:
    """One sentence for each problem, in a fixed order; an empty list for a sound bank.

    Read are bank.json, both files of each entry and query (checksums, shapes, numbers) and the
    outcomes. What an interrupted write or an earlier version left is reported as harmless.
    """
    problems: list[str] = []
    try:
        manifest = bank.manifest
        groups = [(group, *bank.scan(group)) for group in (ENTRIES, QUERIES)]
    except BankError as error:
        return [error.message]
    for group, records, faults in groups:
        problems += [f"{group}/{name} is damaged: {reason}" for name, reason in faults]
        for record in records:
            problems += [f"{group}/{record.entry.id}: {fault}" for fault in _faults(bank, record)]
        if records and manifest is None:
            problems.append(f"bank.json is missing, and {group} is not empty")
    try:
        problems += parse_lines(bank.path / OUTCOMES_FILE)[1]
    except BankError as error:
        problems.append(error.message)
    for path, origin in _leftovers(bank.path):
        place = path.relative_to(bank.path).as_posix()
        problems.append(f"{place} is left from {origin} and can be removed (--clean)")
    return problems


def clean(path: str | Path, *, lock_timeout: float = LOCK_TIMEOUT) -> list[str]:
    """Remove what interrupted writes and earlier versions left in the bank at `path`, and write
    bank.json anew from the entries where it is damaged, missing or without a checksum. Returns one
    sentence for each change.

    Entries stay, also damaged ones: `Bank.remove` removes those that are named. The lock is held
    meanwhile, so that nothing is taken from a process that writes just now. Raises BankError: no bank,
    one of a newer format, a lock held too long, files that cannot be removed.
    """
    root = Path(path)
    check_is_bank(root)
    done = []
    with locked(root / LOCK_FILE, lock_timeout):
        for leftover, origin in _leftovers(root):
            with writing(leftover):
                if leftover.is_dir() and not leftover.is_symlink():
                    shutil.rmtree(leftover)
                else:
                    leftover.unlink()
            done.append(f"{leftover.relative_to(root).as_posix()}, left from {origin}, is removed")
        done += _mended_manifest(root)
    return done


def _leftovers(root: Path) -> Iterator[tuple[Path, str]]:
    """What nothing reads, with its origin."""
    for folder in (root, root / ENTRIES, root / QUERIES):
        for name in folder_names(folder):
            if name.startswith(TEMPORARY):
                yield folder / name, "an interrupted write"
    if (root / OLD_INDEX).is_dir():
        yield root / OLD_INDEX, "an earlier version"


def _mended_manifest(root: Path) -> list[str]:
    """Write bank.json from the entries and queries where it cannot be trusted. Hold the bank's lock."""
    records = [record for group in (ENTRIES, QUERIES) for record in read_records(root / group)[0]]
    manifest, damage = None, ""
    try:
        manifest = read_manifest(root)
    except DamagedManifest as error:
        damage = error.message
    if (manifest and manifest.sealed) or not (records or damage):
        return []
    if not records:
        with writing(root / MANIFEST_FILE):
            (root / MANIFEST_FILE).unlink()
        return [f"{damage}; it is removed: the first addition writes it"]
    expected = Manifest(records[0].entry.backbone, *records[0].shape)
    for record in records[1:]:
        fault = expected.disagreement(record.entry.backbone, record.shape)
        if fault:
            return [
                f"{MANIFEST_FILE} is not written anew: {records[0].entry.id} and {record.entry.id} "
                f"do not fit each other: {fault}"
            ]
    write_manifest(root, expected)
    return [f"{MANIFEST_FILE} is written anew from {len(records)} entries and queries"]


def _faults(bank: Bank, record: Record) -> list[str]:
    """The faults of one entry whose metadata can be read."""
    entry = record.entry
    faults = []
    if entries_on_disk.id_of(entry) != entry.id:
        faults.append("its fields give another id")
    try:
        prompts = entries_on_disk.read_arrays(bank.folder(entry), record)
    except BankError as error:
        return [*faults, error.message]
    for name, array in prompts.tensors().items():
        if not np.isfinite(array).all():
            faults.append(f"the {name} holds NaN or infinity")
    for name, array in prompts.views().items():
        if array.shape != record.shape:
            faults.append(f"expected the {name} as {record.shape}, found {array.shape}")
    if not faults:
        try:
            entries_on_disk.checked(entry, prompts)
        except BankError as error:
            faults.append(error.message)
    return faults

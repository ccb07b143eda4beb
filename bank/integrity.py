"""Verification of a bank: every byte of it is read."""

from __future__ import annotations

import os

import numpy as np

from bank import entry as entries_on_disk
from bank.entry import Record
from bank.errors import BankError
from bank.files import TEMPORARY
from bank.outcomes import OUTCOMES_FILE, parse_lines
from bank.store import ENTRIES, INDEX, QUERIES, Bank


def verify(bank: Bank) -> list[str]:
    """One sentence for each problem, in a fixed order; an empty list for a sound bank.

    Read are bank.json, both files of each entry and query (checksums, finite numbers) and the
    outcomes. Leftovers of an interrupted write are reported as harmless.
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
    problems += parse_lines(bank.path / OUTCOMES_FILE)[1]
    for folder in (bank.path, bank.path / ENTRIES, bank.path / QUERIES, bank.path / INDEX):
        for name in sorted(os.listdir(folder)) if folder.is_dir() else []:
            if name.startswith(TEMPORARY):
                place = (folder / name).relative_to(bank.path).as_posix()
                problems.append(f"{place} is left from an interrupted write and can be removed")
    return problems


def _faults(bank: Bank, record: Record) -> list[str]:
    """The faults of one entry whose metadata can be read."""
    entry = record.entry
    faults = []
    if entries_on_disk.id_of(entry) != entry.id:
        faults.append("its fields give another id")
    try:
        prompts = bank.prompts(entry)
    except BankError as error:
        return [*faults, error.message]
    for name, array in prompts.tensors().items():
        if not np.isfinite(array).all():
            faults.append(f"the {name} holds NaN or infinity")
    for name, array in prompts.views().items():
        if array.shape != record.shape:
            faults.append(f"expected the {name} as {record.shape}, found {array.shape}")
    return faults

"""Reads every byte of a bank and says what is wrong with it."""

from __future__ import annotations

import os

import numpy as np

from bank import entry as entries_on_disk
from bank.entry import Record
from bank.errors import BankError
from bank.files import TEMPORARY
from bank.outcomes import OUTCOMES_FILE, parse_lines
from bank.store import ENTRIES, INDEX, QUERIES, Bank


def problems(bank: Bank) -> list[str]:
    """One sentence for each problem, in a fixed order; an empty list for a sound bank.

    Read are: bank.json, both files of each entry and query against their checksums and for finite
    numbers, the outcomes. Leftovers of an interrupted writing are reported as harmless.
    """
    found: list[str] = []
    try:
        manifest = bank.manifest
        groups = [(group, *bank.scan(group)) for group in (ENTRIES, QUERIES)]
    except BankError as error:
        return [error.message]
    for group, records, faults in groups:
        found += [f"{group}/{name} is damaged: {reason}" for name, reason in faults]
        for record in records:
            found += [f"{group}/{record.entry.id}: {fault}" for fault in _faults(bank, record)]
        if records and manifest is None:
            found.append(f"bank.json is missing, and {group} is not empty")
    found += parse_lines(bank.path / OUTCOMES_FILE)[1]
    for folder in (bank.path, bank.path / ENTRIES, bank.path / QUERIES, bank.path / INDEX):
        for name in sorted(os.listdir(folder)) if folder.is_dir() else []:
            if name.startswith(TEMPORARY):
                place = (folder / name).relative_to(bank.path).as_posix()
                found.append(f"{place} is left from an interrupted writing and can be removed")
    return found


def _faults(bank: Bank, record: Record) -> list[str]:
    """What is wrong with one entry whose metadata can be read."""
    entry = record.entry
    found = []
    if entries_on_disk.id_of(entry) != entry.id:
        found.append("its fields give another id")
    try:
        prompts = bank.prompts(entry)
    except BankError as error:
        return [*found, error.message]
    arrays = {name: array for name, array in prompts._asdict().items() if array is not None}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            found.append(f"the {name} holds NaN or infinity")
        if array.shape != record.shape:
            found.append(f"expected the {name} as {record.shape}, found {array.shape}")
    return found

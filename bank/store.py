"""A bank: a folder of entries, queries and outcomes that several processes may read and write.

    bank.json  entries/<id>/  queries/<id>/  outcomes.jsonl  bank.lock

Writers take turns by the lock; an entry appears whole, by one rename, or not at all. Readers need
neither lock nor write permission.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar, overload

from bank import entry as entries_on_disk
from bank import outcomes as outcome_lines
from bank.combine import Parts, combined_entry
from bank.entry import Encoded, Entry, Prompts, Record
from bank.errors import BankError, did_you_mean, reason_of, shown
from bank.expression import parse
from bank.files import locked, sync_folder, temporary_name, writing
from bank.manifest import MANIFEST_FILE, Manifest, damaged, read_manifest, write_manifest
from bank.outcomes import OUTCOMES_FILE, Outcome

log = logging.getLogger("bank")

Kept = TypeVar("Kept")

ENTRIES, QUERIES, LOCK_FILE = "entries", "queries", "bank.lock"
RENAMED = (
    "source",
    "imported",
)  # kinds of entries whose task's name is a label that may be changed
LOCK_TIMEOUT = 120.0  # seconds; a writer holds the lock while it writes some files


@dataclass(frozen=True)
class Contents(Generic[Kept]):
    """What was read of a bank at one time: the entries by id, what is kept of the arrays of each in
    their order, and (folder, fault) of those that are damaged, in their arrays too.
    """

    entries: list[Entry]
    kept: list[Kept]
    faults: list[tuple[str, str]]


class Bank:
    """The bank in one folder. Holds no arrays and no state: every call reads the disk."""

    def __init__(self, path: str | os.PathLike[str], *, lock_timeout: float = LOCK_TIMEOUT) -> None:
        """The bank at `path`, created on the first addition if it is absent.

        lock_timeout: seconds that a write waits for others. Raises BankError when something else is
        there, or a bank of a newer format.
        """
        self.path = Path(path)
        self.lock_timeout = lock_timeout
        if os.path.exists(self.path):
            check_is_bank(self.path)
            read_manifest(self.path)

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, lock_timeout: float = LOCK_TIMEOUT) -> Bank:
        """The existing bank at `path`. Raises BankError: absent, no bank, or of a newer format."""
        if not os.path.exists(path):
            raise BankError(
                f"expected a bank at {Path(path)}, found nothing",
                "build one with `spot build-bank`, or name another folder with --bank",
            )
        return cls(path, lock_timeout=lock_timeout)

    @classmethod
    def create_or_open(
        cls, path: str | os.PathLike[str], *, lock_timeout: float = LOCK_TIMEOUT
    ) -> Bank:
        """The bank at `path`, whose folder is created now if it is absent. Raises BankError."""
        bank = cls(path, lock_timeout=lock_timeout)
        with writing(bank.path):
            if not bank.path.exists():
                (bank.path / ENTRIES).mkdir(parents=True, exist_ok=True)
        return bank

    @property
    def manifest(self) -> Manifest | None:
        """Backbone, P and H of all prompts; None while the bank is empty. Raises BankError."""
        return read_manifest(self.path)

    def entries(self) -> list[Entry]:
        """The entries sorted by id, without queries and without those in `damaged`."""
        return [record.entry for record in self.scan(ENTRIES)[0]]

    def queries(self) -> list[Entry]:
        """The cached query prompts of targets (kind "query"), sorted by id."""
        return [record.entry for record in self.scan(QUERIES)[0]]

    def damaged(self) -> list[tuple[str, str]]:
        """(folder, fault) of the entries and queries that reading skips.

        Checks entry.json and the size of the arrays' file; `bank.integrity.verify` reads every byte.
        """
        queries = [(f"{QUERIES}/{name}", reason) for name, reason in self.scan(QUERIES)[1]]
        return self.scan(ENTRIES)[1] + queries

    def scan(self, group: str) -> tuple[list[Record], list[tuple[str, str]]]:
        """The intact records of "entries" or "queries" by id, and (folder, fault) of others."""
        manifest = self.manifest
        records, faults = read_records(self.path / group)
        apart = {
            record.entry.id: fault
            for record in records
            if manifest and (fault := manifest.disagreement(record.entry.backbone, record.shape))
        }
        if manifest and apart and len(apart) == len(records) and not manifest.sealed:
            self._check_blame(manifest, records)
        faults += [(id, f"{id}: {fault}") for id, fault in apart.items()]
        return [record for record in records if record.entry.id not in apart], sorted(faults)

    def contents(
        self, take: Callable[[Entry, Prompts], Kept], group: str = ENTRIES
    ) -> Contents[Kept]:
        """What `take` makes of each entry, or query, and its arrays, one after another: every file is read
        once and compared with its checksum.
        """
        records, faults = self.scan(group)
        contents: Contents[Kept] = Contents([], [], faults)
        for record in records:
            try:
                folder = self.folder(record.entry)
                prompts = entries_on_disk.usable_prompts(folder, record)
            except BankError as error:
                faults.append((record.entry.id, error.message))
                continue
            contents.entries.append(record.entry)
            contents.kept.append(take(record.entry, prompts))
        return contents

    def items(self, group: str = ENTRIES) -> list[tuple[Entry, Prompts]]:
        """The entries, or the queries, with their arrays, as `add_many` takes them. Damaged ones are left
        out and named in a warning.
        """
        contents = self.contents(lambda entry, prompts: (entry, prompts), group)
        for name, reason in contents.faults:
            log.warning("skipping the damaged entry %s: %s", name, reason)
        return contents.kept

    def get(self, id_or_task: str) -> Entry:
        """The entry of this id, else the only one of this task, else the only one whose id starts so.

        Raises BankError when none or several match.
        """
        entries = self.entries()
        matches = (
            [entry for entry in entries if entry.id == id_or_task]
            or [entry for entry in entries if entry.task == id_or_task]
            or [entry for entry in entries if id_or_task and entry.id.startswith(id_or_task)]
        )
        if len(matches) == 1:
            return matches[0]
        if matches:
            ids = ", ".join(entry.id for entry in matches)
            raise BankError(
                f'"{id_or_task}" fits {len(matches)} entries: {ids}', "give one of these ids"
            )
        names = sorted({entry.id for entry in entries} | {entry.task for entry in entries})
        raise BankError(
            f'no entry "{id_or_task}" in {self.path}.' + did_you_mean(id_or_task, names),
            "`spot bank list` shows what there is",
        )

    def folder(self, entry: Entry) -> Path:
        """The folder that holds the entry's two files. Raises BankError for an id that names no folder
        of the bank.
        """
        if not _is_folder_name(entry.id):
            raise BankError(f"expected an entry's id that names a folder, found {shown(entry.id)}")
        return self.path / (QUERIES if entry.kind == "query" else ENTRIES) / entry.id

    def prompts(self, entry: Entry) -> Prompts:
        """The entry's arrays [P, H], checked in full. Raises BankError when they are damaged."""
        return entries_on_disk.read_prompts(self.folder(entry), entry)

    def query(self, id: str) -> tuple[Entry, Prompts] | None:
        """The cached query prompt of this id; None when there is none, or it is damaged."""
        folder = self.path / QUERIES / id
        if not _is_folder_name(id) or not folder.is_dir():
            return None
        try:
            record = _named_by_folder(folder)
            manifest = self.manifest
            fault = manifest and manifest.disagreement(record.entry.backbone, record.shape)
            if fault:
                raise BankError(f"{id}: {fault}")
            return record.entry, entries_on_disk.usable_prompts(folder, record)
        except BankError as error:
            log.warning("skipping a damaged query: %s", error.message)
            return None

    @overload
    def add(self, entry: tuple[Entry, Prompts]) -> list[str]: ...

    @overload
    def add(self, entry: Entry, prompts: Prompts) -> list[str]: ...

    def add(
        self, entry: Entry | tuple[Entry, Prompts], prompts: Prompts | None = None
    ) -> list[str]:
        """Add one entry with its prompts, or the pair of both, as `add_many` does."""
        return self.add_many([entry if isinstance(entry, tuple) else (entry, prompts)])  # type: ignore[list-item]

    def add_many(self, items: Sequence[tuple[Entry, Prompts]]) -> list[str]:
        """Add entries and queries; returns the ids that are new, in the given order.

        An entry that is present with the same content, arrays compared, stays as it is, with or without
        the facts of its task; a damaged one is replaced, and is then one of the new.
        Nothing is written when one item is refused. Raises BankError: another backbone, P or H than
        the bank's; arrays that `bank.entry.checked` refuses; an id that does not match the entry's
        fields, or exists with other content; a lock held too long; a folder that cannot be written.
        """
        encoded: dict[str, tuple[Entry, Encoded]] = {}
        for entry, prompts in items:
            _check_id(entry)
            encoded.setdefault(entry.id, (entry, entries_on_disk.encode(entry, prompts)))
        if not encoded:
            return []
        with self._lock():
            self._check_manifest(list(encoded.values()))
            fresh = [
                (entry, files)
                for entry, files in encoded.values()
                if self._is_new(entry, files.checksum)
            ]
            for entry, files in fresh:
                self._place(self.folder(entry), files)
        return [entry.id for entry, _ in fresh]

    def merge(self, other: Bank) -> list[str]:
        """Add everything of another bank, outcomes too; returns the ids that are new, or whose damaged
        files here were replaced by good ones.

        Nothing is written when the backbones, P or H differ or an id has other content in both.
        Raises BankError as `add_many` does.
        """
        theirs = [record for group in (ENTRIES, QUERIES) for record in other.scan(group)[0]]
        for name, reason in other.damaged():
            log.warning("skipping the damaged entry %s: %s", name, reason)
        own = self.manifest
        for record in theirs:
            fault = own.disagreement(record.entry.backbone, record.shape) if own else ""
            if fault:
                self.scan(ENTRIES)  # it may be the manifest that is wrong
                raise BankError(f"cannot merge {other.path} into {self.path}: {fault}")
        added: list[str] = []
        for record in [new for new in theirs if self._is_new(new.entry, new.checksum)]:
            try:
                prompts = other.prompts(record.entry)
            except BankError as error:
                log.warning("skipping a damaged entry: %s", error.message)
                continue
            added += self.add(record.entry, prompts)
        self.add_outcomes(other.outcomes())
        return added

    def remove(self, ids: Sequence[str]) -> None:
        """Remove entries, cached queries, and damaged ones of both, by id; each goes whole or not at all.

        Outcomes stay: they are measurements. Raises BankError, before anything is removed, for an id
        that is not there; and for a lock held too long, or a folder that cannot be written.
        """
        folders = {id: self._folder_of(id) for id in ids}
        with self._lock():
            for id, folder in folders.items():
                hidden = folder.parent / temporary_name(f"removed-{id}")
                with writing(folder):
                    os.rename(folder, hidden)  # from here on nobody reads it
                    sync_folder(folder.parent)
                    shutil.rmtree(hidden, ignore_errors=True)

    def rename(self, entry: Entry, task: str) -> Entry:
        """Give an entry's task another name; returns the new entry, which has an id of its own.

        Entries never change, so a new one with the same arrays is added, the outcomes of the old one are
        turned over to it, and the old one is removed, in this order: a call that was interrupted may be
        repeated. The prompt's training stays that of the old name, and the recorded recipe does. Raises
        BankError: a mixture or a query, whose names are made of others; a name that is empty, the
        entry's own or a mixture's; and as `add_many` does.
        """
        if entry.kind not in RENAMED:
            raise BankError(
                f"{entry.id}: expected an entry of the kind {' or '.join(RENAMED)} to rename, found a "
                f"{entry.kind}",
                "its name is made of others' names",
            )
        if not task.strip() or "+" in task or task == entry.task:
            raise BankError(
                f'{entry.id}: expected a new name without "+" for the task {entry.task}, '
                f'found "{task}"',
                'for example "tickets"; a "+" joins the tasks of a mixture',
            )
        renamed = replace(entry, task=task)
        renamed = replace(renamed, id=entries_on_disk.id_of(renamed))
        self.add(renamed, self.prompts(entry))
        names = {entry.id: renamed.id}
        if all(other.id == entry.id for other in self.entries() if other.task == entry.task):
            names[entry.task] = task  # it stands for the last entry of this task
        with self._lock():
            outcome_lines.rename_sources(self.path / OUTCOMES_FILE, names)
        self.remove([entry.id])
        return renamed

    def combine(
        self, expression: str, *, name: str = "", base: str = "", match_norms: bool = False
    ) -> tuple[Entry, Prompts]:
        """A sum of what entries have learned, as "0.5*mini_sst - mini_news", or with a comma their prompts
        one behind the other: a new entry, as `add` takes it. A longer prompt needs a bank of its own.

        Names are those that `get` takes; `bank.expression` has the form. name: of the new entry, by default
        the expression. base: the entry whose init the sum starts from, where the parts' own differ.
        match_norms: rows keep the mean norm of the parts' rows. Raises BankError: an expression that cannot
        be read, names that are unknown, prompts of different kinds or lengths, inits that are not known.
        """
        parts = self.parts(expression, base=base, match_norms=match_norms)
        return combined_entry(parts, name.strip() or str(parts.expression))

    def parts(self, expression: str, *, base: str = "", match_norms: bool = False) -> Parts:
        """What `combine` computes the expression from."""
        parsed = parse(expression)
        entries = self._named([term.name for term in parsed.terms])
        items = {name: (entry, self.prompts(entry)) for name, entry in entries.items()}
        start = None
        if base:
            entry = self.get(base)
            init = self.prompts(entry).init
            if init is None:
                raise BankError(
                    f"expected an entry whose init is known to start from, found {entry.id}",
                    "imported prompts lack theirs",
                )
            start = (entry.id, init)
        return Parts(parsed, items, start, match_norms)

    def _named(self, names: Sequence[str]) -> dict[str, Entry]:
        """The entries of these names. Raises BankError that has every name that is wrong."""
        found: dict[str, Entry] = {}
        errors: list[BankError] = []
        for name in dict.fromkeys(names):
            try:
                found[name] = self.get(name)
            except BankError as error:
                errors.append(error)
        if errors:
            joined = any(sign in name for name in names if name not in found for sign in "+-")
            hint = (
                'a sign between names has a space in front of it, as in "a - b"' if joined else ""
            )
            raise BankError("; ".join(error.message for error in errors), hint or errors[0].hint)
        return found

    def _folder_of(self, id: str) -> Path:
        """The folder of an entry or a query, damaged or not. Raises BankError when there is none."""
        places = [self.path / group / id for group in (ENTRIES, QUERIES)]
        for folder in places:
            if _is_folder_name(id) and folder.is_dir():
                return folder
        names = [name for folder in places for name in folder_names(folder.parent)]
        raise BankError(
            f'expected the id of an entry or a query of {self.path}, found "{id}".'
            + did_you_mean(id, names),
            "`spot bank list` shows the ids of entries, with --kind query those of queries",
        )

    def add_outcomes(self, outcomes: Iterable[Outcome]) -> int:
        """Record transfers, without those recorded already. Returns how many were new.

        Raises BankError: a score that is no finite number, a folder that cannot be written.
        """
        with self._lock():
            return outcome_lines.append(self.path / OUTCOMES_FILE, outcomes)

    def outcomes(self) -> list[Outcome]:
        """The recorded transfers in order; damaged lines are named in a warning."""
        good, bad = outcome_lines.parse_lines(self.path / OUTCOMES_FILE)
        for line in bad:
            log.warning("skipping %s", line)
        return good

    def _lock(self) -> AbstractContextManager[None]:
        return locked(self.path / LOCK_FILE, self.lock_timeout)

    def _check_blame(self, manifest: Manifest, records: Sequence[Record]) -> None:
        """Raises DamagedManifest if a manifest that none of the records fits is at fault: they agree
        among themselves, and each has a checksum, which the manifest lacks.
        """
        first, *rest = records
        own = Manifest(first.entry.backbone, *first.shape)
        if not any(own.disagreement(each.entry.backbone, each.shape) for each in rest):
            fault = manifest.disagreement(first.entry.backbone, first.shape)
            raise damaged(
                self.path / MANIFEST_FILE,
                f"all {len(records)} entries agree with each other, and not with it: {fault}",
            )

    def _check_manifest(self, items: Sequence[tuple[Entry, Encoded]]) -> None:
        """Compare new items with the manifest; the first one writes it. Raises BankError."""
        manifest = self.manifest
        is_new = manifest is None
        if manifest is None:
            present = [record for group in (ENTRIES, QUERIES) for record in self.scan(group)[0]]
            first = [(record.entry, record.shape) for record in present]
            first += [(entry, files.shape) for entry, files in items]
            manifest = Manifest(first[0][0].backbone, *first[0][1])
        for entry, files in items:
            fault = manifest.disagreement(entry.backbone, files.shape)
            if fault:
                self.scan(ENTRIES)  # it may be the manifest that is wrong
                raise BankError(
                    f"{entry.id} does not fit the bank {self.path}: {fault}",
                    "prompts of different models or shapes never mix: use another bank",
                )
        if is_new:
            write_manifest(self.path, manifest)

    def _is_new(self, entry: Entry, checksum: str) -> bool:
        """False when the bank holds the same content, its arrays whole. Raises BankError when it holds
        other content.
        """
        folder = self.folder(entry)
        try:
            present = entries_on_disk.read_record(folder)
            entries_on_disk.usable_prompts(folder, present)
        except BankError:
            return True  # absent or damaged
        if present.checksum == checksum:
            return False
        raise BankError(
            f"{entry.id} is in the bank {self.path} already, with other arrays, scores or steps",
            f"entries never change: `spot bank remove {entry.id}` first if you want the new one",
        )

    def _place(self, final: Path, files: Encoded) -> None:
        """Write an entry's folder under a temporary name and rename it."""
        temporary = final.parent / temporary_name(final.name)
        with writing(final):
            try:
                temporary.mkdir(parents=True)
                entries_on_disk.write_files(temporary, files)
                sync_folder(temporary)
                if final.exists():  # damaged: renamed, for a person to look at
                    aside = final.parent / temporary_name(f"damaged-{final.name}")
                    log.warning(
                        "%s was damaged and is replaced; it is kept as %s", final, aside.name
                    )
                    os.rename(final, aside)
                os.rename(temporary, final)
                sync_folder(final.parent)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)


def check_is_bank(path: Path) -> None:
    """Raises BankError for what exists and is neither a bank's folder nor an empty one."""
    try:
        names = set(os.listdir(path))
    except OSError as error:
        raise BankError(f"expected a bank at {path}, found: {error.strerror}") from error
    if names and not names & {MANIFEST_FILE, ENTRIES, QUERIES, OUTCOMES_FILE, LOCK_FILE}:
        raise BankError(
            f"expected a bank at {path}, found a folder of other things",
            "build one with `spot build-bank` in a folder of its own",
        )


def read_records(folder: Path) -> tuple[list[Record], list[tuple[str, str]]]:
    """The records of a folder of entries by id, and (folder, fault) of those that cannot be read."""
    records: list[Record] = []
    faults: list[tuple[str, str]] = []
    for name in folder_names(folder):
        if name.startswith("."):  # being written just now, or left behind by a crash
            continue
        try:
            records.append(_named_by_folder(folder / name))
        except BankError as error:
            faults.append((name, error.message))
    return records, faults


def folder_names(folder: Path) -> list[str]:
    """What a folder holds, sorted; nothing where there is none. Raises BankError if it may not be read."""
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise BankError(
            f"cannot read {folder}: {reason_of(error)}", "check its owner and permissions"
        ) from error


def _named_by_folder(folder: Path) -> Record:
    """The record of a folder that is named by its id. Raises BankError."""
    record = entries_on_disk.read_record(folder)
    if record.entry.id != folder.name:
        raise BankError(f"{folder.name}: the folder holds the entry {record.entry.id[:120]}")
    return record


def _is_folder_name(id: str) -> bool:
    """True for a name that stays in its folder and that readers do not skip."""
    return Path(id).name == id != "" and not id.startswith(".") and "\0" not in id and len(id) < 256


def _check_id(entry: Entry) -> None:
    """Raises BankError unless the id matches the entry's fields."""
    expected = entries_on_disk.id_of(entry)
    if entry.id != expected:
        raise BankError(
            f'expected the id "{expected}" for this entry, found "{entry.id}"',
            "make the id with bank.entry.entry_id from the entry's own fields",
        )

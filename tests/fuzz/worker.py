"""The trials of one subject in a process of its own, so that a crash, a hang or a lack of memory is seen.

`python -m tests.fuzz.worker SUBJECT FIRST LAST SEED`: prints a JSON line before and after each trial.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

from bank.errors import UserError
from tests.fuzz.mutations import mutated
from tests.fuzz.subjects import SUBJECTS, Subject, plain

HANG = 20  # seconds that a trial may take
MEMORY = 1 << 30  # bytes that a trial may need beside what its process had before
FAILURES = ("traceback", "wrong", "hang", "crash", "memory")


def main() -> None:
    """Run the trials that the command line names."""
    name, first, last, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    subject = next(subject for subject in SUBJECTS if subject.name == name)
    logging.disable(logging.CRITICAL)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    with tempfile.TemporaryDirectory(dir=_fast_folder()) as folder:
        root = Path(folder)
        os.environ["SPOT_CACHE_DIR"] = str(root / "cache")
        sample = root / "sample"
        sample.mkdir()
        subject.make(sample)
        shutil.copytree(sample, root / "honest")
        honest = plain(subject.read(root / "honest"))
        _limit_memory()
        for number in range(first, last):
            print(json.dumps({"begins": number}), flush=True)
            print(
                json.dumps(
                    _trial(subject, sample, root / "trial", honest, f"{seed} {name} {number}")
                ),
                flush=True,
            )


def _fast_folder() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _limit_memory() -> None:
    """Let an allocation of some more gigabytes fail at once, before the machine has none left."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 3 * MEMORY, resource.RLIM_INFINITY))


def _trial(subject: Subject, sample: Path, folder: Path, honest: Any, seed: str) -> dict[str, Any]:
    """One damaged copy of the sample, read: what came of it."""
    draw = random.Random(seed)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(sample, folder)
    file = draw.choice(
        sorted(file for file in folder.glob(draw.choice(subject.files)) if file.is_file())
    )
    change = _damage(file, draw)
    about = {"seed": seed, "file": str(file.relative_to(folder)), "change": change}
    faulthandler.dump_traceback_later(HANG, exit=True)
    began, before = time.monotonic(), _peak()
    outcome, why = _outcome(subject, folder, honest)
    faulthandler.cancel_dump_traceback_later()
    if _peak() - before > MEMORY:
        outcome, why = "memory", f"{(_peak() - before) >> 20} MiB"
    return {**about, "outcome": outcome, "why": why, "seconds": round(time.monotonic() - began, 3)}


def _damage(file: Path, draw: random.Random) -> str:
    """Change a file's content or put something else in its place; returns the name of the change."""
    if draw.random() < 0.1:
        change = draw.choice(IN_ITS_PLACE)
        file.unlink()
        change(file)
        return change.__name__
    times = file.stat()
    name, content = mutated(file, file.read_bytes(), draw)
    file.write_bytes(content)
    if draw.random() < 0.5:  # as `rsync -t` and `tar` leave it
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    return name


def nothing(file: Path) -> None:
    """The file is missing."""


def folder_there(file: Path) -> None:
    """A folder has its name."""
    file.mkdir()


def pipe(file: Path) -> None:
    """A pipe to which nobody writes has its name."""
    os.mkfifo(file)


def endless(file: Path) -> None:
    """A device that never ends has its name."""
    file.symlink_to("/dev/zero")


IN_ITS_PLACE = (nothing, folder_there, pipe, endless)


def _outcome(subject: Subject, folder: Path, honest: Any) -> tuple[str, str]:
    try:
        found = plain(subject.read(folder))
    except UserError as error:
        return "refused", error.message[:300]
    except BaseException as error:  # whatever it is, a user would see a traceback
        return "traceback", "".join(traceback.format_exception(error))[-2000:]
    if found == honest:
        return "same", ""
    if subject.guarded and not subject.less(honest, found):
        return "wrong", _difference(honest, found)
    return "other", ""


def _difference(honest: Any, found: Any) -> str:
    text, other = json.dumps(honest), json.dumps(found)
    pairs = enumerate(zip(text, other, strict=False))
    place = next((i for i, (a, b) in pairs if a != b), 0)
    start, end = max(0, place - 40), place + 60
    return f"expected …{text[start:end]}…, found …{other[start:end]}…"


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()

"""`python -m tests.chaos`: commands that are killed, starved of disk, damaged and run side by side.

Each trial copies a small bank, runs one command under a fault and then again without one, and compares the
bank and its outcomes with what the command leaves when nothing goes wrong. Failures are entries that were
acknowledged and are lost, doubled outcomes, other numbers, tracebacks, and a rerun that neither completes
nor says in a sentence what to do. Commands run in forked processes of the tiny model of the tests. Full and
read-only disks need the right to mount (root on Linux).
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

PATIENCE = 120  # seconds after which a command counts as one that hangs

COMMANDS: dict[str, tuple[str, ...]] = {
    "build": ("build-bank",),
    "add": ("bank", "add", "../given/own.npy", "--task", "own"),
    "merge": ("bank", "merge", "../other"),
    "import": (
        "bank", "import", "../given/prompts", "--backbone", "tiny", "--set", "bank.path=imported",
    ),
    "index": ("search", "--target", "house", "--k", "2"),
    "transfer": ("transfer", "--target", "house", "--set", "transfer.seeds=[0]"),
    "study": ("study", "--target", "house", "--set", "transfer.seeds=[0]"),
}  # fmt: skip
"""Commands by name, in a folder with `bank` and `runs`; those that need a whole bank begin with one."""

NEED_SOURCES = ("index", "transfer", "study")

SETTINGS = """
runs = "runs"
[model]
name = "{model}"
precision = "float32"
[bank]
path = "bank"
sources = ["colour", "bird"]
[data]
tasks = ["{tasks}"]
input_length = 16
target_length = 8
[prompt]
length = 4
[train]
learning_rate = 0.5
warmup_steps = 1
batch_size = 4
steps = 6
key_step = 2
check_every = 2
slots = 1
[search]
unlearned = true
[transfer]
steps = 4
"""


@dataclass
class Lab:
    """The folder of everything, and what each command leaves where nothing goes wrong."""

    root: Path
    settings: Path
    honest: dict[str, State] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def template(self, command: str) -> Path:
        """The folder that a trial of this command begins with."""
        return self.root / ("built" if command in NEED_SOURCES else "begun")


@dataclass(frozen=True)
class State:
    """What a bank holds: a digest by id of every entry and query, and its outcomes."""

    entries: dict[str, str]
    outcomes: Counter[str]


@dataclass
class Ran:
    """A command that has ended; `hung`: it was killed after `PATIENCE`."""

    code: int
    out: str
    err: str
    hung: bool = False

    @property
    def traceback(self) -> bool:
        """True if a user would have seen one."""
        return "Traceback (most recent call last)" in self.err


class Running:
    """A command in a forked process with files for its output."""

    def __init__(self, lab: Lab, folder: Path, command: str, logs: Path) -> None:
        self.logs = logs
        self.ended: Ran | None = None
        logs.mkdir(parents=True)
        self.pid = os.fork()
        if self.pid:
            return
        code = 70
        try:
            os.setsid()
            os.chdir(folder)
            for number, name in ((1, "out"), (2, "err")):
                handle = os.open(logs / name, os.O_CREAT | os.O_WRONLY)
                os.dup2(handle, number)
            os.environ["SPOT_CACHE_DIR"] = str(folder / "cache")
            code = _spot([*COMMANDS[command], "--config", str(lab.settings)])
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            with contextlib.suppress(BaseException):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def wait(self, seconds: float = PATIENCE) -> Ran | None:
        """Its end; None if it still runs after so many seconds."""
        until = time.monotonic() + seconds
        while self.ended is None and time.monotonic() < until:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                out, err = (
                    (self.logs / name).read_text(errors="replace") for name in ("out", "err")
                )
                self.ended = Ran(code, out, err)
            else:
                time.sleep(0.01)
        return self.ended

    def end(self) -> Ran:
        """Its end, of one that hangs by a kill."""
        if ended := self.wait():
            return ended
        self.kill()
        ended = self.wait()
        return Ran(-9, "", ended.err if ended else "", hung=True)

    def kill(self, how: int = signal.SIGKILL) -> None:
        """Send a signal to the command and all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, how)


def _compile_once(programs: Path) -> None:
    """Let all commands share the programs that they compile, outside the disks that are filled."""
    import jax

    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(
        programs
    )  # so that no command chooses another place
    jax.config.update("jax_compilation_cache_dir", str(programs))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)


def _spot(arguments: Sequence[str]) -> int:
    from spot.commands import main

    sys.stdout = os.fdopen(1, "w", buffering=1)
    sys.stderr = os.fdopen(2, "w", buffering=1)
    try:
        main(arguments, prog_name="spot")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def finished(lab: Lab, folder: Path, command: str, logs: Path) -> Ran:
    """A command from its beginning to its end."""
    return Running(lab, folder, command, logs).end()


def state(bank: Path) -> State:
    """The content of a bank; damaged entries are not part of it, and bank.json is not read."""
    from bank.entry import read_prompts, read_record
    from bank.errors import BankError
    from bank.files import canonical_json, sha256_hex
    from bank.outcomes import parse_lines

    entries = {}
    for folder in sorted(
        path for group in ("entries", "queries") for path in (bank / group).glob("[!.]*")
    ):
        try:
            entry = read_record(folder).entry
            arrays = read_prompts(folder, entry).tensors()
        except BankError:
            continue
        digests = {name: sha256_hex(array.tobytes()) for name, array in arrays.items()}
        entries[entry.id] = sha256_hex(canonical_json([repr(entry), digests]))
    lines = Counter(repr(outcome) for outcome in parse_lines(bank / "outcomes.jsonl")[0])
    return State(entries, lines)


# The lab.


def make_lab(root: Path) -> Lab:
    """Model, tasks, files to add, a bank that was begun and one that is built, and honest results."""
    import numpy as np

    from bank.store import Bank
    from tests.lab import write_task
    from tests.toys import random_arrays, tiny_config, write_model

    config = tiny_config()
    model, tasks, given = root / "model", root / "tasks", root / "given"
    write_model(model, config, random_arrays(config))
    for name in ("colour", "bird", "place", "house"):
        write_task(tasks, name)
    (given / "prompts").mkdir(parents=True)
    draw = np.random.default_rng(3)
    for path in (given / "own.npy", *(given / "prompts" / f"t{n}.npy" for n in range(3))):
        np.save(path, draw.normal(size=(4, config.d_model)).astype(np.float32))
    settings = root / "chaos.toml"
    settings.write_text(SETTINGS.format(model=model, tasks=tasks))
    lab = Lab(root, settings)
    begun = root / "begun"
    begun.mkdir()
    _must(finished(lab, begun, "add", root / "logs" / "begun"))
    other = root / "other"
    shutil.copytree(begun, root / "making")
    _must(finished(lab, root / "making", "build", root / "logs" / "making"))
    shutil.copytree(
        root / "making" / "bank", other, ignore=shutil.ignore_patterns("work", "*.lock")
    )
    shutil.copytree(root / "making", root / "built")
    shutil.copytree(root / "making" / "cache", begun / "cache", dirs_exist_ok=True)
    Bank(begun / "bank").remove([entry.id for entry in Bank(begun / "bank").entries()])
    (root / "honest").mkdir()
    _linked(root, root / "honest")
    for name in COMMANDS:
        folder = root / "honest" / name
        shutil.copytree(lab.template(name), folder)
        shutil.copytree(folder, compiling := root / "honest" / f"{name}-compiling")
        _must(finished(lab, compiling, name, root / "logs" / f"compiling-{name}"))
        began = time.monotonic()
        _must(finished(lab, folder, name, root / "logs" / f"honest-{name}"))
        lab.seconds[name] = time.monotonic() - began
        lab.honest[name] = state(bank_of(folder, name))
    return lab


def _linked(root: Path, folder: Path) -> None:
    """What commands read beside their own folder, in `folder`."""
    for name in ("given", "other"):
        (folder / name).symlink_to(root / name)


def bank_of(folder: Path, command: str) -> Path:
    """The bank that a command in this folder writes to."""
    return folder / ("imported" if command == "import" else "bank")


def _must(ran: Ran) -> None:
    if ran.code:
        raise RuntimeError(f"a command failed where nothing was wrong:\n{ran.out}\n{ran.err}")


# Faults. Each runs the command under a fault in the trial's folder, and undoes what outlives it.


@dataclass
class Trial:
    """One trial: its folder, its command and its own random numbers."""

    lab: Lab
    folder: Path
    logs: Path
    command: str
    draw: random.Random
    ran: list[Ran] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    def start(self) -> Running:
        """The command, started."""
        return Running(
            self.lab,
            self.folder,
            self.command,
            self.logs / f"run-{len(self.ran)}-{time.monotonic_ns()}",
        )

    def end(self, running: Running) -> None:
        """Wait for a command and keep what it said."""
        self.ran.append(running.end())

    def kill_after(self, running: Running, share: float, how: int = signal.SIGKILL) -> bool:
        """Kill a command if it still runs after this share of its usual time, and keep what it said;
        returns whether it did.
        """
        alive = running.wait(share * self.lab.seconds[self.command]) is None
        if alive:
            running.kill(how)
        self.end(running)
        return alive


def killed(trial: Trial) -> None:
    """Killed at a random moment, up to three times, once in four by Ctrl-C."""
    for _ in range(trial.draw.choice((1, 1, 2, 3))):
        how = trial.draw.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGKILL, signal.SIGINT))
        if not trial.kill_after(trial.start(), trial.draw.random(), how):
            return


def damaged(trial: Trial) -> None:
    """Killed, or done, and then a file of the bank, of the runs or of the cache is damaged."""
    trial.kill_after(trial.start(), 1.5 * trial.draw.random())
    for _ in range(trial.draw.choice((1, 1, 2))):
        _damage_one(trial)


def _damage_one(trial: Trial) -> None:
    draw = trial.draw
    place = draw.choice(
        [
            each
            for each in ("bank", "bank", "runs", "cache", "imported")
            if (trial.folder / each).exists()
        ]
    )
    files = [
        path
        for path in sorted((trial.folder / place).rglob("*"))
        if path.is_file() and path.suffix != ".lock" and "jax" not in path.parts
    ]
    if not files:
        return
    path = draw.choice(files)
    content, times = path.read_bytes(), path.stat()
    kind = draw.choice(("cut", "flip", "flip", "delete", "zeros"))
    trial.damaged.append(f"{kind} {path.relative_to(trial.folder)}")
    if kind == "delete":
        path.unlink()
        return
    if not content:
        content = b"\0" * 16
    spot = draw.randrange(len(content))
    changed = {
        "cut": content[:spot],
        "flip": content[:spot]
        + bytes([content[spot] ^ (1 << draw.randrange(8))])
        + content[spot + 1 :],
        "zeros": content[:spot] + bytes(len(content) - spot),
    }[kind]
    path.write_bytes(changed)
    if draw.random() < 0.7:
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def full_disk(trial: Trial) -> None:
    """A disk that has 40 KB to 4 MB left."""
    with _mounted(trial) as remount:
        used = int(subprocess.check_output(["du", "-sk", str(trial.folder)], text=True).split()[0])
        left = int(40 * 100 ** trial.draw.random())
        remount(f"size={used + left}k")
        trial.end(trial.start())
        remount("size=1g")
        _check_rerun(trial)


def read_only(trial: Trial) -> None:
    """A disk that may only be read."""
    with _mounted(trial) as remount:
        remount("ro")
        trial.end(trial.start())
        remount("rw")
        _check_rerun(trial)


def three_at_once(trial: Trial) -> None:
    """Three of the same command at the same time, one of which may be killed."""
    first, *others = [trial.start() for _ in range(3)]
    if trial.draw.random() < 0.5:
        trial.kill_after(first, trial.draw.random())
    else:
        trial.end(first)
    for running in others:
        trial.end(running)


FAULTS: dict[str, Callable[[Trial], None]] = {
    "killed": killed,
    "damaged": damaged,
    "full disk": full_disk,
    "read-only": read_only,
    "three at once": three_at_once,
}
DISKS = ("full disk", "read-only")
"""The faults that need a disk of their own."""


@contextlib.contextmanager
def _mounted(trial: Trial) -> Iterator[Callable[[str], None]]:
    """The trial's folder on a file system of its own; yields a function that mounts it anew."""
    kept = trial.folder.with_name(f"{trial.folder.name}-kept")
    trial.folder.rename(kept)
    trial.folder.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", str(trial.folder)], check=True
    )
    try:
        shutil.copytree(kept, trial.folder, dirs_exist_ok=True)
        yield lambda options: _remount(trial.folder, options)
    finally:
        subprocess.run(["umount", "-l", str(trial.folder)], check=True)


def _remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


# What is expected.


class Failure(Exception):
    """What is wrong after a trial; the first word is its kind."""


def _check_rerun(trial: Trial) -> None:
    """Raises Failure unless a rerun completes, or says what to do, and the bank is as it should be."""
    for ran in trial.ran:
        if ran.traceback:
            raise Failure(f"traceback under the fault: {ran.err[-1500:]}")
        if ran.hung:
            raise Failure(f"hang under the fault: {ran.err[-800:]}")
    bank = bank_of(trial.folder, trial.command)
    acknowledged = _acknowledged(trial, bank)
    ran = finished(trial.lab, trial.folder, trial.command, trial.logs / "rerun")
    if ran.traceback:
        raise Failure(f"traceback of the rerun: {ran.err[-1500:]}")
    if ran.code not in (0, 1):
        raise Failure(f"rerun: exit {ran.code}: {ran.err[-800:]}")
    if ran.code == 1 and not ("error:" in ran.err and "hint:" in ran.err):
        raise Failure(f"rerun: no sentence of what to do: {ran.err[-800:]}")
    honest, found = trial.lab.honest[trial.command], state(bank)
    for id, digest in found.entries.items():
        if id in honest.entries and digest != honest.entries[id]:
            raise Failure(f"wrong: {id} has other content")
    doubled = [line for line, count in found.outcomes.items() if count > 1]
    if doubled:
        raise Failure(f"doubled: {doubled[0]}")
    lost = acknowledged - set(found.entries)
    if lost and not _named(bank, lost):
        raise Failure(f"lost: {sorted(lost)}")
    if ran.code == 0:
        _check_complete(trial, honest, found)


def _acknowledged(trial: Trial, bank: Path) -> set[str]:
    """The ids of entries that were there, whole, before the rerun."""
    return set(state(bank).entries) if bank.exists() else set()


def _named(bank: Path, ids: set[str]) -> bool:
    from bank.integrity import verify
    from bank.store import Bank

    problems = "\n".join(verify(Bank(bank)))
    return all(id in problems for id in ids)


def _check_complete(trial: Trial, honest: State, found: State) -> None:
    """After a rerun that was done: everything is there, but for what was damaged and is named."""
    bank = bank_of(trial.folder, trial.command)
    missing = set(honest.entries) - set(found.entries)
    if missing and not _named(bank, missing) and not trial.damaged:
        raise Failure(f"incomplete: {sorted(missing)} are missing after a rerun that was done")
    if trial.damaged:
        return
    if found.outcomes != honest.outcomes:
        more, less = found.outcomes - honest.outcomes, honest.outcomes - found.outcomes
        raise Failure(f"wrong outcomes: too many {list(more)[:1]}, missing {list(less)[:1]}")


def can_mount(folder: Path) -> bool:
    """True if this process may mount disks of its own."""
    place = folder / "mount"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        return False
    subprocess.run(["umount", str(place)], check=True)
    return True


def run_trial(
    lab: Lab, number: int, seed: str, faults: Sequence[str]
) -> tuple[str, str, str, list[str]]:
    """(command, fault, what is wrong or "", damage) of one trial."""
    draw = random.Random(f"{seed} {number}")
    command, fault = draw.choice(list(COMMANDS)), draw.choice(faults)
    folder = lab.root / "trials" / str(number) / "place"
    folder.parent.mkdir(parents=True)
    shutil.copytree(lab.template(command), folder)
    _linked(lab.root, folder.parent)
    trial = Trial(lab, folder, lab.root / "logs" / f"trial-{number}", command, draw)
    trial.logs.mkdir(parents=True)
    try:
        FAULTS[fault](trial)
        if fault not in DISKS:
            _check_rerun(trial)
        wrong = ""
    except Failure as failure:
        wrong = str(failure)
    except Exception as error:  # of the harness, or an unreadable bank: never passed over
        wrong = f"harness: {type(error).__name__}: {error}"
    shutil.rmtree(folder.parent, ignore_errors=True)
    return command, fault, wrong, trial.damaged


@click.command()
@click.option("--trials", default=300, show_default=True)
@click.option("--first", default=0, show_default=True, help="The number of the first trial.")
@click.option("--seed", default="0", show_default=True)
def main(trials: int, first: int, seed: str) -> None:
    """Exit 1 if anything was lost, doubled or wrong."""
    import faiss  # noqa: F401, what commands import is imported once, before the forks
    import flax.nnx  # noqa: F401
    import optax  # noqa: F401
    from orbax.checkpoint import v1  # noqa: F401

    import spot.commands  # noqa: F401

    began, wrong = time.monotonic(), 0
    counts: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        _compile_once(Path(folder) / "programs")
        faults = list(FAULTS)
        if not can_mount(Path(folder)):
            faults = [name for name in faults if name not in DISKS]
            click.echo(f"no disk can be mounted here: left out are {' and '.join(DISKS)}", err=True)
        lab = make_lab(Path(folder).resolve())
        times = ", ".join(f"{name} {seconds:.1f}" for name, seconds in lab.seconds.items())
        click.echo(f"seconds of each command where nothing is wrong: {times}", err=True)
        for number in range(first, first + trials):
            command, fault, fails, damage = run_trial(lab, number, seed, faults)
            counts[command, fault] += 1
            wrong += bool(fails)
            if fails:
                click.echo(f"trial {number}: {command}, {fault}, {damage}: {fails}", err=True)
            elif (number - first) % 20 == 19:
                click.echo(f"{number - first + 1} trials, {wrong} failures", err=True)
    click.echo("| command | " + " | ".join(FAULTS) + " |")
    click.echo("|---|" + "---:|" * len(FAULTS))
    for command in COMMANDS:
        cells = (str(counts[command, fault]) for fault in FAULTS)
        click.echo(f"| {command} | " + " | ".join(cells) + " |")
    minutes = (time.monotonic() - began) / 60
    click.echo(f"{trials} trials, {wrong} failures, {minutes:.1f} minutes, seed {seed}")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()

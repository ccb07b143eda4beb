"""A place to try whole commands in: the tiny backbone, toy tasks in files, and one small bank.

A pytest plugin (test modules name it in `pytest_plugins`; PYTEST_DONT_REWRITE, as they import it
too). What is slow is made once a session: token arrays and compiled programs live in one cache, and
the bank is built once and copied.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("colour", "bird", "place")

CONFIG = """
[model]
name = "{model}"
precision = "float32"
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
steps = 4
key_step = 2
check_every = 3
slots = 2
[bank]
sources = ["colour", "bird", "place"]
mixtures = ["colour+bird"]
[search]
unlearned = true
[transfer]
steps = 4
seeds = [0, 1]
"""


def answers(name: str, sentence: str, colour: str, animal: str) -> str:
    """What a toy task says to a sentence: a label word, or the animal itself."""
    if name == "animal":
        return animal
    true = {
        "colour": colour in ("red", "blue"),
        "bird": animal in ("hen", "owl"),
        "place": "here" in sentence.split(),
        "house": animal in ("cat", "dog"),
    }[name]
    return "yes" if true else "no"


def write_task(folder: Path, name: str, rows: tuple[int, int, int] = (24, 12, 16)) -> Path:
    """A toy task as a TOML file with three JSONL files beside it; returns the TOML's path.

    No sentence is in two splits.
    """
    from tests.toys import sentences

    folder.mkdir(parents=True, exist_ok=True)
    names = {}
    taken: set[str] = set()
    for seed, (split, count) in enumerate(zip(("train", "validation", "test"), rows, strict=True)):
        drawn = [one for one in sentences(8 * count, 100 + seed) if one[0] not in taken][:count]
        taken.update(sentence for sentence, *_ in drawn)
        lines = [json.dumps({"text": one[0], "answer": answers(name, *one)}) for one in drawn]
        names[split] = f"{name}-{split}.jsonl"
        (folder / names[split]).write_text("".join(line + "\n" for line in lines))
    free = name == "animal"
    about = 'target = "answer"' if free else 'label = "answer"\nlabels = {no = "no", yes = "yes"}'
    files = "\n".join(f'{split} = "{file}"' for split, file in names.items())
    path = folder / f"{name}.toml"
    path.write_text(
        f'name = "{name}"\nfamily = "toy"\ninputs = "{{text}}"\n{about}\n[files]\n{files}\n'
    )
    return path


class Objects:
    """The objects that a config names, as arguments for calls of the library."""

    def __init__(self, config: Any, reporter: Any = None) -> None:
        from spot.commands.objects import runs_of, the_model
        from spot.training.slots import Reporter

        self.config, self.recipe = config, config.recipe()
        self.reporter = reporter or Reporter()
        self.runs = runs_of(config, self.reporter)
        self.model = the_model(config)
        self.search, self.plan = config.search, config.transfer

    def task(self, name: str) -> Any:
        """The task or mixture of this name."""
        from spot.commands.objects import task_or_mixture

        return task_or_mixture(name, self.config)

    def sources(self, bank: Any) -> Any:
        """The tasks of a bank's entries by name."""
        from spot.commands.objects import Sources

        return Sources(bank, self.config)

    def transfer(self, bank: Any, target: str, model: Any = None) -> Any:
        """`spot.transfer` with these settings."""
        import spot

        plan = self.plan
        return spot.transfer(
            bank, model or self.model, self.task(target), plan.strategy, plan.k,
            recipe=self.recipe, sources=self.sources(bank),
            **plan.model_dump(exclude={"strategy", "k"}),
            search_settings=self.search, runs=self.runs,
        )  # fmt: skip

    def find(self, bank: Any, target: str, k: int | None = None, model: Any = None) -> Any:
        """`spot.search` with these settings."""
        import spot

        return spot.search(
            bank, model or self.model, self.task(target), k,
            recipe=self.recipe, settings=self.search, runs=self.runs,
        )  # fmt: skip

    def study(self, bank: Any, targets: Sequence[str], model: Any = None, **more: Any) -> Any:
        """`spot.run_study` with these settings."""
        import spot

        return spot.run_study(
            bank, model or self.model, [self.task(name) for name in targets],
            recipe=self.recipe, plan=self.plan, search_settings=self.search,
            sources=self.sources(bank), runs=self.runs, **more,
        )  # fmt: skip

    def baselines(self, target: str, methods: Any = None, model: Any = None) -> Any:
        """`spot.baselines` with these settings."""
        import spot

        return spot.baselines(
            model or self.model, self.task(target), self.recipe, methods=methods,
            plan=self.plan, rates=self.config.tuning.learning_rates, runs=self.runs,
        )  # fmt: skip


@dataclass(frozen=True)
class Lab:
    """Where things are, and how to run a command there."""

    folder: Path
    model: Path
    tasks: Path
    cache: Path

    @property
    def file(self) -> Path:
        """The config file of all commands."""
        return self.folder / "lab.toml"

    @property
    def bank(self) -> Path:
        """The bank that was built once. Copy it before changing anything."""
        return self.folder / "bank"

    def copy(self, to: Path) -> Path:
        """A copy of the bank without the builders' working files."""
        shutil.copytree(self.bank, to, ignore=shutil.ignore_patterns("work", "*.lock"))
        return to

    def config(self, *assignments: str, bank: Path | None = None, runs: Path | None = None) -> Any:
        """The resolved config, for calls of the library."""
        from spot.commands.options import assignment
        from spot.config import load_config

        extra = [] if bank is None else [assignment("bank.path", str(bank))]
        extra += [] if runs is None else [assignment("runs", str(runs))]
        return load_config(self.file, (*assignments, *extra))

    def objects(
        self,
        *assignments: str,
        bank: Path | None = None,
        runs: Path | None = None,
        reporter: Any = None,
    ) -> Objects:
        """The objects of that config, as commands make them."""
        return Objects(self.config(*assignments, bank=bank, runs=runs), reporter)

    def arguments(self, *command: str, sets: tuple[str, ...] = ()) -> list[str]:
        """The command with this config and assignments."""
        return [*command, "--config", str(self.file), *(x for one in sets for x in ("--set", one))]

    def start(self, *command: str, sets: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        """The command in a process of its own; its output comes line by line."""
        return subprocess.Popen(
            [sys.executable, "-m", "spot", *self.arguments(*command, sets=sets)],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "SPOT_CACHE_DIR": str(self.cache)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *command: str, sets: tuple[str, ...] = ()) -> Any:
        """The command in this process: a click Result with exit_code, stdout and stderr."""
        return invoke(*self.arguments(*command, sets=sets))


def invoke(*arguments: str, **more: Any) -> Any:
    """`spot` with these arguments in this process; an unexpected exception is raised."""
    from click.testing import CliRunner

    from spot.commands import main

    with pytest.MonkeyPatch.context() as patch:  # no lines about the time that a slow machine takes
        patch.setattr("spot.report.console.SILENCE", 1e9)
        result = CliRunner().invoke(main, [str(one) for one in arguments], prog_name="spot", **more)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def lines(text: str) -> list[Any]:
    """The JSON value of every line; fails when one is something else."""
    return [json.loads(line) for line in text.splitlines()]


def learned(warnings: Iterable[str]) -> list[str]:
    """The warnings without those on prompts that have not learned: in a few steps none can."""
    return [one for one in warnings if "has not learned its task" not in one]


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="session")
def lab_once(tmp_path_factory, tiny_folder) -> Lab:
    """The lab with its bank built; use `lab`."""
    folder = tmp_path_factory.mktemp("lab")
    made = Lab(folder, tiny_folder, folder / "tasks", folder / "cache")
    for name in (*SOURCES, "house", "animal"):
        write_task(made.tasks, name)
    made.file.write_text(CONFIG.format(model=made.model, tasks=made.tasks))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPOT_CACHE_DIR", str(made.cache))
        runs = f"runs={folder / 'runs'}"
        built = made.run("build-bank", "--bank", str(made.bank), sets=(runs,))
        assert built.exit_code == 0, built.stderr
        # Splits that later commands read.
        from spot.tasks.tokens import tokens
        from spot.training.source import lengths_of

        at = made.objects()
        for name in (*SOURCES, "house", "animal"):
            for split in ("train", "validation", "test"):
                tokens(at.task(name), split, at.model.vocabulary, lengths_of(at.recipe))
    return made


@pytest.fixture
def lab(lab_once, monkeypatch, tmp_path) -> Lab:
    """The lab, with its cache; the working folder is the test's own."""
    monkeypatch.setenv("SPOT_CACHE_DIR", str(lab_once.cache))
    monkeypatch.chdir(tmp_path)
    return lab_once


@pytest.fixture
def no_training(monkeypatch):
    """Whoever trains fails: for what must be refused before, or found without."""

    from spot.training import fine_tuning, prompt_tuning

    def fail(*_: Any, **__: Any) -> None:
        pytest.fail("something was trained")

    monkeypatch.setattr(prompt_tuning, "train_prompts", fail)
    monkeypatch.setattr(fine_tuning, "fine_tune", fail)

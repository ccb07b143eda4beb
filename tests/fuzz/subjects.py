"""The table of readers that damaged files are given to: how to make an honest sample, and how to read it.

A subject's `read` gives a value that can be compared. Of a `guarded` subject every byte is covered by a
checksum or can be made again, so whatever is read equals the sample, `less` of it, or is an error; others
hold what a user wrote, which cannot be told from what was meant.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

Value = Any


@dataclass(frozen=True)
class Subject:
    """A kind of file with its reader.

    make: writes the sample into an empty folder. read: the value of the folder, of which `files` (glob
    patterns) are damaged. less: True for a value that is missing a part of the sample, which was named, and
    has nothing else.
    """

    name: str
    make: Callable[[Path], None]
    read: Callable[[Path], Value]
    files: tuple[str, ...] = ("*",)
    guarded: bool = False
    less: Callable[[Value, Value], bool] = lambda sample, found: False


def plain(value: Any) -> Any:
    """A value of arrays, lists and objects as JSON holds it, exactly."""
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        return [str(array.dtype), list(array.shape), array.tobytes().hex()]
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, Path):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else repr(value)


def subset(sample: Any, found: Any) -> bool:
    """True if each part of a found object or list is in the sample as it is."""
    if isinstance(sample, dict) and isinstance(found, dict):
        return all(key in sample and sample[key] == each for key, each in found.items())
    return all(each in sample for each in found)


# Prompts in files.


def _prompt() -> np.ndarray:
    return np.random.default_rng(5).normal(size=(4, 6)).astype(np.float32)


def _facts() -> Any:
    from bank.entry import Backbone
    from bank.formats import Facts

    return Facts(
        task="tickets", inputs="{body}", columns=("body",), clean={"body": ("tags",)},
        labels=("bug", "billing"), label="queue", values={"b": "bug"}, scoring="rank", metrics=("accuracy",),
        model=Backbone("tiny", "fp"), recipe={"init": "vocab", "input_length": 16}, seed=0, step=4,
        scores={"validation": {"value": 50.0, "n": 4}}, code="1",
    )  # fmt: skip


def _write_prompt(name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        from bank.formats import PromptFile, export_prompt

        facts = _facts() if name.endswith("safetensors") else None
        form = "peft" if name == "adapter" else None
        export_prompt(folder / name, PromptFile(_prompt(), facts=facts), form)

    return make


def _write_keys_values(folder: Path) -> None:
    from bank.formats import Export, PromptFile, export_prompt

    numbers = np.random.default_rng(0).normal(size=(2, 2, 2, 3, 4)).astype(np.float32)
    arrays = {"keys_values": numbers, "scale": np.ones((2, 2, 1, 1, 1), np.float32)}
    prompt = PromptFile(_prompt(), "keys-values", arrays)
    export_prompt(folder / "adapter", prompt, "peft-prefix", Export(model="m", causal=True))


def _read_prompt(name: str) -> Callable[[Path], Value]:
    def read(folder: Path) -> Value:
        from bank.formats import read_prompt_file
        from spot.prompts.files import read_prompt

        file = read_prompt_file(folder / name)
        read_prompt(folder / name)
        return [file.prompt, file.kind, file.arrays, file.facts and file.facts.to_json()]

    return read


def _read_keys_values(folder: Path) -> Value:
    from bank.formats import read_prompt_file

    file = read_prompt_file(folder / "adapter")
    return [file.prompt, file.kind, file.arrays, file.facts and file.facts.to_json()]


# Banks.


def _make_bank(folder: Path) -> None:
    from bank.nearest import search
    from bank.outcomes import Outcome
    from bank.store import Bank
    from tests.bank.conftest import make_entry, make_prompts

    bank = Bank.create_or_open(folder / "bank")
    for n in range(4):
        scores = {"validation": {"metric": "accuracy", "value": 60.0 + n, "n": 9}}
        told = _facts().of_task() if n % 2 else {}
        bank.add(make_entry(f"t{n}", scores=scores, task_facts=told), make_prompts(n))
    bank.add(make_entry("q", kind="query"), make_prompts(9))
    bank.add_outcomes(
        Outcome(
            f"t{n}", f"t{m}", "single", 0, "accuracy", 50.0 + n, 40.0, n=20, low=-9.0, high=29.0
        )
        for n in range(3)
        for m in range(3)
    )
    for similarity in ("average", "per-token", "centered"):
        search(bank, make_prompts(9), similarity=similarity)


def _read_bank(folder: Path) -> Value:
    """All entries with arrays, and all queries, by id; `verify` is run, too, and names what is missing."""
    from bank.errors import BankError
    from bank.integrity import verify
    from bank.store import Bank

    bank = Bank.open(folder / "bank")
    problems = verify(bank)
    found = {}
    for entry in [*bank.entries(), *bank.queries()]:
        with contextlib.suppress(BankError):
            found[entry.id] = [asdict(entry), bank.prompts(entry).tensors()]
    for entry in bank.queries():
        bank.query(entry.id)
    if len(found) < 5 and not problems:
        raise AssertionError("entries are missing, and verify names no problem")
    bank.outcomes()
    return found


def _search(folder: Path) -> Value:
    """The hits of three similarities; an entry whose files are damaged is left out of them all."""
    from bank.nearest import search
    from bank.store import Bank
    from tests.bank.conftest import make_prompts

    bank = Bank.open(folder / "bank")
    found = {}
    for similarity in ("average", "per-token", "centered"):
        result = search(bank, make_prompts(9), similarity=similarity, k=9)
        scores = {hit.id: round(hit.score, 5) for hit in result.hits}
        # A mean over fewer keys is another mean: without an entry only the others' ids can be compared.
        found[similarity] = (
            scores if len(scores) == 4 or similarity != "centered" else dict.fromkeys(scores)
        )
    return found


def _fewer_hits(sample: Value, found: Value) -> bool:
    return all(
        all(id in sample[name] and score in (None, sample[name][id]) for id, score in hits.items())
        for name, hits in found.items()
    )


def _outcomes(folder: Path) -> Value:
    from bank.evaluation import evaluate
    from bank.store import Bank

    bank = Bank.open(folder / "bank")
    evaluate(bank)
    return [asdict(outcome) for outcome in bank.outcomes()]


def _add_and_merge(folder: Path) -> Value:
    """The good copy of every entry added to a damaged bank, which holds them all, whole, afterwards."""
    from bank.store import Bank

    whole = folder.parent / f"{folder.name}-whole"
    if not whole.exists():
        whole.mkdir()
        _make_bank(whole)
    good, bank = Bank.open(whole / "bank"), Bank(folder / "bank")
    bank.merge(good)
    found = {entry.id: [asdict(entry), bank.prompts(entry).tensors()] for entry in bank.entries()}
    return {id: found[id] for id in sorted(found)}


# Runs.


def _schedule() -> Any:
    from spot.training.loop import Schedule

    return Schedule(steps=9, check_every=2, key_step=3, early=(0,))


def _learner() -> Any:
    from tests.training.test_loop_of_learners import Counter

    return Counter(0.0, 10.0, scores={0: {2: 50.0, 4: 40.0, 6: 45.0}})


def _make_run(folder: Path) -> None:
    """A run that was interrupted after five steps."""
    from spot.training.loop import train
    from spot.training.slots import Reporter

    class Stops(Reporter):
        def advance(self, step: int, loss: float) -> None:
            if step == 5:
                import signal

                signal.raise_signal(signal.SIGINT)

    try:
        train(_learner(), _schedule(), folder / "run", reporter=Stops())
    except KeyboardInterrupt:
        return
    raise AssertionError("the run was not interrupted")


def _resume(folder: Path) -> Value:
    from spot.training.loop import train

    results = train(_learner(), _schedule(), folder / "run")
    return [
        [one.key, one.value, one.last, [check.to_json() for check in one.history], one.failed_step]
        for one in results
    ]


def _make_results(folder: Path) -> None:
    from spot.prompts.kinds import find_kind
    from spot.prompts.prompt import SoftPrompt
    from spot.training import results
    from spot.training.slots import Check, Slot, Trained

    def prompt(seed: int) -> SoftPrompt:
        rows = np.random.default_rng(seed).normal(size=(3, 4)).astype(np.float32)
        return SoftPrompt.of(find_kind("prefix"), rows)

    check = Check(4, 62.5, 0.25, {"f1": 62.5}, 8)
    slot = Slot("a", None, 0, prompt(9), 0.1)  # type: ignore[arg-type]
    results.store(folder, [Trained(slot, prompt(1), prompt(2), prompt(3), check, (check,))])


def _read_results(folder: Path) -> Value:
    from spot.training import results

    stored = results.load(folder, 1)
    if stored is None:
        return {}
    return {"0": [[one.key, one.value, one.last, repr(one.history)] for one in stored]}


def _remembered(folder: Path) -> Value:
    from spot.training.runs import Runs

    value = {"scores": [62.5, 61.0], "rows": {"n": 9, "words": ["yes", "nein"]}}
    return Runs(folder).remembered("scores", "boolq", {"model": "fp"}, lambda: value)


def _make_remembered(folder: Path) -> None:
    _remembered(folder)


def _make_plan(folder: Path) -> None:
    from spot.training.build import _plan

    _plan(folder, ["a", "b", "c", "d", "e"], 2)


def _read_plan(folder: Path) -> Value:
    from spot.training.build import _plan

    groups = _plan(folder, ["a", "b", "c", "d", "e"], 2)
    return sorted(id for group in groups for id in group)


# Caches.


def _task_folder(folder: Path) -> None:
    from tests.lab import write_task
    from tests.toys import write_vocabulary

    write_task(folder, "colour", (12, 4, 4))
    write_vocabulary(folder / "spiece.model")


def _make_tokens(folder: Path) -> None:
    _task_folder(folder)
    _tokens(folder)


def _tokens(folder: Path) -> Value:
    from spot.tasks.tokens import Lengths, tokens
    from spot.tasks.user import user_task
    from spot.tasks.vocabulary import VocabularyFile

    task = user_task(folder / "colour.toml")
    words = VocabularyFile(folder / "spiece.model", 100)
    split = tokens(task, "train", words, Lengths(16, 8), folder / "cache")
    rows = [
        split.inputs.flat,
        split.inputs.offsets,
        split.targets.flat,
        split.targets.offsets,
        split.labels,
    ]
    return [*rows, split.references, split.groups, split.target_texts, split.truncated]


# Models.


def _load(folder: Path) -> Value:
    """Every array of the model, its architecture, its words and its fingerprint."""
    from spot.models.model import load
    from spot.models.weights.build import to_arrays
    from tests.toys import model_settings

    place = folder / "model"
    if not place.is_dir():
        place = folder / "m.gguf"
    vocabulary = folder / "spiece.model"
    named = {"vocabulary": str(vocabulary)} if vocabulary.exists() else {}
    model = load(model_settings(place, **named))
    words = model.vocabulary.encode("a red cat is ab cde")
    return [
        repr(model.config),
        to_arrays(model.network.parameters),
        list(words),
        model.vocabulary.size,
    ]


def _make_own_model(folder: Path) -> None:
    from tests.toys import random_arrays, tiny_config, write_model

    config = tiny_config()
    write_model(folder / "model", config, random_arrays(config))


def _make_hf_t5(folder: Path) -> None:
    from tests.models.test_hf import write_hf
    from tests.toys import random_arrays, tiny_config

    config = tiny_config()
    write_hf(folder / "model", config, random_arrays(config), 2)
    (folder / "model" / "tokenizer_config.json").write_text(
        json.dumps({"extra_ids": 100, "tokenizer_class": "T5Tokenizer", "eos_token": "</s>"})
    )


def _make_hf_decoder(folder: Path) -> None:
    from tests.models.test_hf_decoder import write_folder
    from tests.toys import random_arrays, tiny_decoder

    config = tiny_decoder()
    write_folder(folder / "model", config, random_arrays(config), 2)


def _make_gguf(folder: Path) -> None:
    from tests.models.test_gguf import sizes, write
    from tests.toys import random_arrays

    config = sizes()
    write(folder / "m.gguf", config, random_arrays(config))


def _make_t5x(folder: Path) -> None:
    from tests.models.test_weights import write_t5x
    from tests.toys import random_arrays, tiny_config, write_vocabulary

    config = tiny_config()
    (folder / "model").mkdir()
    write_t5x(folder / "model", random_arrays(config))
    write_vocabulary(folder / "spiece.model")


def _make_fingerprint(folder: Path) -> None:
    _make_own_model(folder)
    _fingerprint(folder)


def _fingerprint(folder: Path) -> Value:
    import os

    from spot.models.model import identity
    from tests.toys import model_settings

    before = os.environ.get("SPOT_CACHE_DIR")
    os.environ["SPOT_CACHE_DIR"] = str(folder / "cache")
    try:
        return identity(model_settings(folder / "model")).fingerprint
    finally:
        os.environ.pop("SPOT_CACHE_DIR")
        if before is not None:
            os.environ["SPOT_CACHE_DIR"] = before


# Tasks, tables and settings.


def _make_table(suffix: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        rows = [
            {
                "text": f'a "{colour}" cat, number {n}; é',
                "answer": "yes" if colour == "red" else "no",
                "n": n,
            }
            for n, colour in enumerate(["red", "blue"] * 15)
        ]
        _write_table(folder / f"rows{suffix}", rows)
        (folder / "mine.toml").write_text(
            f'name = "mine"\ninputs = "{{text}}"\nlabel = "answer"\nlabels = ["no", "yes"]\n'
            f'[files]\ntrain = "rows{suffix}"\n'
        )

    return make


def _write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    import csv

    if path.suffix == ".parquet":
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(
                file, list(rows[0]), delimiter="," if path.suffix == ".csv" else "\t"
            )
            writer.writeheader()
            writer.writerows(rows)


def _read_task(folder: Path) -> Value:
    from spot.tasks.user import user_task

    task = user_task(folder / "mine.toml")
    return [[repr(example) for example in task.read(split)] for split in task.splits]


def _inspect(suffix: str) -> Callable[[Path], Value]:
    """What `spot init` makes of the table."""
    return lambda folder: _initialised(folder / f"rows{suffix}", folder / "new.toml")


def _initialised(path: Path, target: Path) -> Value:
    from click.testing import CliRunner

    from bank.errors import UserError
    from spot.commands import main
    from spot.tasks.user import user_task

    arguments = ["init", str(path), "--text", "text", "--label", "answer", "--out", str(target)]
    result = CliRunner().invoke(main, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    if result.exit_code:
        raise UserError("refused")
    return user_task(target).labels


def _make_config(folder: Path) -> None:
    source = Path(__file__).resolve().parents[2] / "configs" / "smollm2.toml"
    shutil.copy(source, folder / "config.toml")


def _read_config(folder: Path) -> Value:
    from spot.config import load_config

    return load_config(folder / "config.toml").model_dump(mode="json")


WEIGHTS = ("model/*.json", "model/*.safetensors")


def _make_study(folder: Path) -> None:
    from spot.study.result import write_study
    from tests.commands.samples import study

    write_study(study(), folder)


def _make_page(name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        from tests.report import results

        made: Path = getattr(results, f"{name}_folder")(folder / "runs")
        shutil.copytree(made, folder / "results")
        shutil.rmtree(folder / "runs")

    return make


def _read_page(folder: Path) -> Value:
    from spot import report_page

    return report_page(folder / "results")


def _read_study(folder: Path) -> Value:
    from spot.study.result import read_study

    return read_study(folder).to_json()


SUBJECTS: tuple[Subject, ...] = (
    Subject("npy prompt", _write_prompt("p.npy"), _read_prompt("p.npy")),
    Subject(
        "safetensors prompt", _write_prompt("p.safetensors"), _read_prompt("p.safetensors"), guarded=True
    ),
    Subject("PEFT adapter", _write_prompt("adapter"), _read_prompt("adapter"), ("adapter/*",)),
    Subject("PEFT prefix adapter", _write_keys_values, _read_keys_values, ("adapter/*",)),
    Subject(
        "entries of a bank", _make_bank, _read_bank,
        ("bank/entries/*/*", "bank/queries/*/*", "bank/bank.json"), True, subset,
    ),
    Subject("search in a damaged bank", _make_bank, _search, ("bank/entries/*/*",), True, _fewer_hits),
    Subject(
        "merge into a damaged bank", _make_bank, _add_and_merge,
        ("bank/entries/*/*", "bank/queries/*/*", "bank/bank.json"), True,
    ),
    Subject("outcomes of a bank", _make_bank, _outcomes, ("bank/outcomes.jsonl",)),
    Subject("checkpoints of a run", _make_run, _resume, ("run/checkpoints/**/*",), True),
    Subject("metrics of a run", _make_run, _resume, ("run/metrics.jsonl",), True),
    Subject("results of a run", _make_results, _read_results, guarded=True, less=subset),
    Subject("remembered values", _make_remembered, _remembered, ("**/*.json",), True),
    Subject("plan of a build", _make_plan, _read_plan, ("plan.json",), True),
    Subject("result of a study", _make_study, _read_study, ("study.json",), True),
    *(
        Subject(f"page of {name}", _make_page(name), _read_page, ("**/*.json",))
        for name in ("transfer", "baselines", "study", "comparison", "analysis")
    ),
    Subject("token cache", _make_tokens, _tokens, ("cache/tokens/*.npz",), True),
    Subject("fingerprint cache", _make_fingerprint, _fingerprint, ("cache/fingerprints/*",), True),
    Subject("stored model", _make_own_model, _load, WEIGHTS),
    Subject("T5 of Hugging Face", _make_hf_t5, _load, WEIGHTS),
    Subject("decoder of Hugging Face", _make_hf_decoder, _load, WEIGHTS),
    Subject("GGUF", _make_gguf, _load, ("m.gguf",)),
    Subject(
        "T5X checkpoint", _make_t5x, _load, ("model/checkpoint", "model/target*/.zarray", "model/target*/*")
    ),
    Subject("SentencePiece", _make_own_model, _load, ("model/spiece.model",)),
    Subject("tokenizer.json", _make_hf_decoder, _load, ("model/tokenizer*.json",)),
    *(
        Subject(f"{suffix} table", _make_table(suffix), _read_task, (f"rows{suffix}",))
        for suffix in (".csv", ".tsv", ".jsonl", ".parquet")
    ),
    *(
        Subject(f"spot init of {suffix}", _make_table(suffix), _inspect(suffix), (f"rows{suffix}",))
        for suffix in (".csv", ".tsv", ".jsonl", ".parquet")
    ),
    Subject("task TOML", _make_table(".csv"), _read_task, ("mine.toml",)),
    Subject("config TOML", _make_config, _read_config, ("config.toml",)),
)  # fmt: skip

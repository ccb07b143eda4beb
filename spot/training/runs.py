"""The folders of runs, named by content, so that finished work is found again and never stale.

A run's folder is named by a digest of what was read: the model's fingerprint, the token arrays of
every split, the prompts it began with, and the settings of the stages that were used. Changed labels
or weights under the same path are other work; a setting that a run never read leaves it as it is.

Imports JAX only when something is trained, so that a search with a cached query stays quick.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import filelock
import numpy as np

from bank.files import canonical_json, replace_file, sha256_hex, writing
from bank.reading import read_json
from spot.models.model import Model
from spot.prompts.prompt import SoftPrompt, as_prompt
from spot.tasks.examples import TokenizedSplit
from spot.tasks.task import Task
from spot.training import results
from spot.training.batches import Source, TaskData
from spot.training.evaluate import Evaluation, evaluate
from spot.training.recipe import Recipe
from spot.training.slots import Reporter, Slot, Trained, say_of_lock
from spot.training.trackers.table import check_trackers

if TYPE_CHECKING:
    from spot.training.fine_tuning import FineTuned

FORMAT = 3
"""Part of every digest; to be raised when runs compute their results in another way."""

PROMPT_SETTINGS = (
    "loss",
    "optimizer",
    "weight_decay",
    "warmup_steps",
    "decay",
    "batch_size",
    "dropout",
    "steps",
    "key_step",
    "check_every",
)
VALIDATED_SETTINGS = ("patience", "early_checks")
WEIGHT_SETTINGS = ("batch_size", "dropout", "steps", "check_every", "patience")
"""The settings of a recipe that training reads beside the slots."""

SLOTS_ON_CPU = 4  # the quickest of 1, 4 and 8 by the prompt, docs/results/speed.md
SLOTS_ELSEWHERE = 16  # an accelerator is idle with few rows; not measured

T = TypeVar("T")


@dataclass(frozen=True)
class Runs:
    """The folder of all runs, and how they are executed.

    slots: S, the prompts that are trained at once; None: as many as suit the device. reporter: told of
    progress and of found work, of equal titles once: `reported` holds them. trackers: tools that are told
    of every check, see `spot.training.trackers.table`.
    """

    root: Path = Path("spot-runs")
    reporter: Reporter = field(default_factory=Reporter)
    slots: int | None = None
    trackers: tuple[str, ...] = ()
    reported: set[str] = field(default_factory=set, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raises SpotError for a tracker that is unknown or not installed."""
        check_trackers(self.trackers)

    def place(self, stage: str, name: str, read: Mapping[str, Any]) -> Path:
        """The folder of a run.

        read: everything the result depends on, as JSON values; the name is for readers only.
        """
        digest = sha256_hex(canonical_json([FORMAT, stage, read]))[:16]
        readable = re.sub(r"[^A-Za-z0-9._+-]", "_", name)[:60].lstrip(".") or "_"
        return self.root / stage / f"{readable}-{digest}"

    def train_prompts(
        self,
        model: Model,
        slots: Sequence[Slot],
        recipe: Recipe,
        *,
        title: str,
        validate: bool = True,
    ) -> list[Trained]:
        """Train prompts, `at_once` of them together, or load their results; in the order of `slots`.

        Raises what `spot.training.prompt_tuning.train_prompts` raises.
        """
        groups = self.groups(slots)
        done: list[Trained] = []
        for number, group in enumerate(groups, start=1):
            name = title if len(groups) == 1 else f"{title}, {number} of {len(groups)}"
            done += self._train_group(model, group, recipe, name, validate)
        return done

    def groups(self, slots: Sequence[Slot]) -> list[Sequence[Slot]]:
        """The slots that are trained at once, in order."""
        size = self.at_once(len(slots))
        return [slots[first : first + size] for first in range(0, len(slots), size)]

    def at_once(self, count: int) -> int:
        """How many of so many prompts are trained at once: a function of the settings and the kind of device
        alone, so that finished work is found again. JAX is asked only where the answer depends on it.
        """
        if self.slots is not None or count <= SLOTS_ON_CPU:
            return self.slots or SLOTS_ON_CPU
        import jax

        return SLOTS_ON_CPU if jax.default_backend() == "cpu" else slots_on(1)

    def prompts_place(
        self, model: Model, slots: Sequence[Slot], recipe: Recipe, validate: bool
    ) -> Path:
        """The folder of a run that trains these prompts at once."""
        names = PROMPT_SETTINGS + (VALIDATED_SETTINGS if validate else ())
        if recipe.wayward:  # where it is 0, runs are found by the digest that they had without it
            names += ("wayward",)
        read = {
            "model": model_facts(model),
            "slots": [slot_facts(slot) for slot in slots],
            "recipe": {name: getattr(recipe, name) for name in names},
            "validated": validate,
        }
        sources = dict.fromkeys(slot.source.name for slot in slots)
        return self.place("prompts", "+".join(sources), read)

    def _train_group(
        self,
        model: Model,
        slots: Sequence[Slot],
        recipe: Recipe,
        title: str,
        validate: bool,
    ) -> list[Trained]:
        folder = self.prompts_place(model, slots, recipe, validate)
        if found := self._found(folder, slots, title):
            return found
        from spot.training.prompt_tuning import check_prompts, train_prompts

        check_prompts(model, slots, recipe)  # before a folder is made
        with alone(folder, self.reporter):
            # Another process may have trained them while this one waited.
            if found := self._found(folder, slots, title):
                return found
            done = train_prompts(
                model,
                slots,
                recipe,
                folder,
                title=title,
                validate=validate,
                reporter=self.reporter,
                trackers=self.trackers,
            )
            results.store(folder, done)
            _remove_checkpoints(folder)
        return done

    def _found(self, folder: Path, slots: Sequence[Slot], title: str) -> list[Trained]:
        """The stored results of a run; none if it is not complete."""
        stored = results.load(folder, len(slots))
        if stored is None:
            return []
        self.reporter.say(f"found: {title} (trained before)")
        self.reporter.detail(f"  in {folder}")
        pairs = zip(slots, stored, strict=True)
        return [Trained.of(slot, result, folder) for slot, result in pairs]

    def fine_tuning_place(
        self, model: Model, source: Source, seed: int, rate: float, recipe: Recipe
    ) -> Path:
        """The folder of a fine-tuning run."""
        read = {
            "model": model_facts(model),
            "data": source_digest(source),
            "seed": seed,
            "rate": rate,
            "recipe": {name: getattr(recipe, name) for name in WEIGHT_SETTINGS},
        }
        return self.place("weights", f"{source.name}-s{seed}-rate-{rate:g}", read)

    def fine_tune(
        self, model: Model, source: Source, seed: int, rate: float, recipe: Recipe
    ) -> FineTuned | None:
        """Fine-tune all weights, resuming from the checkpoints of the run.

        They hold the only copy of the weights and stay until `discard_checkpoints` of
        `fine_tuning_place`.
        """
        from spot.training.fine_tuning import fine_tune

        folder = self.fine_tuning_place(model, source, seed, rate, recipe)
        with alone(folder, self.reporter):
            return fine_tune(
                model, source, seed, rate, recipe, folder, self.reporter, self.trackers
            )

    def evaluate(
        self,
        model: Model,
        prompt: SoftPrompt | np.ndarray | None,
        task: Task,
        split: TokenizedSplit,
        labels: Sequence[Sequence[int]],
    ) -> Evaluation:
        """The metrics of a prompt (None: the bare model) on a tokenised split, computed once."""
        read = scores_facts(model, prompt, task, split, labels)

        def score() -> dict[str, Any]:
            self.reporter.phase(f"scoring {task.name}")
            return asdict(evaluate(model, prompt, task, split, labels))

        title = f"scores of {task.name}"
        values = self.remembered("scores", task.name, read, score, title)
        return Evaluation(**{**values, "predictions": tuple(values["predictions"])})

    def remembered_at(self, stage: str, name: str, read: Mapping[str, Any]) -> Path:
        """The file of a value that `remembered` computes once, whether or not it exists yet."""
        return _value_file(self.place(stage, name, read))

    def remembered(
        self, stage: str, name: str, read: Mapping[str, Any], make: Callable[[], T], title: str = ""
    ) -> T:
        """A JSON value, computed by `make` once for the same `read`; a damaged file is computed again.

        title: reported when the value is found; without it nothing is.
        """
        folder = self.place(stage, name, read)
        path = _value_file(folder)
        try:
            content = read_json(path, results.LIMIT)
            whole = sha256_hex(canonical_json(content["value"])) == content["sha256"]
            # Releases before 0.3 did not write whose value it is.
            if whole and content.get("of", folder.name) == folder.name:
                value: T = content["value"]
                if title and title not in self.reported:
                    self.reported.add(title)
                    self.reporter.say(f"found: {title} (finished before)")
                    self.reporter.detail(f"  in {path}")
                return value
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            pass
        text = canonical_json(make())
        value = json.loads(text)
        content = {"of": folder.name, "sha256": sha256_hex(text), "value": value}
        replace_file(path, (json.dumps(content, ensure_ascii=False) + "\n").encode())
        return value


def _value_file(place: Path) -> Path:
    """The file of a value that has this place among the runs."""
    return place.with_name(f"{place.name}.json")  # a name may have dots itself


def slots_on(devices: int) -> int:
    """S on accelerators of which so many share the prompts, where it is not set: a multiple of them."""
    return -(-SLOTS_ELSEWHERE // devices) * devices


@contextlib.contextmanager
def alone(folder: Path, reporter: Reporter) -> Iterator[None]:
    """Hold the lock beside a run's folder, so that no two processes train, store or remove there at once.

    Raises BankError for a place that cannot be written.
    """
    lock = filelock.FileLock(folder.with_name(f"{folder.name}.lock"))
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            reporter.say(f"waiting for another process that trains in {folder}")
            say_of_lock(lock, reporter)
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


def discard_checkpoints(folder: Path, reporter: Reporter) -> None:
    """Remove a finished run's checkpoints, once nobody trains there; its metrics and results stay."""
    if (folder / "checkpoints").exists():
        with alone(folder, reporter):
            _remove_checkpoints(folder)


def _remove_checkpoints(folder: Path) -> None:
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)


def model_facts(model: Model) -> list[str]:
    """The facts that decide a model's numbers: fingerprint and precision."""
    return [model.fingerprint, model.precision]


def scores_facts(
    model: Model,
    prompt: SoftPrompt | np.ndarray | None,
    task: Task,
    split: TokenizedSplit,
    labels: Sequence[Sequence[int]],
) -> dict[str, Any]:
    """The facts that decide the scores of a prompt on a tokenised split."""
    return {
        "model": model_facts(model),
        "prompt": None if prompt is None else prompt_digest(as_prompt(prompt)),
        "task": scoring_facts(task, labels),
        "split": split_digest(split),
    }


def slot_facts(slot: Slot) -> dict[str, Any]:
    """The facts that training reads of a slot."""
    facts: dict[str, Any] = {
        "data": source_digest(slot.source),
        "seed": slot.seed,
        "init": prompt_digest(slot.init),
        "rate": repr(float(slot.learning_rate)),  # as text: JSON has no infinity
    }
    if slot.teacher is not None:
        facts["teacher"] = [array_digest(scores) for scores in slot.teacher]
    return facts


def source_digest(source: Source) -> str:
    """A digest of all rows of a source, their scoring and the rates of its members."""
    return sha256_hex(canonical_json([list(source.rates), *map(data_digest, source.members)]))


def data_digest(data: TaskData) -> str:
    """A digest of a task's training and validation rows and of how they are scored."""
    splits = [split_digest(split) for split in (data.train, data.validation)]
    return sha256_hex(canonical_json([scoring_facts(data.definition, data.labels), *splits]))


def scoring_facts(task: Task, labels: Sequence[Sequence[int]]) -> list[Any]:
    """The facts that turn predictions into scores: metrics, label words and their token ids."""
    ids = [[int(token) for token in word] for word in labels]
    return [task.scoring, list(task.metrics), list(task.labels), ids]


def split_digest(split: TokenizedSplit) -> str:
    """A digest of every array and text of a tokenised split."""
    arrays = [
        array_digest(part)
        for rows in (split.inputs, split.targets)
        for part in (rows.flat, rows.offsets)
    ]
    texts = [split.references, split.groups, split.target_texts]
    return sha256_hex(canonical_json([*arrays, array_digest(split.labels), texts]))


def prompt_digest(prompt: SoftPrompt) -> str:
    """A digest of a prompt's kind and arrays."""
    arrays = {name: array_digest(array) for name, array in prompt.arrays.items()}
    return sha256_hex(canonical_json([prompt.kind.name, arrays]))


def array_digest(array: np.ndarray) -> str:
    """A digest of an array's type, shape and bytes."""
    contiguous = np.ascontiguousarray(array)
    header = f"{contiguous.dtype.str}{contiguous.shape}"
    return sha256_hex(header.encode() + contiguous.tobytes())

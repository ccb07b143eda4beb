"""The settings of commands, validated: the user's file, a TOML file, then `--set key=value`.

A command reads a `Config` and makes objects of it: a model, tasks, a recipe, runs. Reads no data and
imports no JAX, so that commands which only look at files stay quick.
"""

from __future__ import annotations

import json
import tomllib
import typing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from bank.characters import is_writable
from bank.reading import parse_toml, read_toml
from spot.errors import SpotError, did_you_mean
from spot.models.defaults import EMBEDDED, ModelDefaults, defaults_of
from spot.models.settings import Devices, ModelSettings
from spot.prompts.settings import PromptSettings
from spot.retrieval.settings import SearchSettings
from spot.settings import LAST_SEED, Stage, Steps, cache_dir, mistake, shown
from spot.strategies.settings import TransferSettings
from spot.study.settings import CompareSettings, MatrixSettings, StudySettings
from spot.tasks.catalog import DataSettings, tasks_with_template
from spot.training.meta.settings import MetaSettings
from spot.training.recipe import (
    FINE_TUNING_RATES,
    SOURCE_STEPS,
    Recipe,
    RowSettings,
    TrainSettings,
    own_settings,
)


class DataConfig(RowSettings):
    """Origin, wording and length of the tasks' texts."""

    source: str = "local"
    """Where the rows of published tasks are: in local files, in TensorFlow Datasets, or on the Hugging
    Face hub."""
    dir: Path | None = None
    """Folder of local data, with one folder a task; SPOT_DATA_DIR where it is not set."""
    tfds_dir: Path | None = None
    """Folder of prepared data sets for data.source=tfds; TFDS_DATA_DIR, or TFDS's own folder, where it is
    not set."""
    hf_dir: Path | None = None
    """Folder of parquet files as <repository>/<path> for data.source=hf; a folder of the cache where it is
    not set."""
    tasks: tuple[Path, ...] = ()
    """Your own tasks as TOML files, or folders of them."""
    modules: tuple[str, ...] = ()
    """Python modules, by name or path, that register seqio Tasks and Mixtures."""
    template: str | None = None
    """The wording of published tasks: t5, flan, gpt3, or your own TOML file. Where it is not set: the
    model's own for tasks that have it, and t5 for the others."""
    templates: dict[str, str] = {}
    """The template of single published tasks, by name."""
    list_labels: bool | None = None
    """Put a task's label words in front of its texts; where it is not set: if it suits the model."""
    text: str = ""
    """A text prompt, in front of every text."""
    shots: int = Field(0, ge=0)
    """Training examples in front of every text, as many as fit into data.input_length."""
    shot_seed: int = Field(0, ge=0)
    """Draws the training examples in front of every text."""


class TrainConfig(TrainSettings):
    """Prompt training, and how it is executed."""

    slots: int | None = Field(None, ge=1)
    """Prompts that are trained at once, in one compiled step. Where it is not set: 4 on a CPU, 16 on an
    accelerator."""
    trackers: tuple[str, ...] = ()
    """Tools that are told of the settings and of every check: tensorboard, wandb, mlflow and trackio, joined
    by commas; each needs the extra of its name."""

    @field_validator("trackers", mode="before")
    @classmethod
    def _split(cls, names: Any) -> Any:
        return tuple(filter(None, names.split(","))) if isinstance(names, str) else names


class TuningSettings(Stage):
    """Fine-tuning of all weights, with the steps, batches and checks of `train`."""

    learning_rates: tuple[float, ...] = FINE_TUNING_RATES
    """Learning rates to try, relative to the size of an array; validation chooses one."""


class BankSettings(Stage):
    """The bank's folder, and the sources, mixtures and seeds that `spot build-bank` trains."""

    path: Path = Path("spot-bank")
    """The folder of the bank; --bank sets it, too."""
    sources: tuple[str, ...] = ("mini",)
    """Tasks to train source prompts on; the name of a mixture stands for its tasks, "mini" for the sources
    of the mini suite."""
    mixtures: tuple[str, ...] = ()
    """Mixtures to train one prompt each on: names, or tasks joined by "+"."""
    seeds: tuple[int, ...] = (0,)
    """Seeds of the source prompts: each source has one prompt a seed."""
    steps: Steps = Field(SOURCE_STEPS, ge=1)
    """The most training steps of a source prompt; train.steps where only that is set."""


class Config(Stage):
    """Everything that a command may be told; a run writes the whole of it beside its results."""

    model: ModelSettings = ModelSettings()
    data: DataConfig = DataConfig()
    prompt: PromptSettings = PromptSettings()
    train: TrainConfig = TrainConfig()
    tuning: TuningSettings = TuningSettings()
    meta: MetaSettings = MetaSettings()
    bank: BankSettings = BankSettings()
    search: SearchSettings = SearchSettings()
    transfer: TransferSettings = TransferSettings()
    compare: CompareSettings = CompareSettings()
    matrix: MatrixSettings = MatrixSettings()
    study: StudySettings = StudySettings()
    devices: Devices = Devices()
    runs: Path = Path("spot-runs")
    """The folder of results: runs are named by what they read, and found there again."""

    # Validators that run before are called from the last to the first: this one sees the model's defaults.
    @model_validator(mode="before")
    @classmethod
    def _sources_as_train(cls, values: Any) -> Any:
        """Where steps are set for training alone, a bank's sources have as many."""
        train, bank = values.get("train", {}), values.get("bank", {})
        if isinstance(train, dict) and isinstance(bank, dict) and "steps" in train:
            return {**values, "bank": {"steps": train["steps"], **bank}}
        return values

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_model(cls, values: Any) -> Any:
        """What is not set is the model's own, if it has one. A start of the prompt that is set replaces
        all of the model's, and with it the similarity that suits prompts with that start.
        """
        values = dict(values)
        model = values.get("model", EMBEDDED)
        name = model.get("name", EMBEDDED) if isinstance(model, dict) else model
        own = defaults_of(name) if isinstance(name, str) else ModelDefaults()

        def add(section: str, defaults: dict[str, Any]) -> None:
            given = values.get(section, {})
            if isinstance(given, dict) and defaults:  # else a mistake, which is named later
                values[section] = {**defaults, **given}

        given = {**_section(values, "prompt"), **_section(values, "train")}
        settings = own_settings(given, own)
        length = {"length": settings.pop("length")} if "length" in settings else {}
        if {"init", "text"} & _section(values, "prompt").keys():
            add("prompt", length)
        elif own != ModelDefaults():
            add("prompt", {**own.start, **length})
            add("search", {"similarity": own.similarity})
        add("train", settings)
        if own.transfer_steps is not None:
            add("transfer", {"steps": own.transfer_steps})
        return values

    def recipe(self) -> Recipe:
        """The recipe of the settings' prompts."""
        return Recipe.of(self.prompt, self.train, self.data)

    def data_settings(self) -> DataSettings:
        """The origins and the wording of tasks."""
        data = self.data
        names = DataSettings.__dataclass_fields__.keys() & type(data).model_fields.keys()
        settings = DataSettings(
            **{name: getattr(data, name) for name in names - {"template"}}, cache_dir=cache_dir()
        )
        if data.template is not None:
            return replace(settings, template=data.template)
        own = defaults_of(self.model.name).template
        return replace(settings, templates=tasks_with_template(own) | data.templates)


def _section(values: dict[str, Any], name: str) -> dict[str, Any]:
    """A section as it was given; empty where it is no section."""
    section = values.get(name, {})
    return section if isinstance(section, dict) else {}


def load_config(file: Path | None, assignments: Iterable[str] = ()) -> Config:
    """The config of the user's own file, a TOML file, and `key.path=value` assignments on top.

    Values are read as TOML, and as plain text when they are not: `train.steps=100`,
    `bank.sources=["sst2"]`, `model.name=spot-nano`. Raises SpotError for a file that is not TOML,
    an unknown key (with the nearest name), or a value of another type.
    """
    return config_of(layers(file, assignments))


@dataclass(frozen=True)
class Layer:
    """Settings from one place, which `origin` names: values by the parts of their keys."""

    origin: str
    values: dict[tuple[str, ...], Any]

    def sets(self, key: str) -> bool:
        """True if this place sets the key, or something below it."""
        parts = tuple(key.split("."))
        return any(path[: len(parts)] == parts for path in self.values)


def layers(file: Path | None, assignments: Iterable[str] = ()) -> list[Layer]:
    """The places of settings, from the weakest: the user's own file if it is there, a TOML file, and
    assignments. Raises SpotError for a file that is not TOML, and for an assignment without a value.
    """
    own = user_config()
    files = [path for path in (own if own.is_file() else None, file) if path is not None]
    places = [Layer(str(path), _leaves(_toml(path))) for path in files]
    return [*places, Layer("--set", dict(map(_assignment, assignments)))]


def config_of(places: Sequence[Layer]) -> Config:
    """The config of these places, of which later ones win. Raises SpotError for an unknown key (with
    the nearest name), or a value of another type.
    """
    values: dict[str, Any] = {}
    for place in places:
        for path, value in place.values.items():
            _assign(values, path, value, place.origin)
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        key = ".".join(str(part) for part in error.errors()[0]["loc"] if isinstance(part, str))
        origins = [place.origin for place in places if place.sets(key)]
        raise _explained(error, origins[-1] if origins else places[-1].origin) from None
    _check(config)
    return config


def user_config() -> Path:
    """The file of the user's own defaults: config.toml in the user's folder of settings for spot."""
    return platformdirs.user_config_path("spot", appauthor=False) / "config.toml"


def _toml(file: Path) -> dict[str, Any]:
    try:
        return read_toml(file)
    except OSError as error:
        raise SpotError(
            f"config {file} cannot be read ({error.strerror})", "check the path"
        ) from error
    except ValueError as error:
        raise SpotError(f"config {file}: not valid TOML ({error})", "fix that line") from error


def _leaves(values: dict[str, Any]) -> dict[tuple[str, ...], Any]:
    """The values of a file by section and key; a text in the model's place is its name."""
    leaves: dict[tuple[str, ...], Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            leaves |= {(name, key): below for key, below in value.items()}
        else:
            leaves[_path(name)] = value
    return leaves


def _assignment(assignment: str) -> tuple[tuple[str, ...], Any]:
    """The parts of the key of `key=value`, and the value."""
    key, separator, text = assignment.partition("=")
    if not separator:
        raise SpotError(
            f'expected --set key=value, found "{assignment}"',
            "for example --set train.steps=100",
        )
    return _path(key.strip()), _value(text.strip())


def _path(key: str) -> tuple[str, ...]:
    return ("model", "name") if key == "model" else tuple(key.split("."))


def _value(text: str) -> Any:
    """The value of an assignment: as TOML, and as plain text where it is none."""
    try:
        return parse_toml(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    except ValueError as error:
        raise SpotError(
            f"--set: expected a value, found {shown(text)}: {error}", "shorten it"
        ) from error


def _assign(values: dict[str, Any], path: tuple[str, ...], value: Any, origin: str) -> None:
    for part in path[:-1]:
        values = values.setdefault(part, {})
        if not isinstance(values, dict):
            key = ".".join(path)
            raise SpotError(f'{origin}: {key}: "{part}" is a value, not a section', "see --help")
    values[path[-1]] = value


def _explained(error: ValidationError, where: str) -> SpotError:
    """The first mistake of a validation error, by key, with the nearest key when it is unknown."""
    problem = error.errors()[0]
    known = keys_of(Config)
    if problem["type"] == "extra_forbidden":
        path = [str(part) for part in problem["loc"]]
        key = ".".join(path)
        if key in RENAMED:
            return SpotError(
                f'{where}: unknown config key "{key}": it is "{RENAMED[key]}" now',
                f"for example --set {RENAMED[key]}={NEW_VALUES.get(key, shown(problem['input']))}",
            )
        siblings = [name for name in known if name.rpartition(".")[0] == key.rpartition(".")[0]]
        elsewhere = [name for name in known if name.endswith(f".{path[-1]}")]
        near = f' Did you mean "{elsewhere[0]}"?' if elsewhere else did_you_mean(key, known)
        near = near or did_you_mean(path[-1], [name.split(".")[-1] for name in known])
        return SpotError(
            f'{where}: unknown config key "{key}".{near}',
            f"keys there: {', '.join(siblings) or ', '.join(Config.model_fields)}",
        )
    place, sentence = mistake(problem)
    path = [str(part) for part in place]
    while len(path) > 1 and ".".join(path) not in known:  # places in a list, members of a union
        path.pop()
    inside = [str(part) for part in place[len(path) :] if isinstance(part, int)]
    return SpotError(
        f"{where}: {'.'.join([*path, *inside])}: {sentence}",
        f"the default is {_default(path)}",
    )


def _default(path: list[str]) -> str:
    """The default of a key as TOML and JSON write it."""
    value: Any = Config().model_dump(mode="json")
    for part in path:
        value = value.get(part) if isinstance(value, dict) else value
    return "none" if value is None else json.dumps(value, ensure_ascii=False)


def keys_of(model: type[BaseModel], prefix: str = "") -> list[str]:
    """The keys of all settings and sections below a model."""
    names: list[str] = []
    for name, field in model.model_fields.items():
        kind = field.annotation
        names.append(prefix + name)
        if (
            isinstance(kind, type)
            and typing.get_origin(kind) is None
            and issubclass(kind, BaseModel)
        ):
            names += keys_of(kind, f"{prefix}{name}.")
    return names


def _strategies() -> Iterable[str]:
    from spot.strategies.table import STRATEGIES

    return STRATEGIES


def _kinds() -> Iterable[str]:
    from spot.prompts.kinds import KINDS

    return KINDS


def _trackers() -> Iterable[str]:
    from spot.training.trackers.table import TRACKERS

    return TRACKERS


def _similarities() -> Iterable[str]:
    from bank.similarities import SIMILARITIES

    return SIMILARITIES


def _sources() -> Iterable[str]:
    from spot.tasks.published.sources import SOURCES

    return SOURCES


RENAMED = {"model.devices": "devices.model", "train.tensorboard": "train.trackers"}
"""Keys of earlier releases, and what they are now."""
NEW_VALUES = {"train.tensorboard": "tensorboard"}
"""The values that an example of a renamed key shows, where it is not the one that was set."""
TABLES = {
    "transfer.strategy": _strategies,
    "prompt.kind": _kinds,
    "search.similarity": _similarities,
    "data.source": _sources,
    "train.trackers": _trackers,
}
"""The keys whose values are names of a table, or several, which is imported only for a value that was set."""
WITH_OPTIONS = {"prompt.kind"}
"""Those whose names may have options behind them, which the field itself checks."""


def _check_names(config: Config) -> None:
    defaults = Config()
    for key, table in TABLES.items():
        if key in WITH_OPTIONS:
            continue
        section, field = key.split(".")
        value, default = (getattr(getattr(c, section), field) for c in (config, defaults))
        if value == default:
            continue
        names = list(table())
        for each in value if isinstance(value, tuple) else (value,):
            if each not in names:
                raise SpotError(
                    f"{key}: expected {', '.join(names[:-1])} or {names[-1]}, found {shown(each)}."
                    f"{did_you_mean(each, names)}",
                    f"the default is {_default([section, field])}",
                )


def _check(config: Config) -> None:
    """Check fields against each other, and names against their tables."""
    _check_names(config)
    for name, steps in {"train": config.train.steps, "bank": config.bank.steps}.items():
        if config.train.key_step > steps:
            raise SpotError(
                f"train.key_step ({config.train.key_step}) must not be after {name}.steps ({steps})",
                "the key is a checkpoint on the way to the value (SPoT, section 3.2)",
            )
    for axis, name, value in (
        ("slot", "train.slots", config.train.slots),
        ("data", "train.batch_size", config.train.batch_size),
    ):
        size = getattr(config.devices, axis)
        if value is not None and value % size:
            raise SpotError(
                f"{name} ({value}) must be a multiple of devices.{axis} ({size})",
                f"set {name}={-(-value // size) * size}, or another devices.{axis}",
            )
    for name, path in {"runs": config.runs, "bank.path": config.bank.path}.items():
        if not is_writable(str(path)):
            raise SpotError(
                f"{name}: expected a path in UTF-8, as checkpoints need, found {path}",
                "name another folder",
            )
    every = {
        "bank.seeds": config.bank.seeds,
        "search.seeds": config.search.seeds,
        "transfer.seeds": config.transfer.seeds,
        "compare.seeds": config.compare.seeds,
    }
    for name, seeds in every.items():
        if not seeds or len(set(seeds)) != len(seeds) or min(seeds) < 0 or max(seeds) > LAST_SEED:
            raise SpotError(
                f"{name}: expected distinct seeds ≥ 0, found {shown(seeds)}",
                f"e.g. [0, 1, 2]; at most {LAST_SEED}",
            )


def dump(config: Config) -> str:
    """The resolved config as JSON text, for the run's folder."""
    return json.dumps(config.model_dump(mode="json"), indent=1) + "\n"

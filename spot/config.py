"""The settings of every stage, validated: TOML, then `--set key=value`, then nothing hidden.

Reads no data and imports no JAX, so that commands which only look at files stay quick.
"""

from __future__ import annotations

import json
import os
import tomllib
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from spot.errors import SpotError, did_you_mean
from spot.models.defaults import EMBEDDED, ModelDefaults, defaults_of


class Stage(BaseModel):
    """A frozen part of the configuration that knows only its own keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _no_flag_for_a_number(cls, values: Any) -> Any:
        """Python counts true as 1; in a config it is a mistake."""
        for name, value in values.items() if isinstance(values, dict) else ():
            field = cls.model_fields.get(name)
            if isinstance(value, bool) and field is not None and field.annotation is not bool:
                raise ValueError(f"{name}: expected {field.annotation}, found {str(value).lower()}")
        return values


class ModelSettings(Stage):
    """Which frozen backbone: "spot-nano", "smollm2-135m", the folder of a T5X checkpoint, of
    `weights.safetensors` or from Hugging Face, a GGUF file, `owner/name` on the Hugging Face hub, or
    the gs:// address of a T5X checkpoint. A text in its place is its name.
    """

    name: str = EMBEDDED
    # SentencePiece file, its gs:// address, or tokenizer.json; else the model's own
    vocabulary: str | Path | None = None
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    devices: int = Field(1, ge=1)  # over which the weights are split
    relative_max_distance: int = Field(128, ge=1)  # not stored in T5X checkpoints; T5 uses 128
    dropout: float = Field(0.1, ge=0, lt=1)  # of a T5X checkpoint; likewise not stored there

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, values: Any) -> Any:
        return {"name": values} if isinstance(values, str) else values


class DataConfig(Stage):
    """Where task text comes from and how long it may be, in tokens with EOS."""

    source: Literal["local", "tfds", "hf"] = "local"  # of the published tasks
    dir: Path | None = None  # local: folder with one folder a task; SPOT_DATA_DIR when not set
    tfds_dir: Path | None = None  # prepared data sets; TFDS_DATA_DIR, or TFDS's own folder
    hf_dir: Path | None = None  # <repository>/<path> as on the hub; a folder of the cache
    tasks: tuple[Path, ...] = ()  # your own tasks as TOML files, or folders of them
    modules: tuple[str, ...] = ()  # Python modules that register seqio Tasks
    template: str = "t5"  # of published tasks: t5, flan, gpt3, or your own TOML file
    templates: dict[str, str] = {}  # the template of single tasks, {sst2 = "gpt3"}
    list_labels: bool = False  # put a task's label words in front of its texts
    text: str = ""  # a text prompt, in front of every text
    shots: int = Field(0, ge=0)  # training examples in front of every text, as many as fit
    shot_seed: int = Field(0, ge=0)  # which ones
    input_length: int = Field(128, ge=2)
    target_length: int = Field(16, ge=2)
    train_examples: int | None = Field(None, ge=1)  # a seeded sample of the training split
    validation_examples: int | None = Field(128, ge=1)  # a seeded sample, so checks stay short


class PromptSettings(Stage):
    """The soft prompt: P tokens and where they start from.

    Without `init` and `text` a known model may have its own (`spot.models.defaults`).
    """

    kind: str = "prefix"  # one of spot.prompts.kinds.KINDS

    length: int = Field(20, ge=1)
    init: str = "vocab"  # vocab, labels, random, text, words, entry:<id> or file:<path>
    text: str = ""  # for init = "text" and "words"
    filler: Literal["vocab", "random"] = "vocab"  # of the tokens behind those of labels or text


class TrainSettings(Stage):
    """Prompt training. What makes a key is everything here but the budget and the checks.

    The steps are a quick budget for the embedded model, T5 1.1 wants thousands (see
    configs/paper-base.toml).
    """

    optimizer: Literal["adafactor", "adamw"] = "adafactor"
    loss: str = "cross-entropy"  # one of spot.training.losses.LOSSES
    # None: the paper's 0.3, or less where a model's embeddings are small (see default_rate).
    learning_rate: float | None = Field(None, gt=0)
    weight_decay: float = Field(1e-5, ge=0)
    warmup_steps: int = Field(10, ge=0)
    batch_size: int = Field(16, ge=1)
    dropout: float | None = Field(None, ge=0, lt=1)  # none: the model's own rate
    steps: int = Field(80, ge=1)
    key_step: int = Field(60, ge=1)
    check_every: int = Field(40, ge=1)
    patience: int | None = Field(None, ge=1)  # checks without a better score before a slot stops
    slots: int = Field(4, ge=1)  # prompts trained at once in one compiled step
    tensorboard: bool = False  # event files beside metrics.jsonl; needs the extra "tensorboard"


class TuningSettings(Stage):
    """Model tuning, the yardstick: all weights, with the steps, batches and checks of `train`."""

    # Of the array's size; validation chooses.
    learning_rates: tuple[float, ...] = (1e-3, 3e-3, 1e-2)


class BankSettings(Stage):
    """What `spot build-bank` builds, and where the bank is."""

    path: Path = Path("spot-bank")
    sources: tuple[str, ...] = ("mini",)  # task names; "mini" stands for the suite's sources
    mixtures: tuple[str, ...] = ()  # names, or tasks joined by "+"
    seeds: tuple[int, ...] = (0,)


class SearchSettings(Stage):
    """How keys are compared with the query.

    Without `similarity` a known model may have its own (`spot.models.defaults`).
    """

    similarity: str = "average"
    k: int = 3
    seeds: tuple[int, ...] = (0,)  # of the query prompts, whose similarities are averaged
    rerank_examples: int = Field(0, ge=0)  # > 0: order the top k by zero-shot loss on so many rows
    unlearned: bool = False  # also search entries that are no better than one answer for every row


class TransferSettings(Stage):
    """How a target's prompt starts, and with which budget both arms are trained."""

    strategy: Literal["best", "average", "mixture", "oracle"] = "best"
    k: int = Field(1, ge=1)
    seeds: tuple[int, ...] = (0, 1, 2)
    steps: int = Field(60, ge=1)
    # Tried by both arms, chosen on validation; none: train's.
    learning_rates: tuple[float, ...] = ()
    scratch_learning_rates: tuple[float, ...] = ()  # of the arm from scratch, where it has others
    labels: Literal["keep", "swap"] = "keep"  # swap: the target's label words for the source's


class Config(Stage):
    """Everything a command may need; a run writes the whole of it beside its results."""

    model: ModelSettings = ModelSettings()
    data: DataConfig = DataConfig()
    prompt: PromptSettings = PromptSettings()
    train: TrainSettings = TrainSettings()
    tuning: TuningSettings = TuningSettings()
    bank: BankSettings = BankSettings()
    search: SearchSettings = SearchSettings()
    transfer: TransferSettings = TransferSettings()
    runs: Path = Path("spot-runs")

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_model(cls, values: Any) -> Any:
        """Without a start for the prompt, a known model gets its own; and, if none is named, the
        similarity that suits prompts with that start.
        """
        values = dict(values)
        model, prompt = values.get("model", EMBEDDED), values.get("prompt", {})
        name = model.get("name", EMBEDDED) if isinstance(model, dict) else model
        own = defaults_of(name) if isinstance(name, str) else ModelDefaults()
        if own == ModelDefaults() or not isinstance(prompt, dict) or {"init", "text"} & set(prompt):
            return values
        values["prompt"] = {**prompt, "init": own.init, "text": own.text}
        search = values.get("search", {})
        if isinstance(search, dict):
            values["search"] = {"similarity": own.similarity, **search}
        return values


def cache_dir() -> Path:
    """SPOT_CACHE_DIR, else the user's cache folder for spot; compiled programs and token arrays
    live there.
    """
    named = os.environ.get("SPOT_CACHE_DIR")
    return Path(named) if named else Path.home() / ".cache" / "spot"


def load_config(file: Path | None, assignments: Iterable[str] = ()) -> Config:
    """The config of a TOML file (or the defaults) with `key.path=value` assignments on top.

    Values are read as TOML, and as plain text when they are not: `train.steps=100`,
    `bank.sources=["sst2"]`, `model.name=spot-nano`. Raises SpotError for a file that is not TOML,
    an unknown key (with the nearest name), or a value of another type.
    """
    values: dict[str, Any] = {}
    if file is not None:
        try:
            values = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise SpotError(
                f"config {file} cannot be read ({error.strerror})", "check the path"
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SpotError(f"config {file}: not valid TOML ({error})", "fix that line") from error
    where = str(file) if file else "--set"
    for assignment in assignments:
        key, separator, text = assignment.partition("=")
        if not separator:
            raise SpotError(
                f'expected --set key=value, found "{assignment}"',
                "for example --set train.steps=100",
            )
        name = key.strip()
        path = ["model", "name"] if name == "model" else name.split(".")
        _assign(values, path, _value(text.strip()), assignment)
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise _explained(error, where) from None
    _check(config)
    return config


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _assign(values: dict[str, Any], path: list[str], value: Any, assignment: str) -> None:
    for part in path[:-1]:
        values = values.setdefault(part, {})
        if not isinstance(values, dict):
            raise SpotError(f'--set {assignment}: "{part}" is a value, not a section', "see --help")
    values[path[-1]] = value


def _explained(error: ValidationError, where: str) -> SpotError:
    """The first problem of a validation error, by key, with the nearest key when it is unknown."""
    problem = error.errors()[0]
    path = [str(part) for part in problem["loc"]]
    key = ".".join(path)
    if problem["type"] == "extra_forbidden":
        known = _keys(Config)
        siblings = [name for name in known if name.rpartition(".")[0] == key.rpartition(".")[0]]
        elsewhere = [name for name in known if name.endswith(f".{path[-1]}")]
        near = f' Did you mean "{elsewhere[0]}"?' if elsewhere else did_you_mean(key, known)
        near = near or did_you_mean(path[-1], [name.split(".")[-1] for name in known])
        return SpotError(
            f'{where}: unknown config key "{key}".{near}',
            f"keys there: {', '.join(siblings) or ', '.join(Config.model_fields)}",
        )
    return SpotError(
        f"{where}: {key}: {problem['msg']}, found {problem['input']!r}",
        f"the default is {_default(path)}",
    )


def _default(path: list[str]) -> str:
    """The default of a key as TOML and JSON write it; of a list for a place in it."""
    value: Any = Config().model_dump(mode="json")
    for part in path:
        value = value.get(part) if isinstance(value, dict) else value
    return json.dumps(value, ensure_ascii=False)


def _keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    names: list[str] = []
    for name, field in model.model_fields.items():
        kind = field.annotation
        names.append(prefix + name)
        if (
            isinstance(kind, type)
            and typing.get_origin(kind) is None
            and issubclass(kind, BaseModel)
        ):
            names += _keys(kind, f"{prefix}{name}.")
    return names


def _check(config: Config) -> None:
    """What one field cannot know of another."""
    if config.train.key_step > config.train.steps:
        raise SpotError(
            f"train.key_step ({config.train.key_step}) must not be after train.steps ({config.train.steps})",
            "the key is a checkpoint on the way to the value (SPoT, section 3.2)",
        )
    every = {
        "bank.seeds": config.bank.seeds,
        "search.seeds": config.search.seeds,
        "transfer.seeds": config.transfer.seeds,
    }
    for name, seeds in every.items():
        if not seeds or len(set(seeds)) != len(seeds) or min(seeds) < 0:
            raise SpotError(
                f"{name}: expected distinct seeds ≥ 0, found {list(seeds)}", "e.g. [0, 1, 2]"
            )


def dump(config: Config) -> str:
    """The resolved config as JSON text, for the run's folder."""
    return json.dumps(config.model_dump(mode="json"), indent=1) + "\n"


WORDING = ("list_labels", "template", "templates", "text", "shots", "shot_seed")
"""Keys of `data` that change what stands in a text; in a recipe where they are set."""


def key_recipe(config: Config) -> dict[str, Any]:
    """What two prompts must share for their keys to be comparable; kept in every entry."""
    train, prompt = config.train, config.prompt
    init = f"{prompt.init}:{prompt.text}" if prompt.init in ("text", "words") else prompt.init
    if prompt.init in ("labels", "text", "words") and prompt.filler != "vocab":
        init += f", then {prompt.filler}"
    data = config.data.model_dump(exclude_defaults=True)
    wording = {name: data[name] for name in WORDING if name in data}
    return {
        "init": init,
        "prompt_length": config.prompt.length,
        "optimizer": train.optimizer,
        "learning_rate": train.learning_rate,
        "weight_decay": train.weight_decay,
        "warmup_steps": train.warmup_steps,
        "batch_size": train.batch_size,
        "dropout": train.dropout,
        "precision": config.model.precision,
        "input_length": config.data.input_length,
        "target_length": config.data.target_length,
        **({} if prompt.kind == "prefix" else {"prompt_kind": prompt.kind}),
        **wording,
    }

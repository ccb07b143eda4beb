"""The settings as a table: each one's value, default, origin and meaning; and as a TOML file."""

from __future__ import annotations

import json
import os
import textwrap
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from spot.config import TABLES, Config, Layer, config_of, keys_of
from spot.errors import SpotError, did_you_mean

ENVIRONMENT = {"data.dir": "SPOT_DATA_DIR", "data.tfds_dir": "TFDS_DATA_DIR"}
"""The keys that an environment variable stands in for where they are not set."""
WORDS: Mapping[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    Path: "a path",
}
EXAMPLES: Mapping[Any, Any] = {bool: True, int: 100, float: 0.1, str: "text", Path: "folder"}


@dataclass(frozen=True)
class Setting:
    """One key of the config with JSON values; `origin` says where the value comes from, `expected` which
    values there are, `choices` names them where they are names.
    """

    key: str
    value: Any
    default: Any
    origin: str
    expected: str
    choices: tuple[str, ...]
    description: str
    example: str

    def to_json(self) -> dict[str, Any]:
        """JSON-serialisable dict."""
        return asdict(self)


def settings(places: Sequence[Layer]) -> list[Setting]:
    """Every setting of the config of these places, in the order of the config.

    The default is that of the model which they name. Raises SpotError as `config_of` does.
    """
    config = config_of(places)
    named = Layer("model", {("model", "name"): config.model.name})
    values, defaults, plain = (
        leaves(config),
        leaves(config_of([named])),
        leaves(Config.model_construct()),
    )
    found = []
    for key, field in fields():
        value, origin = values[key], "default"
        places_of = [place.origin for place in places if place.sets(key)]
        variable = ENVIRONMENT.get(key, "")
        if places_of:
            origin = places_of[-1]
        elif value is None and os.environ.get(variable):
            value, origin = os.environ[variable], f"environment ({variable})"
        elif value != defaults[key]:
            origin = "other settings"
        elif value != plain[key]:
            origin = f"default of {config.model.name}"
        found.append(
            Setting(
                key,
                value,
                defaults[key],
                origin,
                expected(field),
                choices(key, field),
                " ".join((field.description or "").split()),
                example(key, field, value),
            )
        )
    return found


def explained(key: str, places: Sequence[Layer]) -> list[Setting]:
    """The setting of this key, or all below a section. Raises SpotError for an unknown key."""
    known = settings(places)
    found = [each for each in known if each.key == key or each.key.startswith(f"{key}.")]
    if not found:
        near = did_you_mean(key, keys_of(Config)) or did_you_mean(
            key, [each.key.rpartition(".")[2] for each in known]
        )
        raise SpotError(f'unknown config key "{key}".{near}', "spot config lists all keys")
    return found


def to_toml(found: Sequence[Setting]) -> str:
    """A TOML file that `--config` reads: every setting with its meaning; those without a value as
    comments.
    """
    lines = []
    section = None
    for each in sorted(
        found, key=lambda each: "." in each.key
    ):  # a key below a section belongs to it
        name, _, key = each.key.rpartition(".")
        if name != section and name:
            lines += ["", f"[{name}]"]
        section = name
        lines += textwrap.wrap(each.description, 98, initial_indent="# ", subsequent_indent="# ")
        lines.append(f"# {key} =" if each.value is None else f"{key} = {toml(each.value)}")
    return "\n".join(lines) + "\n"


def toml(value: Any) -> str:
    """A JSON value, not null, as TOML writes it.

    >>> toml({"a b": ["x", 1e-05, True]})
    '{"a b" = ["x", 1e-05, true]}'
    """
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def fields(model: type[BaseModel] = Config, prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every setting's key and field."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from fields(kind, f"{prefix}{name}.")
        else:
            yield prefix + name, field


def leaves(config: Config) -> dict[str, Any]:
    """The settings' values by key, as JSON has them."""
    content = config.model_dump(mode="json")
    values = {}
    for key, _ in fields():
        value: Any = content
        for part in key.split("."):
            value = value[part]
        values[key] = value
    return values


def kinds(annotation: Any) -> list[Any]:
    """The types that an annotation allows, None left out: of a list its items' type."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [kind for kind in typing.get_args(annotation) if kind is not types.NoneType]
    return [annotation]


def item(annotation: Any) -> Any:
    """The type of a list's items."""
    kind = typing.get_args(annotation)[0]
    return typing.get_args(kind)[0] if typing.get_origin(kind) is typing.Annotated else kind


def expected(field: FieldInfo) -> str:
    """The values of a field, in words."""
    words = []
    for kind in kinds(field.annotation):
        if kind in WORDS:
            words.append(WORDS[kind])
        elif typing.get_origin(kind) is tuple:
            words.append(f"a list of {WORDS[item(kind)].partition(' ')[2]}s")
        elif typing.get_origin(kind) is dict:
            words.append("a table of texts")
        else:
            words.append(", ".join(typing.get_args(kind)))
    names = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    limits = [
        f"{word} {getattr(bound, name):g}"
        for bound in field.metadata
        for name, word in names.items()
        if getattr(bound, name, None) is not None
    ]
    text = " or ".join(words) + (f", {' and '.join(limits)}" if limits else "")
    return f"{text}; or not set" if type(None) in typing.get_args(field.annotation) else text


def choices(key: str, field: FieldInfo) -> tuple[str, ...]:
    """The names that a field takes; () where it takes other values."""
    if key in TABLES:
        return tuple(TABLES[key]())
    literal = [
        kind for kind in kinds(field.annotation) if typing.get_origin(kind) is typing.Literal
    ]
    return tuple(typing.get_args(literal[0])) if literal else ()


def example(key: str, field: FieldInfo, value: Any) -> str:
    """The words that set a key on a command line, in quotes where a shell needs them."""
    import shlex

    others = [name for name in choices(key, field) if name != value]
    kind = kinds(field.annotation)[0]
    if others:
        shown: Any = others[0]
    elif value not in (None, "", [], {}, False):
        shown = value
    elif typing.get_origin(kind) is tuple:
        shown = [EXAMPLES[item(kind)]]
    else:
        shown = EXAMPLES.get(kind, {"name": "value"})
    text = shown if isinstance(shown, str) and shown.isidentifier() else toml(shown)
    return f"--set {shlex.quote(f'{key}={text}')}"

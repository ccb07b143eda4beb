"""A record of a table with options of its own, as a setting names it: `pool` or `pool:size=10,top=4`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from spot.errors import SpotError, did_you_mean

Value = int | float | str


@dataclass(frozen=True)
class Option:
    """What a variant may be told: a default, whose type every value has, its bounds, and what it means.

    `choices`: the only values that a text may have, if any.
    """

    default: Value
    description: str
    least: float = -math.inf
    most: float = math.inf
    choices: tuple[str, ...] = ()


Options = Mapping[str, Option]


def parse(
    text: str, table: Mapping[str, Options], what: str, key: str
) -> tuple[str, dict[str, Value]]:
    """(name, value of every option) of a variant of a table from names to their options.

    what: the table's subject in messages; key: the setting. Raises SpotError for an unknown name or
    option, and for a value of another type or out of bounds.

    >>> parse("pool:top=2", {"pool": {"top": Option(4, "prompts a text", least=1)}}, "kind", "prompt.kind")
    ('pool', {'top': 2})
    """
    name, colon, rest = text.partition(":")
    if name not in table:
        raise SpotError(
            f'unknown {what} "{name}".{did_you_mean(name, table)}',
            f"{key} is one of {', '.join(table)}",
        )
    options = table[name]
    values = {each: option.default for each, option in options.items()}
    given: set[str] = set()
    for part in rest.split(",") if colon else ():
        option, equals, value = part.partition("=")
        option = option.strip()
        if not equals or option not in options or option in given:
            raise SpotError(
                f'{what} "{name}": expected options as {usage(name, options)}, found "{part}".'
                f"{did_you_mean(option, options)}",
                f"write {key}={usage(name, options)}",
            )
        given.add(option)
        values[option] = _value(f"{key}={name}", option, options[option], value.strip())
    return name, values


def split(text: str) -> tuple[str, ...]:
    """The variants of a list: commas part them, and the options of one.

    >>> split("prefix,pool:size=10,top=4, suffix")
    ('prefix', 'pool:size=10,top=4', 'suffix')
    """
    variants: list[str] = []
    for part in map(str.strip, text.split(",")):
        name, equals, _ = part.partition("=")
        if equals and ":" not in name and variants and ":" in variants[-1]:
            variants[-1] += f",{part}"
        else:
            variants.append(part)
    return tuple(variants)


def written(name: str, values: Mapping[str, Value], options: Options) -> str:
    """The shortest text that `parse` reads as this: options with their default are left out, the others
    sorted.

    >>> written("pool", {"top": 2, "size": 10}, {"top": Option(4, ""), "size": Option(10, "")})
    'pool:top=2'
    """
    changed = {
        each: values[each] for each in sorted(values) if values[each] != options[each].default
    }
    listed = ",".join(f"{each}={_text(value)}" for each, value in changed.items())
    return f"{name}:{listed}" if listed else name


def usage(name: str, options: Options) -> str:
    """A variant with all its options and their defaults.

    >>> usage("pool", {"top": Option(4, "")})
    'pool:top=4'
    """
    listed = ",".join(f"{each}={_text(option.default)}" for each, option in options.items())
    return f"{name}:{listed}" if listed else name


def _text(value: Value) -> str:
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def _value(where: str, name: str, option: Option, text: str) -> Value:
    """The text as a value of the option's type, within its bounds."""
    expected = type(option.default)
    if expected is str:
        if option.choices and text not in option.choices:
            raise SpotError(
                f'{where}: expected {name} as one of {", ".join(option.choices)}, found "{text}".'
                f"{did_you_mean(text, option.choices)}",
                option.description,
            )
        return text
    words = "a whole number" if expected is int else "a number"
    if option.least > -math.inf:
        words += f" from {option.least:g}"
    if option.most < math.inf:
        words += f" to {option.most:g}"
    try:
        value: Value = expected(text)
    except ValueError:
        value = math.nan
    if not (
        isinstance(value, int | float)
        and option.least <= value <= option.most
        and math.isfinite(value)
    ):
        raise SpotError(f'{where}: expected {words} as {name}, found "{text}"', option.description)
    return value

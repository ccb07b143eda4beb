"""The base of typed settings, what their mistakes say, and the folder of caches. Imports nothing heavy."""

from __future__ import annotations

import json
import os
import typing
from collections.abc import Mapping
from numbers import Integral
from pathlib import Path
from typing import Annotated, Any, Protocol

import platformdirs
from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from spot.errors import SpotError


def at_most(most: int) -> AfterValidator:
    """A bound that lies above all sensible values: what is larger is a slip, and would exhaust the memory
    before anything could be said of it.
    """

    def check(value: int) -> int:
        if value > most:
            text = "Input should be less than or equal to {le}"
            raise PydanticCustomError("less_than_equal", text, {"le": most})
        return value

    return AfterValidator(check)


MOST_INPUT = 1 << 17  # tokens of a text
MOST_TOKENS = 1 << 12  # tokens of a prompt, and of an answer
MOST_ROWS = 1 << 26  # of a prompt's training, eight times those of the SPoT paper

Steps = Annotated[int, at_most(10_000_000)]
BatchSize = Annotated[int, at_most(1 << 16)]
InputLength = Annotated[int, at_most(MOST_INPUT)]
Length = Annotated[int, at_most(MOST_TOKENS)]


class Stage(BaseModel):
    """A frozen part of the configuration that knows only its own keys.

    The text below a field is its description, which `spot config --explain` and the documentation show.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        protected_namespaces=(),
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _no_flag_for_a_number(cls, values: Any) -> Any:
        """Python counts true as 1; in a config it is a mistake."""
        for name, value in values.items() if isinstance(values, dict) else ():
            field = cls.model_fields.get(name)
            kinds = () if field is None else (field.annotation, *typing.get_args(field.annotation))
            if isinstance(value, bool) and field is not None and bool not in kinds:
                raise PydanticCustomError(
                    "flag", "{field}", {"field": name, "expected": _kind(field.annotation)}
                )
        return values


def _kind(annotation: Any) -> str:
    """The values of an annotation in words."""
    kinds = [
        typing.get_origin(kind) or kind for kind in typing.get_args(annotation) or (annotation,)
    ]
    words = {int: "a whole number", float: "a number", str: "a text", Path: "a path"}
    if typing.get_origin(annotation) is tuple:
        return "a list"
    return next((words[kind] for kind in kinds if kind in words), "another value")


EXPECTED: Mapping[str, str] = {
    "missing": "a value",
    "string_type": "a text",
    "string_pattern_mismatch": "a text that fits the pattern {pattern}",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "path_type": "a path",
    "greater_than": "a number greater than {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "less_than": "a number less than {lt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "literal_error": "{expected}",
    "flag": "{expected}",
}
"""What was expected, for each type of mistake that pydantic tells apart."""


def mistake(problem: Mapping[str, Any]) -> tuple[tuple[str | int, ...], str]:
    """The place of a mistake and a sentence about it, from one of a ValidationError's `errors()`.

    >>> mistake({"type": "int_type", "loc": ("steps",), "input": "many"})
    (('steps',), 'expected a whole number, found "many"')
    """
    kind, place, context = problem["type"], tuple(problem["loc"]), problem.get("ctx", {})
    if kind == "value_error":
        return place, str(context["error"])
    found = problem["input"]
    if kind == "flag":
        place, found = (*place, context["field"]), found[context["field"]]
    expected = EXPECTED.get(kind, "another value").format_map(context)
    if kind == "literal_error":
        expected = expected.replace("'", '"')
    return place, f"expected {expected}, found {'none' if kind == 'missing' else shown(found)}"


def shown(value: object) -> str:
    """A value as JSON for an error message, cut to 60 characters."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:59] + "…"


LAST_SEED = 2**32 - 1
"""The largest seed: JAX's keys are made of 32 bits, and larger ones would be the same as smaller ones."""


def check_seed(seed: int) -> None:
    """Raise SpotError unless it is a whole number from 0 to LAST_SEED."""
    if not isinstance(seed, Integral) or not 0 <= seed <= LAST_SEED:
        raise SpotError(
            f"expected a seed from 0 to {LAST_SEED}, found {shown(seed)}", "for example 0, 1 or 2"
        )


class HasDefaults(Protocol):
    """A model, as far as recipes and tasks read it: `spot.models.defaults.ModelDefaults`."""

    @property
    def defaults(self) -> Any:
        """What suits the model where the user says nothing."""


def cache_dir() -> Path:
    """SPOT_CACHE_DIR, else the user's cache folder for spot; compiled programs and token arrays
    live there. A folder ~/.cache/spot of earlier versions stays in use. Raises SpotError where there is
    no home folder, as in some containers.
    """
    named = os.environ.get("SPOT_CACHE_DIR")
    if named:
        return Path(named)
    try:
        earlier = Path.home() / ".cache" / "spot"
        usual = platformdirs.user_cache_path("spot", appauthor=False)
    except RuntimeError as error:
        raise SpotError(
            "expected a home folder to keep a cache in, found none",
            "name a folder for the cache: SPOT_CACHE_DIR, or set HOME",
        ) from error
    return earlier if earlier.is_dir() else usual

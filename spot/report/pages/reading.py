"""Reading of results that an earlier run has written: JSON of a bounded size and of expected types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from bank.reading import read_json
from spot.errors import SpotError
from spot.training.results import LIMIT

T = TypeVar("T")


def read(path: Path, form: type[T], command: str) -> T:
    """The content of a file as a frozen value; members that the form does not name are ignored.

    command: that writes such a file, for the hint. Raises SpotError for a file that cannot be read, is no
    JSON, or holds something else.
    """
    try:
        text = json.dumps(read_json(path, LIMIT))
        return TypeAdapter(form).validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"]) or "content"
        found = f"{where}: {first['msg'].lower()}"
    except (OSError, ValueError) as error:
        found = str(error)
    raise SpotError(
        f"{path}: expected the results of {command}, found another content ({found})",
        f"write them again: {command} finds finished work",
    )

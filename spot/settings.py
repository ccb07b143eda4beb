"""The base of typed settings, and the folder of caches. Imports nothing heavy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Stage(BaseModel):
    """A frozen part of the configuration that knows only its own keys."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False
    )

    @model_validator(mode="before")
    @classmethod
    def _no_flag_for_a_number(cls, values: Any) -> Any:
        """Python counts true as 1; in a config it is a mistake."""
        for name, value in values.items() if isinstance(values, dict) else ():
            field = cls.model_fields.get(name)
            if isinstance(value, bool) and field is not None and field.annotation is not bool:
                raise ValueError(f"{name}: expected {field.annotation}, found {str(value).lower()}")
        return values


def cache_dir() -> Path:
    """SPOT_CACHE_DIR, else the user's cache folder for spot; compiled programs and token arrays
    live there.
    """
    named = os.environ.get("SPOT_CACHE_DIR")
    return Path(named) if named else Path.home() / ".cache" / "spot"

"""Arrays of safetensors files, read one by one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from spot.errors import SpotError
from spot.models.fingerprint import safetensors_header
from spot.models.weights.lazy import LazyArray

FLOATS = ("F32", "BF16", "F16", "F64")


def safetensors_arrays(file: Path) -> Iterator[tuple[str, LazyArray]]:
    """(name, array) of everything in a safetensors file.

    Raises SpotError for a damaged file, and for numbers that are not floats of 16 bits or more: those are
    codes of a quantisation, which mean nothing without its scales.
    """
    stored = safetensors_header(file)[1]
    for name, array in stored.items():
        if array.kind not in FLOATS:
            raise SpotError(
                f"{file}: expected the numbers {', '.join(FLOATS[:-1])} or {FLOATS[-1]}, found "
                f"{array.kind} in {name}",
                "quantised weights cannot be read here: choose the plain model",
            )
    from safetensors import SafetensorError, safe_open

    try:
        opened = safe_open(file, framework="flax")
    except (SafetensorError, OSError) as error:
        raise SpotError(
            f"{file}: expected a whole safetensors file ({error})", "copy or download it again"
        ) from error
    for name in sorted(stored):
        yield name, LazyArray(stored[name].shape, partial(opened.get_tensor, name))

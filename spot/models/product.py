"""Choose the faster form of the bfloat16 product: measured once for a processor and jaxlib, then
remembered.

Both forms round operands to bfloat16 and add in float32; only their speed differs, by a factor of
five either way between processors and jaxlib versions, so it is never assumed.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import platform
import time
from pathlib import Path
from typing import Any

from bank.errors import BankError
from bank.files import SEAL, replace_file, sealed, unsealed
from bank.reading import read_json
from spot.models.layers import ProductForm
from spot.settings import cache_dir

SHAPE = (1024, 256, 512)  # rows, width in, width out: one feed-forward product of a small model


def measure() -> dict[str, float]:
    """Seconds of one product, the best of 7, by form."""
    import jax
    import jax.numpy as jnp

    from spot.models.layers import product

    rows, inner, outer = SHAPE
    x, kernel = jnp.ones((rows, inner)), jnp.ones((inner, outer), jnp.bfloat16)
    times: dict[str, float] = {}
    forms: tuple[ProductForm, ...] = ("widen", "upcast", "float32")
    for form in forms:
        weights = kernel.astype(jnp.float32) if form == "float32" else kernel
        run = jax.jit(product, static_argnums=0)
        jax.block_until_ready(run(form, x, weights))
        best = float("inf")
        for _ in range(7):
            start = time.perf_counter()
            jax.block_until_ready(run(form, x, weights))
            best = min(best, time.perf_counter() - start)
        times[form] = best
    return times


def choose_form() -> ProductForm:
    """The faster of "widen" and "upcast", as first measured on this machine."""
    path = _remembered()
    try:
        times = _times(read_json(path, limit=1 << 16))
    except (OSError, ValueError):
        times = measure()
        with contextlib.suppress(BankError):  # measured again next time
            replace_file(path, json.dumps(sealed(times)).encode())
    return "widen" if times["widen"] <= times["upcast"] else "upcast"


def _times(content: Any) -> dict[str, float]:
    """The remembered seconds by form. Raises ValueError for a damaged memory; earlier releases wrote no
    checksum.
    """
    if not isinstance(content, dict):
        raise ValueError("expected a table of seconds by form")
    times: dict[str, float] = unsealed(content) if SEAL in content else content
    for form in ("widen", "upcast"):
        if not isinstance(times.get(form), float) or times[form] <= 0:
            raise ValueError(f"expected the seconds of {form}")
    return times


def _remembered() -> Path:
    import jax

    device = jax.devices()[0].device_kind
    name = f"{platform.machine()}-{_processor()}-{device}-{importlib.metadata.version('jaxlib')}"
    safe = "".join(char if char.isalnum() or char in ".-" else "_" for char in name)
    return cache_dir() / "products" / f"{safe}.json"


def _processor() -> str:
    """The processor's name and model number, where the system states them."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    wanted = ("model name", "model\t", "stepping")
    return " ".join(line.split(":")[1].strip() for line in lines[:12] if line.startswith(wanted))

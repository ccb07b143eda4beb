"""Place a model's arrays and its batches on one device, or over a grid of several (GSPMD,
arXiv 2105.04663).

The grid has three axes. Weights are split over `model`: the first product of a pair splits its outputs and
the second sums over them, so a layer communicates once after attention and once after feed-forward
(Megatron-LM, arXiv 1909.08053, section 3). Prompts are split over `slot`, and the rows of a batch, slot
after slot, over `slot` and `data`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from spot.errors import SpotError
from spot.models.settings import Devices

AXES = ("slot", "data", "model")
# The axis that is split, by the end of an array's name; other arrays are on every device.
SPLIT = {
    "query/kernel": 1,
    "key/kernel": 1,
    "value/kernel": 1,
    "out/kernel": 0,
    "wi/kernel": 1,
    "wi_0/kernel": 1,
    "wi_1/kernel": 1,
    "wo/kernel": 0,
    "gate/kernel": 1,
    "up/kernel": 1,
    "down/kernel": 0,
    "/embedding": 0,
    "logits_dense/kernel": 1,
    "lm_head/kernel": 1,
}

Place = Callable[[str, Any, Any], jax.Array]


def devices_present() -> list[jax.Device]:
    """The devices of this machine that JAX runs on. SpotError where it can start none."""
    try:
        return jax.devices()
    except (RuntimeError, AssertionError) as error:  # the second by its own check of JAX_PLATFORMS
        reason = str(error).partition("\n")[0] or "no backend was started"
        raise SpotError(
            f"expected a device that JAX runs on, found none ({reason})",
            f"JAX_PLATFORMS is {os.environ.get('JAX_PLATFORMS') or 'not set'}: name a platform of this "
            "machine, cpu for example",
        ) from error


def mesh_of(devices: Devices, present: Sequence[Any]) -> Mesh | None:
    """The grid of the first devices of those that are present; None for one device, which needs none.

    Raises SpotError if there are fewer.
    """
    if devices.count > len(present):
        sizes = {axis: getattr(devices, axis) for axis in AXES}
        asked = ", ".join(f"devices.{axis}={size}" for axis, size in sizes.items() if size > 1)
        raise SpotError(
            f"{asked}: expected {devices.count} devices, found {len(present)} "
            f"({present[0].device_kind})",
            f"lower them, so that their product is {len(present)} or less",
        )
    if devices.count == 1:
        return None
    shape = tuple(getattr(devices, axis) for axis in AXES)
    return Mesh(np.asarray(present[: devices.count]).reshape(shape), AXES)


def placing(mesh: Mesh | None) -> Place:
    """A function that puts an array (name, content, dtype) on one device, or splits it over a mesh.

    An array is narrowed on the host and sent part by part, so a device never holds more than its
    own share.
    """
    if mesh is None:
        return lambda _name, content, dtype: jax.numpy.asarray(content, dtype)

    def place(name: str, content: Any, dtype: Any) -> jax.Array:
        narrow = np.asarray(content).astype(dtype)
        spec = split(name, narrow.shape, mesh.shape["model"])
        placed: jax.Array = jax.device_put(narrow, NamedSharding(mesh, spec))
        return placed

    return place


def split(name: str, shape: tuple[int, ...], devices: int) -> PartitionSpec:
    """The partition of an array by its name; whole if its axis is no multiple of `devices`."""
    axis = next((axis for end, axis in SPLIT.items() if name.endswith(end)), None)
    if axis is None or shape[axis] % devices:
        return PartitionSpec()
    return PartitionSpec(*["model" if number == axis else None for number in range(len(shape))])

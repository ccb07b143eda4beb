"""Place a model's arrays and its batches on one device, or over a grid of several (GSPMD,
arXiv 2105.04663).

The grid has three axes. Weights are split over `model`: the first product of a pair splits its outputs and
the second sums over them, so a layer communicates once after attention and once after feed-forward
(Megatron-LM, arXiv 1909.08053, section 3). Prompts are split over `slot`, and the rows of a batch, slot
after slot, over `slot` and `data`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.experimental.mesh_utils import create_device_mesh
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from spot.errors import SpotError
from spot.models.config import DecoderConfig, ModelConfig
from spot.models.runtime import without_absent_tpu
from spot.models.settings import Devices

AXES = ("slot", "data", "model")
Whole = Literal["heads", "kv", "vocabulary", ""]
# The axis that is split, by the end of an array's name, and what it is made of: a device has all of a head,
# so that it attends alone, and a vocabulary is padded. Other arrays are on every device.
SPLIT: dict[str, tuple[int, Whole]] = {
    "query/kernel": (1, "heads"),
    "key/kernel": (1, "kv"),
    "value/kernel": (1, "kv"),
    "query_bias": (0, "heads"),
    "key_bias": (0, "kv"),
    "value_bias": (0, "kv"),
    "out/kernel": (0, "heads"),
    "rel_embedding": (0, "heads"),
    "wi/kernel": (1, ""),
    "wi_0/kernel": (1, ""),
    "wi_1/kernel": (1, ""),
    "wo/kernel": (0, ""),
    "gate/kernel": (1, ""),
    "up/kernel": (1, ""),
    "down/kernel": (0, ""),
    "/embedding": (0, "vocabulary"),
    "logits_dense/kernel": (1, "vocabulary"),
    "lm_head/kernel": (1, "vocabulary"),
}


Place = Callable[[str, Any, Any], jax.Array]
T = TypeVar("T")


def devices_present() -> list[jax.Device]:
    """The devices of this machine that JAX runs on. SpotError where it can start none."""
    without_absent_tpu()
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
    """As `grid_of`; None for one device, which needs no grid."""
    return None if devices.count == 1 else grid_of(devices, present)


def grid_of(devices: Devices, present: Sequence[Any]) -> Mesh:
    """The grid of the first devices of those that are present. Raises SpotError if there are fewer."""
    if devices.count > len(present):
        sizes = {axis: getattr(devices, axis) for axis in AXES}
        asked = ", ".join(f"devices.{axis}={size}" for axis, size in sizes.items() if size > 1)
        raise SpotError(
            f"{asked}: expected {devices.count} devices, found {len(present)} "
            f"({present[0].device_kind})",
            f"lower them, so that their product is {len(present)} or less",
        )
    shape = tuple(getattr(devices, axis) for axis in AXES)
    if devices.count < len(present):
        return Mesh(np.asarray(present[: devices.count]).reshape(shape), AXES)
    # Of all chips of a TPU, those that are linked become neighbours along the axes.
    return Mesh(create_device_mesh(shape, present, allow_split_physical_axes=True), AXES)


def placing(config: ModelConfig, mesh: Mesh | None) -> Place:
    """A function that puts a weight (name, content, dtype) on one device, or splits it over a mesh.

    An array is narrowed on the host and sent part by part, so a device never holds more than its
    own share.
    """
    if mesh is None:
        return lambda _name, content, dtype: jnp.asarray(content, dtype)

    def place(name: str, content: Any, dtype: Any) -> jax.Array:
        narrow, devices = np.asarray(content).astype(dtype), mesh.shape["model"]
        shape = stored_shape(name, narrow.shape, devices)
        if shape != narrow.shape:
            added = [(0, after - before) for before, after in zip(narrow.shape, shape, strict=True)]
            narrow = np.pad(narrow, added)
        spec = split(config, name, shape, devices)
        placed: jax.Array = jax.device_put(narrow, NamedSharding(mesh, spec))
        return placed

    return place


def split(config: ModelConfig, name: str, shape: Sequence[int], devices: int) -> PartitionSpec:
    """The partition of a weight over the axis `model`, of so many devices.

    It is whole if they cannot have equal shares of it, but for a vocabulary, see `stored_shape`. Keys that
    several heads share, fewer than there are devices, are whole too, see `key_heads`.
    """
    axis, whole = _rule(name)
    if axis < 0:
        return PartitionSpec()
    aligned = key_heads(config, devices) % devices == 0
    heads, shared = (config.num_heads, _key_heads(config)) if aligned else (1, 1)
    shares = {"heads": heads, "kv": shared, "vocabulary": devices, "": shape[axis]}
    if shares[whole] % devices:
        return PartitionSpec()
    return PartitionSpec(*["model" if number == axis else None for number in range(len(shape))])


def _rule(name: str) -> tuple[int, Whole]:
    """The rule of SPLIT for an array; its axis is -1 for one that is never split."""
    return next((rule for end, rule in SPLIT.items() if name.endswith(end)), (-1, ""))


def key_heads(config: ModelConfig, devices: int) -> int:
    """The heads of keys and values that a network computes with on so many devices: one a device where
    several devices share each of the model's own, so that every device has those of its queries.
    """
    heads, own = config.num_heads, _key_heads(config)
    return devices if heads % devices == 0 and devices % own == 0 else own


def _key_heads(config: ModelConfig) -> int:
    return config.num_kv_heads if isinstance(config, DecoderConfig) else config.num_heads


def stored_shape(name: str, shape: Sequence[int], devices: int) -> tuple[int, ...]:
    """The shape of a weight as it lies on so many devices: they have equal shares of a vocabulary, the last
    one with rows of zeros at the end.
    """
    axis, whole = _rule(name)
    padded = {axis} if whole == "vocabulary" else set()
    return tuple(
        -(-size // devices) * devices if number in padded else size
        for number, size in enumerate(shape)
    )


def computed_on(config: ModelConfig, parameters: Any, mesh: Mesh | None) -> tuple[ModelConfig, Any]:
    """(config, weights) that a network on a mesh computes with, within a compiled function.

    The rows that pad a vocabulary are cut off, and heads of keys and values are repeated for the devices
    that share one, see `key_heads`.
    """
    if mesh is None:
        return config, parameters
    devices, own = mesh.shape["model"], _key_heads(config)
    heads = key_heads(config, devices)
    wide = replace(config, num_kv_heads=heads) if isinstance(config, DecoderConfig) else config

    def changed(path: Any, leaf: Any) -> Any:
        name, array = "/".join(map(str, path)), leaf.get_value()
        if _rule(name)[1] == "kv" and heads != own:
            parted = array.reshape(*array.shape[:-1], own, -1)
            array = jnp.repeat(parted, heads // own, axis=-2).reshape(*array.shape[:-1], -1)
        else:
            cut = _cut(config, name, array)
            if cut is array:
                return leaf
            array = cut
        sharding = NamedSharding(mesh, split(wide, name, array.shape, devices))
        return leaf.replace(jax.lax.with_sharding_constraint(array, sharding))

    flat = nnx.to_flat_state(parameters)
    return wide, nnx.from_flat_state((path, changed(path, leaf)) for path, leaf in flat)


def unpadded(config: ModelConfig, parameters: Any) -> Any:
    """Weights whose vocabulary is not padded: such a table is whole on every device."""

    flat = nnx.to_flat_state(parameters)
    return nnx.from_flat_state(
        (path, leaf.replace(_cut(config, "/".join(map(str, path)), leaf.get_value())))
        for path, leaf in flat
    )


def _cut(config: ModelConfig, name: str, array: jax.Array) -> jax.Array:
    """A weight without the rows that pad a vocabulary; itself where there are none."""
    axis, whole = _rule(name)
    if whole != "vocabulary" or array.shape[axis] == config.vocab_size:
        return array
    return jax.lax.slice_in_dim(array, 0, config.vocab_size, axis=axis)


def check_rows(mesh: Mesh | None, batch_size: int) -> None:
    """Raise SpotError if the rows of a prompt's step cannot be divided over `data`."""
    if mesh is not None and batch_size % mesh.shape["data"]:
        raise SpotError(
            f"expected a multiple of {mesh.shape['data']}, the devices of devices.data, as "
            f"train.batch_size, found {batch_size}",
            "change one of them",
        )


def rows_of(mesh: Mesh, rows: int) -> PartitionSpec:
    """The partition of the rows of a batch: over `slot` and `data`, over `data` alone if there are fewer
    rows than that, or over none. Their number must be a multiple of the devices that share them.
    """
    choices: tuple[tuple[str, ...], ...] = (("slot", "data"), ("data",), ("slot",))
    for axes in choices:
        if rows % math.prod(mesh.shape[axis] for axis in axes) == 0:
            return PartitionSpec(axes)
    return PartitionSpec()


def slots_of(mesh: Mesh, slots: int) -> PartitionSpec:
    """The partition of arrays with the leading axis S: over `slot`, or over none if S is no multiple."""
    return PartitionSpec() if slots % mesh.shape["slot"] else PartitionSpec("slot")


def rows_shared(mesh: Mesh | None) -> int:
    """The devices that share the rows of a batch."""
    return 1 if mesh is None else mesh.shape["slot"] * mesh.shape["data"]


def place_rows(mesh: Mesh | None, batch: T) -> T:
    """A batch, a tree of arrays [R, ...], with its rows shared by the devices; as it is without a mesh."""
    return batch if mesh is None else jax.device_put(batch, _shardings(mesh, batch, rows_of))


def place_slots(mesh: Mesh | None, state: T) -> T:
    """A tree of arrays [S, ...] with its prompts shared by the devices; as it is without a mesh."""
    return state if mesh is None else jax.device_put(state, _shardings(mesh, state, slots_of))


def shared_by_slots(mesh: Mesh | None, state: T) -> T:
    """As `place_slots`, within a compiled function."""
    if mesh is None:
        return state
    placed: T = jax.lax.with_sharding_constraint(state, _shardings(mesh, state, slots_of))
    return placed


def _shardings(mesh: Mesh, tree: Any, spec: Callable[[Mesh, int], PartitionSpec]) -> Any:
    """Of every array of a tree, by the length of its leading axis."""
    return jax.tree.map(lambda leaf: NamedSharding(mesh, spec(mesh, leaf.shape[0])), tree)

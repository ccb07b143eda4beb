"""Accelerators by name, and their devices without the accelerator, for which programs can be compiled.

`v5e-8` is a slice of eight chips, as the cloud names it; `v5e:2x4` the same chips as a grid, as JAX names
it. Imports JAX only when devices are asked for.
"""

from __future__ import annotations

import contextlib
import importlib.util
import math
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from spot.errors import SpotError, did_you_mean

GIB = 1 << 30


@dataclass(frozen=True)
class Accelerator:
    """A generation of TPUs, by the sizes of one of its JAX devices.

    `memory` is in bytes, `flops` the documented peak of bfloat16 products a second. `cores` are those that
    the number in a slice's name counts for each chip, `devices` the JAX devices of a chip, `axes` those of
    a grid of chips. `fused`: the two cores of a chip are one device.
    """

    name: str
    memory: int
    flops: float
    axes: int
    cores: int = 1
    devices: int = 1
    fused: bool = False

    @property
    def example(self) -> str:
        """A slice as a grid of chips."""
        return f"{self.name}:{'2x4' if self.axes == 2 else '2x2x1'}"


# https://cloud.google.com/tpu/docs/system-architecture-tpu-vm: memory and peak of a chip.
ACCELERATORS: dict[str, Accelerator] = {
    accelerator.name: accelerator
    for accelerator in (
        Accelerator("v2", 8 * GIB, 22.5e12, 2, cores=2, devices=2),
        Accelerator("v3", 16 * GIB, 61.5e12, 2, cores=2, devices=2),
        Accelerator("v4", 32 * GIB, 275e12, 3, cores=2, fused=True),
        Accelerator("v5e", 16 * GIB, 197e12, 2),
        Accelerator("v5p", 95 * GIB, 459e12, 3, cores=2, fused=True),
        Accelerator("v6e", 32 * GIB, 918e12, 2),
    )
}
EXAMPLES = ("v5e-8", "v5e-16", "v4-8", "v5p-8", "v6e-8")
MOST_CHIPS = 1 << 13


@dataclass(frozen=True)
class Topology:
    """A slice of an accelerator: the chips along each axis of its grid."""

    accelerator: Accelerator
    grid: tuple[int, ...]

    @property
    def name(self) -> str:
        """Its name as JAX has it, "v5e:2x4"."""
        return f"{self.accelerator.name}:{'x'.join(map(str, self.grid))}"

    @property
    def count(self) -> int:
        """Its JAX devices."""
        return math.prod(self.grid) * self.accelerator.devices


def find_topology(name: str) -> Topology:
    """The slice of a name, "v5e-8" or "v5e:2x4". Raises SpotError for another name, with the nearest one.

    >>> find_topology("v5e-8").name, find_topology("v4-8").name, find_topology("v4-8").count
    ('v5e:2x4', 'v4:2x2x1', 4)
    """
    kind, separator, size = name.partition(":" if ":" in name else "-")
    if kind in ("gpu", "cuda", "rocm"):
        raise SpotError(
            f"{name}: programs can be compiled for a TPU that is not there, but for a GPU only where it is",
            f"name a TPU: {', '.join(EXAMPLES)}",
        )
    accelerator = ACCELERATORS.get(kind)
    sizes = [int(number) for number in re.findall(r"\d{1,6}", size)]
    written = "x".join(map(str, sizes)) if separator == ":" else "".join(map(str, sizes))
    if accelerator is None or not sizes or size != written:
        near = did_you_mean(name, EXAMPLES) or did_you_mean(kind, ACCELERATORS)
        raise SpotError(
            f'unknown accelerator "{name}".{near}',
            f"a slice of {', '.join(ACCELERATORS)}: {', '.join(EXAMPLES)}, or a grid of chips like v5e:4x4",
        )
    grid = tuple(sizes) if separator == ":" else _grid(name, accelerator, sizes[0])
    if len(grid) != accelerator.axes or not 1 <= math.prod(grid) <= MOST_CHIPS:
        raise SpotError(
            f"{name}: expected a grid of {accelerator.axes} axes and 1 to {MOST_CHIPS:,} chips",
            f"for example {accelerator.example}",
        )
    return Topology(accelerator, grid)


def _grid(name: str, accelerator: Accelerator, cores: int) -> tuple[int, ...]:
    """The grid of a slice by the number in its name, as square as powers of two are."""
    chips = cores // accelerator.cores
    power = max(chips, 1).bit_length() - 1
    if chips * accelerator.cores != cores or chips != 1 << power:
        counted = (
            "chips that is a power of two"
            if accelerator.cores == 1
            else f"cores, {accelerator.cores} a chip, of a number of chips that is a power of two"
        )
        raise SpotError(
            f"{name}: expected a number of {counted}, found {cores}",
            f"or the grid of its chips, for example {accelerator.example}",
        )
    exponents = [(power + axis) // accelerator.axes for axis in range(accelerator.axes)]
    if accelerator.axes == 3 and chips <= 4:  # a host has its four chips in a plane
        exponents = [power // 2, power - power // 2, 0]
    return tuple(1 << exponent for exponent in exponents)


def topology_devices(topology: Topology) -> list[Any]:
    """Its JAX devices, for which programs can be compiled but not run.

    Raises SpotError without libtpu, and for a grid that this accelerator is not made in.
    """
    if importlib.util.find_spec("libtpu") is None:
        raise SpotError(
            "expected libtpu, which holds the compiler for TPUs, found none",
            "install the extra: pip install 'spot-transfer[tpu]'",
        )
    from jax.experimental import topologies

    # There is no TPU to look for, and none to share with another process that compiles for one.
    os.environ["TPU_SKIP_MDS_QUERY"] = "1"
    os.environ["ALLOW_MULTIPLE_LIBTPU_LOAD"] = "1"
    options: dict[str, Any] = {}
    if topology.accelerator.fused:
        options["chip_config_name"] = "megacore"
    if math.prod(topology.grid) == 1:
        options["chips_per_host_bounds"] = [1, 1, 1]
    try:
        with silent_stderr():
            described = topologies.get_topology_desc(
                platform="tpu", topology_name=topology.name, **options
            )
    except RuntimeError as error:
        raise SpotError(
            f"{topology.name} is no slice that libtpu knows: {str(error).partition(chr(10))[0]}",
            f"for example {', '.join(EXAMPLES)}",
        ) from error
    devices: list[Any] = list(described.devices)
    return devices


@contextlib.contextmanager
def silent_stderr() -> Iterator[None]:
    """For the block, drop what libraries write on the process's stderr: libtpu says there, when it is
    loaded, that this machine is none of Google's.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)

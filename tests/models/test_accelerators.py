"""Names of slices, and devices of TPUs that are not there."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from spot.errors import SpotError
from spot.models import accelerators
from spot.models.accelerators import ACCELERATORS, find_topology, silent_stderr, topology_devices

needs_libtpu = pytest.mark.skipif(
    importlib.util.find_spec("libtpu") is None, reason="needs libtpu, of the extra tpu"
)

# Of the cloud's documentation: the name of a slice, the grid of its chips, and JAX's devices there.
SLICES = {
    "v5e-4": ("v5e:2x2", 4), "v5e-8": ("v5e:2x4", 8), "v5e-16": ("v5e:4x4", 16),
    "v5e-32": ("v5e:4x8", 32), "v5e-256": ("v5e:16x16", 256), "v6e-8": ("v6e:2x4", 8),
    "v4-8": ("v4:2x2x1", 4), "v4-16": ("v4:2x2x2", 8), "v4-32": ("v4:2x2x4", 16),
    "v4-64": ("v4:2x4x4", 32), "v4-128": ("v4:4x4x4", 64), "v5p-8": ("v5p:2x2x1", 4),
    "v3-8": ("v3:2x2", 8), "v2-8": ("v2:2x2", 8), "v3-32": ("v3:4x4", 32),
}  # fmt: skip


@pytest.mark.parametrize("name", SLICES)
def test_a_slice_has_the_grid_that_the_cloud_gives_it(name):
    topology = find_topology(name)
    assert (topology.name, topology.count) == SLICES[name]
    assert find_topology(topology.name) == topology


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("v5-8", 'unknown accelerator "v5-8". Did you mean "v5p-8"?'),
        ("v5e", 'unknown accelerator "v5e".'),
        ("v5e-", "unknown accelerator"),
        ("v5e-x8", "unknown accelerator"),
        ("v5e:2x4x", "unknown accelerator"),
        ("v5e:2-4", "unknown accelerator"),
        ("h100-8", "unknown accelerator"),
        ("v5e-9", "expected a number of chips that is a power of two, found 9"),
        (
            "v4-7",
            "expected a number of cores, 2 a chip, of a number of chips that is a power of two",
        ),
        (
            "v4-1",
            "expected a number of cores, 2 a chip, of a number of chips that is a power of two",
        ),
        ("v5e:2x2x2", "expected a grid of 2 axes"),
        ("v4:2x2", "expected a grid of 3 axes"),
        ("v5e:0x4", "expected a grid of 2 axes and 1 to"),
        ("v5e:9999x9999", "and 1 to 8,192 chips"),
        ("gpu", "for a GPU only where it is"),
        ("cuda-8", "for a GPU only where it is"),
    ],
)
def test_other_names_are_refused(name, text):
    with pytest.raises(SpotError) as refused:
        find_topology(name)
    assert text in refused.value.message and refused.value.hint


def test_without_libtpu_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(accelerators.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SpotError, match="expected libtpu") as refused:
        topology_devices(find_topology("v5e-8"))
    assert refused.value.hint == "install the extra: pip install 'spot-transfer[tpu]'"


def test_stderr_is_silent_for_a_block_only(capfd):
    code = "import os; os.write(2, b'%s')"
    with silent_stderr():
        subprocess.run([sys.executable, "-c", code % "within"], check=True)
    subprocess.run([sys.executable, "-c", code % "behind"], check=True)
    assert capfd.readouterr().err == "behind"


@needs_libtpu
@pytest.mark.parametrize("name", ["v5e-8", "v4-8", "v5p-8", "v6e-4", "v3-8", "v5e-1"])
def test_devices_of_absent_tpus(name, capfd):
    topology = find_topology(name)
    devices = topology_devices(topology)
    assert len(devices) == topology.count and {device.platform for device in devices} == {"tpu"}
    assert capfd.readouterr().err == ""


@needs_libtpu
def test_a_grid_that_is_not_made(capfd):
    with pytest.raises(SpotError, match="v5e:3x3 is no slice that libtpu knows"):
        topology_devices(find_topology("v5e:3x3"))
    assert capfd.readouterr().err == ""


def test_the_table_names_each_by_its_key():
    assert all(name == accelerator.name for name, accelerator in ACCELERATORS.items())

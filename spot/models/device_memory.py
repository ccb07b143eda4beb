"""Memory of the process and of its device: what is held, what is free, and the most that was held.

On a CPU the device's memory is the process's; on an accelerator JAX tells. None stands for what the system
does not tell.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import jax
import psutil

from spot.allocator import give_back

GROUPS = Path("/sys/fs/cgroup")
OWN_GROUP = Path("/proc/self/cgroup")
STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")


def held() -> int | None:
    """Bytes that the process holds in the device's memory."""
    stats = _device_stats()
    if stats is not None:
        in_use: int | None = stats.get("bytes_in_use")
        return in_use
    return int(psutil.Process().memory_info().rss)


def free() -> int | None:
    """Bytes that the process may still take: of a device what is not in use, of this machine what is
    available, and no more than the limits of its control groups leave.
    """
    stats = _device_stats()
    if stats is not None:
        limit = stats.get("bytes_limit")
        return None if limit is None else limit - stats.get("bytes_in_use", 0)
    return min([int(psutil.virtual_memory().available), *group_room(GROUPS, OWN_GROUP)])


def peak() -> int | None:
    """The most bytes held since `forget_peak`; where that could not be forgotten, or on an accelerator,
    since the process began.
    """
    stats = _device_stats()
    if stats is not None:
        return stats.get("peak_bytes_in_use")
    with contextlib.suppress(OSError):
        for line in STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return None


def forget_peak() -> None:
    """Give memory that was freed back to the system, and start `peak` anew, where Linux allows both."""
    give_back()
    with contextlib.suppress(OSError):
        CLEAR.write_text("5")


def group_room(groups: Path, own: Path) -> Iterator[int]:
    """The bytes that each control group of the process (cgroup v2, or the v1 controller of memory) leaves
    below its limit. Memory of files that can be dropped counts as free.
    """
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root, files = groups, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            root = groups / "memory"
            files = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        place = root / path.strip("/")
        for folder in (place, *place.parents):
            with contextlib.suppress(OSError, ValueError):  # no such limit: "max"
                limit, used = (int((folder / name).read_text()) for name in files[:2])
                yield max(0, limit - used + _dropped(folder / "memory.stat", files[2]))
            if folder == root:
                break


def _dropped(stat: Path, name: str) -> int:
    """The bytes of a line of memory.stat."""
    for line in stat.read_text().splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0


def _device_stats() -> dict[str, int] | None:
    """What JAX tells of an accelerator's memory; None on a CPU."""
    device = jax.devices()[0]
    if device.platform == "cpu":
        return None
    return device.memory_stats() or {}

"""What a measurement belongs to: processor, threads, releases, and the code that was measured."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "amx_tile")
PACKAGES = ("jax", "jaxlib", "flax", "numpy", "torch", "transformers", "peft")


def facts() -> dict[str, Any]:
    """The machine and the releases as JSON values; `code` is a digest of the sources of `spot`, `bank` and
    this package.
    """
    stated = _cpuinfo()
    flags = stated.get("flags", "").split()
    model = stated.get("model name", platform.processor() or "unknown")
    number = stated.get("model", "?")
    return {
        "processor": f"{model} (family {stated.get('cpu family', '?')}, model {number})",
        "flags": [flag for flag in FLAGS if flag in flags],
        "threads": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "python": platform.python_version(),
        "releases": {name: release for name in PACKAGES if (release := _release(name))},
        "code": _digest(),
    }


def sentence(facts: dict[str, Any]) -> str:
    """The facts for readers."""
    releases = ", ".join(f"{name} {release}" for name, release in facts["releases"].items())
    return (
        f"{facts['processor']}, {' '.join(facts['flags']) or 'no AVX2'}, {facts['threads']} threads, "
        f"{facts['memory_gb']} GB; Python {facts['python']}, {releases}; code {facts['code'][:8]}"
    )


def _cpuinfo() -> dict[str, str]:
    """The first processor's lines of /proc/cpuinfo, where there is one."""
    try:
        first = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _release(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _digest() -> str:
    digest = hashlib.sha256()
    for folder in ("spot", "bank", "benchmarks/bench"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()

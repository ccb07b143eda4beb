"""What is right and wrong with this machine: versions, device, speed of products, model, cache,
bank.
"""

from __future__ import annotations

import importlib.metadata
import platform
from dataclasses import dataclass

from bank.errors import UserError
from spot.config import Config
from spot.settings import cache_dir

PACKAGES = (
    "jax",
    "flax",
    "optax",
    "orbax-checkpoint",
    "seqio",
    "tensorflow",
    "faiss-cpu",
    "safetensors",
    "numpy",
)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `hint` says what to do when it is not fine."""

    name: str
    fine: bool
    text: str
    hint: str = ""


def examine(config: Config) -> list[Finding]:
    """Looks at everything a command may need; what fails becomes a finding, never an exception."""
    return [_versions(), _device(), _products(), _model(config), _cache(), _bank(config)]


def _versions() -> Finding:
    found, missing = [f"python {platform.python_version()}"], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return Finding(
            "packages", False, f"missing: {', '.join(missing)}", "pip install spot-transfer"
        )
    return Finding("packages", True, ", ".join(found))


def _device() -> Finding:
    import jax

    devices = jax.devices()
    return Finding(
        "device", True, f"{len(devices)} x {devices[0].device_kind} ({devices[0].platform})"
    )


def _products() -> Finding:
    from spot.models.product import SHAPE, choose_form, measure

    rows, inner, outer = SHAPE
    work = 2 * rows * inner * outer
    speeds = ", ".join(
        f"{form} {work / seconds / 1e12:.2f} TFLOP/s" for form, seconds in measure().items()
    )
    return Finding("products", True, f"{speeds}; bfloat16 uses {choose_form()}")


def _model(config: Config) -> Finding:
    from spot.models.counts import count, prompt_counts
    from spot.models.model import load

    try:
        backbone = load(config.model)
    except UserError as error:
        return Finding("model", False, error.message, error.hint)
    length, width = config.prompt.length, backbone.config.d_model
    counts = prompt_counts(length, width, count(backbone.network))
    name, known = backbone.identity.name, backbone.identity.fingerprint[:16]
    return Finding(
        "model", True, f"{name}, fingerprint {known}; a prompt of {length} x {width}: {counts}"
    )


def _cache() -> Finding:
    folder = cache_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".doctor"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        return Finding(
            "cache", False, f"{folder} cannot be written ({error.strerror})", "set SPOT_CACHE_DIR"
        )
    return Finding("cache", True, str(folder))


def _bank(config: Config) -> Finding:
    from bank.integrity import verify
    from bank.store import Bank

    if not config.bank.path.exists():
        return Finding("bank", True, f"none at {config.bank.path} yet; spot build-bank makes one")
    try:
        bank = Bank.open(config.bank.path)
        problems = verify(bank)
    except UserError as error:
        return Finding("bank", False, error.message, error.hint)
    if problems:
        return Finding(
            "bank", False, f"{len(problems)} problems in {bank.path}", "spot bank verify names them"
        )
    return Finding("bank", True, f"{bank.path}: {len(bank.entries())} entries, all whole")

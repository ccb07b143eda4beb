"""`spot doctor`: check this machine. Each check is a function in CHECKS."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from spot.commands.options import configured

if TYPE_CHECKING:
    from spot import Reporter
    from spot.config import Config
    from spot.report.output import Output

PACKAGES = (
    "jax",
    "flax",
    "optax",
    "orbax-checkpoint",
    "faiss-cpu",
    "safetensors",
    "numpy",
)
EXTRAS = {  # the package that tells whether an extra is installed, and what needs it
    "seqio": ("seqio", "Tasks that data.modules registers"),
    "tfds": ("tensorflow-datasets", "data.source=tfds"),
    "hub": ("huggingface-hub", "models and data sets of the Hugging Face hub"),
    "parquet": ("pyarrow", "tables in Parquet"),
    "decoders": ("tokenizers", "Llama, SmolLM2, Qwen2, and GGUF files"),
    "tensorboard": ("tensorboard", "train.trackers=tensorboard"),
    "wandb": ("wandb", "train.trackers=wandb"),
    "mlflow": ("mlflow", "train.trackers=mlflow"),
    "trackio": ("trackio", "train.trackers=trackio"),
}


@click.command("doctor")
@configured
def command(config: Config, out: Output) -> None:
    """Check this machine: versions, device, product forms with their speed, model, bank.

    \b
    Example: spot doctor
    """
    from spot.report.console import progress

    with progress(out) as reporter:
        findings = examine(config, reporter)
    show(findings, out)
    if any(not finding.fine for finding in findings):
        raise SystemExit(1)


@dataclass(frozen=True)
class Finding:
    """The result of one check; `hint` tells what to do when it is not fine."""

    name: str
    fine: bool
    text: str
    hint: str = ""


def show(findings: Sequence[Finding], out: Output) -> None:
    """A line a finding; what is wrong comes with what to do."""
    for finding in findings:
        out.record(asdict(finding))
        out.say(f"{'ok   ' if finding.fine else 'WRONG'} {finding.name}: {finding.text}")
        if finding.hint:
            out.say(f"      hint: {finding.hint}")


def examine(config: Config, reporter: Reporter) -> list[Finding]:
    """Run every check; a UserError of one becomes its finding."""
    from bank.errors import UserError

    findings = []
    for name, check in CHECKS.items():
        reporter.phase(f"checking: {name}")
        try:
            findings.append(Finding(name, True, check(config)))
        except UserError as error:
            findings.append(Finding(name, False, error.message, error.hint))
    return findings


def _packages(config: Config) -> str:
    from spot.errors import SpotError

    versions, missing = [f"python {platform.python_version()}"], []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        raise SpotError(f"missing: {', '.join(missing)}", "pip install spot-transfer")
    return ", ".join(versions)


def _extras(config: Config) -> str:
    """What is installed beside the base, and what is not with its purpose: no error either way."""
    installed, absent = [], []
    for extra, (package, purpose) in EXTRAS.items():
        try:
            installed.append(f"{extra} ({package} {importlib.metadata.version(package)})")
        except importlib.metadata.PackageNotFoundError:
            absent.append(f"{extra} ({purpose}): pip install 'spot-transfer[{extra}]'")
    return "\n      ".join(
        [", ".join(installed) or "none", *(f"without {line}" for line in absent)]
    )


def _device(config: Config) -> str:
    from spot.models.sharding import devices_present

    devices = devices_present()
    return f"{len(devices)} x {devices[0].device_kind} ({devices[0].platform})"


def _products(config: Config) -> str:
    """The speed of each form of the bfloat16 product, and the one in use."""
    from spot.models.product import SHAPE, choose_form, measure
    from spot.models.sharding import devices_present

    devices_present()
    rows, inner, outer = SHAPE
    work = 2 * rows * inner * outer
    speeds = ", ".join(
        f"{form} {work / seconds / 1e12:.2f} TFLOP/s" for form, seconds in measure().items()
    )
    return f"{speeds}; bfloat16 uses {choose_form()}"


def _model(config: Config) -> str:
    from spot.commands.objects import the_model
    from spot.models.counts import Counts, count
    from spot.prompts.kinds import find_kind

    model, length = the_model(config), config.prompt.length
    trained = find_kind(config.prompt.kind).count(length, model.config)
    counts = Counts(trained, count(model.network))
    shape = f"{length} x {model.width}"
    return f"{model.name}, fingerprint {model.fingerprint[:16]}; a prompt of {shape}: {counts}"


def _cache(config: Config) -> str:
    from spot.errors import SpotError
    from spot.settings import cache_dir

    folder = cache_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".doctor"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise SpotError(
            f"{folder} cannot be written ({error.strerror})", "set SPOT_CACHE_DIR"
        ) from error
    return str(folder)


def _bank(config: Config) -> str:
    from bank import Bank, verify
    from spot.errors import SpotError

    if not config.bank.path.exists():
        return f"none at {config.bank.path} yet; spot build-bank makes one"
    bank = Bank.open(config.bank.path)
    problems = verify(bank)
    if problems:
        raise SpotError(f"{len(problems)} problems in {bank.path}", "spot bank verify names them")
    return f"{bank.path}: {len(bank.entries())} entries, all whole"


CHECKS: dict[str, Callable[[Config], str]] = {
    "packages": _packages,
    "extras": _extras,
    "device": _device,
    "products": _products,
    "model": _model,
    "cache": _cache,
    "bank": _bank,
}

"""`spot bank import`: import prompts that other programs trained."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spot.commands.options import PATH, configured

if TYPE_CHECKING:
    from bank import Bank, ImportReport
    from spot.config import Config
    from spot.report.output import Output


@click.command("import")
@click.argument("folder", type=PATH)
@click.option("--backbone", help="The model's name, when no file tells it, or another.")
@configured
def command(config: Config, out: Output, folder: Path, backbone: str | None) -> None:
    """Import a folder of .npy prompts (file name = task), with transfer.json outcomes when there; or
    a PEFT prompt-tuning adapter, or a folder of these (folder name = task).

    What can be used is imported; what cannot is named, and the exit status is then 1.

    \b
    Example: spot bank import prompts/thunlp_t5_small --bank thunlp-bank
    """
    from bank import import_folder, named_backbone
    from spot.commands.objects import bank_to_fill
    from spot.report.console import progress

    bank = bank_to_fill(config)
    model = None if backbone is None else named_backbone(backbone)
    with progress(out) as reporter:
        reporter.phase("reading the prompts")
        report = import_folder(bank, folder, model)
    show(report, bank, out)
    if report.skipped:
        raise SystemExit(1)


def show(report: ImportReport, bank: Bank, out: Output) -> None:
    """Counts of an import, and the files it skipped with the reason."""
    out.record({"bank": str(bank.path), **asdict(report)})
    out.say(
        f"{len(report.added)} prompts of {report.backbone.name} added to {bank.path}, "
        f"{len(report.present)} already present, {report.outcomes} outcomes added"
    )
    for name, reason in report.skipped:
        out.say(f"skipped: {name}: {reason}")

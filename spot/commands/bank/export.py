"""`spot bank export`: write one prompt for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spot.commands.names import ENTRIES
from spot.commands.options import PATH, NameIn, configured, formats

if TYPE_CHECKING:
    from spot.config import Config
    from spot.report.output import Output


@click.command("export")
@click.argument("entry", shell_complete=ENTRIES)
@click.option("--out", "path", type=PATH, required=True, help="A file, or a folder for --format")
@click.option(
    "--format",
    "form",
    type=NameIn(formats),
    help="Default: by the suffix of --out.",
)
@click.option(
    "--what", type=click.Choice(["value", "key", "init"]), default="value", show_default=True
)
@click.option("--base-model", help="The model's name in the export (default: the entry's own).")
@click.option(
    "--causal", is_flag=True, help="peft: the model is a decoder (default: an encoder-decoder)."
)
@configured
def command(
    config: Config,
    out: Output,
    entry: str,
    path: Path,
    form: str | None,
    what: str,
    base_model: str | None,
    causal: bool,
) -> None:
    """Write one prompt [P, H]: a .npy or .safetensors file, the folder of a PEFT adapter or of a
    google-research/prompt-tuning run (t5x), or a request for servers (prompt-embeds).

    \b
    Example: spot bank export mini_news --out news.npy
             spot bank export mini_news --out news --format peft --base-model google/t5-v1_1-small
    """
    from bank import export_entry
    from spot.commands.objects import open_bank

    bank = open_bank(config)
    stored = bank.get(entry)
    written = export_entry(
        path,
        stored,
        bank.prompts(stored),
        form,
        what=what,
        model=base_model or "",
        causal=causal,
    )
    out.record({"path": str(written), "id": stored.id})
    out.say(f"{what} of {stored.id} written to {written}")

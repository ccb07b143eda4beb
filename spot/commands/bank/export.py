"""`spot bank export`: write one prompt for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spot.commands.names import ENTRIES
from spot.commands.options import PATH, NameIn, configured, formats

if TYPE_CHECKING:
    from spot.config import Config
    from spot.models.model import Model
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
    """Write one prompt: a .npy or .safetensors file, the folder of a PEFT adapter (peft of prompt tuning,
    peft-prefix of prefix tuning) or of a google-research/prompt-tuning run (t5x), or a request for
    servers (prompt-embeds).

    peft-prefix takes every kind of prompt that puts the same in front of all texts, or into a T5's
    decoder, and runs the config's model to know the keys and values.

    \b
    Example: spot bank export mini_news --out news.npy
             spot bank export mini_news --out news --format peft --base-model google/t5-v1_1-small
    """
    from bank.formats import export_of, export_prompt, find_format, prompt_of_entry
    from spot.commands.objects import open_bank, the_model
    from spot.prompts.convert import KEPT, for_format
    from spot.prompts.keys_values import NAME
    from spot.prompts.stored import check_model

    def model() -> Model:
        own = the_model(config)
        check_model(stored, own)
        return own

    bank = open_bank(config)
    stored = bank.get(entry)
    prompt = prompt_of_entry(stored, bank.prompts(stored), what)
    held = for_format(prompt, find_format(path, form), stored.id, model)
    export = export_of(stored, held, base_model or "", causal or held.kind == NAME)
    written = export_prompt(path, held, form, export)
    out.record({"path": str(written), "id": stored.id, "kind": held.kind})
    if held.kind != prompt.kind:
        out.say(f"a {prompt.kind} prompt is written as {held.kind}: {KEPT[held.kind]}")
    out.say(f"{what} of {stored.id} written to {written}")

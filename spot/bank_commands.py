"""`spot bank …`: look at a bank, check it, fill it from files, take prompts out of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spot.options import Suggesting, bank_to_fill, configured, loader, open_bank, read_config


class FormatName(click.ParamType):
    """A name out of the table of formats, which is loaded only where it is needed."""

    name = "format"

    def _choice(self) -> click.Choice[str]:
        from bank.formats import FORMATS

        return click.Choice(list(FORMATS))

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        return self._choice().get_metavar(param, ctx)

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return str(self._choice().convert(value, param, ctx))


@click.group("bank", cls=Suggesting, short_help="Look at, check, fill and share banks.")
def bank_group() -> None:
    """Look at, check, merge, import and export banks.

    \b
    Example: spot bank list
    """


@bank_group.command("list", short_help="List the entries.")
@configured
def list_command(config_file: Any, assignments: Any, bank_path: Any, as_json: bool) -> None:
    """List the entries: task, seed, steps and validation score.

    \b
    Example: spot bank list --bank spot-bank
    """
    from spot.report.bank_output import print_entries

    bank = open_bank(read_config(config_file, assignments, bank_path))
    print_entries(bank.entries(), bank.damaged(), as_json)


@bank_group.command("show", short_help="Show one entry in full.")
@click.argument("entry")
@configured
def show_command(
    entry: str, config_file: Any, assignments: Any, bank_path: Any, as_json: bool
) -> None:
    """Show one entry in full, by id, beginning of an id, or task.

    \b
    Example: spot bank show mini_news
    """
    from spot.report.bank_output import print_entry

    bank = open_bank(read_config(config_file, assignments, bank_path))
    found = bank.get(entry)
    print_entry(
        found,
        bank.prompts(found),
        [one for one in bank.outcomes() if one.source == found.id],
        as_json,
    )


@bank_group.command("verify", short_help="Read every file; report damage.")
@configured
def verify_command(config_file: Any, assignments: Any, bank_path: Any, as_json: bool) -> None:
    """Read every file in full and report what is damaged; exit 1 if anything is.

    \b
    Example: spot bank verify
    """
    from bank.integrity import verify
    from spot.report.bank_output import print_problems

    bank = open_bank(read_config(config_file, assignments, bank_path))
    problems = verify(bank)
    print_problems(bank, problems, as_json)
    if problems:
        raise SystemExit(1)


@bank_group.command("add", short_help="Add one prompt file.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--task", required=True, help="The task that the prompt was trained on.")
@configured
def add_command(
    file: Path, task: str, config_file: Any, assignments: Any, bank_path: Any, as_json: bool
) -> None:
    """Add one prompt file (.npy, .safetensors) that was trained on the config's model.

    \b
    Example: spot bank add news.safetensors --task mini_news
    """
    from spot.report.console import print_json, say
    from spot.serving.single import prompt_file_entry

    config = read_config(config_file, assignments, bank_path)
    entry, prompts = prompt_file_entry(file, task, loader(config)())
    bank = bank_to_fill(config)
    added = bank.add(entry, prompts)
    print_json({"id": entry.id, "added": bool(added)}) if as_json else say(
        f"added {entry.id}" if added else f"{entry.id} is in {bank.path} already"
    )


@bank_group.command("merge", short_help="Add another bank to this one.")
@click.argument("other", type=click.Path(path_type=Path))
@configured
def merge_command(
    other: Path, config_file: Any, assignments: Any, bank_path: Any, as_json: bool
) -> None:
    """Add everything of another bank of the same backbone and prompt shape.

    \b
    Example: spot bank merge ../colleague/spot-bank
    """
    from bank.store import Bank
    from spot.report.console import print_json, say

    theirs = Bank.open(other)
    bank = bank_to_fill(read_config(config_file, assignments, bank_path))
    added = bank.merge(theirs)
    print_json({"added": added}) if as_json else say(
        f"added {len(added)} entries and queries to {bank.path}"
    )


@bank_group.command("import", short_help="Import .npy prompts or PEFT adapters.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--backbone", "backbone_name", help="The model's name, when no file tells it, or another."
)
@configured
def import_command(
    folder: Path,
    backbone_name: str | None,
    config_file: Any,
    assignments: Any,
    bank_path: Any,
    as_json: bool,
) -> None:
    """Import a folder of .npy prompts (file name = task), with transfer.json outcomes when there; or
    a PEFT prompt-tuning adapter, or a folder of these (folder name = task).

    \b
    Example: spot bank import prompts/thunlp_t5_small --bank thunlp-bank
    """
    from bank.importing import import_folder, named_backbone
    from spot.report.bank_output import print_import

    bank = bank_to_fill(read_config(config_file, assignments, bank_path))
    backbone = None if backbone_name is None else named_backbone(backbone_name)
    print_import(import_folder(bank, folder, backbone), bank, as_json)


@bank_group.command("export", short_help="Write one prompt for other programs.")
@click.argument("entry")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="A file, or a folder for --format"
)
@click.option(
    "--format",
    "form",
    type=FormatName(),
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
def export_command(
    entry: str,
    out: Path,
    form: Any,
    what: str,
    base_model: str | None,
    causal: bool,
    config_file: Any,
    assignments: Any,
    bank_path: Any,
    as_json: bool,
) -> None:
    """Write one prompt [P, H]: a .npy or .safetensors file, the folder of a PEFT adapter or of a
    google-research/prompt-tuning run (t5x), or a request for servers (prompt-embeds).

    \b
    Example: spot bank export mini_news --out news.npy
             spot bank export mini_news --out news --format peft --base-model google/t5-v1_1-small
    """
    from bank.formats import export_entry
    from spot.report.console import print_json, say

    bank = open_bank(read_config(config_file, assignments, bank_path))
    found = bank.get(entry)
    path = export_entry(
        out, found, bank.prompts(found), form, what=what, model=base_model or "", causal=causal
    )
    print_json({"path": str(path), "id": found.id}) if as_json else say(
        f"{what} of {found.id} written to {path}"
    )


@bank_group.command("evaluate", short_help="Judge similarities by past outcomes.")
@click.option(
    "--similarity", "names", multiple=True, help="Repeat it; default: all that the bank allows."
)
@configured
def evaluate_command(
    names: tuple[str, ...], config_file: Any, assignments: Any, bank_path: Any, as_json: bool
) -> None:
    """How well each similarity's ranking predicts the recorded outcomes, leaving one task out.

    \b
    Example: spot bank evaluate --bank thunlp-bank
    """
    from bank.evaluation import evaluate
    from spot.report.bank_output import print_retrieval

    bank = open_bank(read_config(config_file, assignments, bank_path))
    print_retrieval(evaluate(bank, names or None), as_json)

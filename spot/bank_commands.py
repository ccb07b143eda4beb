"""`spot bank …`: look at a bank, check it, fill it from files, take prompts out of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spot.options import Suggesting, bank_to_fill, configured, loader, open_bank, read_config


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
    from spot.report.bank_output import print_problems

    bank = open_bank(read_config(config_file, assignments, bank_path))
    problems = bank.verify()
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
    from spot.single import prompt_file_entry

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


@bank_group.command("import", short_help="Import a folder of .npy prompts.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--backbone", "backbone_name", help="The model's name, when meta.json does not tell it."
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
    """Import a folder of .npy prompts (file name = task), with transfer.json outcomes when there.

    \b
    Example: spot bank import prompts/thunlp_t5_small --bank thunlp-bank
    """
    from bank.interchange import import_folder, named_backbone
    from spot.report.bank_output import print_import

    bank = bank_to_fill(read_config(config_file, assignments, bank_path))
    backbone = None if backbone_name is None else named_backbone(backbone_name)
    print_import(import_folder(bank, folder, backbone), bank, as_json)


@bank_group.command("export", short_help="Write one prompt to a file.")
@click.argument("entry")
@click.option("--out", type=click.Path(path_type=Path), required=True, help=".npy or .safetensors")
@click.option(
    "--what", type=click.Choice(["value", "key", "init"]), default="value", show_default=True
)
@configured
def export_command(
    entry: str,
    out: Path,
    what: str,
    config_file: Any,
    assignments: Any,
    bank_path: Any,
    as_json: bool,
) -> None:
    """Write one prompt [P, H] to a file; .npy is what google-research/prompt-tuning reads.

    \b
    Example: spot bank export mini_news --out news.npy
    """
    from bank.errors import BankError
    from bank.interchange import export_prompt
    from spot.report.console import print_json, say

    bank = open_bank(read_config(config_file, assignments, bank_path))
    found = bank.get(entry)
    array = getattr(bank.prompts(found), what)
    if array is None:
        raise BankError(f"{found.id} holds no {what}", "choose another with --what")
    export_prompt(out, array)
    print_json({"path": str(out), "id": found.id}) if as_json else say(
        f"{what} of {found.id} written to {out}"
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
    from bank.evaluate import evaluate
    from bank.keys import OF_CHANGES, SIMILARITIES
    from spot.report.bank_output import print_retrieval

    bank = open_bank(read_config(config_file, assignments, bank_path))
    known = all(bank.prompts(entry).init is not None for entry in bank.entries())
    default = tuple(name for name in SIMILARITIES if known or name not in OF_CHANGES)
    print_retrieval(evaluate(bank, names or default), as_json)

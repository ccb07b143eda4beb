"""`spot config`: all settings, where each comes from, and what it means."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spot.commands.names import KEYS
from spot.commands.options import layered

if TYPE_CHECKING:
    from spot.config import Layer
    from spot.config_table import Setting
    from spot.report.output import Output


@click.command("config")
@click.option(
    "--explain",
    "key",
    metavar="KEY",
    help="What a key, or a whole section, means.",
    shell_complete=KEYS,
)
@click.option("--toml", "as_toml", is_flag=True, help="A file for --config, with every setting.")
@layered
def command(places: Sequence[Layer], out: Output, key: str | None, as_toml: bool) -> None:
    """List all settings: value, default, and where each comes from.

    \b
    Example: spot config --explain train.key_step
             spot config --set train.steps=300 --toml > mine.toml
    """
    from spot.config import user_config
    from spot.config_table import explained, settings, to_toml
    from spot.settings import cache_dir

    if as_toml:
        text = to_toml(settings(places))
        out.record({"toml": text})
        out.say(text.rstrip("\n"))
    elif key is not None:
        show_meaning(explained(key, places), out)
    else:
        show(settings(places), user_config(), cache_dir(), out)


def show(settings: Sequence[Setting], user_file: Path, cache: Path, out: Output) -> None:
    """Every setting in a row, and the folders that are no setting."""
    from spot.report.output import Whole

    for each in settings:
        out.record(each.to_json())
    rows = [
        (
            Whole(each.key),
            shown(each.value),
            "same" if each.default == each.value else shown(each.default),
            Whole(each.origin),
        )
        for each in settings
    ]
    out.table("", ("key", "value", "default", "from"), rows)
    there = "" if user_file.exists() else " (absent)"
    out.say(f"your own defaults: {user_file}{there}; cache: {cache}")


def show_meaning(settings: Sequence[Setting], out: Output) -> None:
    """Each setting in full."""
    for each in settings:
        out.record(each.to_json())
        out.say(f"{each.key} = {shown(each.value)}  (from: {each.origin})")
        if each.description:
            out.say(f"  {each.description}")
        names = f": {', '.join(each.choices)}" if each.choices and each.expected == "a text" else ""
        out.say(f"  expected: {each.expected}{names}")
        out.say(f"  default: {shown(each.default)}")
        out.say(f"  example: {each.example}")


def shown(value: Any) -> str:
    """A value as TOML writes it."""
    return "not set" if value is None else json.dumps(value, ensure_ascii=False)

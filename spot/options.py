"""Options that commands share, and what they resolve to; imports nothing heavy until it is used."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from bank.store import Bank
    from spot.config import Config


class Suggesting(click.Group):
    """A group of commands that suggests the nearest name for an unknown one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, args or ["--help"])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        from bank.errors import did_you_mean

        if args and self.get_command(ctx, args[0]) is None:
            ctx.fail(f'no command "{args[0]}".{did_you_mean(args[0], self.list_commands(ctx))}')
        return super().resolve_command(ctx, args)


def setting(key: str, text: str) -> str:
    """An assignment as `--set` takes it, with the text quoted: any path or name comes through."""
    return f"{key}={json.dumps(text, ensure_ascii=False)}"


def configured(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that reads a config: --config, --set, --bank, --json."""
    path = click.Path(path_type=Path)
    options = [
        click.option("--config", "config_file", type=path, help="A TOML file; see configs/."),
        click.option(
            "--set", "assignments", multiple=True, metavar="KEY=VALUE", help="e.g. train.steps=100"
        ),
        click.option(
            "--bank", "bank_path", type=path, help="The bank's folder (default: spot-bank)."
        ),
        click.option("--json", "as_json", is_flag=True, help="JSON lines on stdout."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def read_config(
    config_file: Path | None, assignments: tuple[str, ...], bank_path: Path | None
) -> Config:
    """The resolved config of a command's options."""
    from spot.config import load_config

    extra = () if bank_path is None else (setting("bank.path", str(bank_path)),)
    return load_config(config_file, (*assignments, *extra))


def open_bank(config: Config) -> Bank:
    """The config's bank, which must exist."""
    from bank.store import Bank

    return Bank.open(config.bank.path)


def bank_to_fill(config: Config) -> Bank:
    """The config's bank, or one that comes to be with its first entry: a mistake leaves no trace."""
    from bank.store import Bank

    path = config.bank.path
    return Bank.open(path) if path.exists() else Bank(path)


def loader(config: Config) -> Callable[[], Any]:
    """A function that loads the backbone when it is first needed, and only once."""

    @functools.cache
    def load() -> Any:
        from spot.models.model import load as load_backbone
        from spot.models.runtime import prepare

        prepare()
        return load_backbone(config.model)

    return load

"""Groups of commands, and the outermost one, which turns failures into messages and exit codes."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem

from bank.characters import visible
from spot.commands.streams import discard_stdout, open_streams


class Lazy(NamedTuple):
    """A command that is not imported yet: the module that holds it as `command`, and a sentence
    for the list of commands.
    """

    module: str
    help: str


class Commands(click.Group):
    """A group whose commands are modules of a package, imported when they are called.

    `table` has every command by its name. An unknown name is a usage error that suggests the
    nearest one; without arguments help is shown.
    """

    def __init__(self, *args: Any, package: str, table: Mapping[str, Lazy], **extra: Any) -> None:
        super().__init__(*args, **extra)
        self.package, self.table = package, table

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.table:
            return None
        module = import_module(f"{self.package}.{self.table[cmd_name].module}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.table[name].help) for name in self.list_commands(ctx)])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, args or ["--help"])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        items = [CompletionItem(name, help=self.table[name].help) for name in names]
        return [*items, *click.Command.shell_complete(self, ctx, incomplete)]

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        from bank.errors import did_you_mean

        if args and args[0] not in self.table and not ctx.resilient_parsing:
            ctx.fail(f'no command "{args[0]}".{did_you_mean(args[0], self.table)}')
        return super().resolve_command(ctx, args)


class Spot(Commands):
    """The whole command: every expected failure becomes text on stderr and an exit code.

    0 done, 1 failed, 2 wrong usage, 130 interrupted.
    """

    def main(self, *args: Any, **extra: Any) -> Any:
        from bank.errors import UserError
        from spot.allocator import keep_memory

        keep_memory()
        open_streams()
        ensure_home()
        try:
            with shown_warnings():
                code = super().main(*args, **{**extra, "standalone_mode": False})
            sys.stdout.flush()
        except UserError as error:
            code = fail(error.message, error.hint, 1)
        except click.UsageError as error:
            path = error.ctx.command_path if error.ctx else "spot"
            code = fail(error.format_message(), f"`{path} --help` shows the usage", 2)
        except click.ClickException as error:
            code = fail(error.format_message(), "", error.exit_code)
        except BrokenPipeError:
            discard_stdout()  # its reader is gone, as in `spot tasks | head`
            code = 1
        except OSError as error:
            code = fail(*explained(error), 1)
        except (click.Abort, KeyboardInterrupt):
            text = "stopped; run the same command again to go on from the last checkpoint"
            click.echo(text, err=True)
            code = 130
        sys.exit(code if isinstance(code, int) else 0)


def ensure_home() -> None:
    """Give a process without a home folder, as of an unknown user in a container, the one that containers
    give: libraries ask for it when they are imported.
    """
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = os.sep


def fail(message: str, hint: str, code: int) -> int:
    """Print an error and its hint on stderr; returns the exit code."""
    click.echo(visible(f"error: {message}"), err=True)
    if hint:
        click.echo(visible(f"hint: {hint}"), err=True)
    return code


def explained(error: OSError) -> tuple[str, str]:
    """Message and hint for an error of the system: a full disk, a folder that is read-only, …"""
    from bank.files import HINTS

    where = f"{error.filename}: " if error.filename else ""
    hint = HINTS.get(error.errno or 0, "check the path, its permissions and the free space")
    return f"{where}{error.strerror or error}", hint


class Warnings(logging.Handler):
    """Shows log records of the library as `warning: …` on stderr, like all other warnings."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(visible(f"{record.levelname.lower()}: {record.getMessage()}"), err=True)


LOGGERS = ("spot", "bank")


def log_from(level: int) -> None:
    """Show log records of the library from this level on, until `shown_warnings` ends."""
    for name in LOGGERS:
        logging.getLogger(name).setLevel(level)


@contextlib.contextmanager
def shown_warnings() -> Iterator[None]:
    """For the block, show what `spot` and `bank` log, warnings and errors if nothing else is chosen, and
    pass it to no other handler.
    """
    handler = Warnings()
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(logger.propagate, logger.level) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
    log_from(logging.WARNING)
    try:
        yield
    finally:
        for logger, (propagate, level) in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.propagate = propagate
            logger.setLevel(level)

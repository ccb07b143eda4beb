"""Options that commands share: `configured` gives a command its config, `printed` its output.

Nothing heavy is imported before a command runs.
"""

from __future__ import annotations

import functools
import json
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from click.shell_completion import CompletionItem

from spot.commands.names import ASSIGNMENTS
from spot.variants import split

if TYPE_CHECKING:
    from spot.config import Layer

PATH = click.Path(path_type=Path)
SEED = click.IntRange(0, 2**32 - 1)  # as `spot.settings.LAST_SEED`, which would import pydantic
Command = Callable[..., None]


def assignment(key: str, value: Any) -> str:
    """`key=value` as `--set` reads it. Texts are quoted, so that any path or name comes through.

    >>> assignment("bank.path", 'my "bank"'), assignment("search.k", 3)
    ('bank.path="my \\\\"bank\\\\""', 'search.k=3')
    """
    return f"{key}={json.dumps(value, ensure_ascii=False)}"


class Shorthand(click.Option):
    """An option that stands for a key of the config: `--k 3` for `--set search.k=3`."""

    def __init__(self, *args: Any, key: str, **extra: Any) -> None:
        super().__init__(*args, **extra)
        self.key = key


def set_by_shorthands(command: click.Command, options: dict[str, Any]) -> tuple[str, ...]:
    """The assignments that a command's shorthands among the options stand for; they are taken out."""
    assignments = []
    for option in command.params:
        if isinstance(option, Shorthand) and option.name:
            value = options.pop(option.name, None)
            if value is not None:
                text = str(value) if isinstance(value, Path) else value
                assignments.append(assignment(option.key, text))
    return tuple(assignments)


class NamesOption(click.Option):
    """An option whose help lists the names of a table, in place of {names}.

    The table is imported only when the help of its command is shown.
    """

    def __init__(self, *args: Any, names: Callable[[], Iterable[str]], **extra: Any) -> None:
        super().__init__(*args, **extra)
        self.names = names

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        self.help = (self.help or "").replace("{names}", listed(self.names()))
        return super().get_help_record(ctx)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(name) for name in self.names() if name.startswith(incomplete)]


class NameIn(click.ParamType):  # type: ignore[type-arg]  # generic in newer releases only
    """A value that is a name of a table, which is imported only when it is used or shown."""

    name = "name"

    def __init__(self, names: Callable[[], Iterable[str]]) -> None:
        self.names = names

    @property
    def choice(self) -> click.Choice[str]:
        """The names as a type of click's own."""
        return click.Choice(list(self.names()))

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        return self.choice.get_metavar(param, ctx)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return str(self.choice.convert(value, param, ctx))

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return self.choice.shell_complete(ctx, param, incomplete)


class Listed(click.ParamType):  # type: ignore[type-arg]  # generic in newer releases only
    """Values joined by commas, as the list that a config has."""

    name = "list"

    def __init__(self, of: Callable[[str], Any] = str) -> None:
        self.of = of

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return "A,B,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, list):
            return value
        try:
            return [self.of(part) for part in split(value)]
        except ValueError:
            kind = "whole numbers" if self.of is int else "numbers"
            self.fail(f"expected {kind} joined by commas, found {value}", param, ctx)


class NamesShorthand(Shorthand, NamesOption):
    """A shorthand for a key of the config whose values are the names of a table."""


def listed(names: Iterable[str]) -> str:
    """Names as a sentence has them.

    >>> listed(["best", "average", "oracle"]), listed(["best"])
    ('best, average or oracle', 'best')
    """
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def printed(command: Command) -> Command:
    """Add --json, -q and -v, and hand the output that they choose to the command as `out`."""

    @click.option("--json", "as_json", is_flag=True, help="JSON lines on stdout.")
    @click.option("-q", "--quiet", is_flag=True, help="Results and errors only.")
    @click.option("-v", "--verbose", is_flag=True, help="More: where work was found, durations.")
    @functools.wraps(command)
    def with_output(*, as_json: bool, quiet: bool, verbose: bool, **options: Any) -> None:
        from spot.commands.group import log_from
        from spot.report.output import JsonLines, People

        if quiet and verbose:
            raise click.UsageError("expected -q or -v, found both")
        log_from(logging.ERROR if quiet else logging.DEBUG if verbose else logging.WARNING)
        begun = time.monotonic()
        out = (JsonLines if as_json else People)(quiet=quiet, verbose=verbose)
        command(out=out, **options)
        out.detail(f"finished in {time.monotonic() - begun:.1f} s")

    return with_output


def layered(command: Command) -> Command:
    """Add --config, --set, --bank and what `printed` adds; hand the command the `places` of its settings
    and its `out`.

    The places are the user's file, that of --config, then --set and the command's own shorthands, which
    the command does not see itself. Raises SpotError for a file that cannot be read.
    """

    @click.option("--config", "config_file", type=PATH, help="A TOML file; see configs/.")
    @click.option(
        "--set",
        "assignments",
        multiple=True,
        metavar="KEY=VALUE",
        help="e.g. train.steps=100",
        shell_complete=ASSIGNMENTS,
    )
    @click.option(
        "--bank",
        cls=Shorthand,
        key="bank.path",
        type=PATH,
        help="The bank's folder (default: spot-bank).",
    )
    @printed
    @functools.wraps(command)
    def with_places(
        *, config_file: Path | None, assignments: tuple[str, ...], **options: Any
    ) -> None:
        from spot.config import layers

        own = click.get_current_context().command
        assignments += set_by_shorthands(own, options)
        command(places=layers(config_file, assignments), **options)

    return with_places


def configured(command: Command) -> Command:
    """As `layered`, but hand the command the `config` of those places.

    Raises SpotError for an unknown key or a wrong value, too.
    """

    @layered
    @functools.wraps(command)
    def with_config(*, places: Sequence[Layer], **options: Any) -> None:
        from spot.config import config_of

        command(config=config_of(places), **options)

    return with_config


DRY_RUN = click.option(
    "--dry-run",
    is_flag=True,
    help="Say what would be trained or is found; train and write nothing.",
)


Planned = Literal["prompts", "prompt", "weights", "answers"]
"""What a command computes: S prompts at once, one, all weights, or answers behind a prompt."""


def plannable(what: Planned) -> Callable[[Command], Command]:
    """Add --plan, which compiles what the command would run for an accelerator in place of running it; under
    `configured`.
    """

    def with_option(command: Command) -> Command:
        @click.option(
            "--plan",
            "accelerator",
            metavar="SLICE",
            help="Compile for TPUs (v5e-8, v4-8, v5e:4x4 …) instead: does it fit?",
        )
        @functools.wraps(command)
        def with_plan(*, accelerator: str | None, **options: Any) -> None:
            if accelerator is None:
                return command(**options)
            from spot.commands.planning import plan

            return plan(what, accelerator, options["config"], options["out"])

        return with_plan

    return with_option


def similarities() -> Iterable[str]:
    """The names of all similarities."""
    from bank import SIMILARITIES

    return SIMILARITIES


def formats() -> Iterable[str]:
    """The names of the formats in which prompts are exchanged with other programs."""
    from bank.formats import FORMATS

    return FORMATS

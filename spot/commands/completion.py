"""`spot completion`: the script that completes commands, tasks, entries and keys in a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from spot.commands.options import printed

if TYPE_CHECKING:
    from spot.report.output import Output

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_SPOT_COMPLETE"  # how click asks the command for completions


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@printed
def command(out: Output, shell: str) -> None:
    """Print a script by which the shell completes commands, options, tasks, entries and config keys.

    \b
    Example: spot completion bash >> ~/.bashrc
             spot completion zsh >> ~/.zshrc
             spot completion fish > ~/.config/fish/completions/spot.fish
    """
    from click.shell_completion import get_completion_class

    from spot.commands import main

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"this release of click completes no {shell}")
    text = kind(main, {}, "spot", VARIABLE).source()
    out.record({"shell": shell, "script": text})
    out.say(text.strip())

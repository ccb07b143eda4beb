"""`spot completion`: the script that completes commands, tasks, entries and keys in a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from spot.commands.options import printed

if TYPE_CHECKING:
    from spot.report.output import Output

SHELLS: dict[str, type[ShellComplete]] = {
    "bash": BashComplete,
    "zsh": ZshComplete,
    "fish": FishComplete,
}
VARIABLE = "_SPOT_COMPLETE"  # how click asks the command for completions


@click.command("completion")
@click.argument("shell", type=click.Choice(list(SHELLS)))
@printed
def command(out: Output, shell: str) -> None:
    """Print a script by which the shell completes commands, options, tasks, entries and config keys.

    \b
    Example: spot completion bash >> ~/.bashrc
             spot completion zsh >> ~/.zshrc
             spot completion fish > ~/.config/fish/completions/spot.fish
    """
    from spot.commands import main

    text = SHELLS[shell](main, {}, "spot", VARIABLE).source()
    out.record({"shell": shell, "script": text})
    out.say(text.strip())

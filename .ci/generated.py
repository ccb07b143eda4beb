"""Parts of pages that are made when the site is built: the commands, the settings, the notebook.

A page holds the mark of a part, which MkDocs has replaced by `on_page_markdown`. The functions behind it
return Markdown and need no MkDocs.
"""

from __future__ import annotations

import inspect
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

DOCS = Path(__file__).resolve().parents[1] / "docs"
NOTEBOOK = DOCS / "first-hour.ipynb"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs: a page's text with its marks replaced."""
    for mark, part in PARTS.items():
        if mark in markdown:
            markdown = markdown.replace(mark, part())
    return markdown


def commands() -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with the words that call it, ("spot", "bank", "list"); groups come first."""
    from spot.commands import main

    def below(group: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
        for name in group.list_commands(None):
            command = group.get_command(None, name)
            yield (*path, name), command
            if isinstance(command, click.Group):
                yield from below(command, (*path, name))

    return below(main, ("spot",))


def commands_part() -> str:
    """Every command with its sentence, its example and its options, as Markdown."""
    found = {" ".join(path): command for path, command in commands()}
    options = {name: _options(name, command) for name, command in found.items()}
    # What most commands have is described once.
    often = Counter(row for rows in options.values() for row in rows)
    shared = [row for row, count in often.items() if count > len(found) / 2]
    parts = ["## Options of most commands\n\n" + _table(shared)]
    for name, command in found.items():
        text, example = _help(command)
        parts.append(f"## {name}\n\n{text}")
        if example:
            parts.append(f"```\n{example}\n```")
        own = [row for row in options[name] if row not in shared]
        if own:
            parts.append(_table(own))
        more = [f"`{row[0].split()[0].strip('`,')}`" for row in options[name] if row in shared]
        if more and not isinstance(command, click.Group):
            parts.append(f"Also {', '.join(more)}: [above](#options-of-most-commands).")
    return "\n\n".join(parts)


def _help(command: click.Command) -> tuple[str, str]:
    """What a command does, and its example, from its help text."""
    text = inspect.cleandoc(command.help or "")
    text, _, example = text.replace("\b", "").partition("\nExample:")
    lines = [line.removeprefix("         ") for line in example.strip().splitlines()]
    return _escaped(text.strip()), "\n".join(lines)


def _options(name: str, command: click.Command) -> list[tuple[str, str]]:
    """(option, what it means) of a command, its arguments first, with names of tables filled in."""
    context = click.Context(command, info_name=name)
    rows = []
    for parameter in command.get_params(context):
        if isinstance(parameter, click.Argument):
            rows.append(
                (f"`{parameter.make_metavar(context)}`", "required" if parameter.required else "")
            )
            continue
        record = parameter.get_help_record(context)
        if record is not None:
            rows.append((f"`{record[0]}`", _escaped(record[1])))
    return rows


def _escaped(text: str) -> str:
    """Text of the terminal as Markdown: nothing in it is markup."""
    return re.sub(r"([\\*_<>|\[\]])", r"\\\1", text)


def _table(rows: list[tuple[str, str]]) -> str:
    lines = [f"| {option.replace('|', chr(92) + '|')} | {text} |" for option, text in rows]
    return "\n".join(["| option | |", "| --- | --- |", *lines])


def notebook_part(path: Path = NOTEBOOK) -> str:
    """A notebook as Markdown: its text, its code, and the text that a cell printed."""
    parts = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        printed = "".join(_printed(output) for output in cell["outputs"]).rstrip()
        if printed:
            parts.append(f"```text\n{printed}\n```")
    return "\n\n".join(parts)


def _printed(output: dict[str, Any]) -> str:
    """The text of one output: what was printed, or the value of the last line."""
    text = output.get("text", output.get("data", {}).get("text/plain", ""))
    return "".join(text)


def settings_part() -> str:
    """Every key of the config with its default and what it means, a table for each section."""
    from spot.config_table import settings, toml

    sections: dict[str, list[str]] = {}
    for each in settings([]):
        section = each.key.rpartition(".")[0]
        default = "not set" if each.value is None else f"`{toml(each.value)}`"
        names = f" ({', '.join(each.choices)})" if each.choices else ""
        row = f"| `{each.key}` | {default} | {_escaped(each.description + names)} |"
        sections.setdefault(section, []).append(row)
    return "\n\n".join(
        f"## {name or 'Beside sections'}\n\n| key | default | |\n| --- | --- | --- |\n"
        + "\n".join(rows)
        for name, rows in sections.items()
    )


def recipes_part() -> str:
    """The recipe of every known model: what its prompts are trained with where nothing is set."""
    from spot.models.defaults import DEFAULTS

    def cell(value: object) -> str:
        return "–" if value is None else f"{value:,}" if isinstance(value, int) else f"{value}"

    columns = (
        "model", "take it for", "length", "rate", "batch", "steps", "key at", "transfer steps",
        "begins as", "template",
    )  # fmt: skip
    lines = [f"| {' | '.join(columns)} |", "| --- | --- " + "| ---: " * 6 + "| --- | --- |"]
    origins: dict[str, list[str]] = {}
    for name, own in DEFAULTS.items():
        numbers = (
            own.length, own.learning_rate, own.batch_size, own.steps, own.key_step, own.transfer_steps,
        )  # fmt: skip
        words = (f"`{name}`", _escaped(own.suits), *map(cell, numbers), own.init, own.template)
        lines.append(f"| {' | '.join(words)} |")
        origins.setdefault(own.origin, []).append(f"`{name}`")
    where = "\n".join(f"- {origin}: {', '.join(names)}" for origin, names in origins.items())
    return "\n".join(lines) + f"\n\nWhere they come from:\n\n{where}"


def kinds_part() -> str:
    """Every kind of prompt with its options."""
    from spot.prompts.kinds import KINDS

    lines = ["| `prompt.kind` | what it trains | options |", "| --- | --- | --- |"]
    for name, form in KINDS.items():
        options = [
            f"`{option}={record.default}` {_escaped(record.description)}"
            for option, record in form.options.items()
        ]
        lines.append(f"| `{name}` | {_escaped(form.description)} | {'<br>'.join(options)} |")
    return "\n".join(lines)


PARTS = {
    "<!-- kinds -->": kinds_part,
    "<!-- recipes -->": recipes_part,
    "<!-- commands -->": commands_part,
    "<!-- settings -->": settings_part,
    "<!-- notebook -->": notebook_part,
}

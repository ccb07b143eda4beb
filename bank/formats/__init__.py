"""The table of formats in which prompts are exchanged with other programs.

A new one is a file with `recognises`, `read` and `write`, and one line here. Nothing runs what it
reads: no pickle is ever loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bank.arrays import as_floats
from bank.entry import PREFIX, Entry, Prompts
from bank.errors import BankError, did_you_mean, reason_of, shown
from bank.formats import npy, peft, peft_prefix, prompt_embeds, safetensors, t5x
from bank.formats.facts import Facts
from bank.formats.prompt import Export, PromptFile
from bank.reading import check_regular

__all__ = [
    "FORMATS",
    "Export",
    "Facts",
    "Format",
    "PromptFile",
    "export_entry",
    "export_of",
    "export_prompt",
    "find_format",
    "holds_prompt",
    "prompt_of_entry",
    "read_prompt_file",
]


@dataclass(frozen=True)
class Format:
    """One format: `write` returns the file or folder that it wrote.

    suffix: of a file; "" for a folder. kinds: the names, without their options, of the kinds of prompts
    that it holds; None: every kind. `read` is None for a format that is only written.
    """

    name: str
    description: str
    write: Callable[[Path, PromptFile, Export], Path]
    recognises: Callable[[Path], bool] = lambda path: False
    read: Callable[[Path], PromptFile] | None = None
    suffix: str = ""
    kinds: tuple[str, ...] | None = (PREFIX,)

    def holds(self, kind: str) -> bool:
        """True for a kind, with its options, that it can hold."""
        return self.kinds is None or kind.partition(":")[0] in self.kinds


_ALL = (
    Format("npy", "a NumPy file", npy.write, npy.recognises, npy.read, ".npy"),
    Format(
        "safetensors", "a safetensors file", safetensors.write, safetensors.recognises,
        safetensors.read, ".safetensors", kinds=None,
    ),
    Format(
        "t5x", "the folder of a google-research/prompt-tuning run", t5x.write, t5x.recognises,
        t5x.read,
    ),
    Format(
        "peft-prefix", "the folder of a PEFT adapter", peft_prefix.write, peft_prefix.recognises,
        peft_prefix.read, kinds=(peft_prefix.READER, peft_prefix.WRITER),
    ),
    Format("peft", "the folder of a PEFT adapter", peft.write, peft.recognises, peft.read),
    Format("prompt-embeds", "a request for servers such as vLLM", prompt_embeds.write),
)  # fmt: skip

FORMATS: dict[str, Format] = {form.name: form for form in _ALL}


def holds_prompt(path: Path) -> bool:
    """True for a file or folder of a format that a prompt can be read of. Raises OSError."""
    return any(form.read is not None and form.recognises(path) for form in FORMATS.values())


def read_prompt_file(path: str | Path) -> PromptFile:
    """The prompt in a file or folder of any format that can be read, with its kind.

    Raises BankError: absent, of no known format, damaged, not [P, H] floats, NaN or infinity.
    """
    path = Path(path)
    try:
        if not path.is_dir():
            check_regular(path)
        for form in FORMATS.values():
            if form.read is not None and form.recognises(path):
                return form.read(path)
    except OSError as error:
        raise BankError(f"cannot read the prompt {path}: {reason_of(error)}") from error
    readable = dict.fromkeys(
        form.description
        for form in FORMATS.values()
        if form.read is not None and bool(form.suffix) == path.is_file()
    )
    raise BankError(
        f"expected a prompt as {' or '.join(readable)}, found something else: {path}",
        "save the prompt's array [P, H] with numpy.save, or name the prompt's file itself",
    )


def export_prompt(
    path: str | Path,
    prompt: PromptFile | NDArray[Any],
    form: str | None = None,
    export: Export | None = None,
) -> Path:
    """Write a prompt in a format that others read; returns the file or folder.

    prompt: an array [P, H] is of the plain kind. form: a name in `FORMATS`; default: the suffix of
    `path` decides. A file's format given with a folder writes `<export.name>.<suffix>` in it. What
    exists is replaced. Raises BankError: another suffix or name, a kind that the format cannot
    hold, not [P, H] floats, a place that cannot be written.
    """
    path, export = Path(path), export or Export()
    chosen = find_format(path, form)
    if not isinstance(prompt, PromptFile):
        prompt = PromptFile(np.asarray(prompt))
    if chosen.kinds is not None and not chosen.holds(prompt.kind):
        held = " or ".join(f'"{kind}"' for kind in chosen.kinds)
        able = [form.name for form in FORMATS.values() if form.kinds is None]
        raise BankError(
            f"{path}: the format {chosen.name} holds prompts of the kind {held} alone, "
            f'found "{prompt.kind}"',
            f"choose a format that holds every kind: {', '.join(able)}",
        )
    if chosen.suffix and path.suffix != chosen.suffix:
        if Path(export.name).name != export.name or "\\" in export.name:
            raise BankError(
                f"expected a name without folders for the file, found {shown(export.name)}"
            )
        path = path / f"{export.name}{chosen.suffix}"
    prompt = replace(
        prompt,
        prompt=as_floats(prompt.prompt, f"the prompt in {path}"),
        arrays={
            name: as_floats(array, f"the array {name} in {path}", matrix=False)
            for name, array in prompt.arrays.items()
        },
    )
    return chosen.write(path, prompt, export)


def export_entry(
    path: str | Path,
    entry: Entry,
    prompts: Prompts,
    form: str | None = None,
    *,
    what: str = "value",
    model: str = "",
    causal: bool = False,
) -> Path:
    """Write one prompt of an entry, its "value", "key" or "init", as `export_prompt` does, with the
    facts that the entry knows where the format holds facts.

    model: the model's name for the other program (default: the entry's own); causal: it is a
    decoder. Raises BankError as well when the entry does not hold that prompt.
    """
    prompt = prompt_of_entry(entry, prompts, what)
    return export_prompt(path, prompt, form, export_of(entry, prompt, model, causal))


def prompt_of_entry(entry: Entry, prompts: Prompts, what: str = "value") -> PromptFile:
    """An entry's "value", "key" or "init" with the facts that the entry knows. Raises BankError when it
    does not hold that prompt.
    """
    array = prompts.views().get(what)
    if array is None or (prompts.arrays and what != "value"):
        raise BankError(f"{entry.id} holds no {what}", "choose another with --what")
    return PromptFile(array, entry.prompt_kind, prompts.arrays, Facts.of_entry(entry, what))


def export_of(entry: Entry, prompt: PromptFile, model: str = "", causal: bool = False) -> Export:
    """What formats need to know of a prompt of an entry; model and causal as for `export_entry`."""
    return Export(
        name=entry.id.rpartition("-s")[0],  # the task, as a file may be called
        model=model or entry.backbone.name,
        step=(prompt.facts and prompt.facts.step) or 0,
        causal=causal,
    )


def find_format(path: str | Path, form: str | None = None) -> Format:
    """The format of a name in `FORMATS`, or the one that the suffix of a file says. Raises BankError."""
    return _by_suffix(Path(path)) if form is None else _by_name(form)


def _by_name(name: str) -> Format:
    if name not in FORMATS:
        raise BankError(
            f'expected a format out of {", ".join(FORMATS)}, found "{name}".'
            + did_you_mean(name, FORMATS)
        )
    return FORMATS[name]


def _by_suffix(path: Path) -> Format:
    by_suffix = {form.suffix: form for form in FORMATS.values() if form.suffix}
    if path.suffix not in by_suffix:
        raise BankError(
            f'expected a file name that ends in {" or ".join(by_suffix)}, found "{path.name}".'
            + did_you_mean(path.suffix, by_suffix)
        )
    return by_suffix[path.suffix]

"""The folder of a google-research/prompt-tuning run: a NumPy file in each checkpoint."""

from __future__ import annotations

from pathlib import Path

from bank.errors import BankError, shown
from bank.formats import npy
from bank.formats.prompt import Export, PromptFile

CHECKPOINTS, PROMPT = "numpy_checkpoints", "encoder.prompt.prompt.prompt"


def recognises(path: Path) -> bool:
    """True for the folder of a run, of its checkpoints, or of one checkpoint."""
    return _newest(path) is not None


def read(path: Path) -> PromptFile:
    """The prompt of a run's newest checkpoint. Raises BankError."""
    file = _newest(path)
    if file is None:
        raise BankError(f"expected {CHECKPOINTS}/checkpoint_N/{PROMPT} in {path}, found none")
    return npy.read(file)


def write(path: Path, prompt: PromptFile, export: Export) -> Path:
    """Write the folder of a run with one checkpoint, of the step `export.step`. Raises BankError, also
    for a step that is no whole number: it is a part of the folder's name.
    """
    if type(export.step) is not int or export.step < 0:
        raise BankError(f"expected a step of 0 or more, found {shown(export.step)}")
    npy.write(path / CHECKPOINTS / f"checkpoint_{export.step}" / PROMPT, prompt, export)
    return path


def _newest(folder: Path) -> Path | None:
    """The prompt's file in the newest checkpoint; None where there is none."""
    if (folder / PROMPT).is_file():
        return folder / PROMPT
    runs = folder / CHECKPOINTS if (folder / CHECKPOINTS).is_dir() else folder
    by_step = {
        int(step): file
        for file in runs.glob(f"checkpoint_*/{PROMPT}")
        if (step := file.parent.name.removeprefix("checkpoint_")).isdecimal()
    }
    return by_step[max(by_step)] if by_step else None

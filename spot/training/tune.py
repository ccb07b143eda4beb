"""Fine-tune a model and write it to a folder for `load_model`."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from bank.files import TEMPORARY, sync_folder, writing
from spot.errors import SpotError
from spot.models.model import Model
from spot.models.weights.build import to_arrays
from spot.models.weights.stored import write_model
from spot.settings import check_seed
from spot.tasks.task import Mixture, Task
from spot.training.fine_tuning import FineTuned, best_rate
from spot.training.recipe import FINE_TUNING_RATES, Recipe
from spot.training.runs import Runs, discard_checkpoints
from spot.training.source import source_of


def tune(
    model: Model,
    source: Task | Mixture,
    out: Path | str,
    recipe: Recipe | None = None,
    seed: int = 0,
    *,
    rates: Sequence[float] = FINE_TUNING_RATES,
    runs: Runs | None = None,
) -> FineTuned:
    """Train all weights on a task or mixture at each rate, and write the model that validation prefers
    to the folder `out`, for `load_model`.

    The folder is there when it is whole; after a failure the same call goes on from the checkpoints.
    Raises SpotError for a folder that is there and not empty and for a seed out of range, before any
    training, or when no rate gave a finite loss, and BankError for a place that cannot be written.
    """
    folder, recipe, runs = Path(out).absolute(), (recipe or Recipe()).on(model), runs or Runs()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SpotError(f"{out} is there and is not an empty folder", "choose another folder")
    check_seed(seed)
    runs.reporter.phase(f"reading the rows of {source.name}")
    rows = source_of(source, model, recipe)
    at = partial(runs.fine_tune, model, rows, seed, recipe=recipe)
    tuned = best_rate(rates, at, source.name)
    about = {
        "tuned": {
            "task": source.name,
            "seed": seed,
            "learning_rate": tuned.learning_rate,
            "step": tuned.best.step,
            "from": model.fingerprint,
        }
    }
    with _whole(folder) as temporary:
        model.vocabulary.save(temporary)
        write_model(temporary, model.config, to_arrays(tuned.parameters), about)
    for rate in rates:
        discard_checkpoints(runs.fine_tuning_place(model, rows, seed, rate, recipe), runs.reporter)
    return tuned


@contextlib.contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """A folder of another name that becomes `folder`, which may be there and empty, when the block ends
    without an error. Raises BankError when the system refuses.
    """
    temporary = folder.with_name(f"{TEMPORARY}{folder.name}")
    with writing(folder):
        shutil.rmtree(temporary, ignore_errors=True)  # what a kill has left
        temporary.mkdir(parents=True)
        try:
            yield temporary
            for path in temporary.iterdir():
                with open(path, "rb+") as file:
                    os.fsync(file.fileno())
            sync_folder(temporary)
            if folder.is_dir():
                folder.rmdir()
            temporary.replace(folder)
            sync_folder(folder.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

"""`spot models`: list models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from spot.commands.options import printed

if TYPE_CHECKING:
    from spot.models.known import KnownModel
    from spot.report.output import Output


@click.command("models")
@printed
def command(out: Output) -> None:
    """List the models that model.name takes by name: size, format, and whether it is here.

    \b
    Example: spot models
    """
    from spot.models.known import known_models

    show(known_models(), out)


def show(models: Sequence[KnownModel], out: Output) -> None:
    """Every known model: sizes, format, and whether it is on this machine."""
    from spot.models.counts import short

    for model in models:
        record = {**asdict(model), "path": None if model.path is None else str(model.path)}
        del record["defaults"]  # these are told where they are used, in the config
        out.record(record)
    rows = [
        (
            model.name,
            model.kind,
            short(model.parameters),
            model.width,
            "+".join(map(str, model.layers)),
            model.formats,
            "here" if model.path else "absent",
        )
        for model in models
    ]
    columns = ("model.name", "kind", "size ", "width ", "layers ", "format", "weights")
    out.table("", columns, rows)
    out.say("Absent models are downloaded on first use. A local folder of such a model works, too.")
    for vocabulary in sorted({model.vocabulary for model in models if model.vocabulary}):
        out.say(f"T5X checkpoints have no vocabulary: --set model.vocabulary={vocabulary}")

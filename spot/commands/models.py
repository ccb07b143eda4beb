"""`spot models`: list models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from spot.commands.options import printed

if TYPE_CHECKING:
    from spot.models.defaults import ModelDefaults
    from spot.models.known import KnownModel
    from spot.report.output import Output

RECIPE = (
    "init", "text", "length", "optimizer", "learning_rate", "warmup_steps", "decay", "batch_size", "steps",
    "key_step", "check_every", "patience",
)  # fmt: skip
"""The settings of a recipe that differ by model."""


@click.command("models")
@printed
def command(out: Output) -> None:
    """List the models that model.name takes by name: size, format, whether it is here, when to take it,
    and the recipe of its prompts where nothing is set.

    \b
    Example: spot models
    """
    from spot.models.known import known_models

    show(known_models(), out)


def show(models: Sequence[KnownModel], out: Output) -> None:
    """Every known model: sizes, format, whether it is on this machine, and its recipe."""
    from spot.models.counts import short

    for model in models:
        own = model.defaults
        record = {**asdict(model), "path": None if model.path is None else str(model.path)}
        del record["config"]
        record["defaults"] = {
            **recipe_of(model),
            **{name: getattr(own, name) for name in ("template", "list_labels", "similarity")},
        }
        out.record({**record, "origin": own.origin, "suits": own.suits})
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
    show_recipes(models, out)


def show_recipes(models: Sequence[KnownModel], out: Output) -> None:
    """The recipe of each group of models that share one, where it comes from, and when to take them."""
    from spot.prompts.inits import PAPER_RATE

    groups: dict[ModelDefaults, list[KnownModel]] = {}
    for model in models:
        groups.setdefault(model.defaults, []).append(model)
    rows = []
    for own, members in groups.items():
        recipe = recipe_of(members[0])
        rate = recipe["learning_rate"] or "auto"
        rows.append(
            (
                _named(members), recipe["init"], recipe["length"], str(rate), recipe["batch_size"],
                recipe["steps"], own.template,
            )
        )  # fmt: skip
    columns = ("model.name", "start", "tokens ", "rate ", "batch ", "steps ", "template")
    out.say("")
    out.table("Recipe of a prompt where nothing is set", columns, rows)
    out.say(
        f"Rate auto: {PAPER_RATE:g} as in the papers, or a tenth of the embeddings' scale where that is "
        "less. What you set comes first."
    )
    out.say("")
    out.say("Which one when, and where its recipe comes from")
    for own, members in groups.items():
        out.say(f"- {_named(members)}: {own.suits}. Recipe: {own.origin}.")


def recipe_of(model: KnownModel) -> dict[str, Any]:
    """The recipe of a prompt on the model where nothing is set: the settings that differ by model."""
    from spot.training.recipe import Recipe

    recipe = Recipe().on(model)
    return {name: getattr(recipe, name) for name in RECIPE}


def _named(members: Sequence[KnownModel]) -> str:
    """The first model's name, and how many more there are."""
    more = len(members) - 1
    return members[0].name + (f" and {more} more" if more else "")

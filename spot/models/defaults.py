"""The table of default settings by model. Imports nothing, since the configuration reads it."""

from __future__ import annotations

from dataclasses import dataclass

EMBEDDED = "spot-nano"  # the model in the package, pretrained by this project


@dataclass(frozen=True)
class ModelDefaults:
    """Defaults of `prompt.init`, `prompt.text` and `search.similarity` for a model."""

    init: str = "vocab"
    text: str = ""
    similarity: str = "average"


# The words by which the embedded model's pretraining named kinds of task, each kind twice or more. A
# prompt that starts from all of them starts where the model reads the kind of task: its sources are
# learned, and keys show which tasks are related, which they do not with a start from the vocabulary;
# most of all token by token, by "task-vector" (docs/results/mini-suite.md).
DEFAULTS: dict[str, ModelDefaults] = {
    EMBEDDED: ModelDefaults(
        init="words",
        text=(
            "opinion conclusion message query subject grammar term choice search "
            "mood evidence version reading field form meaning decision spot truth detail"
        ),
        similarity="task-vector",
    ),
}


def defaults_of(name: str) -> ModelDefaults:
    """The defaults of the model that `model.name` names."""
    return DEFAULTS.get(name, ModelDefaults())

"""Check the context length up front."""

from __future__ import annotations

from spot.errors import SpotError
from spot.models.config import ModelConfig
from spot.models.context import check_context
from spot.models.padding import bucket_length
from spot.training.batches import Source


def check_source(config: ModelConfig, prompt: int, source: Source) -> None:
    """Check that every training and validation row of a source fits the model's context behind a prompt
    of `prompt` tokens.

    Raises SpotError that names the task.
    """
    for member in source.members:
        for split in (member.train, member.validation):
            answers = [int(split.targets.lengths().max()), *map(len, member.labels)]
            try:
                check_context(config, prompt, split.inputs, bucket_length(max(answers)))
            except SpotError as error:
                name = member.definition.name
                raise SpotError(f'task "{name}": {error.message}', error.hint) from error

"""Whether prompt, text and answer fit a decoder's context, told before anything is computed."""

from __future__ import annotations

from spot.errors import SpotError
from spot.models.config import DecoderConfig, ModelConfig
from spot.tasks.examples import Ragged
from spot.training.batches import Source, bucket_length


def check_context(config: ModelConfig, prompt: int, texts: Ragged, answer: int) -> None:
    """SpotError when a prompt of so many tokens, the longest text and an answer of so many tokens
    are longer together than a decoder's context. A T5 has no such limit.
    """
    if not isinstance(config, DecoderConfig):
        return
    longest = int(texts.lengths().max())
    if prompt + longest + answer > config.context:
        room = config.context - prompt - answer
        raise SpotError(
            f"expected at most {config.context} tokens, the model's context, found "
            f"{prompt + longest + answer}: {prompt} of the prompt, {longest} of the longest text and "
            f"{answer} of an answer",
            f"lower data.input_length to {room}, or prompt.length"
            if room > 1
            else "lower prompt.length or data.target_length",
        )


def check_source(config: ModelConfig, prompt: int, source: Source) -> None:
    """The same of all that a prompt of so many tokens is trained on and validated with; SpotError
    names the task.
    """
    for member in source.members:
        for split in (member.train, member.validation):
            answers = [int(split.targets.lengths().max()), *map(len, member.labels)]
            try:
                check_context(config, prompt, split.inputs, bucket_length(max(answers)))
            except SpotError as error:
                name = member.definition.name
                raise SpotError(f'task "{name}": {error.message}', error.hint) from error

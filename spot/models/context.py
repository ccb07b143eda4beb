"""Check up front that prompt, text and answer fit the context of a model."""

from __future__ import annotations

from spot.errors import SpotError
from spot.models.config import ModelConfig
from spot.tasks.examples import Ragged


def check_context(config: ModelConfig, prompt: int, texts: Ragged, answer: int) -> None:
    """Raise SpotError if a prompt of `prompt` tokens, the longest text and an answer of `answer`
    tokens exceed the context together. A T5 has no such limit.
    """
    if config.context is None:
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

"""How many numbers a model has and how many of them are trained. Needs no JAX."""

from __future__ import annotations

from typing import Any, NamedTuple

from spot.models.config import DecoderConfig, T5Config


class Counts(NamedTuple):
    """Numbers that training changes, and those that it leaves as they are."""

    trained: int
    frozen: int

    @property
    def percent(self) -> float:
        """The trained part of all, 0 to 100."""
        return 100 * self.trained / (self.trained + self.frozen)

    def to_json(self) -> dict[str, int | float]:
        """Plain values."""
        return {**self._asdict(), "percent": self.percent}

    def __str__(self) -> str:
        """As people read it.

        >>> str(prompt_counts(100, 4096, 11_135_332_352))
        '409.6K of 11.1B parameters trained (0.00368 %)'
        """
        total = short(self.trained + self.frozen)
        return f"{short(self.trained)} of {total} parameters trained ({self.percent:.3g} %)"


def prompt_counts(length: int, width: int, frozen: int) -> Counts:
    """Prompt tuning on a model of `frozen` numbers: P x H are trained (Lester et al. 2021, section
    3.4, for T5 XXL 409.6K).
    """
    return Counts(length * width, frozen)


def count(parameters: Any) -> int:
    """The numbers in a loaded model's parameters, a tree of arrays."""
    import jax

    return sum(leaf.size for leaf in jax.tree.leaves(parameters))


def t5_count(config: T5Config) -> int:
    """The numbers of a T5 of this architecture, before anything is loaded."""
    width, inner = config.d_model, config.num_heads * config.d_kv
    attention, norm = 4 * width * inner, width
    feed_forward = (3 if config.activation == "gated-gelu" else 2) * width * config.d_ff
    encoder = config.encoder_layers * (attention + feed_forward + 2 * norm) + norm
    decoder = config.decoder_layers * (2 * attention + feed_forward + 3 * norm) + norm
    relative = 2 * config.relative_buckets * config.num_heads
    tables = (1 if config.tied_head else 2) * config.vocab_size * width
    return encoder + decoder + relative + tables


def decoder_count(config: DecoderConfig) -> int:
    """The numbers of a decoder of this architecture; published files have no row for padding."""
    width, inner = config.d_model, config.num_heads * config.d_kv
    narrow = config.num_kv_heads * config.d_kv
    attention = 2 * width * (inner + narrow) + (inner + 2 * narrow if config.biases else 0)
    layer = attention + 3 * width * config.d_ff + 2 * width
    tables = (1 if config.tied_head else 2) * config.vocab_size * width
    return config.layers * layer + width + tables


def short(number: int) -> str:
    """A count in three or four digits.

    >>> [short(n) for n in (80, 409_600, 76_961_152, 11_135_332_352)]
    ['80', '409.6K', '77.0M', '11.1B']
    """
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        if number >= size:
            return f"{number / size:.1f}{letter}"
    return str(number)

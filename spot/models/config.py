"""The architecture of a backbone as a value. Imports nothing heavy, so any layer may read it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

Activation = Literal["gated-gelu", "relu"]
Precision = Literal["bfloat16", "float32"]
RopeScaling = Literal["none", "linear", "llama3"]
LAYERS = 1000  # of a stack: the deepest published models have an eighth of it


@dataclass(frozen=True)
class T5Config:
    """Sizes of a T5 (Raffel et al. 2020): version 1.1 is gated GELU with an untied head, 1.0 ReLU
    with a tied one. ValueError for impossible sizes, as of `DecoderConfig`.

    `tied_head` shares the embedding with the output and rescales its input by H^-0.5, as T5 1.0
    does.
    """

    vocab_size: int
    d_model: int
    d_kv: int
    num_heads: int
    d_ff: int
    encoder_layers: int
    decoder_layers: int
    activation: Activation = "gated-gelu"
    tied_head: bool = False
    relative_buckets: int = 32
    relative_max_distance: int = 128
    dropout: float = 0.1
    epsilon: float = 1e-6
    context: ClassVar[int | None] = None  # relative positions set no limit

    def __post_init__(self) -> None:
        _check_depth(self.stacks)
        _check_rate(self.dropout)
        if self.relative_buckets < 4:  # two in each direction, of which one grows
            raise ValueError(
                f"{self.relative_buckets} buckets of relative positions are less than 4"
            )

    @property
    def stacks(self) -> tuple[int, ...]:
        """Layers of the encoder and of the decoder."""
        return self.encoder_layers, self.decoder_layers

    @property
    def kv_heads(self) -> int:
        """Heads that have keys and values of their own."""
        return self.num_heads

    def count(self) -> int:
        """Number of parameters."""
        width, inner = self.d_model, self.num_heads * self.d_kv
        attention, norm = 4 * width * inner, width
        feed_forward = (3 if self.activation == "gated-gelu" else 2) * width * self.d_ff
        encoder = self.encoder_layers * (attention + feed_forward + 2 * norm) + norm
        decoder = self.decoder_layers * (2 * attention + feed_forward + 3 * norm) + norm
        relative = 2 * self.relative_buckets * self.num_heads
        tables = (1 if self.tied_head else 2) * self.vocab_size * width
        return encoder + decoder + relative + tables

    def to_json(self) -> dict[str, Any]:
        """Plain values; `T5Config(**config.to_json())` is the same config."""
        return asdict(self)


@dataclass(frozen=True)
class DecoderConfig:
    """Sizes of a Llama-like decoder: RMS norm before each part, rotary positions, SwiGLU, and keys
    and values shared by groups of heads (Touvron et al. 2023; Ainslie et al. 2023).

    `vocab_size` counts the tokenizer's ids and padding, which is id 0 here: the tokenizer's id i is
    i + 1. `biases` are those of Qwen2's queries, keys and values. The last four fields describe how
    rotary positions were stretched to `context` tokens; `rope_context` is the context before.
    """

    vocab_size: int
    d_model: int
    d_kv: int
    num_heads: int
    num_kv_heads: int
    d_ff: int
    layers: int
    context: int
    tied_head: bool = True
    biases: bool = False
    epsilon: float = 1e-5
    dropout: float = 0.0
    rope_theta: float = 10000.0
    rope_scaling: RopeScaling = "none"
    rope_factor: float = 1.0
    rope_low_frequency: float = 1.0
    rope_high_frequency: float = 4.0
    rope_context: int = 8192

    def __post_init__(self) -> None:
        _check_depth(self.stacks)
        _check_rate(self.dropout)
        if self.num_heads % self.num_kv_heads:
            raise ValueError(
                f"{self.num_heads} heads cannot share {self.num_kv_heads} keys and values evenly"
            )
        if self.d_kv % 2:
            raise ValueError(f"heads of {self.d_kv} numbers cannot be turned in pairs")
        if min(self.rope_theta, self.rope_factor) <= 0:
            raise ValueError(
                f"positions of the base {self.rope_theta} stretched by {self.rope_factor}: "
                "both must be more than 0"
            )
        if self.rope_low_frequency >= self.rope_high_frequency:
            raise ValueError(
                f"positions blended from the frequency {self.rope_low_frequency} to "
                f"{self.rope_high_frequency}: the second must be larger"
            )

    @property
    def stacks(self) -> tuple[int, ...]:
        """Layers of the one stack."""
        return (self.layers,)

    @property
    def kv_heads(self) -> int:
        """Heads that have keys and values of their own."""
        return self.num_kv_heads

    def count(self) -> int:
        """Number of parameters; published files have no row for padding, so it is not counted."""
        width, inner = self.d_model, self.num_heads * self.d_kv
        narrow = self.num_kv_heads * self.d_kv
        attention = 2 * width * (inner + narrow) + (inner + 2 * narrow if self.biases else 0)
        layer = attention + 3 * width * self.d_ff + 2 * width
        tables = (1 if self.tied_head else 2) * self.vocab_size * width
        return self.layers * layer + width + tables

    def to_json(self) -> dict[str, Any]:
        """Plain values; `DecoderConfig(**config.to_json())` is the same config."""
        return asdict(self)


ModelConfig = T5Config | DecoderConfig


def _check_depth(stacks: tuple[int, ...]) -> None:
    """Raises ValueError for more layers than a model has, before anything is built of them."""
    if max(stacks) > LAYERS:
        raise ValueError(
            f"{max(stacks):,} layers are more than the {LAYERS:,} that a model may have"
        )


def _check_rate(dropout: float) -> None:
    if not 0 <= dropout < 1:
        raise ValueError(f"a dropout rate of {dropout} is not from 0 to less than 1")


def _v1_1(d_model: int, d_kv: int, heads: int, d_ff: int, layers: int) -> T5Config:
    return T5Config(32128, d_model, d_kv, heads, d_ff, layers, layers)


def _v1_0(d_model: int, d_kv: int, heads: int, d_ff: int, layers: int) -> T5Config:
    return T5Config(
        32128, d_model, d_kv, heads, d_ff, layers, layers, activation="relu", tied_head=True
    )


# Raffel et al. 2020, section 3.7, and the T5 1.1 release notes.
ARCHITECTURES: dict[str, T5Config] = {
    "t5-small": _v1_0(512, 64, 8, 2048, 6),
    "t5-base": _v1_0(768, 64, 12, 3072, 12),
    "t5-large": _v1_0(1024, 64, 16, 4096, 24),
    "t5-3b": _v1_0(1024, 128, 32, 16384, 24),
    "t5-11b": _v1_0(1024, 128, 128, 65536, 24),
    "t5-v1_1-small": _v1_1(512, 64, 6, 1024, 8),
    "t5-v1_1-base": _v1_1(768, 64, 12, 2048, 12),
    "t5-v1_1-large": _v1_1(1024, 64, 16, 2816, 24),
    "t5-v1_1-xl": _v1_1(2048, 64, 32, 5120, 24),
    "t5-v1_1-xxl": _v1_1(4096, 64, 64, 10240, 24),
}

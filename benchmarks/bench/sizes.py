"""The sizes of everything that is measured: those of the table, and small ones to try it with."""

from __future__ import annotations

from dataclasses import dataclass

from spot.models import DecoderConfig, T5Config

PRECISIONS = ("float32", "bfloat16")
T5_SMALL = T5Config(32128, 512, 64, 6, 1024, 8, 8, dropout=0.0)
T5_TINY = T5Config(6144, 32, 8, 4, 64, 2, 2, dropout=0.0)
NANO = T5Config(6144, 256, 64, 4, 512, 4, 2, dropout=0.0)
SMOLLM2 = DecoderConfig(49153, 576, 64, 9, 3, 1536, 30, 8192, rope_theta=100000.0)
DECODER_TINY = DecoderConfig(1000, 32, 8, 4, 2, 64, 2, 512)


@dataclass(frozen=True)
class Sizes:
    """Rows B, text tokens T, prompt length P and target tokens of a step, in which precisions, and how much
    is measured."""

    precisions: tuple[str, ...] = PRECISIONS
    rounds: int = 5
    decoder_rounds: int = 3
    t5: T5Config = T5_SMALL
    nano: T5Config = NANO
    decoder: DecoderConfig = SMOLLM2
    batch: int = 16
    prompt: int = 100
    t5_text: int = 128
    t5_target: int = 8
    short_texts: tuple[int, int] = (10, 60)
    decoder_text: int = 64
    decoder_target: int = 2
    scored_rows: int = 256
    decoder_scored_rows: int = 256
    written_rows: int = 32
    written_tokens: int = 32
    slots: tuple[int, ...] = (1, 2, 4, 8, 16)
    slot_rounds: int = 2
    bank_tasks: int = 8
    bank_steps: int = 30
    mixed_rows: int = 128
    many_prompts: int = 1000
    served_prompts: int = 20
    served_questions: int = 320
    decoder_served_questions: int = 96


FULL = Sizes()
QUICK = Sizes(
    rounds=2,
    decoder_rounds=1,
    t5=T5_TINY,
    nano=T5_TINY,
    decoder=DECODER_TINY,
    batch=4,
    prompt=10,
    t5_text=16,
    short_texts=(3, 12),
    decoder_text=16,
    scored_rows=32,
    decoder_scored_rows=8,
    written_rows=4,
    written_tokens=4,
    slots=(1, 2),
    slot_rounds=2,
    bank_tasks=2,
    bank_steps=3,
    mixed_rows=8,
    many_prompts=40,
    served_prompts=4,
    served_questions=16,
    decoder_served_questions=8,
)

"""Settings of a pretraining run: sizes, budget, learning rate and curriculum."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator

from spot.errors import SpotError
from spot.models.config import T5Config

SENTINELS = 100


class Stage(BaseModel):
    """The mixture of instructions from a step on; a curriculum is a list of stages by step."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    from_step: int
    fixed_share: float = 0.0  # of the instructions, with the family's fixed label words
    keyword_share: float = 0.0  # of the others, in keywords instead of sentences
    prompted_rows: int = 0  # of the task rows, behind a noisy soft prompt
    stacked_rows: int = 0  # of the task rows, behind one with several words a slot
    family_weights: dict[str, float] = {}  # factors on families' shares; 1 where not named

    @property
    def soft_rows(self) -> int:
        """The task rows behind a soft prompt."""
        return self.prompted_rows + self.stacked_rows


class PretrainConfig(BaseModel):
    """One pretraining run; lengths in tokens, rows and steps as counts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int
    text: Path
    output: Path
    pieces: int
    d_model: int
    d_ff: int
    encoder_layers: int
    decoder_layers: int
    steps: int
    warmup_steps: int
    restarts: tuple[int, ...] = ()  # steps at which the optimiser begins anew, with a warm-up
    decays: tuple[tuple[int, int], ...]  # steps [from, to) over which the rate falls, in order
    learning_rate: float  # relative to each array's root mean square
    text_rows: int
    text_length: int
    text_target_length: int
    prefix_share: float
    task_rows: int
    task_length: int
    task_target_length: int
    task_weight: float
    curriculum: tuple[Stage, ...]  # in any order; the first from step 0
    checkpoint_every: int
    log_every: int

    @field_validator("curriculum")
    @classmethod
    def _covers_every_step(cls, stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
        if min((stage.from_step for stage in stages), default=-1) != 0:
            raise ValueError("expected a stage with from_step = 0 and none before it")
        return tuple(sorted(stages, key=lambda stage: stage.from_step))

    @model_validator(mode="after")
    def _rows_left(self) -> PretrainConfig:
        most = max(stage.soft_rows for stage in self.curriculum)
        if most >= self.task_rows:
            raise ValueError(
                f"expected a stage's rows behind soft prompts below "
                f"task_rows={self.task_rows}, found {most}"
            )
        return self

    @model_validator(mode="after")
    def _decays_in_order(self) -> PretrainConfig:
        ends = [self.warmup_steps, *(step for decay in self.decays for step in decay), self.steps]
        apart = all(begin < end for begin, end in self.decays)
        if not apart or ends != sorted(ends):
            raise ValueError(
                f"expected decays as [from, to), one after another between warmup_steps and steps, "
                f"found {self.decays}"
            )
        return self

    def stage(self, step: int) -> Stage:
        """The curriculum's stage at a step."""
        return [stage for stage in self.curriculum if stage.from_step <= step][-1]

    @property
    def architecture(self) -> T5Config:
        """T5 1.1 with these sizes, but the head tied to the embeddings as in T5 1.0: the model can then
        answer with label words that were never targets. No dropout, as in T5 1.1's pretraining.
        """
        return T5Config(
            vocab_size=-(-(self.pieces + SENTINELS) // 64) * 64,
            d_model=self.d_model,
            d_kv=64,
            num_heads=self.d_model // 64,
            d_ff=self.d_ff,
            encoder_layers=self.encoder_layers,
            decoder_layers=self.decoder_layers,
            tied_head=True,
            dropout=0.0,
        )


def read_config(file: Path) -> PretrainConfig:
    """Read the settings of a run from a TOML file; SpotError if they are not usable."""
    try:
        return PretrainConfig(**tomllib.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise SpotError(
            f"expected a config at {file}, found: {error.strerror}", "correct the path"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpotError(f"{file}: expected TOML ({error})", "correct that line") from error
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"]))
        raise SpotError(
            f"{file}: {key + ': ' if key else ''}{problem['msg']}", "correct the value"
        ) from None

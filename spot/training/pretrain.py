"""Pretrains the embedded backbone: `python -m spot.training.pretrain configs/nano.toml`.

Tokenizer, corpus and model are each made once and found again, so the same command resumes.
Randomness is a function of (seed, step): a resumed run sees the batches an unbroken one would.
"""

from __future__ import annotations

import json
import random
import sys
import time
import tomllib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from spot.errors import SpotError
from spot.models.config import T5Config
from spot.models.t5 import T5
from spot.models.weights.build import stored, to_arrays
from spot.models.weights.folder import write_model
from spot.tasks.mini.pretrain import (
    fixed_examples,
    keyword_examples,
    plain_text,
    pretraining_examples,
    pretraining_tasks,
)
from spot.training.batches import pad_rows
from spot.training.checkpoint import Checkpoints
from spot.training.corruption import corrupt_spans, split_prefix
from spot.training.runtime import prepare

SENTINELS = 100


class Stage(BaseModel):
    """What instructions are drawn from a step on; a curriculum is a list of these, by step."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    from_step: int
    fixed_share: float = 0.0  # of the instructions that have their family's fixed label words
    keyword_share: float = 0.0  # of the others that are told in keywords
    family_weights: dict[str, float] = {}  # factors on families' shares; 1 where not named


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
    curriculum: tuple[Stage, ...]  # in any order; one of them from step 0
    checkpoint_every: int
    log_every: int

    @field_validator("curriculum")
    @classmethod
    def _covers_every_step(cls, stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
        if min((stage.from_step for stage in stages), default=-1) != 0:
            raise ValueError("expected a stage with from_step = 0 and none before it")
        return tuple(sorted(stages, key=lambda stage: stage.from_step))

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

    @property
    def architecture(self) -> T5Config:
        """T5 1.1 with these sizes, except that the head is tied to the embeddings as in T5 1.0: a
        label word that is never an answer here can then still be read from the text and said.
        Dropout is off, as in T5 1.1's own pretraining.
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


def documents(folder: Path) -> Iterator[str]:
    """The paragraphs of every .txt file under `folder`, in the order of the file names."""
    files = sorted(folder.glob("*.txt"))
    if not files:
        raise SpotError(f"{folder}: expected .txt files to pretrain on, found none", "set `text`")
    for file in files:
        with file.open(encoding="utf-8") as lines:
            yield from (line.strip() for line in lines if len(line) > 40)


def train_tokenizer(config: PretrainConfig) -> Path:
    """A SentencePiece unigram model over a sample of the text and of the mini suite's generator."""
    import sentencepiece

    model = config.output / "spiece.model"
    if model.exists():
        return model
    rng = random.Random(f"tokenizer:{config.seed}")
    tasks = pretraining_tasks()

    def sentences() -> Iterator[str]:
        for index, paragraph in enumerate(documents(config.text)):
            if index % 4 == 0:
                yield paragraph[:2000]
        for _ in range(20_000):
            yield plain_text(rng)[:2000]
            yield " ".join(pretraining_examples(rng.choice(tasks), rng)[0])[:2000]

    temporary = config.output / "tokenizer-in-progress"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=sentences(),
        model_prefix=str(temporary),
        vocab_size=config.pieces,
        model_type="unigram",
        character_coverage=1.0,
        byte_fallback=True,
        split_digits=True,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        input_sentence_size=150_000,
        shuffle_input_sentence=False,
        num_threads=2,
        minloglevel=1,
    )
    temporary.with_suffix(".model").rename(model)
    temporary.with_suffix(".vocab").unlink()
    return model


def encode_corpus(config: PretrainConfig, tokenizer: Any) -> tuple[np.ndarray, np.ndarray]:
    """The text as one row of tokens, EOS between paragraphs: (for training, 1 % held out)."""
    path = config.output / "corpus.npy"
    if not path.exists():
        pieces: list[np.ndarray] = []
        batch: list[str] = []
        for paragraph in documents(config.text):
            batch.append(paragraph)
            if len(batch) == 4096:
                pieces += [np.asarray([*ids, 1], np.uint16) for ids in tokenizer.encode(batch)]
                batch = []
        pieces += [np.asarray([*ids, 1], np.uint16) for ids in tokenizer.encode(batch)]
        with path.with_suffix(".part").open("wb") as out:
            np.save(out, np.concatenate(pieces))
        path.with_suffix(".part").rename(path)
    tokens = np.load(path)
    held_out = len(tokens) // 100
    return tokens[:-held_out], tokens[-held_out:]


def pad(rows: list[np.ndarray], length: int) -> np.ndarray:
    """Rows of token ids cut or padded with 0 to [B, length] int32."""
    return pad_rows([row[:length] for row in rows], length)


def text_batch(
    config: PretrainConfig, corpus: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Inputs [B, T] and targets [B, T'] : a share of prefix language modelling, the rest span
    corruption.
    """
    inputs, targets = [], []
    vocab = config.architecture.vocab_size
    for row in range(config.text_rows):
        start = int(rng.integers(0, len(corpus) - config.text_length - 8))
        window = corpus[start : start + config.text_length].astype(np.int32)
        if row < config.text_rows * config.prefix_share:
            pair = split_prefix(window, config.text_target_length, rng)
        else:
            pair = corrupt_spans(window, vocab, rng)
        inputs.append(pair[0])
        targets.append(pair[1])
    return pad(inputs, config.text_length), pad(targets, config.text_target_length)


def task_batch(
    config: PretrainConfig, tokenizer: Any, number: int
) -> tuple[np.ndarray, np.ndarray]:
    """Instructions with their answers from the generator's pretraining domains, [B, T] and [B, T'].

    Two texts of one instruction stand side by side, see `pretraining_examples`.
    """
    rng = random.Random(f"pretraining:{config.seed}:{number}")
    tasks = pretraining_tasks()
    stage = [stage for stage in config.curriculum if stage.from_step <= number][-1]
    weights = [task.weight * stage.family_weights.get(task.family, 1.0) for task in tasks]
    inputs: list[np.ndarray] = []
    targets: list[np.ndarray] = []
    while len(inputs) < config.task_rows:
        fixed = stage.fixed_share > 0 and rng.random() < stage.fixed_share
        keywords = not fixed and stage.keyword_share > 0 and rng.random() < stage.keyword_share
        make = fixed_examples if fixed else keyword_examples if keywords else pretraining_examples
        for asked, answer in make(rng.choices(tasks, weights)[0], rng):
            ids = [*tokenizer.encode(asked), 1]
            if len(ids) <= config.task_length:  # a cut text may have lost what its answer rests on
                inputs.append(np.asarray(ids))
                targets.append(np.asarray([*tokenizer.encode(answer), 1]))
    inputs, targets = inputs[: config.task_rows], targets[: config.task_rows]
    return pad(inputs, config.task_length), pad(targets, config.task_target_length)


def token_loss(model: T5, inputs: jax.Array, targets: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Mean cross entropy (nats a token, with T5's z-loss of 1e-4) and the share of tokens
    predicted.
    """
    logits = model.decode(model.encode(inputs), targets)
    normaliser = jax.nn.logsumexp(logits, axis=-1)
    chosen = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    real = targets > 0
    count = jnp.maximum(real.sum(), 1)
    loss = ((normaliser - chosen + 1e-4 * normaliser**2) * real).sum() / count
    return loss, ((logits.argmax(-1) == targets) & real).sum() / count


def optimiser(config: PretrainConfig) -> optax.GradientTransformation:
    """Adam whose steps are in proportion to each array's root mean square, as in Adafactor
    (Shazeer and Stern 2018, section 8), which T5 was trained with.

    T5's embeddings start fifteen times as large as its matrices; one absolute rate for both leaves
    the embeddings, and with them what words mean, all but untrained. Warm-up, then constant but for
    the `decays`, straight falls to a twentieth: after each the model is fit to be used.
    """
    schedules = [optax.linear_schedule(0.0, config.learning_rate, config.warmup_steps)]
    boundaries = []
    at = config.warmup_steps
    for begin, end in config.decays:
        fall = optax.linear_schedule(config.learning_rate, config.learning_rate / 20, end - begin)
        schedules += [optax.constant_schedule(config.learning_rate), fall]
        boundaries += [at, begin]
        at = end
    schedules.append(optax.constant_schedule(config.learning_rate))
    rate = optax.join_schedules(schedules, [*boundaries, at])
    return optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.scale_by_adam(b1=0.9, b2=0.98),
        optax.scale_by_param_block_rms(1e-3),
        optax.scale_by_learning_rate(rate),
    )


@partial(jax.jit, static_argnums=(0, 1, 2), donate_argnums=(3, 4))
def step(
    graphdef: Any,
    tx: optax.GradientTransformation,
    task_weight: float,
    parameters: Any,
    state: Any,
    text: tuple[jax.Array, jax.Array],
    task: tuple[jax.Array, jax.Array],
) -> tuple[Any, Any, dict[str, jax.Array]]:
    """One update of all weights on a text batch and a task batch together."""

    def loss(values: Any) -> tuple[jax.Array, dict[str, jax.Array]]:
        model = nnx.merge(graphdef, values)
        text_loss, text_hit = token_loss(model, *text)
        task_loss, task_hit = token_loss(model, *task)
        numbers = {"text": text_loss, "task": task_loss, "text_hit": text_hit, "task_hit": task_hit}
        return text_loss + task_weight * task_loss, numbers

    gradient, numbers = jax.grad(loss, has_aux=True)(parameters)
    updates, state = tx.update(gradient, state, parameters)
    return optax.apply_updates(parameters, updates), state, numbers


def run(config: PretrainConfig) -> None:
    """Trains to `config.steps`, resuming from the last checkpoint, and exports the weights."""
    import sentencepiece

    prepare()
    config.output.mkdir(parents=True, exist_ok=True)
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(train_tokenizer(config)))
    corpus, held_out = encode_corpus(config, tokenizer)
    print(f"corpus {len(corpus):,} tokens, held out {len(held_out):,}", flush=True)
    graphdef, parameters = nnx.split(T5(config.architecture, "widen", nnx.Rngs(config.seed)))
    tx = optimiser(config)
    state = tx.init(parameters)
    checkpoints = Checkpoints(config.output / "checkpoints")
    found = checkpoints.restore({"parameters": parameters, "state": state})
    begin = 0
    if found is not None:
        begin, parameters, state = found[0], found[1]["parameters"], found[1]["state"]
        print(f"resumed at step {begin}", flush=True)
    evaluate = jax.jit(lambda values, *batch: token_loss(nnx.merge(graphdef, values), *batch))
    held = text_batch(config, held_out, np.random.default_rng(config.seed))
    last, clock = begin, time.monotonic()
    for number in range(begin, config.steps):
        rng = np.random.default_rng([config.seed, number])
        text = text_batch(config, corpus, rng)
        task = task_batch(config, tokenizer, number)
        parameters, state, numbers = step(
            graphdef, tx, config.task_weight, parameters, state, text, task
        )
        done = number + 1
        if done % config.log_every == 0 or done == config.steps:
            row = {
                "step": done,
                **{name: round(float(value), 4) for name, value in numbers.items()},
            }
            row["held_out"] = round(float(evaluate(parameters, *held)[0]), 4)
            row["seconds_a_step"] = round((time.monotonic() - clock) / (done - last), 3)
            last, clock = done, time.monotonic()
            print(json.dumps(row), flush=True)
            with (config.output / "metrics.jsonl").open("a") as out:
                out.write(json.dumps(row) + "\n")
        if done % config.checkpoint_every == 0 or done == config.steps:
            checkpoints.save(done, {"parameters": parameters, "state": state})
            seen = {"steps": done, **config.model_dump(mode="json")}
            arrays = stored(to_arrays(parameters), "bfloat16")
            write_model(config.output, config.architecture, arrays, {"pretraining": seen})
    checkpoints.close()


if __name__ == "__main__":
    run(PretrainConfig(**tomllib.loads(Path(sys.argv[1]).read_text())))

"""Pretrain the embedded model: `python -m pretraining.pretrain configs/nano.toml`.

Tokenizer, corpus and checkpoints stay in the output folder, so the same command resumes.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from pretraining.config import PretrainConfig, read_config
from pretraining.data import encode_corpus, task_batch, text_batch, train_tokenizer
from pretraining.soft_headers import PromptedBatch, prompted_batch, stacked_batch
from spot.errors import SpotError
from spot.models.runtime import prepare
from spot.models.t5 import T5
from spot.models.weights.build import build, stored, to_arrays
from spot.models.weights.stored import write_model
from spot.training.checkpoint import Checkpoints


def soft_prompts(model: T5, batch: PromptedBatch) -> jax.Array:
    """Prompts [B, P, H] of a batch: weighted sums of word embeddings, plus noise."""
    table = model.token_embedder.embedding[...]
    size = jax.lax.stop_gradient(jnp.sqrt(jnp.mean(table**2)))
    sums = jnp.einsum("bpk,bpkh->bph", batch.weights, table[batch.words])
    return sums + size * batch.noise


def soft_batch(config: PretrainConfig, tokenizer: Any, number: int) -> PromptedBatch | None:
    """The rows of a step behind soft prompts; None if its stage has none."""
    stage = config.stage(number)
    kinds = (
        (stage.prompted_rows, prompted_batch),
        (stage.stacked_rows, stacked_batch),
    )
    batches = [make(config, tokenizer, number) for rows, make in kinds if rows]
    return joined(batches) if batches else None


def joined(batches: Sequence[PromptedBatch]) -> PromptedBatch:
    """Concatenate batches; slots with fewer words are filled with words of weight 0."""
    layers = max(batch.words.shape[2] for batch in batches)
    wide = [
        batch._replace(words=_widened(batch.words, layers), weights=_widened(batch.weights, layers))
        for batch in batches
    ]
    return PromptedBatch(*(np.concatenate(arrays) for arrays in zip(*wide, strict=True)))


def _widened(array: np.ndarray, layers: int) -> np.ndarray:
    return np.pad(array, ((0, 0), (0, 0), (0, layers - array.shape[2])))


def token_loss(
    model: T5, inputs: jax.Array, targets: jax.Array, prompts: jax.Array | None = None
) -> tuple[jax.Array, jax.Array]:
    """Mean cross entropy (nats a token, with T5's z-loss of 1e-4) and the accuracy of tokens."""
    logits = model.decode(model.encode(inputs, prompts), targets)
    normaliser = jax.nn.logsumexp(logits, axis=-1)
    chosen = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    real = targets > 0
    count = jnp.maximum(real.sum(), 1)
    loss = ((normaliser - chosen + 1e-4 * normaliser**2) * real).sum() / count
    return loss, ((logits.argmax(-1) == targets) & real).sum() / count


@cache
def optimiser(
    peak: float, warmup_steps: int, decays: tuple[tuple[int, int], ...], begin: int = 0
) -> optax.GradientTransformation:
    """Adam whose steps are in proportion to each array's root mean square, as in Adafactor
    (Shazeer and Stern 2018, section 8), which T5 was trained with.

    T5's embeddings start fifteen times as large as its matrices; one absolute rate for both leaves
    the embeddings all but untrained. The rate rises to `peak` over `warmup_steps` from step `begin`
    on, then is constant but for the `decays` [from, to), linear decays to a twentieth, after each
    of which the model is fit for use.

    Cached, so that runs with the same rates share the compiled step.
    """
    schedules = [optax.linear_schedule(0.0, peak, warmup_steps)]
    boundaries = []
    at = warmup_steps
    for first, last in decays:
        if first < begin:
            continue
        schedules += [
            optax.constant_schedule(peak),
            optax.linear_schedule(peak, peak / 20, last - first),
        ]
        boundaries += [at, first - begin]
        at = last - begin
    schedules.append(optax.constant_schedule(peak))
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
    prompted: PromptedBatch | None,
) -> tuple[Any, Any, dict[str, jax.Array]]:
    """One update of all weights on a text batch and a task batch together."""

    def loss(values: Any) -> tuple[jax.Array, dict[str, jax.Array]]:
        model = nnx.merge(graphdef, values)
        text_loss, text_hit = token_loss(model, *text)
        task_loss, task_hit = token_loss(model, *task)
        numbers = {"text": text_loss, "task": task_loss, "text_hit": text_hit, "task_hit": task_hit}
        if prompted is not None:
            prompts = soft_prompts(model, prompted)
            numbers["prompted"], numbers["prompted_hit"] = token_loss(
                model, jnp.asarray(prompted.inputs), jnp.asarray(prompted.targets), prompts
            )
            share = len(prompted.inputs) / (len(prompted.inputs) + len(task[0]))
            task_loss = (1 - share) * task_loss + share * numbers["prompted"]
        return text_loss + task_weight * task_loss, numbers

    gradient, numbers = jax.grad(loss, has_aux=True)(parameters)
    updates, state = tx.update(gradient, state, parameters)
    return optax.apply_updates(parameters, updates), state, numbers


@partial(jax.jit, static_argnums=0)
def evaluate(graphdef: Any, parameters: Any, inputs: jax.Array, targets: jax.Array) -> jax.Array:
    """The loss of a batch (nats a token)."""
    return token_loss(nnx.merge(graphdef, parameters), inputs, targets)[0]


def exported(config: PretrainConfig) -> tuple[int, Any] | None:
    """(step, parameters) of the exported weights, if their step is one of `restarts`."""
    from safetensors.flax import load_file

    try:
        stated = json.loads((config.output / "config.json").read_text())["pretraining"]["steps"]
    except (OSError, ValueError, KeyError):
        return None
    if stated not in config.restarts:
        return None
    arrays = load_file(config.output / "weights.safetensors")
    return stated, build(config.architecture, arrays, "float32", "widen").parameters


def _log(
    config: PretrainConfig, step: int, numbers: Mapping[str, jax.Array], seconds: float
) -> None:
    """Print the numbers as a line of JSON and append it to metrics.jsonl."""
    row = {"step": step, **{name: round(float(value), 4) for name, value in numbers.items()}}
    line = json.dumps({**row, "seconds_a_step": round(seconds, 3)})
    print(line, flush=True)
    with (config.output / "metrics.jsonl").open("a") as out:
        out.write(line + "\n")


def run(config: PretrainConfig) -> None:
    """Train to `config.steps` and export the weights.

    Resumes from the last checkpoint or, without one, from exported weights of a step in `restarts`.
    """
    import sentencepiece

    prepare()
    config.output.mkdir(parents=True, exist_ok=True)
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(train_tokenizer(config)))
    corpus, held_out = encode_corpus(config, tokenizer)
    print(f"corpus {len(corpus):,} tokens, held out {len(held_out):,}", flush=True)
    graphdef, parameters = nnx.split(T5(config.architecture, "widen", nnx.Rngs(config.seed)))
    rates = config.learning_rate, config.warmup_steps, config.decays
    tx = optimiser(*rates)
    state = tx.init(parameters)
    checkpoints = Checkpoints(config.output / "checkpoints")
    checkpoint = checkpoints.restore({"parameters": parameters, "state": state})
    begin = 0
    if checkpoint is not None:
        begin, saved = checkpoint
        parameters, state = saved["parameters"], saved["state"]
    elif (weights := exported(config)) is not None:
        begin = weights[0]
    if begin:
        print(f"resumed at step {begin}", flush=True)
        tx = optimiser(*rates, max(step for step in (0, *config.restarts) if step <= begin))
    held = text_batch(config, held_out, np.random.default_rng(config.seed))
    last, clock = begin, time.monotonic()
    for number in range(begin, config.steps):
        if number in config.restarts and (weights := exported(config)) and weights[0] == number:
            # From the weights as stored (bfloat16), so that a run can begin from these alone.
            parameters, tx = weights[1], optimiser(*rates, number)
            state = tx.init(parameters)
        rng = np.random.default_rng([config.seed, number])
        text = text_batch(config, corpus, rng)
        task = task_batch(config, tokenizer, number)
        prompted = soft_batch(config, tokenizer, number)
        parameters, state, numbers = step(
            graphdef, tx, config.task_weight, parameters, state, text, task, prompted
        )
        done = number + 1
        if done % config.log_every == 0 or done == config.steps:
            numbers["held_out"] = evaluate(graphdef, parameters, *held)
            _log(config, done, numbers, (time.monotonic() - clock) / (done - last))
            last, clock = done, time.monotonic()
        if done % config.checkpoint_every == 0 or done in (*config.restarts, config.steps):
            settings = {**config.model_dump(mode="json"), "steps": done}
            arrays = stored(to_arrays(parameters), "bfloat16")
            write_model(config.output, config.architecture, arrays, {"pretraining": settings})
            checkpoints.save(done, {"parameters": parameters, "state": state})
    checkpoints.close()


def main(arguments: Sequence[str]) -> int:
    """Run the config named on the command line; the exit status."""
    if len(arguments) != 1:
        print("usage: python -m pretraining.pretrain CONFIG.toml", file=sys.stderr)
        return 2
    try:
        run(read_config(Path(arguments[0])))
    except SpotError as error:
        print(f"error: {error.message}\nhint: {error.hint}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

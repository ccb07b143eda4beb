"""The rows that both sides train on: token ids as numpy arrays, the same for every contender."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

import spot
from benchmarks.bench.sizes import Sizes
from spot.training import batch_of, source_of

Batch = tuple[np.ndarray, np.ndarray]
FIRST = 3  # the first id that is neither padding, EOS nor unknown
LINES = 1000


def whole_rows(sizes: Sizes, count: int) -> list[Batch]:
    """Random texts [B, T] without padding and targets [B, T'] of `count` steps."""
    rng = np.random.default_rng(0)
    vocab, batch = sizes.t5.vocab_size, sizes.batch
    return [
        (
            rng.integers(FIRST, vocab, (batch, sizes.t5_text), dtype=np.int32),
            rng.integers(FIRST, vocab, (batch, sizes.t5_target), dtype=np.int32),
        )
        for _ in range(count)
    ]


def short_rows(sizes: Sizes, count: int) -> list[Batch]:
    """As `whole_rows`, with texts of `short_texts` tokens, in the bucket of the longest of a step."""
    rng = np.random.default_rng(1)
    steps = []
    for _, targets in whole_rows(sizes, count):
        texts = random_texts(rng, len(targets), sizes.short_texts, sizes.t5.vocab_size)
        steps.append(batch_of(texts, list(targets)))
    return steps


def random_texts(
    rng: np.random.Generator, count: int, lengths: tuple[int, int], vocab: int
) -> list[np.ndarray]:
    """Texts of random ids and lengths from the first to the last of `lengths`."""
    least, most = lengths
    return [
        rng.integers(FIRST, vocab, length, dtype=np.int32)
        for length in rng.integers(least, most + 1, count)
    ]


def lines_of_text() -> list[str]:
    """LINES lines from all of SPOT_SHARED_DATA/text, else from this project's own files."""
    shared, here = os.environ.get("SPOT_SHARED_DATA"), Path(__file__).parents[2]
    files = sorted(Path(shared, "text").glob("*.txt")) if shared else sorted(here.glob("*/*.py"))
    lines = [line.strip() for file in files for line in file.read_text("utf-8").splitlines()]
    long = [line for line in lines if len(line) > 40]
    return long[:: max(1, len(long) // LINES)][:LINES]


def whole_lines(sizes: Sizes, count: int, model: spot.Model) -> list[Batch]:
    """Texts [B, T] of whole lines and the tokens [B, T'] that really follow, of every step."""
    encode = model.vocabulary.encode
    stream = np.array([token for line in lines_of_text() for token in encode(line)], np.int32)
    width = sizes.decoder_text + sizes.decoder_target
    rows = stream[: len(stream) // width * width].reshape(-1, width)
    steps = np.resize(rows, (count, sizes.batch, width))
    return [(step[:, : sizes.decoder_text], step[:, sizes.decoder_text :]) for step in steps]


def task_rows(task: str, sizes: Sizes, count: int, model: spot.Model) -> list[Batch]:
    """Texts [B, T] and label words [B, T'] of a task's first training rows, of every step; 0 is padding."""
    recipe = spot.Recipe(length=sizes.prompt, input_length=sizes.decoder_text)
    split = source_of(spot.load_task(task, template="gpt3"), model, recipe).members[0].train
    rows = np.arange(count * sizes.batch).reshape(count, sizes.batch)
    return [
        batch_of([split.inputs[row] for row in step], [split.targets[row] for row in step])
        for step in rows
    ]


def beginnings(sizes: Sizes, model: spot.Model, rows: int) -> list[np.ndarray]:
    """Beginnings of so many lines of text, of the lengths of `short_texts`."""
    count = -(-rows // sizes.batch)
    lines = np.concatenate([texts for texts, _ in whole_lines(sizes, count, model)])
    least, most = sizes.short_texts
    lengths = np.random.default_rng(5).integers(least, most + 1, rows)
    return [line[:length] for line, length in zip(lines, lengths, strict=False)]

"""Tokenizer, text and batches of pretraining.

Batches are functions of (seed, step), so a resumed run sees the same ones.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pretraining.config import PretrainConfig, Stage
from pretraining.corruption import corrupt_spans, split_prefix
from pretraining.examples import (
    fixed_examples,
    keyword_examples,
    plain_text,
    pretraining_examples,
    pretraining_tasks,
)
from spot.errors import SpotError
from spot.models.padding import pad_rows


def documents(folder: Path) -> Iterator[str]:
    """The paragraphs of every .txt file in `folder`, by file name; SpotError when there is none."""
    files = sorted(folder.glob("*.txt"))
    if not files:
        raise SpotError(
            f"{folder}: expected .txt files to pretrain on, found none", "correct `text`"
        )
    for file in files:
        with file.open(encoding="utf-8") as lines:
            yield from (line.strip() for line in lines if len(line) > 40)


def train_tokenizer(config: PretrainConfig) -> Path:
    """Train a SentencePiece unigram model on samples of the text and of the instructions."""
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
    """The text as one row of tokens, EOS between paragraphs: (training part, held-out 1 %)."""
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
    """Rows of token ids, cut or padded with 0, as [B, length] int32."""
    return pad_rows([row[:length] for row in rows], length)


def text_batch(
    config: PretrainConfig, corpus: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Inputs [B, T] and targets [B, T'], a share prefix language modelling, the rest span corruption."""
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


def task_shares(stage: Stage) -> list[float]:
    """Sampling weight of each pretraining task in a stage, up to a common factor."""
    return [
        task.weight * stage.family_weights.get(task.family, 1.0) for task in pretraining_tasks()
    ]


def fitting(
    config: PretrainConfig, tokenizer: Any, examples: Iterable[tuple[str, str]]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Token ids of (inputs, targets) pairs, EOS last.

    Pairs with too long a text are left out: the cut could remove the evidence for the answer.
    """
    encoded = [
        (np.asarray([*tokenizer.encode(text), 1]), np.asarray([*tokenizer.encode(answer), 1]))
        for text, answer in examples
    ]
    return [pair for pair in encoded if len(pair[0]) <= config.task_length]


def padded_pairs(
    config: PretrainConfig, pairs: Sequence[tuple[np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray]:
    """Inputs [B, T] and targets [B, T'] of the pairs."""
    inputs, targets = ([pair[side] for pair in pairs] for side in (0, 1))
    return pad(inputs, config.task_length), pad(targets, config.task_target_length)


def task_batch(
    config: PretrainConfig, tokenizer: Any, number: int
) -> tuple[np.ndarray, np.ndarray]:
    """Instructions [B, T] and their answers [B, T'] of a step.

    The two texts of an instruction are neighbours, see `pretraining_examples`.
    """
    rng = random.Random(f"pretraining:{config.seed}:{number}")
    tasks = pretraining_tasks()
    stage = config.stage(number)
    rows = config.task_rows - stage.soft_rows
    shares = task_shares(stage)
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    while len(pairs) < rows:
        fixed = stage.fixed_share > 0 and rng.random() < stage.fixed_share
        keywords = not fixed and stage.keyword_share > 0 and rng.random() < stage.keyword_share
        make = fixed_examples if fixed else keyword_examples if keywords else pretraining_examples
        pairs += fitting(config, tokenizer, make(rng.choices(tasks, shares)[0], rng))
    return padded_pairs(config, pairs[:rows])

"""A backbone and tasks small enough to test with: random weights and invented sentences."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spot.models.settings import ModelSettings
from spot.tasks.examples import Ragged, TokenizedSplit
from spot.tasks.task import Task, digest
from spot.tasks.vocabulary import VocabularyFile

COLOURS = ("red", "blue", "green", "white")
ANIMALS = ("cat", "dog", "hen", "fox", "owl")
PLACES = ("here", "there", "at home", "in the old wood")
EOS = 1


def write_vocabulary(path: Path) -> VocabularyFile:
    """A SentencePiece file with T5's special ids (pad 0, eos 1, unk 2) over all toy sentences."""
    import sentencepiece

    lines = [f"a {c} {a} is {p} yes no" for c in COLOURS for a in ANIMALS for p in PLACES]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines * 5),
        model_prefix=str(path.with_suffix("")),
        vocab_size=60,
        model_type="bpe",
        pad_id=0,
        eos_id=EOS,
        unk_id=2,
        bos_id=-1,
        hard_vocab_limit=False,
        num_threads=1,
        minloglevel=2,
    )
    return VocabularyFile(path, 100)


def tiny_config(**changes: Any) -> Any:
    """A T5 1.1 of one layer a stack; `changes` are fields of T5Config."""
    from spot.models.config import T5Config

    config = T5Config(
        vocab_size=192,
        d_model=16,
        d_kv=4,
        num_heads=2,
        d_ff=24,
        encoder_layers=1,
        decoder_layers=1,
        relative_buckets=8,
        relative_max_distance=20,
        dropout=0.1,
    )
    return dataclasses.replace(config, **changes)


def tiny_decoder(**changes: Any) -> Any:
    """A decoder of two layers with shared keys; `changes` are fields of DecoderConfig."""
    from spot.models.config import DecoderConfig

    config = DecoderConfig(
        vocab_size=90,
        d_model=16,
        d_kv=4,
        num_heads=4,
        num_kv_heads=2,
        d_ff=24,
        layers=2,
        context=64,
        rope_theta=100.0,
    )
    return dataclasses.replace(config, **changes)


def random_arrays(config: Any, seed: int = 0) -> dict[str, np.ndarray]:
    """Weights [name: float32 array] for a config, drawn by name so that layers differ."""
    from flax import nnx

    from spot.models.network import outline

    rng = np.random.default_rng(seed)
    state = outline(config, "float32")[1]
    arrays = {}
    for path, leaf in nnx.to_flat_state(state):
        name = "/".join(map(str, path))
        drawn = rng.normal(size=leaf.shape)
        if name.endswith("scale"):
            drawn = 1 + 0.2 * drawn
        elif name.endswith("kernel"):
            drawn = drawn * leaf.shape[0] ** -0.5
        arrays[name] = drawn.astype(np.float32)
    return arrays


def write_model(folder: Path, config: Any, arrays: dict[str, np.ndarray]) -> Path:
    """A model's folder as `spot.models.model` reads it, with the toy vocabulary."""
    from spot.models.weights import stored as product

    product.write_model(folder, config, arrays, {})
    write_vocabulary(folder / "spiece.model")
    return folder


def toy_model(identity: Any, embeddings: np.ndarray, vocabulary: Any = None) -> Any:
    """A T5 of these embeddings [V, H] that has no network, for prompts that are made and not used."""
    from types import SimpleNamespace

    from spot.models.model import Model

    config = tiny_config(vocab_size=len(embeddings), d_model=embeddings.shape[1])
    network: Any = SimpleNamespace(embeddings=embeddings)
    return Model(identity, vocabulary, "float32", lambda: config, lambda: network)


def model_settings(folder: Path, **changes: Any) -> ModelSettings:
    """Settings that name the folder, in float32."""
    return ModelSettings(**{"name": str(folder), "precision": "float32", **changes})


def tokenized(
    texts: Sequence[str], targets: Sequence[str], labels: Sequence[int], vocabulary: VocabularyFile
) -> TokenizedSplit:
    """Texts as a split's token arrays, without seqio."""
    pieces = vocabulary.processor()
    return TokenizedSplit(
        inputs=Ragged.of([[*pieces.EncodeAsIds(text), EOS] for text in texts]),
        targets=Ragged.of([[*pieces.EncodeAsIds(text), EOS] for text in targets]),
        labels=np.asarray(labels, np.int32),
        references=[None] * len(texts),
        groups=[""] * len(texts),
        target_texts=list(targets),
    )


def sentences(count: int, seed: int) -> list[tuple[str, str, str]]:
    """(sentence, colour, animal) drawn at random."""
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(count):
        colour, animal, place = (str(rng.choice(words)) for words in (COLOURS, ANIMALS, PLACES))
        drawn.append((f"a {colour} {animal} is {place}", colour, animal))
    return drawn


def definition(name: str, **changes: Any) -> Task:
    """A task that only training sees: its rows are never read, they come as token arrays."""
    fields: dict[str, Any] = {
        "name": name,
        "family": "toy",
        "labels": ("no", "yes"),
        "metrics": ("accuracy",),
        "scoring": "rank",
        "splits": ("train", "validation"),
        "read": lambda split: iter(()),
        "fingerprint": lambda: digest(name),
        "description": "",
        "rows": lambda split: 0,
    }
    return Task(**{**fields, **changes})


def toy_data(name: str, vocabulary: VocabularyFile, rows: int = 24) -> Any:
    """The task "is it red or blue?" (`colour`), "is it a bird?" (`bird`), or "which animal?"."""
    from spot.tasks.vocabulary import label_tokens
    from spot.training.batches import TaskData

    splits = []
    for seed, count in ((1, rows), (2, 12)):
        drawn = sentences(count, seed)
        if name == "animal":
            made = ([s for s, _, _ in drawn], [a for _, _, a in drawn], [-1] * count)
        else:
            truth = [
                c in COLOURS[:2] if name == "colour" else a in ("hen", "owl") for _, c, a in drawn
            ]
            words = ["yes" if true else "no" for true in truth]
            made = ([s for s, _, _ in drawn], words, [int(true) for true in truth])
        splits.append(tokenized(*made, vocabulary))
    free = {"labels": (), "metrics": ("exact_match",), "scoring": "generate"}
    task = definition(name, **(free if name == "animal" else {}))
    return TaskData(task, splits[0], splits[1], label_tokens(task, vocabulary))


def write_tokenizer(folder: Path, begin: str | None = None, letters: str = "abcde") -> Any:
    """A byte-level tokenizer.json of these letters, a space and three more tokens, that may put one
    in front of a text.
    """
    from spot.tasks.tokenizer import TokenizerVocabulary

    tokens = ["<end>", *letters, "Ġ", "ab", "Ġab"]
    split = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    post = None
    if begin is not None:
        text = {"Sequence": {"id": "A", "type_id": 0}}
        first = {"SpecialToken": {"id": begin, "type_id": 0}}
        ids = {begin: {"id": begin, "ids": [tokens.index(begin)], "tokens": [begin]}}
        post = {"type": "TemplateProcessing", "single": [first, text], "pair": [first, text]}
        post["special_tokens"] = ids  # type: ignore[assignment]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    content = {
        "version": "1.0",
        "added_tokens": [{"id": 0, "content": "<end>", **flags, "special": True}],
        "normalizer": None,
        "pre_tokenizer": {**split, "use_regex": True},
        "post_processor": post,
        "decoder": {**split, "use_regex": True},
        "model": {
            "type": "BPE",
            "vocab": {token: index for index, token in enumerate(tokens)},
            "merges": [["a", "b"], ["Ġ", "ab"]],
        },
    }
    vocabulary = TokenizerVocabulary("toy", json.dumps(content), "<end>")
    vocabulary.save(folder)
    return vocabulary

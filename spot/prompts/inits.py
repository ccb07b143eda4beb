"""Where a soft prompt starts from, and how it is read from an entry or a file.

Lester et al. 2021 (section 3.2) compare random, sampled-vocabulary and class-label starts; the
start decides more than most settings, so it is recorded with every prompt.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bank.entry import Backbone as Identity
from bank.formats import read_prefix_file
from bank.store import Bank
from spot.config import PromptSettings
from spot.errors import SpotError, did_you_mean
from spot.tasks.vocabulary import Vocabulary

FREQUENT = 5000  # rows of the most frequent tokens that `vocab` draws from (Lester et al. 2021)
PAPER_RATE = 0.3  # Lester et al. 2021, section 2.1, for T5
SHARE = 0.1  # of the embeddings' scale that a step may change
INITS = ("vocab", "labels", "random", "text", "words", "entry:<id>", "file:<path>")


def init_prompt(
    settings: PromptSettings,
    embedding: np.ndarray,
    vocabulary: Vocabulary,
    labels: Sequence[Sequence[int]],
    seed: int,
    identity: Identity,
    bank: Bank | None = None,
) -> np.ndarray:
    """The prompt [P, H] float32 that training starts from.

    It depends on the seed but not on the task (except for `labels`), so prompts of one seed differ
    only by what they learned. A prompt of tokens begins with the vocabulary's `begin`, if it has one:
    a word in its place is lost, and takes points with it (RESULTS.md).

    "words" are those of a text, without what they have in common: what they say together is said by
    training alone, so that keys that began as them differ by what was learned.

    embedding: [V, H]; labels: token ids of each label word; identity: the backbone's. Raises SpotError
    for an unknown init, no labels where they are needed, an entry of another backbone, or another shape.
    """
    rng = np.random.default_rng([seed, 17])
    length = settings.length
    kind, _, name = settings.init.partition(":")
    if kind == "random":
        return _uniform(embedding, length, rng)
    if kind in ("vocab", "labels", "text", "words"):
        first = [] if vocabulary.begin is None else [vocabulary.begin]
        rows = [embedding[first]]
        if kind == "labels":
            rows.append(label_rows(labels, embedding, vocabulary.eos))
        elif kind in ("text", "words"):
            rows.append(_text_rows(settings, vocabulary, embedding))
        if kind != "vocab" and settings.filler == "random":
            rows.append(_uniform(embedding, length, rng))
        else:
            rows.append(_frequent_rows(vocabulary, embedding, length, rng))
        prompt = np.concatenate(rows)[:length].astype(np.float32)
        return _balanced(prompt, len(first)) if kind == "words" else prompt
    if kind == "entry" and name:
        if bank is None:
            raise SpotError(f"init {settings.init} needs a bank", "name one with --bank")
        found = entry_prompt(bank, name, identity)
    elif kind == "file" and name:
        found = read_prefix_file(name)
    else:
        raise SpotError(
            f'unknown prompt init "{settings.init}".{did_you_mean(settings.init, INITS)}',
            f"one of {', '.join(INITS)}",
        )
    if found.shape != (length, width := embedding.shape[1]):
        raise SpotError(
            f"init {settings.init}: expected a prompt of {length} x {width} (length x width), "
            f"found {found.shape[0]} x {found.shape[1]}",
            "set prompt.length to its length, and use the model that it was trained on",
        )
    return np.asarray(found, np.float32)


def entry_prompt(bank: Bank, name: str, identity: Identity) -> np.ndarray:
    """What an entry starts others from [P, H].

    Raises BankError for an unknown name, SpotError for an entry of another backbone: prompts of
    different backbones never mix, of whatever width they are.
    """
    entry = bank.get(name)
    if entry.backbone.fingerprint != identity.fingerprint:
        raise SpotError(
            f"{entry.id} was trained on {entry.backbone.name}, not on {identity.name} with these "
            "weights",
            "choose the model that it was trained on with model.name",
        )
    return bank.prompts(entry).start


def default_rate(embedding: np.ndarray) -> float:
    """The learning rate of a prompt among embeddings [V, H]: the paper's 0.3, but at most a tenth of
    their root mean square.

    Adafactor and AdamW move every number by about the rate. T5's embeddings are as large as 0.3 is
    small; a decoder's often are not (SmolLM2: 0.12), and a prompt would be noise after one step.
    """
    return min(PAPER_RATE, SHARE * _rms(embedding))


def relabelled(prompt: np.ndarray, own: int, rows: np.ndarray, front: int = 0) -> np.ndarray:
    """The prompt [P, H] with `own` tokens behind the first `front`, those that began as label words,
    exchanged for a target's label rows [N, H].

    Kin tasks differ in label words; the other tokens hold what they share. Rows that are missing at
    the end are filled with the label rows again, rows that are too many are dropped.
    """
    length = len(prompt)
    kept = np.concatenate([prompt[:front], rows, prompt[front + own :]])
    again = np.resize(rows, (max(0, length - len(kept)), prompt.shape[1]))
    return np.concatenate([kept, again])[:length].astype(np.float32)


def _uniform(embedding: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    """The reference's -0.5 to 0.5, or as wide as the embeddings are, where they are smaller."""
    most = min(0.5, 3**0.5 * _rms(embedding))
    return rng.uniform(-most, most, (length, embedding.shape[1])).astype(np.float32)


def _rms(numbers: np.ndarray) -> float:
    return float(np.sqrt(np.vdot(numbers, numbers) / numbers.size))  # without a copy


def _frequent_rows(
    vocabulary: Vocabulary, embedding: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Embeddings of `count` tokens out of the most frequent."""
    ordinary = vocabulary.frequent(FREQUENT)
    chosen = rng.choice(ordinary, count, replace=count > len(ordinary))
    return np.asarray(embedding[chosen], np.float32)


def label_rows(labels: Sequence[Sequence[int]], embedding: np.ndarray, eos: int) -> np.ndarray:
    """The embeddings of every label word's tokens in class order [N, H], without EOS.

    embedding: [V, H]; raises SpotError without label words.

    Lester et al. average the tokens of a word; of an average no model can read a word of several
    tokens, and their order is lost.
    """
    if not labels:
        raise SpotError(
            "prompt.init=labels needs a task with label words",
            "use prompt.init=vocab for this task",
        )
    tokens = [token for ids in labels for token in ids if token != eos]
    return np.asarray(embedding[tokens], np.float32)


def _text_rows(
    settings: PromptSettings, vocabulary: Vocabulary, embedding: np.ndarray
) -> np.ndarray:
    ids = vocabulary.encode(settings.text)
    if not ids:
        raise SpotError(
            f"prompt.init={settings.init} needs a text", 'set it: --set prompt.text="Is it true?"'
        )
    return np.asarray(embedding[ids], np.float32)


def _balanced(prompt: np.ndarray, front: int) -> np.ndarray:
    """The prompt [P, H] whose tokens behind the first `front` sum to zero.

    Raises SpotError where fewer than two tokens are left to tell apart.
    """
    words = prompt[front:]
    if len(words) < 2:
        raise SpotError(
            f"prompt.init=words needs two tokens for words or more, found {len(words)}",
            f"set prompt.length={front + 2} or more, or prompt.init=text",
        )
    return np.concatenate([prompt[:front], words - words.mean(axis=0)])

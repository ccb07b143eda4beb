"""Inits: the rows that a soft prompt starts from, and how they are read from an entry or a file.

Lester et al. 2021 (section 3.2) compare random, sampled-vocabulary and class-label inits; the init
decides more than most settings, so it is recorded with every prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from bank.entry import Backbone as Identity
from bank.entry import Entry
from bank.store import Bank
from spot.errors import SpotError, did_you_mean
from spot.models.model import Model
from spot.prompts.discretise import Tokens, nearest_ids
from spot.prompts.facts import check_facts
from spot.prompts.files import read_prompt
from spot.prompts.kind import Start, no_sources
from spot.prompts.kinds import find_kind
from spot.prompts.prefix import PREFIX
from spot.prompts.prompt import SoftPrompt
from spot.prompts.settings import PromptSettings
from spot.prompts.stored import check_model, value_of
from spot.tasks.vocabulary import Vocabulary

FREQUENT = 5000  # rows of the most frequent tokens that `vocab` draws from (Lester et al. 2021)
PAPER_RATE = 0.3  # Lester et al. 2021, section 2.1, for T5
SHARE = 0.1  # of the embeddings' scale that a step may change


@dataclass(frozen=True, eq=False)
class Request:
    """Everything that an init may start from.

    `argument` is the part behind the colon of `settings.init`; `embedding` [V, H]; `labels` are token
    ids of each label word; `identity` is the backbone's.
    """

    settings: PromptSettings
    argument: str
    embedding: np.ndarray
    vocabulary: Vocabulary
    labels: Sequence[Sequence[int]]
    seed: int
    identity: Identity
    bank: Bank | None

    @property
    def length(self) -> int:
        """P."""
        return self.settings.length

    def rng(self) -> np.random.Generator:
        """The generator of this seed, at its start."""
        return np.random.default_rng([self.seed, 17])


@dataclass(frozen=True)
class Init:
    """A way to start a prompt: from rows [P, H] or from a whole prompt; and the argument that it takes,
    if any.
    """

    name: str
    description: str
    start: Callable[[Request], np.ndarray | SoftPrompt]
    argument: str = ""

    @property
    def usage(self) -> str:
        """The value of `prompt.init` that selects it."""
        return f"{self.name}:<{self.argument}>" if self.argument else self.name


def init_prompt(
    settings: PromptSettings,
    model: Model,
    labels: Sequence[Sequence[int]],
    seed: int,
    bank: Bank | None = None,
    task: str = "",
) -> SoftPrompt:
    """The prompt before training, of the settings' kind.

    Its rows depend on the seed but not on the task (except for `labels`), so prompts of one seed differ
    only by what they learned.

    labels: token ids of each label word; task: whose prompts a kind that is made of others leaves out. Raises
    SpotError for an unknown init or kind, a kind that cannot work on the model, no labels where they are
    needed, an entry of another backbone or kind, or another shape.
    """
    chosen = settings.init or "vocab"
    name, colon, argument = chosen.partition(":")
    init = INITS.get(name)
    if init is None or bool(argument) != bool(init.argument) or bool(colon) != bool(init.argument):
        usages = [each.usage for each in INITS.values()]
        raise SpotError(
            f'unknown prompt init "{chosen}".{did_you_mean(chosen, usages)}',
            f"one of {', '.join(usages)}",
        )
    embedding = model.embeddings
    request = Request(
        settings, argument, embedding, model.vocabulary, labels, seed, model.identity, bank
    )
    start = init.start(request)
    rows = np.asarray(start, np.float32)
    if rows.shape != (length := settings.length, width := embedding.shape[1]):
        raise SpotError(
            f"init {settings.init}: expected a prompt of {length} x {width} (length x width), "
            f"found {rows.shape[0]} x {rows.shape[1]}",
            "set prompt.length to its length, and use the model that it was trained on",
        )
    if isinstance(start, SoftPrompt):
        return start
    kind = find_kind(settings.kind)
    sources = no_sources if bank is None else partial(_sources, bank, model, task, length)
    return SoftPrompt(kind, kind.make(Start.on(model, rows, seed, sources)))


def _sources(bank: Bank, model: Model, task: str, length: int, count: int) -> np.ndarray:
    """The plain prompts [count, P, H] of so many tasks of a bank but this one, of the lowest seed each.

    Raises SpotError for entries of another model, and for too few.
    """
    by_task: dict[str, Entry] = {}
    for entry in sorted(bank.entries(), key=lambda entry: (entry.task, entry.seed, entry.id)):
        if entry.prompt_kind == PREFIX.name and entry.task != task:
            by_task.setdefault(entry.task, entry)
    for entry in by_task.values():
        check_model(entry, model)
    values = [value_of(bank, entry).key for entry in by_task.values()]
    fitting = [value for value in values if len(value) == length][:count]
    if len(fitting) < count:
        raise SpotError(
            f"expected plain prompts of {count} other tasks, {length} tokens long, in {bank.path}; "
            f"found {len(fitting)}",
            "ask for fewer with sources=…, or build a bank of more tasks with prompt.kind=prefix",
        )
    return np.stack(fitting)


def _random(request: Request) -> np.ndarray:
    return _uniform(request.embedding, request.length, request.rng())


def _vocab(request: Request) -> np.ndarray:
    return _tokens_in_front(request, [], _frequent_rows(request))


def _labels(request: Request) -> np.ndarray:
    rows = label_rows(request.labels, request.embedding, request.vocabulary.eos)
    return _tokens_in_front(request, [rows], _filler(request))


def _text(request: Request) -> np.ndarray:
    return _tokens_in_front(request, [_text_rows(request)], _filler(request))


def _words(request: Request) -> np.ndarray:
    """The rows of a text without their mean, so that keys that start from them differ by what was
    learned.
    """
    return _balanced(_text(request), len(_begin(request)))


def _entry(request: Request) -> SoftPrompt:
    if request.bank is None:
        raise SpotError(f"init {request.settings.init} needs a bank", "name one with --bank")
    entry = request.bank.get(request.argument)
    _check_kind(entry.id, entry.prompt_kind, request.settings.kind)
    check_model(entry, request.identity)
    return value_of(request.bank, entry)


def _file(request: Request) -> SoftPrompt:
    prompt = read_prompt(request.argument)
    check_facts(prompt.facts, request.argument, request.identity)
    _check_kind(request.argument, prompt.kind.name, request.settings.kind)
    return prompt


def _nearest(request: Request) -> np.ndarray:
    """The embeddings of the tokens that a file's rows are nearest to by cosine."""
    prompt = read_prompt(request.argument)
    check_facts(prompt.facts, request.argument, request.identity)
    rows, width = prompt.rows, request.embedding.shape[1]
    if rows is None or rows.shape[1] != width:
        kind = prompt.kind.name
        found = f"a {kind} prompt" if rows is None else f"rows {rows.shape[1]} wide"
        raise SpotError(
            f"init {request.settings.init}: expected a prompt that is its rows, {width} wide as the "
            f"model's embeddings, found {found}",
            "name a prompt of this model of the kind prefix",
        )
    tokens = Tokens.of(request.embedding, request.vocabulary)
    return np.asarray(request.embedding[nearest_ids(rows, tokens)], np.float32)


def _check_kind(name: str, kind: str, wanted: str) -> None:
    if kind != wanted:
        raise SpotError(
            f"{name} is a {kind} prompt, expected a {wanted} prompt to start from",
            f"set prompt.kind={kind}, or start from another prompt",
        )


INITS: dict[str, Init] = {
    init.name: init
    for init in (
        Init("vocab", "embeddings of frequent tokens", _vocab),
        Init("labels", "the task's label words, then the filler", _labels),
        Init("random", "uniform noise", _random),
        Init("text", "the words of prompt.text, then the filler", _text),
        Init("words", "as text, without what the words have in common", _words),
        Init("entry", "the prompt of a bank's entry", _entry, argument="id"),
        Init("file", "a prompt file", _file, argument="path"),
        Init("nearest", "the tokens nearest to a prompt file's rows", _nearest, argument="path"),
    )
}


def _begin(request: Request) -> list[int]:
    """The token that begins every text, if the vocabulary has one. A prompt of tokens starts with it:
    a word in its place is lost, and costs accuracy (docs/results/smollm2.md).
    """
    begin = request.vocabulary.begin
    return [] if begin is None else [begin]


def _tokens_in_front(
    request: Request, chosen: Sequence[np.ndarray], filler: np.ndarray
) -> np.ndarray:
    """P rows: the token that begins a text, chosen rows, filler."""
    rows = np.concatenate([request.embedding[_begin(request)], *chosen, filler])
    return rows[: request.length].astype(np.float32)


def _filler(request: Request) -> np.ndarray:
    if request.settings.filler == "random":
        return _random(request)
    return _frequent_rows(request)


def default_rate(embedding: np.ndarray) -> float:
    """Default learning rate of a prompt among embeddings [V, H]: the paper's 0.3, but at most a tenth
    of their root mean square.

    Adafactor and AdamW change every value by about the rate. That is little for the embeddings of a
    T5, but not for those of many decoders (SmolLM2: 0.12), whose prompt would be noise after one step.
    """
    return min(PAPER_RATE, SHARE * _rms(embedding))


def relabelled(prompt: np.ndarray, own: int, rows: np.ndarray, front: int = 0) -> np.ndarray:
    """The prompt [P, H] with `own` rows behind the first `front`, those that started as label words,
    replaced by a target's label rows [N, H].

    Related tasks differ in label words; the other rows hold what they share. Missing rows at the end
    are filled with the label rows again, surplus rows are dropped.
    """
    length = len(prompt)
    joined = np.concatenate([prompt[:front], rows, prompt[front + own :]])
    again = np.resize(rows, (max(0, length - len(joined)), prompt.shape[1]))
    return np.concatenate([joined, again])[:length].astype(np.float32)


def _uniform(embedding: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    """Uniform from -0.5 to 0.5 as in the reference, or as wide as the embeddings where they are smaller."""
    most = min(0.5, 3**0.5 * _rms(embedding))
    return rng.uniform(-most, most, (length, embedding.shape[1])).astype(np.float32)


def _rms(numbers: np.ndarray) -> float:
    return float(np.sqrt(np.vdot(numbers, numbers) / numbers.size))  # without a copy


def _frequent_rows(request: Request) -> np.ndarray:
    """Embeddings of P of the most frequent tokens."""
    ordinary, count = request.vocabulary.frequent(FREQUENT), request.length
    chosen = request.rng().choice(ordinary, count, replace=count > len(ordinary))
    return np.asarray(request.embedding[chosen], np.float32)


def label_rows(labels: Sequence[Sequence[int]], embedding: np.ndarray, eos: int) -> np.ndarray:
    """The embeddings of every label word's tokens in class order [N, H], without EOS.

    embedding: [V, H]; raises SpotError without label words. Lester et al. average the tokens of a
    word; an average of several tokens is no word that a model can read, and their order is lost.
    """
    if not labels:
        raise SpotError(
            "prompt.init=labels needs a task with label words",
            "use prompt.init=vocab for this task",
        )
    tokens = [token for ids in labels for token in ids if token != eos]
    return np.asarray(embedding[tokens], np.float32)


def _text_rows(request: Request) -> np.ndarray:
    ids = request.vocabulary.encode(request.settings.text)
    if not ids:
        raise SpotError(
            f"prompt.init={request.settings.init} needs a text",
            'set it: --set prompt.text="Is it true?"',
        )
    return np.asarray(request.embedding[ids], np.float32)


def _balanced(prompt: np.ndarray, front: int) -> np.ndarray:
    """The prompt [P, H] whose rows behind the first `front` sum to zero.

    Raises SpotError if fewer than two rows are left.
    """
    words = prompt[front:]
    if len(words) < 2:
        raise SpotError(
            f"prompt.init=words needs two tokens for words or more, found {len(words)}",
            f"set prompt.length={front + 2} or more, or prompt.init=text",
        )
    return np.concatenate([prompt[:front], words - words.mean(axis=0)])

"""What is left of a prompt when every row is replaced by a token: it is scored as words.

Rank classification and greedy answers are scored both, for a prompt may still choose among label words
when it no longer makes the model write them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bank.characters import visible
from spot.analysis.case import Case, rows_of, with_rows
from spot.analysis.finding import Bars, Cell, Finding, Level, Table
from spot.models.model import Model
from spot.models.padding import bucket_length
from spot.models.scoring import LABEL_LENGTHS
from spot.prompts.discrete import SIMILARITIES, Tokens, nearest_ids, tokens_of, unit
from spot.prompts.prompt import SoftPrompt
from spot.tasks.metrics import to_class
from spot.tasks.vocabulary import Vocabulary
from spot.training.evaluate import gain_interval, mean_interval, one_answer_score

PROMPT, START, NONE = "the prompt", "its start", "no prompt"
KEPT = "tokens by cosine, norms kept"
AGAIN = "their text, encoded again"


@dataclass(frozen=True)
class Scored:
    """A prompt's rows, its answers by rank (or free answers) with their score and its interval, and the
    shares (%) of greedy answers that are right and that are any label word.
    """

    rows: int
    answers: tuple[str, ...]
    score: float
    interval: tuple[float, float]
    right: float
    valid: float | None


def find(case: Case) -> Finding:
    """Scores of the prompt, its start, no prompt, and of the prompt as words. Raises SpotError for kinds
    that are no rows, and where there is no task.
    """
    rows, tokens = case.soft_rows, tokens_of(case.model)
    text = text_of(rows, tokens, case.model.vocabulary)
    prompts: dict[str, SoftPrompt | None] = {PROMPT: case.prompt}
    if case.start is not None:
        prompts[START] = case.start
    variants = as_words(rows, tokens, case.model)
    prompts |= {name: with_rows(case.prompt, each) for name, each in variants.items()}
    prompts[NONE] = None
    scored = {name: _scored(case, each) for name, each in prompts.items()}
    return Finding(
        "discrete", "what is left of it as words", (_table(case, scored),), _charts(case, scored),
        _notes(case, scored, text),
    )  # fmt: skip


def as_words(rows: np.ndarray, tokens: Tokens, model: Model) -> dict[str, np.ndarray]:
    """Rows [P, H] as embeddings of tokens, by the way in which they are chosen [P, H]; of the text
    encoded again as many as its tokens [P', H].
    """
    embeddings, words = model.embeddings, model.vocabulary
    chosen = {name: nearest_ids(rows, tokens, name) for name in SIMILARITIES}
    found = {f"tokens by {name}": embeddings[ids] for name, ids in chosen.items()}
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    found[KEPT] = unit(embeddings[chosen["cosine"]]) * norms
    again = encoded_again(text_of(rows, tokens, words), words)
    if again:
        found[AGAIN] = embeddings[again]
    return found


def text_of(rows: np.ndarray, tokens: Tokens, vocabulary: Vocabulary) -> str:
    """The text of the tokens nearest to rows [P, H] by cosine."""
    return vocabulary.decode(nearest_ids(rows, tokens).tolist())


def encoded_again(text: str, vocabulary: Vocabulary) -> list[int]:
    """The tokens of a text as a prompt of words has them: behind the one that begins texts, if any."""
    begin = [] if vocabulary.begin is None else [vocabulary.begin]
    return [*begin, *vocabulary.encode(text)]

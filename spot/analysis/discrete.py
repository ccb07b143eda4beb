"""What is left of a prompt when every row is replaced by a token: it is scored as words.

Rank classification and greedy answers are scored both, for a prompt may still choose among label words
when it no longer makes the model write them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bank.characters import visible
from spot.analysis.case import Case, with_rows
from spot.analysis.finding import Bars, Cell, Finding, Level, Table
from spot.models.model import Model
from spot.models.padding import bucket_length
from spot.prompts.discretise import SIMILARITIES, Tokens, nearest_ids, tokens_of, unit
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
    known: dict[bytes, Scored] = {}  # ways often choose the same tokens, which are scored once
    scored = {}
    for name, each in prompts.items():
        digest = b"" if each is None else np.asarray(each.rows).tobytes()
        scored[name] = known[digest] = known.get(digest) or _scored(case, each)
    return Finding(
        "discrete", "what is left of it as words", (_table(case, scored),), _charts(case, scored),
        _notes(case, scored, text),
    )  # fmt: skip


def as_words(rows: np.ndarray, tokens: Tokens, model: Model) -> dict[str, np.ndarray]:
    """Rows [P, H] as embeddings of tokens by the way in which these are chosen, [P, H]; of the text encoded
    again as many as its tokens [P', H], at most P.
    """
    embeddings, words = model.embeddings, model.vocabulary
    chosen = {name: nearest_ids(rows, tokens, name) for name in SIMILARITIES}
    found = {f"tokens by {name}": embeddings[ids] for name, ids in chosen.items()}
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    found[KEPT] = unit(embeddings[chosen["cosine"]]) * norms
    again = encoded_again(text_of(rows, tokens, words), words)[: len(rows)]
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


def _scored(case: Case, prompt: SoftPrompt | None) -> Scored:
    from spot.models.scoring import LABEL_LENGTHS

    task, rows = case.known_task, case.scored_rows
    evaluation = case.evaluate(prompt)
    interval = mean_interval([evaluation.predictions], task, rows, case.seed)
    if (
        task.scoring == "rank"
    ):  # as long as a label word with its end: more words behind it are wrong
        length = bucket_length(max(map(len, case.labels)), LABEL_LENGTHS)
        greedy = tuple(case.model.generate(rows.inputs, length, prompt))
    else:
        greedy = evaluation.predictions
    right, valid = evaluation.value, None
    if task.labels:
        classes = np.array([to_class(answer, task.labels) for answer in greedy])
        right = 100 * float((classes == rows.labels).mean())
        valid = 100 * float((classes >= 0).mean())
    count = 0 if prompt is None else len(prompt.key)
    return Scored(count, evaluation.predictions, evaluation.value, interval, right, valid)


def _gain(case: Case, scored: Mapping[str, Scored], name: str) -> tuple[float, float, float]:
    """The gain over no prompt with its paired interval."""
    ours, none = scored[name], scored[NONE]
    interval = gain_interval(
        [ours.answers], [none.answers], case.known_task, case.scored_rows, case.seed
    )
    return ours.score - none.score, *interval


def _table(case: Case, scored: Mapping[str, Scored]) -> Table:
    lines: list[tuple[Cell, ...]] = []
    for name, each in scored.items():
        gain, low, high = _gain(case, scored, name)
        beside = ("", "") if name == NONE else (f"{gain:+.1f}", f"{low:+.1f} to {high:+.1f}")
        low, high = each.interval
        lines.append(
            (
                name,
                each.rows,
                each.score,
                f"{low:.1f} to {high:.1f}",
                *beside,
                each.right,
                each.valid,
            )
        )
    columns = (
        "scored", "length ", "score ", "95 % interval ", "over no prompt ", "95 % interval of it ",
        "greedy right (%) ", "greedy label words (%) ",
    )  # fmt: skip
    n, ranked = len(case.scored_rows), case.known_task.scoring == "rank"
    note = f"score: {'label words by likelihood' if ranked else 'free answers'}, {n} rows of {case.split}."
    return Table("as words", columns, tuple(lines), note)


def _charts(case: Case, scored: Mapping[str, Scored]) -> tuple[Bars, ...]:
    task, names = case.known_task, tuple(scored)
    every = tuple(scored.values())
    constant = one_answer_score(task, case.scored_rows)
    levels = () if constant is None else (Level("always one answer", constant),)
    low, high = (tuple(each.interval[side] for each in every) for side in (0, 1))
    charts = [
        Bars(
            f"{task.name}: the prompt as words", "score, with its 95 % interval", names,
            tuple(each.score for each in every), low, high, levels,
        )
    ]  # fmt: skip
    if task.labels:
        right = tuple(each.right for each in every)
        charts.append(
            Bars("Greedy answers that are the right label word", "% of rows", names, right)
        )
    return tuple(charts)


def _notes(case: Case, scored: Mapping[str, Scored], text: str) -> tuple[str, ...]:
    own, none = scored[PROMPT], scored[NONE]
    found = [f'Its rows as words: "{visible(text)}".']
    for name in (name for name in scored if name not in (PROMPT, START, NONE)):
        gain, low, high = _gain(case, scored, name)
        judged = (
            f"{abs(gain):.1f} {'above' if gain > 0 else 'below'} no prompt"
            if low > 0 or high < 0
            else "not told apart from no prompt"
        )
        greedy = (
            ""
            if not case.known_task.labels
            else f", {scored[name].right:.0f} % of greedy answers right"
        )
        found.append(f"{name}: {scored[name].score:.1f}, {judged}{greedy}.")
    found.append(
        f"The prompt itself: {own.score:.1f}, no prompt: {none.score:.1f}"
        + (
            f"; greedy answers right: {own.right:.0f} % and {none.right:.0f} %."
            if case.known_task.labels
            else "."
        )
    )
    found.append(
        "As a start: write the prompt to a file and compare trainings from its tokens with others: "
        f"spot compare {case.known_task.name} --starts vocab,nearest:FILE,file:FILE"
    )
    return tuple(found)

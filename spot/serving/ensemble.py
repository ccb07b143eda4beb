"""Several prompts of one task answer together: majority vote, mean probability or mean score.

Prompt ensembles are those of Lester et al. 2021, section 6, which vote. A new way to combine is one
function and one line in WAYS. Averaging the prompts themselves is another method, `spot.combine`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np

from bank.formats import Facts
from spot.errors import SpotError, did_you_mean
from spot.prompts.prompt import SoftPrompt
from spot.tasks.answers import normalized_answer
from spot.tasks.metrics import NUMBER_METRICS

Combine = Literal["vote", "mean", "score"]

TIE = 1e-9
"""Sums of weights, or of log-probabilities, that are this near are equal: they may have been added in
another order.
"""


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Prompts of one task that answer together.

    combine: "vote" takes the answer of most members (ties: the higher mean log-probability, then the
    lower index of the label word); "mean" averages their probabilities, "score" their log-likelihoods
    before the softmax. Generated texts are voted on in the normal form of the task's metric (ties: the
    text of the earlier prompt), generated numbers are averaged. weights: one a prompt, of any sum;
    None is the same for all.

    Raises SpotError for no prompts, an unknown way, and weights of another number, below 0, not finite
    or all 0.

    >>> Ensemble((np.ones((2, 4)), np.zeros((2, 4))), weights=(3, 1)).shares
    array([0.75, 0.25])
    """

    prompts: tuple[SoftPrompt | np.ndarray, ...]
    combine: Combine = "vote"
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "prompts", tuple(self.prompts))
        if not self.prompts:
            raise SpotError("expected the prompts of an ensemble, found none", "give it prompts")
        if self.combine not in WAYS:
            raise SpotError(
                f"expected {', '.join(WAYS)} as the way to combine prompts, found {self.combine}."
                + did_you_mean(str(self.combine), WAYS),
                "vote takes the answer of most prompts",
            )
        if self.weights is not None:
            object.__setattr__(self, "weights", tuple(self.weights))
            _check_weights(self.weights, len(self.prompts))

    @property
    def shares(self) -> np.ndarray:
        """The weight of each prompt, float64 [M], sum 1."""
        weights = np.ones(len(self.prompts)) if self.weights is None else np.array(self.weights)
        shares: np.ndarray = weights / weights.sum()
        return shares


def _check_weights(weights: Sequence[float], count: int) -> None:
    """Raises SpotError for weights that cannot be those of so many prompts."""
    shown = ", ".join(f"{weight:g}" for weight in weights) or "none"
    if len(weights) != count:
        raise SpotError(
            f"expected a weight for each of the {count} prompts, found {len(weights)}: {shown}",
            "give as many weights as prompts, in their order",
        )
    if not all(math.isfinite(weight) and weight >= 0 for weight in weights):
        raise SpotError(
            f"expected weights from 0 on, found {shown}", "a weight of 0 leaves a prompt out"
        )
    if not any(weights):
        raise SpotError(f"expected a weight above 0, found {shown}", "weigh one of the prompts")


def check_one_task(prompts: Sequence[object], names: Sequence[str] = ()) -> None:
    """Raises SpotError for prompts that are known to be of different tasks, texts or label words.

    names: what the prompts are called in the message; their numbers by default.
    """
    names = names or [f"prompt {number}" for number in range(1, len(prompts) + 1)]
    known = [
        (name, prompt.facts)
        for name, prompt in zip(names, prompts, strict=True)
        if isinstance(prompt, SoftPrompt) and prompt.facts is not None
    ]
    for what, read in _COMMON.items():
        stated = [(name, value) for name, facts in known if (value := read(facts))]
        for name, value in stated[1:]:
            first, other = stated[0]
            if value != other:
                raise SpotError(
                    f"expected prompts of one task in an ensemble, found the {what} {other} of {first} "
                    f"and {value} of {name}",
                    "choose prompts of one task, or name the task that all of them are to answer",
                )


_COMMON: Mapping[str, Callable[[Facts], str]] = {
    "task": lambda facts: facts.task,
    "label words": lambda facts: " | ".join(facts.labels),
    "text": lambda facts: facts.front + facts.inputs if facts.inputs else "",
    "scoring": lambda facts: facts.scoring,
}


def log_probabilities(scores: np.ndarray) -> np.ndarray:
    """Log-softmax over the label words of log-likelihoods [.., C], float64."""
    from scipy.special import log_softmax

    logs: np.ndarray = log_softmax(np.asarray(scores, np.float64), axis=-1)
    return logs


class Ranked(NamedTuple):
    """What an ensemble makes of N rows: the class of each [N], and probabilities [N, C]."""

    classes: np.ndarray
    probabilities: np.ndarray


def by_vote(scores: np.ndarray, shares: np.ndarray) -> Ranked:
    """The class that most members rank first, weighted; its probabilities are the members' mean.

    scores: log-likelihoods [M, N, C]. shares: [M], sum 1.
    """
    first = np.eye(scores.shape[2])[scores.argmax(axis=2)]  # [M, N, C]
    logs = log_probabilities(scores)
    votes, likely = np.tensordot(shares, first, 1), np.tensordot(shares, logs, 1)
    return Ranked(_best(votes, likely), np.tensordot(shares, np.exp(logs), 1))


def by_mean(scores: np.ndarray, shares: np.ndarray) -> Ranked:
    """The class of the highest mean probability of the members, weighted; arguments as `by_vote`."""
    logs = log_probabilities(scores)
    probabilities = np.tensordot(shares, np.exp(logs), 1)
    return Ranked(_best(probabilities, np.tensordot(shares, logs, 1)), probabilities)


def by_score(scores: np.ndarray, shares: np.ndarray) -> Ranked:
    """The class of the highest mean log-likelihood of the members, weighted; arguments as `by_vote`."""
    logs = log_probabilities(np.tensordot(shares, np.asarray(scores, np.float64), 1))
    return Ranked(_best(logs, logs), np.exp(logs))


WAYS: Mapping[str, Callable[[np.ndarray, np.ndarray], Ranked]] = {
    "vote": by_vote,
    "mean": by_mean,
    "score": by_score,
}
"""The ways to combine members, by name."""


def _best(values: np.ndarray, tied: np.ndarray) -> np.ndarray:
    """The column of the highest value in each row [N, C]; of equals that of the highest `tied`, of
    those the first.
    """
    top = values >= values.max(axis=1, keepdims=True) - TIE
    second = np.where(top, tied, -np.inf)
    best: np.ndarray = (second >= second.max(axis=1, keepdims=True) - TIE).argmax(axis=1)
    return best


class Written(NamedTuple):
    """What an ensemble makes of its members' texts for one row: the answer, the members of each text, and
    the share of the members that gave the answer.
    """

    answer: str
    votes: dict[str, int]
    agreement: float


def by_texts(texts: Sequence[str], shares: np.ndarray, normal: Callable[[str], str]) -> Written:
    """The text of most members, weighted, where texts of one normal form are equal.

    texts: one a member. Of equal weights that of the earliest member wins; the answer is spelt as most
    of those who gave it do.

    >>> by_texts(["The cat.", "a dog", "cat"], np.full(3, 1 / 3), normalized_answer)
    Written(answer='The cat.', votes={'The cat.': 2, 'a dog': 1}, agreement=0.6666666666666666)
    """
    forms = [normal(text) for text in texts]
    weights = {form: _weight(forms, form, shares) for form in dict.fromkeys(forms)}
    most = max(weights.values())
    winner = next(form for form, weight in weights.items() if weight >= most - TIE)
    spelt = {
        form: Counter(t for t, own in zip(texts, forms, strict=True) if own == form).most_common(1)
        for form in weights
    }
    votes = {spelt[form][0][0]: forms.count(form) for form in weights}
    return Written(spelt[winner][0][0], votes, weights[winner])


def by_numbers(texts: Sequence[str], shares: np.ndarray) -> Written:
    """The mean of the members' numbers, weighted; texts that are none are left out, and voted on where
    there is nothing else. Equal numbers stay as they are written.

    >>> by_numbers(["3.0", "4", "four"], np.full(3, 1 / 3)).answer
    '3.5'
    """
    numbers = [number_of(text) for text in texts]
    known = [place for place, number in enumerate(numbers) if number is not None and shares[place]]
    if not known:
        return by_texts(texts, shares, str.strip)
    values = np.array([numbers[place] for place in known], np.float64)
    mean = float(np.average(values, weights=shares[known]))
    votes = by_texts(texts, shares, lambda text: str(number_of(text))).votes
    same = [place for place, number in enumerate(numbers) if number is not None and number == mean]
    answer = texts[same[0]] if same and np.ptp(values) == 0 else f"{mean:.6g}"
    return Written(answer, votes, math.fsum(shares[same]))


def _weight(forms: Sequence[str], form: str, shares: np.ndarray) -> float:
    return math.fsum(share for own, share in zip(forms, shares, strict=True) if own == form)


def number_of(text: str) -> float | None:
    """The finite number that a text states, None where it states none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


NORMAL_FORMS: Mapping[str, Callable[[str], str]] = dict.fromkeys(
    ("squad_em", "squad_f1", "record_em", "record_f1", "wsc_match"), normalized_answer
)
"""The normal form in which a metric compares texts; of the others that without outer white space."""


def is_regression(metrics: Sequence[str]) -> bool:
    """True for the metrics of a task whose answers are numbers."""
    return bool(metrics) and set(metrics) <= set(NUMBER_METRICS)


def comparing(metrics: Sequence[str]) -> Callable[[str], str]:
    """The function to the normal form in which answers are compared: of numbers their value, of texts the
    normal form of the first metric that has one.
    """
    if is_regression(metrics):
        return lambda text: str(number_of(text))
    return next((NORMAL_FORMS[name] for name in metrics if name in NORMAL_FORMS), str.strip)


@dataclass(frozen=True)
class Disagreement:
    """How far the members of an ensemble differ on some rows, as counts.

    apart: pairs of members with different answers, of the `pairs` of all rows. agreed: rows in which
    each member gave the ensemble's answer.
    """

    rows: int = 0
    pairs: int = 0
    apart: int = 0
    agreed: tuple[int, ...] = field(default=())

    @property
    def share(self) -> float | None:
        """Mean share of pairs that differ, 0 to 1; None without a pair."""
        return self.apart / self.pairs if self.pairs else None

    @property
    def agreement(self) -> tuple[float, ...]:
        """The share of rows in which each member gave the ensemble's answer, 0 to 1."""
        return tuple(count / self.rows for count in self.agreed)

    def to_json(self) -> dict[str, Any]:
        """JSON values by name: the shares, rounded to 6 decimals, and the counts behind them."""
        share = None if self.share is None else round(self.share, 6)
        agreement = [round(each, 6) for each in self.agreement]
        return {**asdict(self), "share": share, "agreement": agreement}

    @classmethod
    def of_json(cls, counts: Mapping[str, Any]) -> Disagreement:
        """From the counts as JSON has them."""
        return cls(counts["rows"], counts["pairs"], counts["apart"], tuple(counts["agreed"]))

    def seen(
        self, answer: str, members: Sequence[str], normal: Callable[[str], str]
    ) -> Disagreement:
        """With one more row: the ensemble's answer and those of its members.

        >>> Disagreement().seen("no", ["no", "yes", "no"], str.strip).share
        0.6666666666666666
        """
        forms = [normal(text) for text in members]
        count, own = len(forms), normal(answer)
        pairs = count * (count - 1) // 2
        same = sum(many * (many - 1) // 2 for many in Counter(forms).values())
        before = self.agreed or (0,) * count
        agreed = tuple(b + (form == own) for b, form in zip(before, forms, strict=True))
        return Disagreement(self.rows + 1, self.pairs + pairs, self.apart + pairs - same, agreed)

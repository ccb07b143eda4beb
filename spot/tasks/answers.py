"""Agreement of a free-text answer with an accepted one: SQuAD's rules (Rajpurkar et al. 2016), WSC's."""

from __future__ import annotations

import collections
import re
import string


def normalized_answer(text: str) -> str:
    """SQuAD's normal form: lower case, no punctuation, no articles, single spaces.

    >>> normalized_answer("The  Duke of  York's.")
    'duke of yorks'
    """
    bare = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", bare).split())


def answer_em(answer: str, prediction: str) -> float:
    """1.0 when both have the same normal form, else 0.0."""
    return float(normalized_answer(answer) == normalized_answer(prediction))


def answer_f1(answer: str, prediction: str) -> float:
    """Harmonic mean of word precision and recall, each word counted as often as it occurs.

    An answer that normalises to nothing matches only another such answer.
    """
    gold, guess = normalized_answer(answer).split(), normalized_answer(prediction).split()
    if not gold or not guess:
        return float(gold == guess)
    common = sum((collections.Counter(gold) & collections.Counter(guess)).values())
    return 2.0 * common / (len(gold) + len(guess))


_DETERMINERS = frozenset(
    ["a", "an", "few", "her", "his", "each", "every", "many", "much", "my", "our", "some", "that",
     "the", "their", "these", "this", "those", "which", "whose", "your"]
)  # fmt: skip


def same_referent(answer: str, prediction: str) -> bool:
    """T5's rule for WSC: without determiners and case, the words of one are a subset of the other's,
    and both or neither have an apostrophe (Raffel et al. 2020, section 2.4).

    >>> same_referent("the old dog", "Dog"), same_referent("Ann's dog", "dog")
    (True, False)
    """
    words = [
        {word for word in text.lower().split() if word not in _DETERMINERS}
        for text in (answer, prediction)
    ]
    if not words[1] or ("'" in answer) != ("'" in prediction):
        return False
    return words[0] <= words[1] or words[1] <= words[0]

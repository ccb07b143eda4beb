"""What a prompt writes at a check: junk, label words, mostly one of them.

Ranking label words by likelihood hides it: the best of them is a label word whatever the prompt would
write. So a few validation rows are answered greedily, too; nothing that is trained depends on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from spot.models.model import Model
from spot.models.padding import bucket_length
from spot.tasks.metrics import to_class
from spot.training.batches import TaskData, sample
from spot.training.slots import Shares

if TYPE_CHECKING:
    from spot.models.scoring import Promptlike

ROWS = 32  # rows of a task that are answered, one batch: shares within 17 points, 19 times of 20


def shares_of(answers: Sequence[str], words: Sequence[str]) -> Shares:
    """The shares of answers that are one of the words, and that are the commonest of these.

    >>> shares_of(["yes", "no", "yes", "maybe"], ["no", "yes"])
    Shares(valid_labels=75.0, commonest_label=50.0)
    """
    classes = np.array([to_class(answer, words) for answer in answers])
    counts = np.bincount(classes[classes >= 0], minlength=len(words))
    percent = 100 / len(answers)
    return Shares(percent * float(counts.sum()), percent * float(counts.max()))


def answer_shares(
    backbone: Model, prompt: Promptlike, member: TaskData, predictions: Sequence[str]
) -> Shares:
    """The shares of a prompt's greedy answers to ROWS validation rows of a task, a seeded choice, or of
    its predictions where these were generated; unknown without label words.

    Answers are as long as the longest label word with its end, so that more words behind one are junk.
    """
    words = member.definition.labels
    if not words:
        return Shares()
    if member.definition.scoring == "generate":
        return shares_of(predictions, words)
    from spot.models.scoring import LABEL_LENGTHS

    length = bucket_length(max(map(len, member.labels)), LABEL_LENGTHS)
    rows = sample(member.validation, ROWS)
    return shares_of(backbone.generate(rows.inputs, length, prompt), words)


def mean_shares(shares: Sequence[Shares]) -> Shares:
    """The mean over tasks, of those that have label words; unknown where none has."""
    known = [each for each in shares if each != Shares()]
    return Shares(*np.mean(np.array(known), axis=0).tolist()) if known else Shares()

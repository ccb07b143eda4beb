"""Judge the nearest source: is it nearer than tasks are that have nothing to do with each other?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spot.verdicts.verdict import Verdict

LEAST = 5  # unrelated tasks, of which a quantile says something
QUANTILE = 0.9


def judge_nearness(
    source: str, score: float, unrelated: Sequence[float], similarity: str = "average"
) -> Verdict:
    """The verdict on a search whose nearest source has this similarity.

    unrelated: for each task of the bank, its highest similarity to a task of another family, as if it were a
    target without kin. A source is near when it is nearer than nine of ten of these.
    """
    numbers = {"source": source, "similarity": score, "unrelated": len(unrelated)}
    if len(unrelated) < LEAST:
        return Verdict(
            "unknown",
            f"whether {source} is near cannot be told: the bank has {len(unrelated)} tasks with sources of "
            f"other families, {LEAST} are needed",
            numbers,
        )
    limit = float(np.quantile(np.asarray(unrelated), QUANTILE))
    numbers["limit"] = limit
    compared = f"{similarity} similarity {score:.3f}"
    if score > limit:
        return Verdict(
            "near",
            f"a source is near: {source}, {compared}; unrelated tasks of this bank reach {limit:.3f}",
            numbers,
        )
    return Verdict(
        "not near",
        f"no source is near: {source} comes first with {compared}, and unrelated tasks of this bank reach "
        f"{limit:.3f}",
        numbers,
    )

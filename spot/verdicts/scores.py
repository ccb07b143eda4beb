"""Judge a score: is it above chance, can so few rows tell, and is TF-IDF better?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from spot.verdicts.power import rows_needed
from spot.verdicts.sample import Sample
from spot.verdicts.verdict import Verdict

SIGNIFICANT = 0.05
REACHABLE = 10  # times the rows: more rows than that are no matter of "a few more rows"
TFIDF = "TF-IDF with logistic regression"


@dataclass(frozen=True, eq=False)
class Reference:
    """What a score is compared with: a name that fits behind "than", and its scores on the same rows."""

    name: str
    sample: Sample


def better_of(references: Sequence[Reference]) -> Reference:
    """The reference of the highest score, of equals the first."""
    return max(references, key=lambda reference: reference.sample.mean)


def judge_score(
    metric: str,
    rows: int,
    sample: Sample,
    floors: Sequence[Reference] = (),
    tfidf: Sample | None = None,
    *,
    split: str = "test",
    subject: str = "",
    note: str = "",
) -> Verdict:
    """The verdict on a score of `rows` rows.

    floors: guessing and constant answers, of which the better counts; none for free answers. tfidf: the
    scores of TF-IDF with logistic regression. subject stands behind the score, note ends the sentence.
    """
    low, high = sample.interval()
    what = f"{metric} {sample.mean:.1f}{subject}"
    where = f"{rows} {split} rows"
    numbers: dict[str, Any] = {
        "metric": metric,
        "score": sample.mean,
        "low": low,
        "high": high,
        "rows": rows,
        "seeds": len(sample.scores),
    }
    sure = f"{what} (95 % interval {low:.1f} to {high:.1f}) on {where}"
    if not floors:
        kind, sentence = "measured", sure
    else:
        floor = better_of(floors)
        level, p = floor.sample.mean, sample.p_above(floor.sample)
        error = sample.minus(floor.sample).row_error()
        needed = rows_needed(sample.mean - level, error, rows)
        numbers |= {"chance": level, "chance_by": floor.name, "p": p}
        if p <= SIGNIFICANT:
            kind = "above chance"
            sentence = f"above chance: {sure}, where {floor.name} has {level:.1f}"
        elif sample.mean > level and needed is not None and needed <= REACHABLE * rows:
            kind = "too few rows"
            sentence = (
                f"too few rows to tell: {what} on {where}, where {floor.name} has {level:.1f}; "
                f"about {needed} rows would do"
            )
            numbers["rows_needed"] = needed
        else:
            kind = "at chance"
            sentence = f"at chance: {what} on {where} is not better than {floor.name} ({level:.1f})"
    beside, more = against_tfidf(sample, tfidf)
    return Verdict(kind, sentence + beside + note, numbers | more)


def against_tfidf(sample: Sample, tfidf: Sample | None) -> tuple[str, dict[str, Any]]:
    """The end of a sentence that says how TF-IDF does on the same rows, and its numbers."""
    if tfidf is None:
        return "", {}
    ahead = tfidf.minus(sample)
    low, high = ahead.interval()
    numbers = {"tfidf": tfidf.mean, "tfidf_gain": [ahead.mean, low, high]}
    if low > 0:
        by = f"by {ahead.mean:+.1f} points, 95 % interval {low:+.1f} to {high:+.1f}"
        return f"; {TFIDF} is better: {tfidf.mean:.1f} ({by})", numbers
    return f"; {TFIDF} has {tfidf.mean:.1f}", numbers

"""Judge a combination of prompts against the best of its parts."""

from __future__ import annotations

from collections.abc import Sequence

from spot.verdicts.gains import counted, enough
from spot.verdicts.sample import Sample
from spot.verdicts.scores import Reference, against_tfidf, judge_score
from spot.verdicts.verdict import Verdict


def judge_combination(
    metric: str,
    rows: int,
    combined: Sample,
    part: Reference,
    floors: Sequence[Reference] = (),
    tfidf: Sample | None = None,
) -> Verdict:
    """The verdict on a combination of prompts as it is, untrained: one at chance first, then better or worse
    than the part, or no difference that so many rows can show.

    combined: its test scores; part: the part that is best on validation, its test scores on the same rows.
    floors, tfidf: as for `judge_score`.
    """
    ahead = combined.mean >= part.sample.mean
    better = combined if ahead else part.sample
    subject = " by the combination" if ahead else f" by {part.name}"
    level = judge_score(metric, rows, better, floors, tfidf, subject=subject)
    gain = combined.minus(part.sample)
    low, high = gain.interval()
    numbers = {
        **level.numbers,
        "part": part.name,
        "part_score": part.sample.mean,
        "combined": combined.mean,
        "gain": gain.mean,
        "gain_low": low,
        "gain_high": high,
    }
    if level.kind in ("at chance", "too few rows"):
        return Verdict(level.kind, level.sentence, numbers)
    beside, _ = against_tfidf(better, tfidf)
    interval = f"95 % interval {low:+.1f} to {high:+.1f}"
    evidence = counted(rows, "row")
    points = f"{gain.mean:+.1f} points ({interval} over {evidence}){beside}"
    if low > 0:
        sentence = f"the combination is better than its best part, {part.name}: {points}"
        return Verdict("better", sentence, numbers)
    if high < 0:
        sentence = (
            f"the combination is worse than its best part, {part.name}: {points}: use the part"
        )
        return Verdict("worse", sentence, numbers)
    sentence = (
        f"no difference between the combination and its best part, {part.name}, that {evidence} can show: "
        f"{gain.mean:+.1f} points ({interval}){enough(gain, rows)}{beside}"
    )
    return Verdict("no difference", sentence, numbers)

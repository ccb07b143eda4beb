"""Judge the difference between two ways to train a prompt."""

from __future__ import annotations

from collections.abc import Sequence

from spot.verdicts.gains import counted, enough
from spot.verdicts.sample import Sample
from spot.verdicts.scores import Reference, against_tfidf, judge_score
from spot.verdicts.verdict import Verdict


def judge_difference(
    metric: str,
    rows: int,
    ours: tuple[str, Sample],
    theirs: tuple[str, Sample],
    floors: Sequence[Reference] = (),
    tfidf: Sample | None = None,
) -> Verdict:
    """The verdict on one way beside another, names with their test scores, paired by seed: first whether
    the better of both is at chance, then better, worse, or no difference that so many rows and seeds can
    show. floors, tfidf: as for `judge_score`.
    """
    (name, sample), (other, base) = ours, theirs
    better, best = ours if sample.mean >= base.mean else theirs
    level = judge_score(metric, rows, best, floors, tfidf, subject=f" by {better}")
    gain = sample.minus(base)
    low, high = gain.interval()
    seeds = len(gain.scores)
    numbers = {
        **level.numbers,
        "difference": gain.mean,
        "difference_low": low,
        "difference_high": high,
    }
    if level.kind in ("at chance", "too few rows"):
        return Verdict(level.kind, level.sentence, numbers)
    evidence = f"{counted(seeds, 'seed')} and {counted(rows, 'row')}"
    verdict = difference_verdict(name, other, (gain.mean, low, high), evidence)
    more = enough(gain, rows) if verdict.kind == "no difference" else ""
    beside, _ = against_tfidf(best, tfidf)
    return Verdict(verdict.kind, verdict.sentence + more + beside, numbers)


def difference_verdict(
    name: str, other: str, points: tuple[float, float, float], evidence: str
) -> Verdict:
    """Better, worse or no difference, from the mean, low and high points of one way over another; evidence:
    what the interval is over.
    """
    mean, low, high = points
    measured = f"{mean:+.1f} points (95 % interval {low:+.1f} to {high:+.1f} over {evidence})"
    numbers = {"difference": mean, "difference_low": low, "difference_high": high}
    if low > 0:
        return Verdict("better", f"{name} is better than {other}: {measured}", numbers)
    if high < 0:
        return Verdict("worse", f"{name} is worse than {other}: {measured}", numbers)
    sentence = f"no difference that {evidence} can show: {name} {mean:+.1f} points over {other} "
    sentence += f"(95 % interval {low:+.1f} to {high:+.1f})"
    return Verdict("no difference", sentence, numbers)

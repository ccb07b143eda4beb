"""Judge a transfer against training from scratch, and a study of several targets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from spot.verdicts.curves import Curve, early_lead
from spot.verdicts.power import ERRORS, rows_needed
from spot.verdicts.sample import Sample
from spot.verdicts.scores import REACHABLE, TFIDF, Reference, against_tfidf, judge_score
from spot.verdicts.verdict import Verdict


def judge_transfer(
    metric: str,
    rows: int,
    scratch: Sample,
    transfer: Sample,
    floors: Sequence[Reference] = (),
    tfidf: Sample | None = None,
    *,
    curves: tuple[Sequence[Curve], Sequence[Curve]] = ((), ()),
    nearness: Verdict | None = None,
) -> Verdict:
    """The verdict on a transfer: one at chance first, then hurt, helped, helped early only, or no
    difference that so many rows and seeds can show.

    scratch, transfer: the test scores of both arms, paired by seed. floors, tfidf: as for
    `judge_score`. curves: the checks of every seed, of transfer and of scratch. nearness: of the source.
    """
    better = transfer if transfer.mean >= scratch.mean else scratch
    arm = "by transfer" if better is transfer else "from scratch"
    level = judge_score(metric, rows, better, floors, tfidf, subject=f" {arm}")
    gain = transfer.minus(scratch)
    low, high = gain.interval()
    seeds = len(gain.scores)
    numbers = {
        **level.numbers,
        "seeds": seeds,
        "scratch": scratch.mean,
        "transfer": transfer.mean,
        "gain": gain.mean,
        "gain_low": low,
        "gain_high": high,
    }
    if level.kind in ("at chance", "too few rows"):
        return Verdict(level.kind, level.sentence, numbers)
    beside, _ = against_tfidf(better, tfidf)
    evidence = f"{counted(seeds, 'seed')} and {counted(rows, 'row')}"
    interval = f"95 % interval {low:+.1f} to {high:+.1f}"
    points = f"{gain.mean:+.1f} points ({interval} over {evidence})"
    if low > 0:
        return Verdict("helped", f"transfer helped: {points}{beside}", numbers)
    alone = nearness is not None and nearness.kind == "not near"
    far = ", since no source is near" if alone else ""
    if high < 0:
        sentence = f"transfer hurt: {points}{far}: keep the prompt from scratch{beside}"
        return Verdict("hurt", sentence, numbers)
    lead = early_lead(*curves)
    if lead is not None:
        numbers |= {"early_step": lead.step, "early_gain": lead.points}
        sentence = (
            f"transfer helped early only: {lead.points:+.1f} points at step {lead.step}, "
            f"{gain.mean:+.1f} at the end ({interval} over {evidence}){beside}"
        )
        return Verdict("helped early only", sentence, numbers)
    more = enough(gain, rows)
    sentence = f"no difference that {evidence} can show: {gain.mean:+.1f} points ({interval}){more}{beside}"
    return Verdict("no difference", sentence, numbers)


def enough(gain: Sample, rows: int) -> str:
    """The end of a sentence that says how many rows would show a gain, where a few more would, or that
    it takes more seeds.
    """
    seeds = len(gain.scores)
    of_seeds = float(gain.scores.std(ddof=1)) / seeds**0.5 if seeds > 1 else 0.0
    room = (gain.mean / ERRORS) ** 2 - of_seeds**2
    if room <= 0:
        return "; the seeds differ by more: train more of them" if of_seeds else ""
    needed = rows_needed(room**0.5 * ERRORS, gain.row_error(), rows)
    if needed is None or not rows < needed <= REACHABLE * rows:
        return ""
    return f"; about {needed} rows would do"


def judge_study(
    method: str,
    gain: tuple[float, float, float] | None,
    targets: int,
    seeds: int,
    scratch: float,
    tfidf: float | None = None,
    left_out: Sequence[str] = (),
) -> Verdict:
    """The verdict on a study.

    method: what is judged, behind "transfer"; gain: (mean, low, high) of its points over scratch, over
    targets and seeds, None where nothing was transferred; a bound is infinite where one number tells
    nothing of the spread. scratch, tfidf: mean test scores over targets. left_out: incomplete targets.
    """
    evidence = f"{counted(targets, 'target')} and {counted(seeds, 'seed')}"
    numbers: dict[str, Any] = {"targets": targets, "seeds": seeds, "scratch": scratch}
    rest = ""
    if left_out:
        numbers["left_out"] = list(left_out)
        rest = f"; without {', '.join(left_out)}, where runs are missing"
    if gain is None:
        return Verdict(
            "unknown", f"nothing was transferred to {counted(targets, 'target')}{rest}", numbers
        )
    mean, low, high = gain
    numbers |= {"method": method, "gain": mean}
    if math.isinf(low):
        sentence = (
            f"{evidence} cannot show a difference: transfer {method} {mean:+.1f} points{rest}"
        )
        return Verdict("unknown", sentence, numbers)
    numbers |= {"gain_low": low, "gain_high": high}
    points = f"{mean:+.1f} points (95 % interval {low:+.1f} to {high:+.1f} over {evidence})"
    if low > 0:
        kind, sentence = "helped", f"transfer {method} helped: {points}"
    elif high < 0:
        kind = "hurt"
        sentence = f"transfer {method} hurt: {points}: keep the prompts from scratch"
    else:
        interval = f"95 % interval {low:+.1f} to {high:+.1f}"
        kind = "no difference"
        sentence = f"no difference that {evidence} can show: transfer {method} "
        sentence += f"{mean:+.1f} points ({interval})"
    if tfidf is not None:
        numbers["tfidf"] = tfidf
        ours = scratch + max(mean, 0.0)
        if tfidf > ours:
            sentence += f"; {TFIDF} is better: {tfidf:.1f} against {ours:.1f}"
        else:
            sentence += f"; {TFIDF} has {tfidf:.1f}, these prompts {ours:.1f}"
    return Verdict(kind, sentence + rest, numbers)


def counted(number: int, noun: str) -> str:
    """A number with its noun: "1 seed", "3 seeds"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

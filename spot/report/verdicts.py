"""Verdicts on a screen: the sentence for people, kind and numbers for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spot.report.output import Output
    from spot.verdicts.verdict import Verdict

TFIDF_ROW = "TF-IDF, logistic regression"
"""The name of its row in a table of scores."""


def show_verdict(verdict: Verdict | None, out: Output) -> None:
    """The verdict on a result, if there is one."""
    if verdict is not None:
        out.record({"verdict": verdict.to_json()})
        out.say(verdict.sentence)

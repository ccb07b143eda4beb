"""A trained prompt under other attention masks: who of prompt and text may see whom (Lester et al. 2021,
section 2, let all see all).
"""

from __future__ import annotations

from spot.analysis.case import Case
from spot.analysis.drops import Drop, drop, scores
from spot.analysis.finding import Bars, Finding, Level, Table
from spot.analysis.hidden import MaskedPrompt, front_sizes
from spot.errors import SpotError
from spot.models.effect import Visibility

BOTH_WAYS = {
    "the prompt does not see the text": Visibility("all", text=False),
    "the text does not see the prompt": Visibility("all", seen=False),
    "neither sees the other": Visibility("all", text=False, seen=False),
    "rows see those in front of them": Visibility("causal"),
    "rows see no other row": Visibility("itself"),
    "rows see themselves alone": Visibility("itself", text=False),
}
CAUSAL = {
    "the text does not see the prompt": Visibility("causal", text=False, seen=False),
    "rows see no other row": Visibility("itself", text=False),
}


def find(case: Case) -> Finding:
    """Scores of the prompt under masks that it was not trained with, and the paired interval of the
    difference over rows; what is written always sees the prompt. Raises SpotError for a case without a
    task, and a prompt without rows in front of the text.
    """
    config = case.model.config
    if front_sizes(case.prompt, config)[1] == 0:
        raise SpotError(
            f"{case.name} has no rows in front of the text to mask", "choose a kind such as prefix"
        )
    masks = BOTH_WAYS if len(config.stacks) > 1 else CAUSAL
    untouched, bare, count = scores(case, [case.prompt]), case.score(None), len(case.scored_rows)
    changed = {
        name: scores(case, [MaskedPrompt(case.prompt, visible=visible)])
        for name, visible in masks.items()
    }
    gains = {name: drop(untouched, sample).negative for name, sample in changed.items()}
    lines = [(name, changed[name].mean, *gain) for name, gain in gains.items()]
    table = Table(
        "scores under other masks",
        ("mask", "score ", "difference ", "95 % from ", "to "),
        (("as trained", untouched.mean, None, None, None), *lines),
        f"{count} rows of {case.split}; intervals over rows",
    )
    chart = Bars(
        "Score under attention masks other than the one of training",
        "score",
        tuple(line[0] for line in lines),
        tuple(line[1] for line in lines),
        tuple(untouched.mean + line[3] for line in lines),
        tuple(untouched.mean + line[4] for line in lines),
        (Level("as trained", untouched.mean), Level("without the prompt", bare)),
    )
    notes = tuple(_note(name, gain) for name, gain in gains.items())
    return Finding(
        "masks", "what becomes of it under other attention masks", (table,), (chart,), notes
    )


def _note(name: str, gain: Drop) -> str:
    told = "" if gain.low > 0 or gain.high < 0 else ", which cannot be told from 0"
    return f"{name}: {gain.points:+.1f} points ({gain.low:+.1f} to {gain.high:+.1f}){told}"

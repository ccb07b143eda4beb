"""A trained prompt under other attention masks: who of prompt and text may see whom (Lester et al. 2021,
section 2, let all see all).
"""

from __future__ import annotations

from spot.analysis.case import Case
from spot.analysis.finding import Bars, Finding, Level, Table
from spot.analysis.hidden import MaskedPrompt, front_sizes
from spot.errors import SpotError
from spot.models.effect import Visibility
from spot.training.evaluate import gain_interval

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
    plain, bare, rows = case.evaluate(case.prompt), case.score(None), case.scored_rows
    lines: list[tuple[str, float, float, float, float]] = []
    assert case.task is not None
    for name, visible in masks.items():
        other = case.evaluate(MaskedPrompt(case.prompt, visible=visible))
        low, high = gain_interval([other.predictions], [plain.predictions], case.task, rows)
        lines.append((name, other.value, other.value - plain.value, low, high))
    table = Table(
        "scores under other masks",
        ("mask", "score ", "difference ", "95 % from ", "to "),
        (("as trained", plain.value, None, None, None), *lines),
        f"{len(rows)} rows of {case.split}; intervals over rows",
    )
    chart = Bars(
        "Score under attention masks other than the one of training",
        "score",
        tuple(line[0] for line in lines),
        tuple(line[1] for line in lines),
        tuple(plain.value + line[3] for line in lines),
        tuple(plain.value + line[4] for line in lines),
        (Level("as trained", plain.value), Level("without the prompt", bare)),
    )
    notes = tuple(
        f"{name}: {gain:+.1f} points ({low:+.1f} to {high:+.1f})"
        for name, _, gain, low, high in lines
    )
    return Finding(
        "masks", "what becomes of it under other attention masks", (table,), (chart,), notes
    )

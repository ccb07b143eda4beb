"""Learning curves as a few lines of text, for a terminal or a file: a column a check, a mark a curve.

Checks are columns of one width whatever their steps, for the first few steps are where a transfer pays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

HEIGHT = 6  # lines of scores
COLUMNS = 11  # checks that are drawn at most, so that a line has less than 80 characters
WIDTH = 6  # characters of a column
MARKS = "●○▲△■□"
SEVERAL = "◉"

Means = Sequence[tuple[int, float]]


def text_curves(curves: Mapping[str, Means], title: str) -> list[str]:
    """The lines of a small chart of curves, each (step, score) in rising steps; [] with fewer than two
    checks. Of many checks some are left out, never the first and the last.
    """
    by_name = {name: dict(curve) for name, curve in curves.items()}
    steps = _columns(sorted({step for curve in by_name.values() for step in curve}))
    scores = [curve[step] for curve in by_name.values() for step in steps if step in curve]
    if len(steps) < 2 or not scores:
        return []
    low, high = min(scores), max(scores)
    unit = (high - low) / (HEIGHT - 1) or 1.0
    grid = [[" "] * len(steps) for _ in range(HEIGHT)]
    marks = dict(zip(reversed(list(by_name)), MARKS, strict=False))
    for name, curve in by_name.items():
        for column, step in enumerate(steps):
            if step in curve:
                line = grid[round((high - curve[step]) / unit)]
                line[column] = marks[name] if line[column] == " " else SEVERAL
    legend = ", ".join(f"{mark} {name}" for name, mark in marks.items())
    lines = [f"{title}: {legend}, {SEVERAL} both"]
    for number, line in enumerate(grid):
        label = high - number * unit
        shown = f"{label:5.1f} ┤" if number in (0, HEIGHT - 1) else "      │"
        lines.append((shown + "".join(mark.rjust(WIDTH) for mark in line)).rstrip())
    lines.append("  step " + "".join(str(step).rjust(WIDTH) for step in steps))
    return lines


def _columns(steps: list[int]) -> list[int]:
    """At most COLUMNS of the steps, evenly from the list, first and last among them."""
    if len(steps) <= COLUMNS:
        return steps
    last = len(steps) - 1
    return [steps[round(number * last / (COLUMNS - 1))] for number in range(COLUMNS)]

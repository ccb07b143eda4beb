"""Norms of a prompt's rows, of its start's and of the embeddings; how far training moved them."""

from __future__ import annotations

import numpy as np

from spot.analysis.case import Case
from spot.analysis.finding import Cell, Finding, Group, Level, Points, Table
from spot.prompts.discretise import tokens_of

PROMPT, START, MOVED, EMBEDDINGS = "prompt", "start", "prompt - start", "embeddings"
QUANTILES = {"5 % below": 0.05, "median": 0.5, "95 % below": 0.95}


def find(case: Case) -> Finding:
    """Norms of rows [P], of the embeddings of text [V'], and of every row's way from its start. Raises
    SpotError for kinds that are no rows.
    """
    rows, start = case.soft_rows, case.start_rows
    norms = {PROMPT: np.linalg.norm(rows, axis=1)}
    if start is not None:
        norms[START] = np.linalg.norm(start, axis=1)
        if len(start) == len(rows):
            norms[MOVED] = np.linalg.norm(rows - start, axis=1)
    norms[EMBEDDINGS] = np.linalg.norm(tokens_of(case.model).rows, axis=1)
    return Finding(
        "norms", "how large its rows are, and how far they moved", (_table(norms),), (_chart(norms),),
        _notes(norms),
    )  # fmt: skip


def _table(norms: dict[str, np.ndarray]) -> Table:
    unit = float(norms[EMBEDDINGS].mean())
    lines: list[tuple[Cell, ...]] = [
        (
            name,
            len(each),
            float(each.mean()),
            float(each.mean()) / unit if unit else None,
            float(each.std()),
            float(each.min()),
            *map(float, np.quantile(each, list(QUANTILES.values()))),
            float(each.max()),
        )
        for name, each in norms.items()
    ]
    columns = (
        "rows of", "number ", "mean norm ", "of the embeddings' ", "deviation ", "smallest ",
        *(f"{name} " for name in QUANTILES), "largest ",
    )  # fmt: skip
    return Table("norms", columns, tuple(lines))


def _notes(norms: dict[str, np.ndarray]) -> tuple[str, ...]:
    prompt, embeddings = norms[PROMPT], norms[EMBEDDINGS]
    low, high = np.quantile(embeddings, (0.05, 0.95))
    notes = []
    if embeddings.mean() > 0:
        share = prompt.mean() / embeddings.mean()
        notes.append(
            f"The prompt's mean norm is {share:.2f} times that of the embeddings; {(prompt > high).sum()} of "
            f"{len(prompt)} rows are longer than 95 % of these, {(prompt < low).sum()} shorter."
        )
    if MOVED in norms and norms[START].mean() > 0:
        moved, start = norms[MOVED], norms[START].mean()
        notes.append(
            f"Training moved a row by {moved.mean():.3g} in the mean, {moved.mean() / start:.2f} times the "
            f"start's mean norm: the most at position {moved.argmax() + 1} ({moved.max():.3g}), the least "
            f"at {moved.argmin() + 1} ({moved.min():.3g}). The mean norm became "
            f"{prompt.mean() / start:.2f} times that of the start."
        )
    elif START in norms and MOVED not in norms:
        notes.append(f"The start has {len(norms[START])} rows, so no row has a way from it.")
    return tuple(notes)


def _chart(norms: dict[str, np.ndarray]) -> Points:
    groups = tuple(
        Group(name, tuple(map(float, range(1, len(each) + 1))), tuple(map(float, each)))
        for name, each in norms.items()
        if name != EMBEDDINGS
    )
    levels = tuple(
        Level(f"embeddings, {name}", float(np.quantile(norms[EMBEDDINGS], quantile)))
        for name, quantile in QUANTILES.items()
    )
    return Points("Norms of the rows", "position", "norm", groups, levels)

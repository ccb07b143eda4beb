"""Norms of a prompt's rows, of its start's and of the embeddings; how far training moved them."""

from __future__ import annotations

import numpy as np

from spot.analysis.case import Case
from spot.analysis.finding import Bars, Finding, Table


def find(case: Case) -> Finding:
    """Norms of rows [P] and of used embeddings [V], and the distance ‖P - P0‖ of every row from its
    start. Raises SpotError for kinds that are no rows.
    """
    rows, start = case.soft_rows, case.start_rows
    embeddings = case.model.embeddings[
        case.model.vocabulary.meaningful(range(case.model.vocabulary.size))
    ]
    groups = {"prompt": rows, "embeddings": embeddings}
    if start is not None:
        groups |= {"start": start, "prompt - start": rows - start}
    norms = {name: np.linalg.norm(each, axis=1) for name, each in groups.items()}
    lines = tuple(
        (
            name,
            len(each),
            float(each.mean()),
            float(each.std()),
            float(each.min()),
            float(each.max()),
        )
        for name, each in norms.items()
    )
    columns = ("rows of", "number ", "mean norm ", "deviation ", "smallest ", "largest ")
    means, smallest, largest = (tuple(float(line[place]) for line in lines) for place in (2, 4, 5))
    title = "Mean norms of rows, with the smallest and the largest"
    bars = Bars(title, "norm", tuple(norms), means, smallest, largest)
    return Finding("norms", "how large its rows are", (Table("norms", columns, lines),), (bars,))

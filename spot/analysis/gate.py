"""Where the model attends to the prompt: the gate λ by layer and head, and the terms of attention (He et al.
2022, arXiv 2110.04366, section 3.1).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from spot.analysis.case import Case
from spot.analysis.finding import Finding, Heat, Table
from spot.errors import SpotError
from spot.models.gate import Gate, gates
from spot.models.padding import bucket_length, pad_rows
from spot.models.scoring import batches, on_device

STACKS = {
    "prompt": "the prompt's rows among themselves",
    "read": "reading",
    "cross": "the answer, at what was read",
    "write": "the answer, at what stands before it",
}
MOST_ROWS = 64
"""Rows of which all are averaged: their texts have thousands of queries."""
NOTE = (
    "Attention = λ · (attention to the prompt's columns alone) + (1 - λ) · (attention to the rest alone). "
    "Shares are of the summed norms of these two terms: a text's queries have a default term and one that "
    "reads what the prompt stores, the prompt's queries one that asks the text and a bias."
)


class Means(NamedTuple):
    """Of queries of one kind the mean gate, and mean share of the prompt's term, [L, heads] each."""

    queries: str
    gate: np.ndarray
    share: np.ndarray


def find(case: Case) -> Finding:
    """The mean gate of every layer and head, over queries of texts and of the prompt's rows, while the
    case's rows are read and their targets written; and what share of what attention writes is the
    prompt's term.

    Raises SpotError for a case without a task, and a prompt that adds no columns to attention.
    """
    every = means(summed(case))
    if not every:
        raise SpotError(
            f"{case.name} adds no columns to attention, so there is no gate between it and the text",
            "choose a prompt of a kind with rows, or with keys and values",
        )
    table = Table(
        "λ, the weight of attention on the prompt's columns",
        ("queries", "mean λ ", "largest λ ", "where", "share of the prompt's term ", "of the other "),
        tuple(
            (each.queries, _mean(each.gate), float(each.gate.max()), _place(each.gate), _mean(each.share),
             1 - _mean(each.share))
            for each in every
        ),
        NOTE,
    )  # fmt: skip
    heats = [
        heat
        for each in every
        for heat in (
            _heat(f"λ, {each.queries}", each.gate, "λ"),
            _heat(f"Share of the prompt's term, {each.queries}", each.share, "share"),
        )
    ]
    notes = tuple(
        f"{each.queries}: {100 * _mean(each.gate):.1f} % of the weight lies on the prompt, most in "
        f"{_place(each.gate)} ({100 * each.gate.max():.1f} %)"
        for each in every
    )
    return Finding("gate", "where the model attends to it", (table,), tuple(heats), notes)


def summed(case: Case) -> dict[str, list[Gate]]:
    """The gates of every stack and layer, summed over at most MOST_ROWS rows of the case."""
    rows, model = case.scored_rows, case.model
    prompts, width = (
        on_device(case.prompt, model.config),
        bucket_length(rows.targets.lengths().max()),
    )
    found = []
    for chosen, texts in batches(model.network, rows.inputs):
        filled = np.concatenate([chosen, np.repeat(chosen[:1], len(texts) - len(chosen))])
        targets = pad_rows([rows.targets[row] for row in filled], width)
        real = np.arange(len(texts)) < len(chosen)
        found.append(gates(model.network, prompts, texts, targets, real))
        if len(found) * len(texts) >= MOST_ROWS:
            break
    return {
        stack: [
            Gate(*(np.sum(parts, axis=0) for parts in zip(*layer, strict=True)))
            for layer in zip(*(batch[stack] for batch in found), strict=True)
        ]
        for stack in STACKS
        if stack in found[0]
    }


def means(sums: dict[str, list[Gate]]) -> list[Means]:
    """The means of every stack and kind of queries between which and the text there is a gate: one that is
    neither 0, without columns of a prompt, nor 1, without others, everywhere.
    """
    found = []
    for stack, layers in sums.items():
        for group, of in enumerate(("the text's queries", "the prompt's queries")):
            queries = layers[0].queries[group]
            if queries == 0:
                continue
            name = f"{STACKS[stack]}, {of}" if stack == "read" else STACKS[stack]
            gate, share = (
                np.stack([each[part][group] / queries for each in layers]) for part in (0, 1)
            )
            if gate.max() > 0.0 and gate.min() < 1 - 1e-5:
                found.append(Means(name, gate, share))
    return found


def _mean(values: np.ndarray) -> float:
    return float(values.mean())


def _place(gate: np.ndarray) -> str:
    layer, head = np.unravel_index(gate.argmax(), gate.shape)
    return f"layer {layer + 1}, head {head + 1}"


def _heat(title: str, values: np.ndarray, unit: str) -> Heat:
    layers, heads = (tuple(str(place + 1) for place in range(count)) for count in values.shape)
    rows = tuple(tuple(map(float, row)) for row in values)
    return Heat(title, "head", "layer", heads, layers, rows, unit)

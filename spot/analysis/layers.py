"""Where in the model the prompt works: its columns hidden from a layer upward, or λ := 0 in one layer."""

from __future__ import annotations

import numpy as np

from spot.analysis.case import Case
from spot.analysis.drops import Drop, drop, scores
from spot.analysis.finding import Finding, Level, Line, Lines, Table
from spot.analysis.hidden import front_columns, readers, without

ALONE = "λ := 0 here alone"
MOST_LAYERS = 8
"""Layers that are tried, evenly spaced, of a model with more."""


def find(case: Case) -> Finding:
    """Scores with the prompt's columns hidden from layer l upward, with those below l hidden, and with
    λ := 0 in layer l alone; attention to the rest is then all there is. Of a T5 the last "layer" is its
    decoder, which reads the rows.

    Raises SpotError for a case without a task, and a prompt that puts nothing in front of the text.
    """
    config, prompt = case.model.config, case.prompt
    front_columns(prompt, config)
    count = readers(config)
    untouched, bare = scores(case, [prompt]), case.score(None)
    whole = untouched.mean
    chosen = sorted({round(place) for place in np.linspace(0, count - 1, min(count, MOST_LAYERS))})
    ways = {
        "hidden from here upward": [range(layer, count) for layer in chosen],
        "hidden below": [range(layer) for layer in chosen],
        ALONE: [range(layer, layer + 1) for layer in chosen],
    }
    samples = {
        way: [scores(case, [without(prompt, config, layers=layers)]) for layers in hidden]
        for way, hidden in ways.items()
    }
    means = {way: [sample.mean for sample in every] for way, every in samples.items()}
    names = [_name(layer, count, len(config.stacks) > 1) for layer in chosen]
    rows = tuple(zip(names, *means.values(), strict=True))
    table = Table(
        "score with the prompt's columns hidden in some layers",
        ("layer", *(f"{way} " for way in ways)),
        rows,
        f"with the prompt {whole:.1f}, without {bare:.1f}; {len(case.scored_rows)} rows of {case.split}",
    )
    places = tuple(float(layer + 1) for layer in chosen)
    lines = tuple(Line(way, places, tuple(values)) for way, values in means.items())
    levels = (Level("with the prompt", whole), Level("without", bare))
    chart = Lines("Score with the prompt hidden in some layers", "layer", "score", lines, levels)
    costs = [drop(untouched, sample) for sample in samples[ALONE]]
    return Finding("layers", "in which layers it works", (table,), (chart,), (_note(costs, names),))


def _name(layer: int, count: int, reads_twice: bool) -> str:
    return "the decoder" if reads_twice and layer == count - 1 else str(layer + 1)


def _note(costs: list[Drop], names: list[str]) -> str:
    worst = max(range(len(costs)), key=lambda place: costs[place].points)
    where = names[worst] if names[worst].startswith("the") else f"layer {names[worst]}"
    told = "" if costs[worst].is_loss else ", which cannot be told from 0"
    return f"λ := 0 in one layer alone costs most in {where}: {costs[worst]}{told}"

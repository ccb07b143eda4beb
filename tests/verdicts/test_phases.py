"""Phases of learning, by hand."""

from __future__ import annotations

import itertools

import pytest

from spot.verdicts.phases import PHASES, Written, left_at, phase_curve, phase_of, skipped_phases


@pytest.mark.parametrize(
    ("valid", "score", "constant", "rows", "phase"),
    [
        (0, 100, 50, 100, "junk"),  # ranked well, but written badly
        (49.9, 100, 50, 100, "junk"),
        (50, 50, 50, 100, "labels"),
        (100, 58.2, 50, 100, "labels"),  # 1.645 standard errors of 5 points
        (100, 58.3, 50, 100, "task"),
        (100, 58.3, 50, 25, "labels"),
        (100, 20, 50, 100, "labels"),
        (100, 94, 90, 100, "labels"),  # standard error 3
        (100, 95, 90, 100, "task"),
        (100, 100, 100, 100, "labels"),
        (100, 1, 0, 100, "task"),
        (100, 50, 0, 0, "task"),
    ],
)
def test_phase_of_a_check(valid, score, constant, rows, phase):
    assert phase_of(valid, score, constant, rows) == phase


def test_phases_of_seeds_are_those_of_their_means():
    curves = [
        [Written(0, 30, 50, 100), Written(5, 100, 50, 100), Written(10, 100, 70, 100)],
        [Written(0, 60, 50, 100), Written(5, 100, 60, 100)],  # stopped: keeps its last check
    ]
    assert phase_curve(curves, 50) == [(0, "junk"), (5, "labels"), (10, "task")]
    assert phase_curve(curves[1:], 50) == [(0, "labels"), (5, "task")]
    assert phase_curve([], 50) == []


def test_a_phase_is_left_when_all_later_checks_are_beyond_it():
    order = list(PHASES)
    for names in itertools.product(PHASES, repeat=4):
        curve = [(5 * place, name) for place, name in enumerate(names)]
        for phase in ("junk", "labels"):
            beyond = [order.index(name) > order.index(phase) for name in names]
            places = [place for place in range(4) if all(beyond[place:])]
            assert left_at(curve, phase) == (5 * places[0] if places else None)


SCRATCH = [(0, "junk"), (20, "labels"), (40, "task"), (60, "task")]


@pytest.mark.parametrize(
    ("transfer", "scratch", "sentence"),
    [
        (
            [(0, "task"), (20, "task")],
            SCRATCH,
            "scratch wrote mostly label words from step 20 on and beat the best constant answer from step 40 "
            "on; the transferred start did both at step 0",
        ),
        (
            [(0, "labels"), (20, "task")],
            SCRATCH,
            "scratch wrote mostly label words from step 20 on; the transferred start did so at step 0",
        ),
        (
            [(0, "task"), (20, "labels"), (40, "task")],
            [(0, "labels"), (20, "task"), (40, "labels")],
            "scratch did not beat the best constant answer in 40 steps; the transferred start did so at "
            "step 0, though not at every later check",
        ),
        (
            [(0, "task")],
            [(0, "junk"), (60, "junk")],
            "scratch did not learn to write label words in 60 steps and did not beat the best constant "
            "answer in 60 steps; the transferred start did both at step 0",
        ),
        ([(0, "junk"), (20, "task")], SCRATCH, ""),
        ([(0, "junk")], [(0, "task")], ""),
        ([(20, "task")], SCRATCH, ""),
        ([(0, "task")], SCRATCH[1:], ""),
        ([], SCRATCH, ""),
        ([(0, "task")], [], ""),
    ],
)
def test_skipped_phases(transfer, scratch, sentence):
    assert skipped_phases(transfer, scratch) == sentence

"""No damaged file gives a traceback, a wrong value, a hang, a crash or takes a gigabyte, whatever reads it.

A few trials of each reader; `make fuzz` makes thousands.
"""

from __future__ import annotations

import pytest

from tests.fuzz.subjects import SUBJECTS
from tests.fuzz.trials import run

TRIALS = 25


@pytest.mark.parametrize("subject", [subject.name for subject in SUBJECTS])
def test_damage_is_refused_or_harmless(subject):
    if subject == "GGUF":
        pytest.importorskip("gguf", reason="the extra decoders is not installed")
    tally = run(subject, TRIALS, "0")
    assert tally.trials == TRIALS
    assert not tally.failures, "\n".join(f"{trial}" for trial in tally.failures)

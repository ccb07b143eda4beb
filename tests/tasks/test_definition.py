"""Rates, digests and counts."""

from __future__ import annotations

import pytest

from spot.tasks.definition import MIXING_LIMIT, counted, digest, proportional_rates


def test_rates_by_hand():
    assert MIXING_LIMIT == 524288
    assert proportional_rates({"a": 1, "b": 3}) == (0.25, 0.75)
    assert proportional_rates({"a": 2**20, "b": 2**19}) == (0.5, 0.5)
    assert sum(proportional_rates({"a": 7, "b": 11, "c": 2**30})) == pytest.approx(1)


def test_digest_tells_values_apart():
    assert len({digest(v) for v in ("1", 1, [1], {"a": 1}, None)}) == 5
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})


def test_counted_reads_once():
    reads = []
    rows = counted(lambda split: reads.append(split) or iter([1, 2]))  # type: ignore[arg-type]
    assert (rows("train"), rows("train"), reads) == (2, 2, ["train"])

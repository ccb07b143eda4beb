"""PEFT itself loads what we write and agrees on the outputs, and the other way round."""

from __future__ import annotations

import pytest

for package in ("torch", "transformers", "peft"):
    pytest.importorskip(package, reason="needs torch, transformers and peft: make parity")

from benchmarks import peft_parity  # noqa: E402 (it imports what may be absent)


@pytest.mark.parametrize(
    ("kind", "checks"),
    [("T5 1.0", 3), ("T5 1.1", 3), ("Llama, positions as Llama 3", 2), ("Qwen2", 2)],
)
def test_an_adapter_of_either_side_answers_alike_in_both(tmp_path, kind, checks):
    lines = peft_parity.both_ways(kind, tmp_path)
    assert len(lines) == checks
    assert [line for line in lines if line.difference > peft_parity.LIMIT] == []


@pytest.mark.parametrize(
    ("kind", "checks"),
    [("T5 1.1", 4), ("mT5", 4), ("Llama, positions as Llama 3", 6), ("Qwen2", 6)],
)
def test_prefix_tuning_of_either_side_answers_alike_in_both(tmp_path, kind, checks):
    lines = peft_parity.prefix_both_ways(kind, tmp_path)
    assert len(lines) == checks
    assert [line for line in lines if not line.difference <= peft_parity.LIMIT] == []


def test_peft_knows_every_key_that_is_written(tmp_path):
    assert peft_parity.unknown_keys(tmp_path) == []

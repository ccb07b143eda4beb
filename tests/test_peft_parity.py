"""PEFT itself loads what we write and agrees on the outputs, and the other way round."""

from __future__ import annotations

import pytest

for package in ("torch", "transformers", "peft"):
    pytest.importorskip(package, reason="needs torch, transformers and peft: make parity")

from benchmarks import peft_parity  # noqa: E402 (it imports what may be absent)


@pytest.mark.parametrize("tied", [True, False])
def test_t5_with_an_adapter_answers_alike_in_both(tmp_path, tied):
    lines = peft_parity.seq2seq_lines(tmp_path, tied)
    assert len(lines) == 3
    assert [line for line in lines if line.difference > peft_parity.LIMIT] == []


def test_a_decoder_with_an_exported_adapter_sees_the_prompt_in_front_of_the_text(tmp_path):
    assert peft_parity.causal_line(tmp_path).difference <= peft_parity.LIMIT


def test_peft_knows_every_key_that_is_written(tmp_path):
    assert peft_parity.unknown_keys(tmp_path) == []

"""Models that transformers wrote answer here as there, and their prompts get PEFT's gradient."""

from __future__ import annotations

import pytest

for package in ("torch", "transformers", "peft", "tokenizers"):
    pytest.importorskip(package, reason="needs torch, transformers and peft: make parity")

from benchmarks import model_parity  # noqa: E402 (it imports what may be absent)


@pytest.mark.parametrize("kind", ["T5 1.1", "Llama, positions as Llama 3"])
def test_logits_and_prompt_gradient_agree(tmp_path, kind):
    lines = model_parity.small_lines(kind, tmp_path)
    assert [line.check for line in lines] == ["logits", "prompt gradient"]
    assert [line for line in lines if not line.difference <= model_parity.LIMIT] == []

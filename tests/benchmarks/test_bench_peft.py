"""Both sides of a comparison compute the same: first losses, scores and answers, on a tiny T5."""

from __future__ import annotations

from dataclasses import replace

import pytest

for package in ("torch", "transformers", "peft"):
    pytest.importorskip(package, reason="needs torch, transformers and peft: make parity")

from benchmarks.bench import adapters, answers, training  # noqa: E402 (they import what may be absent)
from benchmarks.bench.backbones import random_t5  # noqa: E402
from benchmarks.bench.sizes import QUICK  # noqa: E402
from benchmarks.bench.text import short_rows  # noqa: E402

SIZES = replace(QUICK, rounds=1)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return random_t5("tiny", SIZES.t5, tmp_path_factory.mktemp("t5"))


def test_a_line_for_each_dtype_and_method(backbone):
    data = short_rows(SIZES, 1)
    lines = training.beside_peft("tiny", backbone, data, SIZES, 1)
    assert [line.what.rpartition(", ")[2] for line in lines[:2]] == ["float32", "bfloat16"]
    assert [line.other.name.split(", ")[0] for line in lines[2:]] == [
        f"PEFT {name}" for name in adapters.ADAPTERS
    ]


def test_other_weights_are_not_compared(backbone, tmp_path):
    other = random_t5("other", replace(SIZES.t5, d_ff=32), tmp_path)
    mixed = replace(backbone, theirs=other.theirs)
    with pytest.raises(ValueError, match="first loss, PEFT prompt tuning, float32"):
        training.beside_peft("tiny", mixed, short_rows(SIZES, 1), SIZES, 1)


def test_prompt_tuning_learns_as_ours(backbone):
    """Five steps of AdamW from the same prompt: the losses stay together."""
    data = short_rows(SIZES, 1)
    model = backbone.model("float32")
    prompt = training.start_prompt(model.width, SIZES.prompt)
    ours = training.our_step(model.network, prompt[None], data)
    theirs = adapters.their_step(backbone, "prompt tuning", "float32", "eager", prompt, data)
    first = [ours(0), theirs.start]  # theirs has made its first step
    assert first[0] == pytest.approx(first[1], rel=1e-4)
    for _ in range(4):
        assert ours(0) == pytest.approx(theirs.run(0), rel=1e-3)


def test_scores_and_answers_agree(backbone):
    data = short_rows(SIZES, 2)
    texts = [row[row > 0] for batch, _ in data for row in batch]
    lines = answers.answers(backbone, texts, texts[:3], SIZES, 1)
    assert [line.what.partition(": ")[2] for line in lines] == [
        f"{what}, {precision}"
        for what in ("scores of 2 label words, 8 rows", "4 tokens greedily, 3 rows")
        for precision in ("float32", "bfloat16")
    ]

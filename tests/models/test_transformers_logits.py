"""Logits of transformers for small decoders, saved, so that every run compares with them; where
transformers is, the saved ones are compared with it.

    python -m tests.models.test_transformers_logits    (writes them anew; needs torch and transformers)
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest

from spot.models.model import load
from tests.models.test_decoder import padded
from tests.models.test_hf_decoder import LLAMA3, write_folder
from tests.toys import model_settings, random_arrays, tiny_decoder

SAVED = Path(__file__).with_name("transformers_logits.json")
LIMIT = 1e-4  # of the largest logit
TEXTS = ([3, 9, 4, 8, 5, 7], [6, 2, 9])  # ids here; transformers counts from one less
TARGETS = ([5, 3, 8], [7, 4, 9])
KINDS = {
    "llama": ({}, {}),
    "llama, positions as Llama 3": ({}, {"rope_parameters": {**LLAMA3, "rope_theta": 100.0}}),
    "qwen2, untied": ({"biases": True, "tied_head": False}, {}),
}


def folder_of(kind, folder):
    """A model's folder whose weights are drawn by numpy, the same everywhere."""
    changes, stated = KINDS[kind]
    config = tiny_decoder(**changes)
    return write_folder(folder, config, random_arrays(config, seed=5), **stated)


def their_logits(folder):
    """Of transformers, in front of each target token [rows, T, V]."""
    import torch
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    rows = []
    for text, target in zip(TEXTS, TARGETS, strict=True):
        ids = torch.tensor([[i - 1 for i in [*text, *target[:-1]]]])
        with torch.no_grad():
            rows.append(model(input_ids=ids).logits[0, -len(target) :].numpy())
    return np.stack(rows)


@pytest.mark.parametrize("kind", KINDS)
def test_our_logits_are_the_saved_ones_of_transformers(tmp_path, kind):
    saved = np.asarray(json.loads(SAVED.read_text())[kind])
    backbone = load(model_settings(folder_of(kind, tmp_path / "model")))
    model = backbone.network
    found = model.decode(model.encode(padded(TEXTS)), padded(TARGETS))[..., 1:]
    assert found.shape == saved.shape and np.abs(saved).max() > 1
    assert np.abs(np.asarray(found) - saved).max() <= LIMIT * np.abs(saved).max()


@pytest.mark.parametrize("kind", KINDS)
def test_the_saved_logits_are_those_of_transformers(tmp_path, kind):
    for package in ("torch", "transformers"):
        pytest.importorskip(package, reason="needs torch and transformers: make parity")
    saved = np.asarray(json.loads(SAVED.read_text())[kind])
    theirs = their_logits(folder_of(kind, tmp_path / "model"))
    np.testing.assert_allclose(theirs, saved, rtol=0, atol=1e-5 * np.abs(saved).max())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        found = {kind: their_logits(folder_of(kind, Path(place, kind))) for kind in KINDS}
    rounded = {kind: np.round(logits, 6).tolist() for kind, logits in found.items()}
    SAVED.write_text(json.dumps(rounded) + "\n")

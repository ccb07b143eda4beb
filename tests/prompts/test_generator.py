"""Rows made from the text: against the formula, and where the network says nothing of it."""

from __future__ import annotations

import numpy as np

from spot.prompts.prompt import SoftPrompt
from tests.prompts.effects import LENGTHS, TEXTS, H, P, begun, moved, seen


def test_rows_are_made_from_the_mean_of_the_real_tokens():
    prompt = moved(begun("generator:width=3"))
    own = {name: array.astype(np.float64) for name, array in prompt.arrays.items()}
    found = seen([prompt])["before"]
    for row, length in enumerate(LENGTHS):
        mean = TEXTS[row, :length].astype(np.float64).sum(axis=0) / length
        hidden = mean / np.sqrt((mean**2).mean()) @ own["down"] / own["size"] / np.sqrt(H)
        flat = (hidden / (1 + np.exp(-hidden))) @ own["up"].reshape(3, P * H)
        expected = own["prompt"] + flat.reshape(P, H)
        np.testing.assert_allclose(found[row], expected, rtol=1e-4, atol=1e-4)
    assert np.abs(found[0] - found[1]).max() > 0.1


def test_a_constant_network_is_a_plain_prompt():
    prompt = moved(begun("generator:width=3"))
    constant = SoftPrompt(prompt.kind, {**prompt.arrays, "down": 0 * prompt.arrays["down"]})
    found = seen([constant])["before"]
    expected = np.broadcast_to(prompt.arrays["prompt"], found.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_text_without_tokens_gets_finite_rows():
    none = np.zeros((1, 3), bool)
    assert np.isfinite(seen([moved(begun("generator"))], TEXTS[:1, :3], none)["before"]).all()

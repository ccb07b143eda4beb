"""The map of the text: against its formula, token by token."""

from __future__ import annotations

import numpy as np

from tests.prompts.effects import MASK, TEXTS, H, begun, moved, same, seen


def test_each_token_is_mapped_by_the_formula():
    prompt = moved(begun("map:width=5"))
    down, up, size = (prompt.arrays[name].astype(np.float64) for name in ("down", "up", "size"))
    found = seen([prompt])["text"]
    for row, token in zip(*np.nonzero(MASK), strict=True):
        x = TEXTS[row, token].astype(np.float64)
        hidden = (x / np.sqrt(np.mean(x**2))) @ down / size / np.sqrt(H)
        expected = x + (hidden / (1 + np.exp(-hidden))) @ up
        np.testing.assert_allclose(found[row, token], expected, rtol=1e-5, atol=1e-5)


def test_the_map_commutes_with_permuting_tokens():
    prompt, order = moved(begun("map:width=5")), np.asarray([4, 0, 5, 2, 1, 3])
    whole = np.ones_like(MASK)
    straight = seen([prompt], TEXTS, whole)
    shuffled = seen([prompt], TEXTS[:, order], whole)
    same(shuffled, {**straight, "text": straight["text"][:, order]})


def test_the_first_layer_gives_numbers_of_about_one_whatever_the_models_embeddings():
    for scale in (0.01, 1.0, 100.0):
        prompt = begun("map:width=400", rows=scale * np.ones((3, H)), seed=1)
        down = prompt.arrays["down"] / prompt.arrays["size"] / np.sqrt(H)
        assert 0.8 < np.std(down * np.sqrt(H)) < 1.2
        np.testing.assert_allclose(np.std(prompt.arrays["down"]), scale, rtol=0.1)

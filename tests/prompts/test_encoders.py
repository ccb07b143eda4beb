"""Rows that an encoder makes: against slow encoders, on the host and on the device, and what is kept."""

from __future__ import annotations

import subprocess
import sys

import jax
import numpy as np
import pytest

from spot.prompts.prompt import SoftPrompt
from spot.prompts.stacked import stack
from tests.prompts.effects import MASK, ROWS, TEXTS, H, P, S, begun, moved, seen, trained

KINDS = ("mlp:width=5", "mlp:skip=0,width=5", "lstm:width=3", "lstm:skip=0,width=3")
every = pytest.mark.parametrize("kind", KINDS)


def double(prompt):
    return {name: array.astype(np.float64) for name, array in prompt.arrays.items()}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def inner(own, name, x):
    """A layer that reads and writes numbers of size 1."""
    size = own["size"]
    return x @ own[name] / size / np.sqrt(len(x)) + own[f"{name}_bias"] / size


def last(own, x):
    """The layer that writes rows."""
    return x @ own["last"] + own["last_bias"]


def slow_mlp(own):
    rows = []
    for x in own["rows"] / own["size"]:
        for name in ("first", "second"):
            x = np.maximum(inner(own, name, x), 0)
        rows.append(last(own, x))
    return np.asarray(rows)


def slow_lstm(own):
    """Token by token and way by way (Hochreiter and Schmidhuber 1997, with a gate that forgets)."""
    xs = list(own["rows"] / own["size"])
    for layer in (1, 2):
        ways = []
        for way in (0, 1):
            read = own[f"inputs_{layer}"][way] / own["size"] / np.sqrt(len(xs[0]))
            kept = own[f"states_{layer}"][way] / own["size"] / np.sqrt(3)
            bias = own[f"gates_{layer}"][way] / own["size"]
            h, c, out = np.zeros(3), np.zeros(3), {}
            for place in range(P)[:: 1 - 2 * way]:
                i, f, g, o = np.split(xs[place] @ read + h @ kept + bias, 4)
                c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
                out[place] = h = sigmoid(o) * np.tanh(c)
            ways.append(out)
        xs = [np.concatenate([ways[0][place], ways[1][place]]) for place in range(P)]
    xs = [np.maximum(inner(own, "middle", x), 0) for x in xs]
    return np.asarray([last(own, x) for x in xs])


@every
def test_rows_are_those_of_a_slow_encoder(kind):
    for prompt in trained(kind):
        own = double(prompt)
        made = (slow_mlp if kind.startswith("mlp") else slow_lstm)(own)
        expected = made if "skip=0" in kind else own["rows"] + made
        np.testing.assert_allclose(prompt.key, expected, rtol=1e-5, atol=1e-5)
        assert np.abs(made).max() > 0.1


@every
def test_the_rows_that_are_kept_are_those_that_are_trained(kind):
    prompts = trained(kind)
    effect = stack(prompts).effect(TEXTS, MASK)
    for prompt, rows in zip(prompts, np.asarray(effect.before), strict=True):
        np.testing.assert_allclose(prompt.key, rows, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(prompt.kind.plain(prompt.arrays), prompt.key)
    assert len(effect.before) == S


def test_a_random_encoder_makes_rows_of_about_the_size_of_its_own():
    for scale in (0.01, 100.0):
        for kind in ("mlp:skip=0", "lstm:skip=0"):
            made = begun(kind, scale * ROWS[0]).key
            assert 0.03 < np.std(made) / np.std(scale * ROWS[0]) < 3


def test_an_lstm_tells_places_apart_and_an_mlp_does_not():
    for kind, apart in (("mlp:skip=0,width=5", False), ("lstm:skip=0,width=3", True)):
        prompt = moved(begun(kind))
        rows = prompt.arrays["rows"][:1].repeat(P, axis=0)
        made = SoftPrompt(prompt.kind, {**prompt.arrays, "rows": rows}).key
        assert (np.abs(made - made[:1]).max() > 1e-3) == apart


def test_a_linear_encoder_reaches_every_row():
    """The rows that give a target are found in one step, for the encoder is one invertible matrix."""
    prompt = moved(begun("mlp:activation=linear,skip=0,width=24"))
    zeros, ones = np.zeros((H, H), np.float32), np.eye(H, dtype=np.float32)

    def made(rows):
        return SoftPrompt(prompt.kind, {**prompt.arrays, "rows": rows}).key

    shift = made(zeros)[0]
    matrix = (made(ones) - shift).astype(np.float64)
    rows = np.linalg.solve(matrix.T, (ROWS[1] - shift).T).T.astype(np.float32)
    np.testing.assert_allclose(made(rows), ROWS[1], rtol=0, atol=1e-3)
    assert np.linalg.matrix_rank(matrix) == H
    curved = moved(begun("mlp:skip=0,width=24")).kind
    assert np.abs(curved.key({**prompt.arrays, "rows": rows}) - ROWS[1]).max() > 0.1


@every
def test_gradients_are_those_of_finite_differences(kind):
    prompt = moved(begun(kind))
    target = np.random.default_rng(3).normal(size=(P, H))

    def loss(params):
        return (prompt.kind.effect(params, None, None, None).before[0] * target).sum()

    own = double(prompt)
    slopes = jax.jit(jax.grad(loss))(stack([prompt]).params)
    rng = np.random.default_rng(4)
    for name in own:
        if name != "size":
            direction = rng.normal(size=own[name].shape)
            ends = [
                (prompt.kind.key({**own, name: own[name] + sign * direction}) * target).sum()
                for sign in (1e-6, -1e-6)
            ]
            found = (np.asarray(slopes[name][0], np.float64) * direction).sum()
            np.testing.assert_allclose(found, (ends[0] - ends[1]) / 2e-6, rtol=1e-3, atol=1e-3)


def test_the_rows_are_made_without_jax():
    code = (
        "import sys, numpy as np;"
        "from spot.prompts.kind import Start; from spot.prompts.kinds import find_kind;"
        "from spot.models.config import ARCHITECTURES;"
        "start = Start.of_sizes(ARCHITECTURES['t5-small'], 3);"
        "kinds = [find_kind(name) for name in ('mlp', 'lstm', 'low-rank')];"
        "shapes = [kind.plain(kind.make(start)).shape for kind in kinds];"
        "assert shapes == [(3, 512)] * 3, shapes;"
        "assert 'jax' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_step_0_is_the_plain_prompt_with_a_skip_alone():
    for kind in KINDS:
        found = seen([begun(kind)])["before"][0]
        assert np.array_equal(found, ROWS[0]) == ("skip=0" not in kind)

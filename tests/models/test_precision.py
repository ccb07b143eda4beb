"""The gradient of a prompt in bfloat16 is that of float32, up to the rounding of operands."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spot.models.effect import Effect
from spot.models.weights.build import build
from spot.training.step import row_losses
from tests.toys import random_arrays, tiny_config, tiny_decoder

SIZES = {"d_model": 32, "d_kv": 8, "num_heads": 4, "d_ff": 64, "dropout": 0.0}
FAMILIES = {
    "t5": tiny_config(**SIZES, encoder_layers=3, decoder_layers=3),
    "decoder": tiny_decoder(**SIZES, num_kv_heads=2, layers=3),
}
FORMS = ("float32", "widen", "upcast")


@pytest.fixture(scope="module", params=FAMILIES)
def gradients(request):
    """The gradient of a prompt [1, 6, 32] by the form of products."""
    config = FAMILIES[request.param]
    arrays = random_arrays(config, seed=5)
    rng = np.random.default_rng(6)
    prompt = jnp.asarray(rng.normal(size=(1, 6, 32)), jnp.float32)
    batch = tuple(rng.integers(1, 60, (8, length), dtype=np.int32) for length in (9, 3))

    def gradient(form):
        network = build(config, arrays, "float32" if form == "float32" else "bfloat16", form)
        return jax.grad(lambda rows: row_losses(network, Effect(before=rows), batch)[0].sum())(
            prompt
        )

    return {form: np.asarray(jax.jit(gradient, static_argnums=0)(form)).ravel() for form in FORMS}


@pytest.mark.parametrize("form", FORMS[1:])
def test_it_points_where_float32_points(gradients, form):
    exact, ours = gradients["float32"], gradients[form]
    cosine = ours @ exact / np.linalg.norm(ours) / np.linalg.norm(exact)
    assert (
        0.99 < cosine < 1 - 1e-6
    )  # random weights: what is rounded in one layer grows in the next
    assert abs(np.linalg.norm(ours) / np.linalg.norm(exact) - 1) < 0.05


def test_both_forms_round_alike(gradients):
    distance = np.linalg.norm(gradients["widen"] - gradients["upcast"])
    assert distance < 0.01 * np.linalg.norm(gradients["float32"])

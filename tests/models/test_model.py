"""A backbone is its architecture, weights and vocabulary, all of them, strictly."""

from __future__ import annotations

import json
import shutil

import jax
import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import load_file, save_file

from spot.errors import SpotError
from spot.models import model as module
from spot.models.model import identity, load, model_path, vocabulary
from spot.models.settings import ModelSettings
from spot.models.weights.build import to_arrays
from spot.settings import cache_dir
from tests.toys import model_settings, random_arrays, tiny_config, write_model, write_vocabulary


@pytest.fixture
def folder(tiny_folder, tmp_path):
    """A copy of the tiny model that a test may change."""
    return shutil.copytree(tiny_folder, tmp_path / "model")


def edit(folder, change):
    """Rewrites the weights after `change` has been applied to them."""
    arrays = load_file(folder / "weights.safetensors")
    change(arrays)
    save_file(arrays, folder / "weights.safetensors")


def set_field(folder, name, value):
    stated = json.loads((folder / "config.json").read_text())
    stated["architecture"][name] = value
    (folder / "config.json").write_text(json.dumps(stated))


# Identity.


def test_the_identity_is_stable_and_known_without_loading(folder, tiny_backbone):
    found = identity(model_settings(folder))
    assert found.fingerprint == tiny_backbone.identity.fingerprint
    assert found.name == str(folder)
    assert identity(model_settings(folder)) == found


def test_the_identity_is_remembered_by_size_and_time(folder, monkeypatch):
    found = identity(model_settings(folder))
    monkeypatch.setattr(module, "_fingerprint", lambda *_: pytest.fail("computed again"))
    assert identity(model_settings(folder)) == found


def test_a_damaged_memory_is_computed_again(folder):
    found = identity(model_settings(folder))
    for file in (cache_dir() / "fingerprints").iterdir():
        file.write_text("short")
    assert identity(model_settings(folder)) == found


def test_a_cache_that_cannot_be_written_only_costs_time(folder, monkeypatch, tmp_path):
    found = identity(model_settings(folder))
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SPOT_CACHE_DIR", str(tmp_path / "file"))
    assert identity(model_settings(folder)) == found


def one_weight(folder):
    def change(arrays):
        arrays["encoder/layers_0/mlp/wo/kernel"][3, 2] += 1e-3

    edit(folder, change)


def a_norm(folder):
    edit(folder, lambda arrays: arrays["decoder/decoder_norm/scale"].__setitem__(0, 9))


def the_config(folder):
    set_field(folder, "dropout", 0.2)


def the_vocabulary(folder):
    path = folder / "spiece.model"
    path.write_bytes(path.read_bytes() + b"\0")


@pytest.mark.parametrize("change", [one_weight, a_norm, the_config, the_vocabulary])
def test_every_change_is_another_identity(folder, change):
    before = identity(model_settings(folder))
    change(folder)
    assert identity(model_settings(folder)).fingerprint != before.fingerprint


def test_a_rewritten_file_with_the_same_content_is_the_same_identity(folder):
    before = identity(model_settings(folder))
    edit(folder, lambda arrays: None)
    assert identity(model_settings(folder)) == before


def test_the_precision_and_the_folder_are_not_part_of_it(folder, tmp_path):
    before = identity(model_settings(folder)).fingerprint
    assert identity(model_settings(folder, precision="bfloat16")).fingerprint == before
    moved = folder.rename(tmp_path / "moved")
    assert identity(model_settings(moved)).fingerprint == before


# Loading.


def test_the_weights_are_those_of_the_file(tiny_folder, tiny_backbone):
    found = to_arrays(tiny_backbone.network.parameters)
    for name, array in load_file(tiny_folder / "weights.safetensors").items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


@jax.jit
def logits(model):
    return model.decode(model.encode(np.asarray([[5, 6, 7, 1]])), np.asarray([[7, 8, 9]]))


def test_every_array_that_is_loaded_decides_the_logits(tiny_backbone):
    network = tiny_backbone.network
    parameters, plain = network.parameters, np.asarray(logits(network))
    for path, leaf in nnx.to_flat_state(parameters):
        zeroed = jax.tree.map(lambda array: array, parameters)
        dict(nnx.to_flat_state(zeroed))[path].set_value(leaf.get_value() * 0)
        assert np.abs(np.asarray(logits(network.with_parameters(zeroed))) - plain).max() > 1e-4, (
            path
        )
    np.testing.assert_array_equal(logits(network), plain)


def test_an_unknown_name_offers_the_nearest():
    with pytest.raises(SpotError, match='"spot-nanno".*Did you mean "spot-nano"') as caught:
        model_path(ModelSettings(name="spot-nanno"))
    assert "T5X" in caught.value.hint


def test_a_folder_without_vocabulary_says_how_to_name_one(folder):
    (folder / "spiece.model").unlink()
    for use in (vocabulary, identity, load):
        with pytest.raises(SpotError, match="expected a vocabulary at .*spiece.model") as caught:
            use(model_settings(folder))
        assert "model.vocabulary=PATH" in caught.value.hint


def test_a_named_vocabulary_wins(folder, tmp_path):
    other = write_vocabulary(tmp_path / "other.model").path
    assert vocabulary(model_settings(folder, vocabulary=other)).path == other


def test_a_vocabulary_that_the_model_cannot_embed_is_refused(tmp_path):
    config = tiny_config(vocab_size=128)
    folder = write_model(tmp_path / "model", config, random_arrays(config))
    with pytest.raises(SpotError, match=r"has 1\d\d tokens .*but the model embeds 128") as caught:
        load(model_settings(folder))
    assert "another model's vocabulary" in caught.value.hint


def test_another_file_is_no_vocabulary(folder):
    (folder / "spiece.model").write_text("words")
    with pytest.raises(SpotError, match="expected a SentencePiece model"):
        load(model_settings(folder))


@pytest.mark.parametrize("content", [None, "{", "{}", '{"architecture": {"depth": 3}}', "[]"])
def test_weights_need_their_config(folder, content):
    if content is None:
        (folder / "config.json").unlink()
    else:
        (folder / "config.json").write_text(content)
    with pytest.raises(SpotError, match=r"config.json: expected an `architecture`"):
        load(model_settings(folder))


def test_a_truncated_weights_file_is_refused(folder):
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    for use in (identity, load):
        with pytest.raises(SpotError, match="weights.safetensors"):
            use(model_settings(folder))


def test_weights_of_another_architecture_are_listed(folder):
    set_field(folder, "encoder_layers", 2)
    with pytest.raises(SpotError, match="- encoder/layers_1/mlp/wo/kernel"):
        load(model_settings(folder))


def test_a_folder_of_anything_else_is_no_model(tmp_path):
    write_vocabulary(tmp_path / "spiece.model")
    with pytest.raises(
        SpotError, match="or a T5X checkpoint .a folder with a file named `checkpoint`.; found none"
    ):
        load(model_settings(tmp_path))


def test_bfloat16_uses_a_bfloat16_form(folder, monkeypatch):
    monkeypatch.setattr("spot.models.product.measure", lambda: {"widen": 2.0, "upcast": 1.0})
    loaded = load(model_settings(folder, precision="bfloat16"))
    assert loaded.network.form == "upcast" == loaded.network.module().form


def test_a_t5x_checkpoint_loads_and_its_prompt_is_left_out(shared_data, t5_vocabulary_file):
    settings = ModelSettings(
        name=str(shared_data / "t5x" / "test_t5_1_1_tiny" / "checkpoint_3"),
        vocabulary=t5_vocabulary_file,
        precision="float32",
        relative_max_distance=8,
    )
    loaded = load(settings)
    assert (loaded.config.vocab_size, loaded.config.relative_max_distance) == (32128, 8)
    assert identity(settings) == loaded.identity
    assert "encoder/prompt/prompt/prompt" not in to_arrays(loaded.network.parameters)
    other = settings.model_copy(update={"relative_max_distance": 128})
    assert identity(other).fingerprint != loaded.identity.fingerprint


# Dropout.


def test_another_dropout_keeps_weights_and_identity(tiny_backbone):
    changed = tiny_backbone.with_dropout(0.5)
    assert changed.config.dropout == 0.5
    assert changed.network.parameters is tiny_backbone.network.parameters
    assert changed.identity == tiny_backbone.identity
    assert changed.network.module().encoder.dropout == 0.5


@pytest.mark.parametrize("rate", [None, 0.1])
def test_the_models_own_dropout_is_no_change(tiny_backbone, rate):
    assert tiny_backbone.with_dropout(rate) is tiny_backbone

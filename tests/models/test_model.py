"""A backbone is its architecture, weights and vocabulary, all of them, strictly."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import jax
import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import load_file, save_file

from spot.errors import SpotError
from spot.models import model as module
from spot.models import scoring
from spot.models.families import family_of, read_architecture
from spot.models.model import identity, load, load_model, model_path, vocabulary
from spot.models.settings import ModelSettings
from spot.models.weights.build import to_arrays
from spot.prompts.prompt import SoftPrompt
from spot.prompts.suffix import SUFFIX
from spot.settings import cache_dir
from spot.tasks.examples import Ragged
from tests.toys import (
    model_settings,
    random_arrays,
    tiny_config,
    tiny_decoder,
    write_model,
    write_vocabulary,
)


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


def test_weights_swapped_under_the_same_path_size_and_time_are_noticed(folder, tmp_path):
    path = folder / "weights.safetensors"
    before, times = identity(model_settings(folder)), path.stat()
    other = shutil.copytree(folder, tmp_path / "other")
    one_weight(other)
    shutil.copyfile(other / path.name, path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns) == (times.st_size, times.st_mtime_ns)
    assert identity(model_settings(folder)).fingerprint != before.fingerprint


def test_a_damaged_memory_is_computed_again(folder):
    found = identity(model_settings(folder))
    (note,) = (cache_dir() / "fingerprints").iterdir()
    whole = note.read_bytes()
    flips = [bytearray(whole) for _ in whole]
    for place, flip in enumerate(flips):
        flip[place] ^= 1
    other = b"0" * 64
    for content in (b"", b"short", b"\xff" * 64, b"\0" * len(whole), other, *flips):
        note.write_bytes(content)
        assert identity(model_settings(folder)) == found
        assert note.read_bytes() == whole
    elsewhere = note.with_name("0" * 32)
    assert module._note(elsewhere.name, whole[:64]) != whole


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


# One value.


def test_name_fingerprint_and_vocabulary_need_no_jax():
    script = (
        "import sys; from spot.models.model import load_model; model = load_model(); "
        "print(model.name, model.fingerprint, model.vocabulary.size, model.width, 'jax' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    expected = identity(ModelSettings())
    assert out.stdout.split() == ["spot-nano", expected.fingerprint, "6144", "256", "False"]


def test_a_model_is_loaded_from_a_path_and_once(folder):
    model = load_model(folder, precision="float32")
    assert (model.name, model.precision, model.width) == (str(folder), "float32", 16)
    assert model.fingerprint == identity(model_settings(folder)).fingerprint
    assert model.network is model.network and model.embeddings is model.embeddings


def test_the_embeddings_are_those_of_the_file_in_float32(tiny_folder):
    table = load_file(tiny_folder / "weights.safetensors")["token_embedder/embedding"]
    for precision in ("float32", "bfloat16"):
        found = load_model(tiny_folder, precision=precision).embeddings
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, table, rtol=0 if precision == "float32" else 2**-8)


def test_scores_and_answers_are_those_of_its_network(tiny_backbone):
    inputs, labels = Ragged.of([[5, 6, 7, 1], [8, 9, 1]]), [[10, 1], [11, 12, 1]]
    rows = np.random.default_rng(0).normal(size=(2, 16)).astype(np.float32)
    tokens = np.asarray([[5, 6, 7, 1], [8, 9, 1, 0]])
    for prompt in (None, rows, SoftPrompt.of(SUFFIX, rows)):
        scores = tiny_backbone.score(inputs, labels, prompt)
        encoded = tiny_backbone.encode(tokens, prompt)
        for column, label in enumerate(labels):
            logits = tiny_backbone.network.decode(encoded, np.asarray([label, label]))
            logs = np.asarray(jax.nn.log_softmax(logits))[:, np.arange(len(label)), label]
            np.testing.assert_allclose(scores[:, column], logs.sum(1), rtol=1e-4)
        answers = tiny_backbone.network.greedy(encoded, 4)
        texts = [tiny_backbone.vocabulary.decode(np.asarray(row)) for row in answers]
        assert tiny_backbone.generate(inputs, 4, prompt) == texts


@pytest.mark.parametrize("config", [tiny_config(), tiny_decoder()], ids=lambda c: type(c).__name__)
def test_an_architecture_is_read_back_as_its_familys(config):
    assert read_architecture(config.to_json()) == config
    assert family_of(config).config is type(config)
    with pytest.raises(ValueError, match="not the fields of T5 or decoder: d_model, depth"):
        read_architecture({"depth": 3, "d_model": 4})


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


def test_what_the_device_refuses_is_a_sentence(tiny_backbone, monkeypatch):
    def refused(*_):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: no room for 9 bytes\nand a trace")

    def defect(*_):
        raise RuntimeError("a defect")

    rows = Ragged.of([[3, 1]])
    for name, call in (
        ("label_scores", lambda: tiny_backbone.score(rows, [[4, 1]])),
        ("written", lambda: tiny_backbone.generate(rows, 2)),
    ):
        monkeypatch.setattr(scoring, name, refused)
        with pytest.raises(
            SpotError, match="could not be run: RESOURCE_EXHAUSTED: no room for 9 bytes "
        ) as caught:
            call()
        assert "lower train.batch_size" in caught.value.hint
        monkeypatch.setattr(scoring, name, defect)
        with pytest.raises(RuntimeError, match="a defect"):
            call()

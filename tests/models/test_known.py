"""Sizes of models and prompts, and the list of what can be named."""

from __future__ import annotations

from fnmatch import fnmatchcase

import numpy as np
import pytest

from spot.models.config import ARCHITECTURES
from spot.models.counts import Counts, count, short
from spot.models.defaults import DEFAULTS, ModelDefaults, defaults_of
from spot.models.known import T5X_VOCABULARY, known_models
from spot.models.model import PACKAGED
from spot.models.weights import remote
from spot.models.weights.hub import cache, is_model_id
from spot.training.recipe import Recipe
from tests.toys import random_arrays, tiny_config, tiny_decoder

# Parameters of the published weights, as their files have them.
PUBLISHED = {
    "google-t5/t5-small": 60_506_624, "google-t5/t5-base": 222_903_552,
    "google-t5/t5-large": 737_668_096, "google-t5/t5-3b": 2_851_598_336,
    "google/t5-v1_1-small": 76_961_152, "google/t5-v1_1-base": 247_577_856,
    "google/t5-large-lm-adapt": 783_150_080, "google/flan-t5-xl": 2_849_757_184,
    "google/t5-xxl-lm-adapt": 11_135_332_352, "google/mt5-small": 300_176_768,
    "google/mt5-base": 582_401_280, "google/byt5-small": 299_637_760,
    "google/byt5-base": 581_653_248, "HuggingFaceTB/SmolLM2-135M": 134_515_008,
    "HuggingFaceTB/SmolLM2-360M": 361_821_120, "HuggingFaceTB/SmolLM2-1.7B": 1_711_376_384,
    "Qwen/Qwen2.5-0.5B": 494_032_768, "Qwen/Qwen2.5-1.5B": 1_543_714_304,
}  # fmt: skip


@pytest.mark.parametrize(
    "changes", [{}, {"encoder_layers": 3, "d_kv": 5}, {"activation": "relu", "tied_head": True}]
)
def test_the_count_of_an_architecture_is_that_of_its_arrays(changes):
    config = tiny_config(**changes)
    arrays = random_arrays(config)
    assert config.count() == sum(array.size for array in arrays.values()) == count(arrays)


@pytest.mark.parametrize("changes", [{}, {"biases": True, "tied_head": False}, {"num_kv_heads": 4}])
def test_the_count_of_a_decoder_is_that_of_its_arrays(changes):
    config = tiny_decoder(**changes)
    arrays = random_arrays(config)
    assert config.count() == sum(array.size for array in arrays.values())


def test_published_models_have_their_known_sizes():
    found = {one.name: one.parameters for one in known_models()}
    assert {name: found[name] for name in PUBLISHED} == PUBLISHED


def test_the_papers_prompt_of_the_largest_model():
    counts = Counts(100 * 4096, ARCHITECTURES["t5-v1_1-xxl"].count())
    assert counts.trained == 409_600 and short(counts.trained) == "409.6K"
    assert counts.percent == pytest.approx(100 * 409_600 / 11_135_741_952)
    assert str(Counts(5000, 0)) == "5.0K of 5.0K parameters trained (100 %)"


def test_every_name_can_be_given_as_model_name():
    models = known_models()
    names = [one.name for one in models]
    assert len(names) == len(set(names)) == 47
    assert names[1] == "smollm2-135m"
    for one in models[2:]:
        assert is_model_id(one.name) or remote.is_remote(one.name)
        assert (one.vocabulary == T5X_VOCABULARY) == remote.is_remote(one.name)
    assert models[0].name == "spot-nano" and models[0].path.is_dir()


def test_every_known_model_has_a_recipe_that_says_where_it_comes_from_and_when_to_take_it():
    models = known_models()
    assert all(one.defaults.origin and one.defaults.suits for one in models)
    for pattern in DEFAULTS:
        assert any(fnmatchcase(one.name, pattern) for one in models), pattern
    by_name = {one.name: Recipe().on(one) for one in models}
    assert by_name["google/t5-small-lm-adapt"] == by_name[models[-1].name]  # the same as T5X
    assert by_name["HuggingFaceTB/SmolLM2-135M"] == by_name["smollm2-135m"]
    assert by_name["HuggingFaceTB/SmolLM2-360M"] == by_name["smollm2-135m"].replace(
        learning_rate=None
    )
    assert defaults_of("some/folder") == ModelDefaults()


def test_what_is_on_this_machine_is_known_without_the_network():
    assert {one.name for one in known_models() if one.path} <= {"spot-nano", *PACKAGED}
    place = cache() / "models--google--mt5-small"
    (place / "refs").mkdir(parents=True)
    (place / "refs/main").write_text("abc")
    (place / "snapshots/abc").mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        (place / "snapshots/abc" / name).write_text("{}")
    bucket = next(one.name for one in known_models() if one.formats == "T5X")
    copy = remote._place(bucket)
    copy.mkdir(parents=True)
    (copy / "checkpoint").write_bytes(b"")
    here = {one.name: one.path for one in known_models() if one.path}
    assert here.keys() - {"spot-nano", *PACKAGED} == {"google/mt5-small", bucket}
    assert here["google/mt5-small"] == place / "snapshots/abc" and here[bucket] == copy


def test_counts_are_plain_numbers():
    assert Counts(1, 3).to_json() == {"trained": 1, "frozen": 3, "percent": 25.0}
    assert count({"a": np.zeros((2, 3)), "b": [np.zeros(4)]}) == 10

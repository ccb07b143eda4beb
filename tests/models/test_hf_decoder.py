"""Folders of Llama and Qwen2 from Hugging Face: every name, every layout, every refusal."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from spot.errors import SpotError
from spot.models.model import identity, load
from spot.models.weights.build import to_arrays
from spot.models.weights.hf_decoder import our_name, read_config
from tests.toys import (
    model_settings,
    random_arrays,
    tiny_decoder,
    write_tokenizer,
    write_vocabulary,
)

pytest.importorskip("tokenizers", reason="the extra decoders is not installed")

NAMES = {
    "query/kernel": "self_attn.q_proj.weight", "query_bias": "self_attn.q_proj.bias",
    "key/kernel": "self_attn.k_proj.weight", "key_bias": "self_attn.k_proj.bias",
    "value/kernel": "self_attn.v_proj.weight", "value_bias": "self_attn.v_proj.bias",
    "out/kernel": "self_attn.o_proj.weight", "gate/kernel": "mlp.gate_proj.weight",
    "up/kernel": "mlp.up_proj.weight", "down/kernel": "mlp.down_proj.weight",
    "attention_norm/scale": "input_layernorm.weight",
    "mlp_norm/scale": "post_attention_layernorm.weight",
}  # fmt: skip
LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}  # fmt: skip


def theirs(arrays):
    """The arrays as transformers names, turns and counts them: no row for padding."""
    whole = {
        "token_embedder/embedding": "model.embed_tokens.weight",
        "final_norm/scale": "model.norm.weight",
        "lm_head/kernel": "lm_head.weight",
    }
    out = {}
    for name, array in arrays.items():
        layer, _, part = name.partition("/")
        known = whole.get(name) or f"model.layers.{layer[7:]}.{NAMES[part]}"
        turned = array.T if name.endswith("/kernel") else array
        padded = name in ("token_embedder/embedding", "lm_head/kernel")
        out[known] = np.ascontiguousarray(turned[1:] if padded else turned)
    return out


def write_folder(folder, config, arrays, shards=1, **stated):
    card = {
        "model_type": "qwen2" if config.biases else "llama", "vocab_size": config.vocab_size - 1,
        "hidden_size": config.d_model, "intermediate_size": config.d_ff,
        "num_hidden_layers": config.layers, "num_attention_heads": config.num_heads,
        "num_key_value_heads": config.num_kv_heads, "rms_norm_eps": config.epsilon,
        "max_position_embeddings": config.context, "rope_theta": config.rope_theta,
        "tie_word_embeddings": config.tied_head, "hidden_act": "silu", **stated,
    }  # fmt: skip
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(card))
    renamed = theirs(arrays)
    if shards == 1:
        save_file(renamed, folder / "model.safetensors")
    else:
        where = {name: f"model-{i % shards}.safetensors" for i, name in enumerate(renamed)}
        for file in set(where.values()):
            save_file({n: a for n, a in renamed.items() if where[n] == file}, folder / file)
        index = {"weight_map": where}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    write_tokenizer(folder)
    return folder


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("changes", [{}, {"biases": True, "tied_head": False}])
def test_a_folder_gives_the_arrays_that_it_was_made_of(tmp_path, shards, changes):
    config = tiny_decoder(**changes)
    arrays = random_arrays(config)
    for name in ("token_embedder/embedding", "lm_head/kernel"):
        if name in arrays:
            (arrays[name] if "embedder" in name else arrays[name].T)[0] = 0
    loaded = load(model_settings(write_folder(tmp_path / "m", config, arrays, shards)))
    assert loaded.config == config
    found = to_arrays(loaded.network.parameters)
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_a_weight_is_part_of_the_identity(tmp_path):
    config = tiny_decoder()
    folder = write_folder(tmp_path / "m", config, random_arrays(config))
    before = identity(model_settings(folder)).fingerprint
    arrays = load_file(folder / "model.safetensors")
    arrays["model.norm.weight"][0] += 1
    save_file(arrays, folder / "model.safetensors")
    assert identity(model_settings(folder)).fingerprint != before


@pytest.mark.parametrize(
    "stated",
    [{"rope_scaling": LLAMA3}, {"rope_parameters": {**LLAMA3, "rope_theta": 100.0}}],
)
def test_stretched_positions_are_read_in_both_spellings(tmp_path, stated):
    config = tiny_decoder()
    folder = write_folder(tmp_path / "m", config, random_arrays(config), **stated)
    found = read_config(folder)
    assert (found.rope_scaling, found.rope_factor, found.rope_context) == ("llama3", 8.0, 16)
    assert (found.rope_low_frequency, found.rope_high_frequency) == (1.0, 4.0)
    assert found.rope_theta == 100.0


def card(folder, **changes):
    stated = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**stated, **changes}))


def cut(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-20])


def shard_cut(folder):
    """The same model in three files, of which one was not downloaded to its end."""
    (folder / "model.safetensors").unlink()
    config = tiny_decoder()
    write_folder(folder, config, random_arrays(config), shards=3)
    path = folder / "model-1.safetensors"
    path.write_bytes(path.read_bytes()[:-20])


def header_cut(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:100])


def adapter(folder):
    arrays = load_file(folder / "model.safetensors")
    arrays["model.layers.0.lora.weight"] = np.zeros((2, 2), np.float32)
    save_file(arrays, folder / "model.safetensors")


def head(folder, change=0.0):
    """A head of its own in the file of a model that states none."""
    arrays = load_file(folder / "model.safetensors")
    arrays["lm_head.weight"] = arrays["model.embed_tokens.weight"] + np.float32(change)
    save_file(arrays, folder / "model.safetensors")


DAMAGE = {
    "another head": (
        lambda f: head(f, 1),
        r"expected lm_head\.weight to be the embedding, found other",
    ),
    "no heads": (
        lambda f: card(f, num_attention_heads=0),
        "num_attention_heads to be a whole number",
    ),
    "heads in words": (
        lambda f: card(f, num_attention_heads="4"),
        "num_attention_heads to be a whole",
    ),
    "heads that share unevenly": (
        lambda f: card(f, num_key_value_heads=3),
        "4 heads cannot share 3 keys and values evenly",
    ),
    "heads that cannot be turned": (
        lambda f: card(f, head_dim=5),
        "heads of 5 numbers cannot be turned",
    ),
    "heads that are turned in part": (
        lambda f: card(f, partial_rotary_factor=0.5),
        "partial_rotary_factor 1.0, found 0.5",
    ),
    "layers without end": (
        lambda f: card(f, num_hidden_layers=1_000_000_000),
        "num_hidden_layers to be a whole number",
    ),
    "more layers than arrays": (
        lambda f: card(f, num_hidden_layers=999),
        "arrays of 999 decoder layers, found those of 2",
    ),
    "positions in words": (
        lambda f: card(f, rope_theta="far"),
        'rope_theta to be a number .*found "far"',
    ),
    "positions without a base": (
        lambda f: card(f, rope_theta=0),
        "positions of the base 0.0 stretched",
    ),
    "positions in a list": (
        lambda f: card(f, rope_scaling=[1]),
        r"rope_scaling to be an object, found \[1\]",
    ),
    "positions that stretch to nothing": (
        lambda f: card(f, rope_scaling={"type": "linear", "factor": 0}),
        "stretched by 0.0: both must be more",
    ),
    "positions blended the wrong way": (
        lambda f: card(f, rope_scaling={**LLAMA3, "low_freq_factor": 4}),
        "the second must be larger",
    ),
    "a flag in words": (
        lambda f: card(f, attention_bias="no"),
        "attention_bias to be true or false",
    ),
    "quantised": (lambda f: card(f, quantization_config={}), "found quantised weights"),
    "cut short": (cut, r"model\.safetensors: expected a whole safetensors file"),
    "cut in its header": (header_cut, r"model\.safetensors: expected a whole safetensors file"),
    "a shard cut short": (shard_cut, r"model-1\.safetensors: expected a whole safetensors file"),
    "an adapter": (adapter, "expected the arrays of a Llama or Qwen2, found .*lora"),
    "another activation": (lambda f: card(f, hidden_act="gelu"), 'hidden_act "silu", found "gelu"'),
    "other positions": (
        lambda f: card(f, rope_scaling={"type": "yarn"}),
        'rope_type "default" or "linear" or "llama3", found "yarn"',
    ),
    "a window": (
        lambda f: card(f, use_sliding_window=True),
        "use_sliding_window false, found true",
    ),
    "other sizes": (lambda f: card(f, intermediate_size=25), "~ layers_0/gate/kernel"),
    "a factor left out": (
        lambda f: card(f, rope_scaling={"type": "linear"}),
        "'factor' is missing",
    ),
    "another's tokenizer": (
        lambda f: card(f, vocab_size=5),
        "has 10 tokens .*but the model embeds 6",
    ),
    "another kind": (lambda f: card(f, model_type="gpt2"), "t5, mt5, llama or qwen2, found gpt2"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_what_cannot_be_read_is_named(tmp_path, name):
    config = tiny_decoder()
    folder = write_folder(tmp_path / "m", config, random_arrays(config))
    damage, message = DAMAGE[name]
    damage(folder)
    if name == "another kind":
        (folder / "spiece.model").write_text("")
    with pytest.raises(SpotError, match=message):
        load(model_settings(folder))


@pytest.mark.parametrize("damage", [cut, header_cut, shard_cut])
def test_the_fingerprint_of_a_damaged_file_is_refused_before_it_is_loaded(tmp_path, damage):
    config = tiny_decoder()
    folder = write_folder(tmp_path / "m", config, random_arrays(config))
    damage(folder)
    with pytest.raises(SpotError, match="expected a whole safetensors file") as caught:
        identity(model_settings(folder))
    assert "download it again" in caught.value.hint


def test_a_vocabulary_that_is_named_must_be_a_decoders_and_the_models(tmp_path):
    config = tiny_decoder(vocab_size=11)
    folder = write_folder(tmp_path / "m", config, random_arrays(config))
    write_vocabulary(tmp_path / "spiece.model")
    with pytest.raises(SpotError, match=r"spiece\.model, as text in JSON, found a file that is no"):
        load(model_settings(folder, vocabulary=tmp_path / "spiece.model"))
    (tmp_path / "other").mkdir()
    words = json.loads(write_tokenizer(tmp_path / "other").content)
    words["model"]["vocab"] |= {"x": 9, "y": 10}
    named = tmp_path / "other" / "tokenizer.json"
    named.write_text(json.dumps(words))
    with pytest.raises(SpotError, match="other/tokenizer.json has 12 tokens .*embeds 11") as caught:
        load(model_settings(folder, vocabulary=named))
    assert "model.vocabulary" in caught.value.hint


def test_a_stored_copy_of_the_embedding_is_the_head(tmp_path):
    config = tiny_decoder()
    folder = write_folder(tmp_path / "m", config, random_arrays(config))
    head(folder)
    assert load(model_settings(folder)).config == config


def test_the_largest_id_must_have_a_row_though_the_tokens_are_few(tmp_path):
    config = tiny_decoder(vocab_size=11)
    folder = write_folder(tmp_path / "m", config, random_arrays(config))
    words = json.loads((folder / "tokenizer.json").read_text())
    words["model"]["vocab"]["ab"] = 5000
    (folder / "tokenizer.json").write_text(json.dumps(words))
    with pytest.raises(SpotError, match="has 5002 tokens up to the largest id .*embeds 11"):
        load(model_settings(folder))
    words["model"]["vocab"]["ab"] = 9
    (folder / "tokenizer.json").write_text(json.dumps(words))
    assert load(model_settings(folder)).vocabulary.encode("ab") == [10]


def test_names_of_no_decoder_are_unknown():
    assert our_name("model.layers.0.mlp.wi.weight") is None
    assert our_name("encoder.block.0.weight") is None


def test_a_decoder_that_was_written_by_us_is_read_again(tmp_path):
    from spot.models.weights.stored import write_model

    config = tiny_decoder(biases=True)
    arrays = random_arrays(config)
    write_model(tmp_path, config, arrays, {})
    words = write_tokenizer(tmp_path)
    loaded = load(model_settings(tmp_path))
    assert loaded.config == config and loaded.vocabulary.digest() == words.digest()
    np.testing.assert_array_equal(
        to_arrays(loaded.network.parameters)["layers_1/key_bias"], arrays["layers_1/key_bias"]
    )

"""T5 folders of Hugging Face: the same model as from T5X names, and a clear no to everything else."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from spot.errors import SpotError
from spot.models.model import identity, load, vocabulary
from spot.models.weights import hf
from spot.models.weights.build import to_arrays
from tests.toys import model_settings, random_arrays, tiny_config, write_vocabulary

TOKENS = np.array([[5, 9, 40, 3, 17, 1, 0, 0], [8, 8, 60, 22, 31, 44, 12, 1]], np.int32)
TARGETS = np.array([[7, 33, 1, 0], [50, 6, 21, 1]], np.int32)
KINDS = {
    "1.1": {},
    "1.0": {"activation": "relu", "tied_head": True},
    "uneven": {"encoder_layers": 3, "decoder_layers": 2},
}


def hf_name(name: str) -> str:
    """What transformers calls a T5X array."""
    whole = {
        "token_embedder/embedding": "shared.weight",
        "decoder/logits_dense/kernel": "lm_head.weight",
        "encoder/encoder_norm/scale": "encoder.final_layer_norm.weight",
        "decoder/decoder_norm/scale": "decoder.final_layer_norm.weight",
    }
    for stack in ("encoder", "decoder"):
        whole[f"{stack}/relpos_bias/rel_embedding"] = (
            f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
        )
    if name in whole:
        return whole[name]
    stack, layer, part, *rest = name.split("/")
    inner = {
        "attention": "0.SelfAttention", "self_attention": "0.SelfAttention",
        "encoder_decoder_attention": "1.EncDecAttention", "pre_attention_layer_norm": "0.layer_norm",
        "pre_self_attention_layer_norm": "0.layer_norm",
        "pre_cross_attention_layer_norm": "1.layer_norm",
        "pre_mlp_layer_norm": f"{1 if stack == 'encoder' else 2}.layer_norm",
        "mlp": f"{1 if stack == 'encoder' else 2}.DenseReluDense",
    }[part]  # fmt: skip
    array = (
        ""
        if rest == ["scale"]
        else f".{rest[0][0] if rest[0] in ('query', 'key', 'value', 'out') else rest[0]}"
    )
    return f"{stack}.block.{layer.removeprefix('layers_')}.layer.{inner}{array}.weight"


def write_hf(folder: Path, config, arrays, shards: int = 1, **stated) -> Path:
    """A folder as transformers writes it, from arrays by T5X name."""
    folder.mkdir(exist_ok=True)
    turned = {
        hf_name(name): np.ascontiguousarray(
            array.T if name.endswith(("kernel", "rel_embedding")) else array
        )
        for name, array in arrays.items()
    }
    turned["encoder.embed_tokens.weight"] = turned["shared.weight"].copy()
    if shards == 1:
        save_file(turned, folder / "model.safetensors")
    else:
        names = sorted(turned)
        places = {name: f"model-{i % shards:05d}.safetensors" for i, name in enumerate(names)}
        for file in set(places.values()):
            save_file({n: turned[n] for n in names if places[n] == file}, folder / file)
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    card = {
        "model_type": "t5", "vocab_size": config.vocab_size, "d_model": config.d_model,
        "d_kv": config.d_kv, "num_heads": config.num_heads, "d_ff": config.d_ff,
        "num_layers": config.encoder_layers, "num_decoder_layers": config.decoder_layers,
        "feed_forward_proj": config.activation, "tie_word_embeddings": config.tied_head,
        "relative_attention_num_buckets": config.relative_buckets,
        "relative_attention_max_distance": config.relative_max_distance,
        "dropout_rate": config.dropout, "layer_norm_epsilon": config.epsilon,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps({**card, **stated}))
    write_vocabulary(folder / "spiece.model")
    return folder


@pytest.fixture
def folder(tmp_path) -> Path:
    config = tiny_config()
    return write_hf(tmp_path / "hf", config, random_arrays(config))


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("changes", KINDS.values(), ids=KINDS)
def test_every_array_comes_back_by_its_t5x_name(tmp_path, changes, shards):
    config = tiny_config(**changes)
    arrays = random_arrays(config)
    backbone = load(model_settings(write_hf(tmp_path / "hf", config, arrays, shards)))
    assert backbone.config == config
    found = to_arrays(backbone.network.parameters)
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array.astype(np.float32), name)


@pytest.mark.parametrize("changes", KINDS.values(), ids=KINDS)
def test_logits_are_those_of_transformers(tmp_path, changes):
    torch = pytest.importorskip("torch", reason="needs torch and transformers")
    transformers = pytest.importorskip("transformers")
    config = tiny_config(**changes)
    torch.manual_seed(0)
    theirs = transformers.T5ForConditionalGeneration(
        transformers.T5Config(
            vocab_size=config.vocab_size, d_model=config.d_model, d_kv=config.d_kv,
            d_ff=config.d_ff, num_layers=config.encoder_layers,
            num_decoder_layers=config.decoder_layers, num_heads=config.num_heads,
            relative_attention_num_buckets=config.relative_buckets,
            relative_attention_max_distance=config.relative_max_distance,
            feed_forward_proj=config.activation, tie_word_embeddings=config.tied_head,
            decoder_start_token_id=0,
        )
    ).eval()  # fmt: skip
    if not config.tied_head:  # transformers 5 ties every new T5; T5 1.1 has a head of its own
        theirs.lm_head.weight = torch.nn.Parameter(theirs.lm_head.weight.clone())
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    theirs.save_pretrained(tmp_path / "hf")
    write_vocabulary(tmp_path / "hf" / "spiece.model")
    backbone = load(model_settings(tmp_path / "hf"))
    assert backbone.config == config
    model = backbone.network
    ours = np.asarray(model.decode(model.encode(jnp.asarray(TOKENS)), jnp.asarray(TARGETS)))
    with torch.no_grad():
        expected = theirs(
            input_ids=torch.tensor(TOKENS).long(), attention_mask=torch.tensor(TOKENS > 0),
            labels=torch.tensor(TARGETS).long(),
        ).logits.numpy()  # fmt: skip
    real = TARGETS > 0
    difference = np.abs(ours - expected)[real].max()
    assert difference <= 1e-4 * np.abs(expected[real]).max()
    assert np.abs(expected[real]).max() > 0.1


def test_the_fingerprint_is_known_without_loading_and_tells_weights_apart(folder):
    found = identity(model_settings(folder)).fingerprint
    assert load(model_settings(folder)).identity.fingerprint == found
    arrays = load_file(folder / "model.safetensors")
    arrays["shared.weight"][3, 3] += 1
    save_file(arrays, folder / "model.safetensors")
    assert identity(model_settings(folder)).fingerprint != found


def test_an_embedding_may_go_by_the_name_of_its_copy_and_unused_arrays_are_passed_over(folder):
    arrays = load_file(folder / "model.safetensors")
    before = to_arrays(load(model_settings(folder)).network.parameters)
    del arrays["shared.weight"]
    unused = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
    arrays[unused] = np.zeros((8, 2), np.float32)
    save_file(arrays, folder / "model.safetensors")
    after = to_arrays(load(model_settings(folder)).network.parameters)
    for name, array in before.items():
        np.testing.assert_array_equal(after[name], array)


def test_a_tied_models_stored_head_is_a_copy_of_its_embedding(tmp_path):
    config = tiny_config(tied_head=True)
    made = write_hf(tmp_path / "hf", config, random_arrays(config))
    arrays = load_file(made / "model.safetensors")
    arrays["lm_head.weight"] = arrays["shared.weight"].copy()
    save_file(arrays, made / "model.safetensors")
    assert load(model_settings(made)).config.tied_head
    arrays["lm_head.weight"][1, 1] += 1
    save_file(arrays, made / "model.safetensors")
    with pytest.raises(SpotError, match=r"lm_head\.weight to be the embedding"):
        load(model_settings(made))


def test_an_mt5_has_a_head_of_its_own_whatever_is_stated(tmp_path):
    config = tiny_config()
    arrays = random_arrays(config)
    stated = {"model_type": "mt5", "tie_word_embeddings": True}  # as transformers 5 writes it
    backbone = load(model_settings(write_hf(tmp_path / "hf", config, arrays, **stated)))
    assert backbone.config == config
    head = "decoder/logits_dense/kernel"
    np.testing.assert_array_equal(to_arrays(backbone.network.parameters)[head], arrays[head])


def test_a_stated_copy_of_the_embedding_with_other_numbers_is_refused(folder):
    arrays = load_file(folder / "model.safetensors")
    arrays["encoder.embed_tokens.weight"][0, 0] += 1
    save_file(arrays, folder / "model.safetensors")
    with pytest.raises(SpotError, match=r"encoder\.embed_tokens\.weight to be the embedding"):
        load(model_settings(folder))


def test_a_pickle_of_weights_is_read_and_one_with_code_in_it_is_not(folder, tmp_path):
    torch = pytest.importorskip("torch")
    before = load(model_settings(folder))
    arrays = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    torch.save(tensors, folder / "pytorch_model.bin")
    after = load(model_settings(folder))
    for name, array in to_arrays(before.network.parameters).items():
        np.testing.assert_array_equal(to_arrays(after.network.parameters)[name], array)
    found = identity(model_settings(folder))
    assert found == after.identity != before.identity

    class Code:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    torch.save({**tensors, "shared.weight": Code()}, folder / "pytorch_model.bin")
    with pytest.raises(SpotError, match="a pickle of weights and nothing else"):
        load(model_settings(folder))
    assert not (tmp_path / "ran").exists()


def test_a_pickle_without_torch_says_what_to_do(folder, monkeypatch):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(SpotError, match="only PyTorch reads safely") as caught:
        load(model_settings(folder))
    assert "refs/pr" in caught.value.hint


def test_sentinels_are_as_many_as_the_tokenizer_says(folder):
    assert vocabulary(model_settings(folder)).extra_ids == 100
    (folder / "tokenizer_config.json").write_text(json.dumps({"extra_ids": 0}))
    assert vocabulary(model_settings(folder)).extra_ids == 0  # as mT5, whose pieces hold them


def test_a_byt5_folder_needs_no_vocabulary_file(tmp_path):
    config = tiny_config(vocab_size=384)
    made = write_hf(tmp_path / "hf", config, random_arrays(config), model_type="t5")
    (made / "spiece.model").unlink()
    stated = {"tokenizer_class": "ByT5Tokenizer", "extra_ids": 125}
    (made / "tokenizer_config.json").write_text(json.dumps(stated))
    backbone = load(model_settings(made))
    assert backbone.vocabulary.encode("a") == [100] and backbone.vocabulary.size == 384


def set_card(folder: Path, **fields) -> None:
    card = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**card, **fields}))


def truncate(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def add_array(folder: Path) -> None:
    arrays = load_file(folder / "model.safetensors")
    arrays["encoder.block.0.layer.0.lora_A.weight"] = np.zeros((2, 2), np.float32)
    save_file(arrays, folder / "model.safetensors")


def drop_array(folder: Path) -> None:
    arrays = load_file(folder / "model.safetensors")
    del arrays["decoder.final_layer_norm.weight"]
    save_file(arrays, folder / "model.safetensors")


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def lost_shard(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    places = {"shared.weight": "model-00001.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))


FAULTS = {
    "another kind of model": (
        lambda f: set_card(f, model_type="bert"),
        "t5, mt5, llama or qwen2, found bert",
    ),
    "another activation": (
        lambda f: set_card(f, feed_forward_proj="gated-silu"),
        "relu or gated-gelu, found gated-silu",
    ),
    "a file cut short": (truncate, "whole safetensors file"),
    "an adapter in it": (add_array, "found encoder.block.0.layer.0.lora_A.weight"),
    "an array short": (drop_array, "- decoder/decoder_norm/scale"),
    "no weights": (no_weights, "or pytorch_model.bin, found none"),
    "a shard missing": (lost_shard, "found none called model-00001.safetensors"),
    "a broken index": (
        lambda f: (
            (f / "model.safetensors").unlink(),
            (f / "model.safetensors.index.json").write_text("{}"),
        ),
        "weight_map",
    ),
    "other sizes": (lambda f: set_card(f, d_ff=25), "~ encoder/layers_0/mlp/wi_0/kernel"),
    "no sizes": (lambda f: (f / "config.json").write_text('{"model_type": "t5"}'), "is missing"),
}


@pytest.mark.parametrize(("change", "says"), FAULTS.values(), ids=FAULTS)
def test_what_cannot_be_read_is_refused_and_named(folder, change, says):
    change(folder)
    with pytest.raises(SpotError, match=re.escape(says)):
        load(model_settings(folder))


@pytest.mark.parametrize(
    "name",
    [
        "encoder.block.1.layer.0.SelfAttention.relative_attention_bias.weight",
        "encoder.block.0.layer.2.DenseReluDense.wo.weight",
        "encoder.block.0.layer.1.DenseReluDense.q.weight",
        "decoder.block.0.layer.0.SelfAttention.wi.weight",
        "decoder.block.0.layer.3.layer_norm.weight",
        "shared.bias",
    ],
)
def test_names_that_no_t5_has_are_none(name):
    assert hf.t5x_name(name) is None

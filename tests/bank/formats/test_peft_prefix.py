"""Prefix-tuning adapters in PEFT's own layout: written as it writes them, read as it uses them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import safetensors.numpy

from bank.errors import BankError
from bank.formats import Export, PromptFile, export_prompt, read_prompt_file
from bank.formats.peft_prefix import recognises
from bank.importing import import_folder

P, L, HEADS, D = 3, 2, 2, 4
# What PEFT 0.21 wrote for PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3) on a Llama of
# two layers, width 16 and four heads of which pairs share keys and values.
SAVED = {
    "auto_mapping": None, "base_model_name_or_path": "me/decoder", "encoder_hidden_size": 8,
    "inference_mode": True, "init_weights": None, "modules_to_save": None,
    "num_attention_heads": HEADS, "num_layers": L, "num_transformer_submodules": 1,
    "num_virtual_tokens": P, "peft_type": "PREFIX_TUNING", "peft_version": "0.21.2",
    "prefix_projection": False, "revision": None, "task_type": "CAUSAL_LM", "token_dim": HEADS * D,
}  # fmt: skip
T5 = {"task_type": "SEQ_2_SEQ_LM", "num_transformer_submodules": 2}


def keys_values(layers=L, seed=0):
    """[L, 2, heads, P, D]."""
    shape = (layers, 2, HEADS, P, D)
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def prompt(numbers, kind="keys-values", **more):
    scale = np.full((len(numbers), 2, 1, 1, 1), 4, np.float32)
    start = np.zeros((P, 16), np.float32)
    arrays = {"keys_values": numbers / 4, "scale": scale, "start": start, **more}
    return PromptFile(np.ones((P, 16), np.float32), kind, arrays)


def table_of(numbers):
    """PEFT's tensor, number by number."""
    layers = len(numbers)
    table = np.zeros((P, layers * 2 * HEADS * D), np.float32)
    for token in range(P):
        for layer in range(layers):
            for which in range(2):  # keys, then values
                for head in range(HEADS):
                    begin = ((2 * layer + which) * HEADS + head) * D
                    table[token, begin : begin + D] = numbers[layer, which, head, token]
    return table


def saved(folder, tensors, **changes):
    """A folder as PEFT saves it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps({**SAVED, **changes}))
    tensors = tensors if isinstance(tensors, dict) else {"prompt_embeddings": tensors}
    safetensors.numpy.save_file(tensors, folder / "adapter_model.safetensors", {"format": "pt"})
    return folder


def test_what_is_written_has_pefts_names_and_its_one_tensor(tmp_path):
    export = Export(model="me/decoder", causal=True)
    export_prompt(tmp_path, prompt(keys_values()), "peft-prefix", export)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert config == {name: SAVED[name] for name in config}
    assert set(SAVED) - set(config) == {"auto_mapping", "modules_to_save", "peft_version"}
    tensors = safetensors.numpy.load_file(tmp_path / "adapter_model.safetensors")
    assert list(tensors) == ["prompt_embeddings"]
    np.testing.assert_array_equal(tensors["prompt_embeddings"], table_of(keys_values()))


def test_an_adapter_of_a_decoder_is_read_number_by_number(tmp_path):
    read = read_prompt_file(saved(tmp_path, table_of(keys_values())))
    assert (read.kind, list(read.arrays)) == ("keys-values", ["keys_values"])
    np.testing.assert_array_equal(read.arrays["keys_values"], keys_values())


@pytest.mark.parametrize(("layers", "used"), [(2, (0, 0)), (3, (0, 2, 1)), (4, (0, 2, 0, 2))])
def test_layers_of_a_t5_get_what_peft_gives_them(tmp_path, layers, used):
    """PEFT puts the tensor behind itself and cuts it into fours, whose last two nothing reads."""
    numbers = keys_values(layers)
    pairs = [numbers[i, which] for i in range(layers) for which in range(2)]
    fours = np.asarray(pairs + pairs).reshape(layers, 4, HEADS, P, D)
    np.testing.assert_array_equal(fours[:, :2], numbers[list(used)])  # the reference itself
    read = read_prompt_file(saved(tmp_path, table_of(numbers), num_layers=layers, **T5))
    assert read.kind == "decoder-keys-values"
    np.testing.assert_array_equal(read.arrays["keys_values"], fours[:, :2])


@pytest.mark.parametrize("layers", [1, 2, 3, 6])
def test_a_t5_of_any_depth_goes_out_and_comes_back(tmp_path, layers):
    """With one layer more where two would share their numbers; that one is read as zeros."""
    numbers = keys_values(layers)
    out = prompt(numbers, "decoder-keys-values")
    export_prompt(tmp_path, out, "peft-prefix", Export(model="me/t5"))
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert config["num_layers"] == layers + (layers % 2 == 0)
    assert {name: config[name] for name in T5} == T5
    back = read_prompt_file(tmp_path).arrays["keys_values"]
    np.testing.assert_array_equal(back[:layers], numbers)
    assert not back[layers:].any()


@pytest.mark.parametrize(
    ("kind", "causal", "more", "says"),
    [
        ("keys-values", False, {}, "found keys-values of an encoder-decoder"),
        ("decoder-keys-values", True, {}, "found decoder-keys-values of a decoder"),
        (
            "keys-values:sink=1",
            True,
            {"sink": np.ones((1, 2))},
            "alone, found keys_values, scale, s",
        ),
        ("keys-values:rows=1", True, {"rows": np.ones((1, 16))}, "alone, found keys_values, rows"),
        ("every-layer", True, {}, 'the kind "keys-values" or "decoder-keys-values" alone'),
        (
            "keys-values",
            True,
            {"keys_values": np.ones((2, 3))},
            r"1, 1, 1\], found \[2, 3\] with \[2, 2",
        ),
    ],
)
def test_what_an_adapter_cannot_hold_is_refused(tmp_path, kind, causal, more, says):
    export = Export(model="m", causal=causal)
    with pytest.raises(BankError, match=says):
        export_prompt(tmp_path / "out", prompt(keys_values(), kind, **more), "peft-prefix", export)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"num_layers": 3},
            "expected 3 rows of 2 x 3 x 8 as adapter_config.json says, found 3 of 32",
        ),
        ({"num_virtual_tokens": 4}, "expected 4 rows of 2 x 2 x 8"),
        ({"num_attention_heads": 3}, "a multiple of num_attention_heads, found .*heads 3"),
        ({"num_layers": None}, "expected counts from 1.* num_layers None"),
        ({"token_dim": -8}, "expected counts from 1.* token_dim -8"),
        ({"num_layers": "2"}, "expected int as num_layers"),
        ({"prefix_projection": 1}, "expected bool as prefix_projection"),
        ({"task_type": "SEQ_CLS"}, "expected the task_type CAUSAL_LM or SEQ_2_SEQ_LM"),
        ({"num_transformer_submodules": 2}, "found CAUSAL_LM with 2"),
        ({**T5, "num_transformer_submodules": 1}, "found SEQ_2_SEQ_LM with 1"),
    ],
)
def test_adapters_that_cannot_be_used_are_refused(tmp_path, changes, says):
    with pytest.raises(BankError, match=says):
        read_prompt_file(saved(tmp_path, table_of(keys_values()), **changes))


def test_a_projection_that_was_applied_is_read_and_one_that_was_not_is_refused(tmp_path):
    """PEFT's save_pretrained applies it, and keeps only what it makes."""
    applied = saved(tmp_path / "a", table_of(keys_values()), prefix_projection=True)
    np.testing.assert_array_equal(read_prompt_file(applied).arrays["keys_values"], keys_values())
    rows = np.ones((P, HEADS * D), np.float32)
    raw = {"embedding.weight": rows, "transform.0.weight": np.ones((8, 8), np.float32)}
    for name, tensors in (("b", rows), ("c", raw)):
        with pytest.raises(BankError, match=r"that its projection makes \(prefix_projection\)"):
            read_prompt_file(saved(tmp_path / name, tensors, prefix_projection=True))


def test_a_damaged_config_is_left_to_the_format_that_names_the_damage(tmp_path):
    folder = saved(tmp_path, table_of(keys_values()))
    assert recognises(folder) and not recognises(tmp_path / "none")
    (folder / "adapter_config.json").write_text("{")
    assert not recognises(folder)
    with pytest.raises(BankError, match="cannot be read as JSON"):
        read_prompt_file(folder)


def test_an_import_that_knows_no_model_passes_it_over_and_says_what_reads_it(bank, tmp_path):
    saved(tmp_path / "a", table_of(keys_values()))
    with pytest.raises(BankError, match="it is prefix tuning.* spot bank add reads it"):
        import_folder(bank, tmp_path)

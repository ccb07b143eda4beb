"""Adapters in PEFT's own layout: written as it writes them, read as it uses them."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
import safetensors.numpy

from bank.entry import Backbone
from bank.errors import BankError
from bank.formats import Export, export_prompt, read_prompt_file
from bank.formats.peft import read_adapter
from bank.importing import import_folder

MODEL = "google/t5-v1_1-small"
# What PEFT 0.21 wrote for PromptTuningConfig(task_type="SEQ_2_SEQ_LM", num_virtual_tokens=4) on a
# T5 of width 6; `num_transformer_submodules` is its default for encoder-decoders.
SAVED = {
    "auto_mapping": None, "base_model_name_or_path": MODEL, "inference_mode": True,
    "num_attention_heads": 2, "num_layers": 2, "num_transformer_submodules": 2,
    "num_virtual_tokens": 4, "peft_type": "PROMPT_TUNING", "peft_version": "0.21.2",
    "prompt_tuning_init": "RANDOM", "prompt_tuning_init_text": None, "revision": None,
    "task_type": "SEQ_2_SEQ_LM", "token_dim": 6, "tokenizer_kwargs": None,
    "tokenizer_name_or_path": None,
}  # fmt: skip


def rows(count, width=6, seed=0):
    return np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)


def saved(folder, array, **changes):
    """A folder as PEFT saves it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps({**SAVED, **changes}))
    tensors = {"prompt_embeddings": array}
    safetensors.numpy.save_file(
        tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"}
    )
    return folder


def test_what_is_written_has_pefts_names_and_its_one_tensor(tmp_path):
    prompt = rows(4)
    export_prompt(tmp_path / "a", prompt, "peft", Export(model=MODEL))
    config = json.loads((tmp_path / "a/adapter_config.json").read_text())
    assert set(config) <= set(SAVED)
    kept = {name: config[name] for name in config if not name.startswith(("num_l", "num_att"))}
    assert kept == {name: SAVED[name] for name in kept} | {"num_transformer_submodules": 1}
    content = (tmp_path / "a/adapter_model.safetensors").read_bytes()
    size = int.from_bytes(content[:8], "little")
    assert json.loads(content[8 : 8 + size]) == {
        "__metadata__": {"format": "pt"},
        "prompt_embeddings": {"dtype": "F32", "shape": [4, 6], "data_offsets": [0, 96]},
    }
    assert content[8 + size :] == prompt.tobytes()


@pytest.mark.parametrize("task_type", ["SEQ_2_SEQ_LM", "CAUSAL_LM"])
def test_what_is_written_is_read_bit_for_bit(tmp_path, task_type):
    causal = task_type == "CAUSAL_LM"
    export_prompt(tmp_path, rows(5), "peft", Export(model=MODEL, causal=causal))
    adapter = read_adapter(tmp_path)
    assert adapter.prompt.tobytes() == rows(5).tobytes()
    assert (adapter.base_model, adapter.task_type) == (MODEL, task_type)
    assert np.array_equal(read_prompt_file(tmp_path).prompt, rows(5))


def test_of_two_sets_of_rows_the_first_is_kept_with_a_warning(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "bank"):
        adapter = read_adapter(saved(tmp_path, rows(8)))
    assert np.array_equal(adapter.prompt, rows(8)[:4])
    assert "holds 8 rows, of which PEFT uses the first 4" in caplog.text


def test_one_set_of_rows_is_kept_whole_and_silently(tmp_path, caplog):
    one = saved(tmp_path, rows(4), num_transformer_submodules=1)
    assert np.array_equal(read_adapter(one).prompt, rows(4))
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("count", "changes", "message"),
    [
        (8, {"peft_type": "LORA"}, "expected the peft_type PROMPT_TUNING, found LORA"),
        (4, {}, r"expected 4 x 2 rows of 6 as adapter_config.json says, found 4 of 6"),
        (8, {"num_transformer_submodules": 1}, "expected 4 x 1 rows of 6 .* found 8 of 6"),
        (8, {"token_dim": 7}, "expected 4 x 2 rows of 7 .* found 8 of 6"),
        (8, {"num_virtual_tokens": None}, "expected None x 2 rows"),
        (8, {"peft_type": ["PROMPT_TUNING"]}, r"the peft_type PROMPT_TUNING, found \['PROMPT"),
        (8, {"num_virtual_tokens": "4"}, "expected int as num_virtual_tokens, found '4'"),
        (8, {"num_virtual_tokens": True}, "expected int as num_virtual_tokens, found True"),
        (8, {"num_transformer_submodules": [2]}, "expected int as num_transformer_submodules"),
        (8, {"token_dim": 6.0}, "expected int as token_dim, found 6.0"),
        (8, {"base_model_name_or_path": {"a": 1}}, "expected str as base_model_name_or_path"),
        (8, {"task_type": 3}, "expected str as task_type, found 3"),
        (8, {"task_type": "CAUSAL_LM"}, "only for SEQ_2_SEQ_LM, found them for CAUSAL_LM"),
    ],
)
def test_adapters_that_cannot_be_used_are_refused(tmp_path, count, changes, message):
    with pytest.raises(BankError, match=message):
        read_adapter(saved(tmp_path, rows(count), **changes))


def test_damaged_folders_are_refused(tmp_path):
    folder = saved(tmp_path, rows(8))
    (folder / "adapter_model.safetensors").unlink()
    with pytest.raises(BankError, match=r"adapter_model\.safetensors, found no weights"):
        read_adapter(folder)
    (folder / "adapter_model.bin").write_bytes(b"pickle")
    with pytest.raises(BankError, match="found adapter_model.bin .*safe_serialization=True"):
        read_adapter(folder)
    (folder / "adapter_config.json").write_text("{")
    with pytest.raises(BankError, match=r"adapter_config\.json cannot be read as JSON"):
        read_adapter(folder)
    for text in ("[" * 100_000, '{"num_virtual_tokens": 1e999}', "9" * 4301, "\0"):
        (folder / "adapter_config.json").write_text(text)
        with pytest.raises(BankError, match=r"adapter_config\.json cannot be read as JSON"):
            read_adapter(folder)
    (folder / "adapter_config.json").write_text("[]")
    with pytest.raises(BankError, match="expected a JSON object, found list"):
        read_adapter(folder)


def test_an_adapter_is_imported_under_the_name_of_its_folder(bank, tmp_path):
    report = import_folder(bank, saved(tmp_path / "rte", rows(8)))
    entry = bank.get("rte")
    assert report.added == (entry.id,) and report.backbone.name == MODEL
    assert np.array_equal(bank.prompts(entry).value, rows(8)[:4])
    assert import_folder(bank, tmp_path / "rte").present == (entry.id,)


def test_a_folder_of_adapters_is_imported_and_other_models_are_passed_over(bank, tmp_path):
    saved(tmp_path / "a", rows(8))
    saved(tmp_path / "b", rows(8, seed=1))
    saved(tmp_path / "c", rows(8), base_model_name_or_path="t5-small")
    saved(tmp_path / "d", rows(8), peft_type="LORA")
    (tmp_path / "e").mkdir()
    report = import_folder(bank, tmp_path)
    assert [entry.task for entry in bank.entries()] == ["a", "b"]
    assert [name for name, _ in report.skipped] == ["c", "d"]
    assert report.skipped[0][1] == f"c: its base model is t5-small, not {MODEL}"
    given = import_folder(type(bank)(tmp_path / "other"), tmp_path, Backbone("tiny", "fp"))
    assert len(given.added) == 3  # the user answers for the model


def test_an_adapter_of_a_nameless_model_needs_the_name_from_the_user(bank, tmp_path):
    folder = saved(tmp_path / "rte", rows(8), base_model_name_or_path=None)
    assert read_adapter(folder).base_model is None
    with pytest.raises(
        BankError, match='as "base_model_name_or_path" in .*rte.adapter_config.json'
    ):
        import_folder(bank, folder)
    assert len(import_folder(bank, folder, Backbone("tiny", "fp")).added) == 1

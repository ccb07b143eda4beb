"""Logits of PEFT's prefix tuning on small models, saved, so that every run compares with them; where PEFT
is, the saved ones are compared with it.

    python -m tests.prompts.test_peft_prefix_logits    (writes them anew; needs torch and peft)
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from bank.formats import Export, PromptFile, export_prompt
from spot.models.model import load
from spot.prompts.convert import as_prefix_tuning
from spot.prompts.files import read_prompt
from spot.prompts.kinds import find_kind
from spot.prompts.prompt import SoftPrompt
from tests.models.test_decoder import padded
from tests.models.test_hf import write_hf
from tests.models.test_hf_decoder import write_folder
from tests.toys import model_settings, random_arrays, tiny_config, tiny_decoder

SAVED = Path(__file__).with_name("peft_prefix_logits.json")
LIMIT = 1e-4  # of the largest logit
TEXTS = ([3, 9, 4, 8, 5, 7], [6, 2, 9])
TARGETS = ([5, 3, 8], [7, 4, 9])
P = 3
# A decoder whose heads share keys, one with biases, a T5 of two layers, two of PEFT's own adapters
# (`theirs`): of each the model, and the kind of the prompt.
CASES = {
    "llama, rows": ("llama", "prefix"),
    "llama, every layer": ("llama", "every-layer"),
    "llama, keys and values": ("llama", "keys-values:rows=2,sink=1"),
    "llama, theirs": ("llama", "theirs"),
    "qwen2, every layer": ("qwen2", "every-layer:change=add"),
    "t5, keys and values": ("t5", "decoder-keys-values"),
    "t5, theirs": ("t5", "theirs"),
}


def model_folder(name, folder):
    """A model's folder as transformers reads it, whose weights are drawn by numpy."""
    if name == "t5":
        config = tiny_config(encoder_layers=2, decoder_layers=2)
        return write_hf(folder, config, random_arrays(config, seed=5), decoder_start_token_id=0)
    config = tiny_decoder(**({"biases": True, "tied_head": False} if name == "qwen2" else {}))
    return write_folder(folder, config, random_arrays(config, seed=5))


def our_prompt(kind, model):
    """A prompt all of whose numbers are drawn."""
    rng = np.random.default_rng(7)
    prompt = SoftPrompt.of(find_kind(kind), rng.normal(size=(P, model.width)), model)
    arrays = {
        name: array if name == "scale" else rng.normal(size=array.shape).astype(np.float32)
        for name, array in prompt.arrays.items()
    }
    return SoftPrompt(prompt.kind, arrays)


def adapter_folder(name, model, folder):
    """The adapter of a case: of a prompt of ours, or with the config that PEFT itself writes."""
    family, kind = CASES[name]
    causal = family != "t5"
    if kind != "theirs":
        held = as_prefix_tuning(our_prompt(kind, model), model)
        file = PromptFile(held.key, held.kind.name, held.named)
        return export_prompt(folder, file, "peft-prefix", Export(model="m", causal=causal))
    heads, size = (model.config.kv_heads, model.config.d_kv)
    config = {
        "auto_mapping": None, "base_model_name_or_path": "m", "encoder_hidden_size": heads * size,
        "inference_mode": True, "init_weights": None, "modules_to_save": None,
        "num_attention_heads": heads, "num_layers": 2, "num_transformer_submodules": 2 - causal,
        "num_virtual_tokens": P, "peft_type": "PREFIX_TUNING", "peft_version": "0.21.2",
        "prefix_projection": False, "revision": None,
        "task_type": "CAUSAL_LM" if causal else "SEQ_2_SEQ_LM", "token_dim": heads * size,
    }  # fmt: skip
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps(config))
    table = np.random.default_rng(8).normal(size=(P, 4 * heads * size)).astype(np.float32)
    safetensors.numpy.save_file(
        {"prompt_embeddings": table}, folder / "adapter_model.safetensors", {"format": "pt"}
    )
    return folder


def their_logits(name, folder):
    """Of PEFT, in front of each target token [rows, T, V]."""
    import peft
    import torch
    import transformers

    base = model_folder(CASES[name][0], folder / "model")
    adapter = adapter_folder(name, load(model_settings(base)), folder / "adapter")
    several = CASES[name][0] == "t5"
    auto = transformers.AutoModelForSeq2SeqLM if several else transformers.AutoModelForCausalLM
    plain = auto.from_pretrained(base, dtype=torch.float32)
    model = peft.PeftModel.from_pretrained(plain, adapter).eval()
    rows = []
    for text, target in zip(TEXTS, TARGETS, strict=True):
        with torch.no_grad():
            if several:
                given = {"input_ids": torch.tensor([text]), "labels": torch.tensor([target])}
                rows.append(model(**given).logits[0].numpy())
            else:
                ids = torch.tensor([[i - 1 for i in [*text, *target[:-1]]]])
                rows.append(model(input_ids=ids).logits[0, -len(target) :].numpy())
    return np.stack(rows)


def our_logits(model, prompt):
    network = model.network
    found = network.decode(network.encode(padded(TEXTS), prompt.stacked()), padded(TARGETS))
    return np.asarray(found)[..., 1 if len(model.config.stacks) == 1 else 0 :]


@pytest.mark.parametrize("name", CASES)
def test_our_logits_are_the_saved_ones_of_peft(tmp_path, name):
    """Of the prompt itself, and of the adapter as it is read."""
    saved = np.asarray(json.loads(SAVED.read_text())[name])
    model = load(model_settings(model_folder(CASES[name][0], tmp_path / "model")))
    prompts = [read_prompt(adapter_folder(name, model, tmp_path / "adapter"), model)]
    if CASES[name][1] != "theirs":
        prompts.append(our_prompt(CASES[name][1], model))
    for prompt in prompts:
        found = our_logits(model, prompt)
        assert found.shape == saved.shape and np.abs(saved).max() > 1
        assert np.abs(found - saved).max() <= LIMIT * np.abs(saved).max()


@pytest.mark.parametrize("name", CASES)
def test_the_saved_logits_are_those_of_peft(tmp_path, name):
    for package in ("torch", "transformers", "peft"):
        pytest.importorskip(package, reason="needs torch, transformers and peft: make parity")
    saved = np.asarray(json.loads(SAVED.read_text())[name])
    theirs = their_logits(name, tmp_path)
    np.testing.assert_allclose(theirs, saved, rtol=0, atol=1e-5 * np.abs(saved).max())


if __name__ == "__main__":
    found = {}
    for each in CASES:
        with tempfile.TemporaryDirectory() as place:
            found[each] = np.round(their_logits(each, Path(place)), 6).tolist()
    SAVED.write_text(json.dumps(found) + "\n")

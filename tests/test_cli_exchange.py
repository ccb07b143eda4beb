"""Prompts come into a bank and leave it again on the command line, in the forms of other programs."""

from __future__ import annotations

import json

import numpy as np
import pytest
import safetensors.numpy

from bank.formats import read_prefix_file
from tests.lab import invoke, lines

PROMPT = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)


@pytest.fixture
def bank(tmp_path):
    """A bank that holds one imported prompt, of the task rte."""
    (tmp_path / "in").mkdir()
    np.save(tmp_path / "in/rte.npy", PROMPT)
    (tmp_path / "in/meta.json").write_text('{"model": "google/t5-v1_1-small"}')
    assert invoke("bank", "import", tmp_path / "in", "--bank", tmp_path / "bank").exit_code == 0
    return tmp_path / "bank"


def test_an_adapter_goes_out_and_comes_back(bank, tmp_path):
    out = tmp_path / "adapters" / "rte"
    done = invoke(
        "bank", "export", "rte", "--bank", bank, "--out", out, "--format", "peft", "--json"
    )
    assert (done.exit_code, done.stderr) == (0, "")
    assert lines(done.stdout)[0]["path"] == str(out)
    config = json.loads((out / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "google/t5-v1_1-small"
    assert config["task_type"] == "SEQ_2_SEQ_LM"
    for folder in (out, out.parent):
        new = tmp_path / f"bank-of-{folder.name}"
        back = invoke("bank", "import", folder, "--bank", new, "--json")
        assert len(lines(back.stdout)[0]["added"]) == 1
        shown = lines(invoke("bank", "show", "rte", "--bank", new, "--json").stdout)[0]
        assert shown["backbone"]["name"] == "google/t5-v1_1-small"
    assert np.array_equal(read_prefix_file(out), PROMPT)


def test_a_decoders_adapter_says_so_and_names_the_model_given(bank, tmp_path):
    words = ("--format", "peft", "--causal", "--base-model", "me/decoder")
    assert (
        invoke("bank", "export", "rte", "--bank", bank, "--out", tmp_path / "a", *words).exit_code
        == 0
    )
    config = json.loads((tmp_path / "a/adapter_config.json").read_text())
    assert (config["task_type"], config["base_model_name_or_path"]) == ("CAUSAL_LM", "me/decoder")


@pytest.mark.parametrize("form", ["npy", "safetensors", "t5x"])
def test_other_forms_go_into_a_folder(bank, tmp_path, form):
    out = tmp_path / "out"
    done = invoke("bank", "export", "rte", "--bank", bank, "--out", out, "--format", form)
    assert done.exit_code == 0, done.stderr
    place = out if form == "t5x" else out / f"rte.{form}"
    assert done.stdout.endswith(f"written to {place}\n")
    assert np.array_equal(read_prefix_file(place), PROMPT)


def test_a_prompt_goes_out_for_servers(bank, tmp_path):
    words = ("--format", "prompt-embeds", "--base-model", "served")
    done = invoke("bank", "export", "rte", "--bank", bank, "--out", tmp_path / "s", *words)
    assert done.exit_code == 0, done.stderr
    tensors = safetensors.numpy.load_file(tmp_path / "s/prompt_embeds.safetensors")
    assert np.array_equal(tensors["prompt_embeds"], PROMPT)
    assert json.loads((tmp_path / "s/prompt_embeds.json").read_text())["model"] == "served"


def test_an_unknown_form_is_wrong_usage(bank, tmp_path):
    done = invoke("bank", "export", "rte", "--bank", bank, "--out", "x", "--format", "peftt")
    assert done.exit_code == 2 and "'peftt' is not one of" in done.stderr

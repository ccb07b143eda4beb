"""Prompts for servers: the numbers, how to use them, and the request that vLLM takes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import safetensors.numpy

from bank.errors import BankError
from bank.formats import Export, export_prompt
from tests.torch_reader import tensor_of_base64

FILES = ["prompt_embeds.safetensors", "prompt_embeds.json", "chat.json"]
PROMPT = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


def test_the_numbers_and_their_use_are_written(tmp_path):
    out = export_prompt(tmp_path / "out", PROMPT, "prompt-embeds", Export(model="me/decoder"))
    files = [out / name for name in FILES]
    assert sorted(out.iterdir()) == sorted(files)
    tensors = safetensors.numpy.load_file(files[0])
    assert list(tensors) == ["prompt_embeds"]
    assert tensors["prompt_embeds"].tobytes() == PROMPT.tobytes()
    about = json.loads(files[1].read_text())
    assert (about["model"], about["prompt_length"], about["width"]) == ("me/decoder", 3, 4)
    assert "--enable-prompt-embeds" in about["use"]["server"]


def test_the_request_is_written_as_the_server_reads_it(tmp_path):
    export_prompt(tmp_path, PROMPT, "prompt-embeds", Export(model="me/decoder"))
    body = json.loads((tmp_path / FILES[2]).read_text())
    embeds, text = body["messages"][0]["content"]
    assert (body["model"], embeds["type"], text["type"]) == ("me/decoder", "prompt_embeds", "text")
    tensor = tensor_of_base64(embeds["data"])
    assert tensor.dtype == np.float32 and tensor.tobytes() == PROMPT.tobytes()


def test_what_is_no_prompt_is_refused_and_nothing_written(tmp_path):
    with pytest.raises(BankError, match=r"the prompt in .* as floats \[P, H\], found shape \(4,\)"):
        export_prompt(tmp_path, PROMPT[0], "prompt-embeds", Export(model="m"))
    assert not list(tmp_path.iterdir())

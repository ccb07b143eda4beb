"""Requests for servers that take a decoder's prompt as `prompt_embeds`, as vLLM does.

Such a server reads base64 of a tensor in the format of torch.save, which is written without torch.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from bank.arrays import Array
from bank.files import replace_file
from bank.formats.prompt import Export, PromptFile
from bank.formats.torch_tensor import torch_bytes

ARRAY, ABOUT, CHAT = "prompt_embeds.safetensors", "prompt_embeds.json", "chat.json"
USAGE = {
    "server": "vllm serve MODEL --enable-prompt-embeds",
    "data": "base64 of torch.save(tensor) with the tensor prompt_embeds, float32 [P, H]; "
    "the server turns it into its own dtype",
    "POST /v1/chat/completions": "chat.json: a content part of the type prompt_embeds before the "
    "text; the chat template then stands in front of the prompt",
    "POST /v1/completions": 'the key "prompt_embeds": the rows of this prompt and behind them the '
    "model's embeddings of the text's tokens in one tensor; the same as in training. "
    'A "prompt" beside it would be another request, not the text behind this prompt',
}


def write(path: Path, prompt: PromptFile, export: Export) -> Path:
    """Write a folder of the prompt [P, H], a JSON file on its use, and the body of a chat request.

    export.model: the model's name on the server. Raises BankError when they cannot be written.
    """
    import safetensors.numpy

    array = prompt.prompt
    about = {
        "model": export.model,
        "prompt_length": len(array),
        "width": array.shape[1],
        "use": USAGE,
    }
    files = {
        ARRAY: safetensors.numpy.save({"prompt_embeds": array}),
        ABOUT: (json.dumps(about, indent=1) + "\n").encode(),
        CHAT: (json.dumps(chat_request(export.model, payload(array)), indent=1) + "\n").encode(),
    }
    for name, content in files.items():
        replace_file(path / name, content)
    return path


def payload(rows: Array, dtype: str = "float32") -> str:
    """Base64 of the tensor [P, H] as torch.save writes it. dtype: "float32" or "bfloat16"."""
    return base64.b64encode(torch_bytes(rows, dtype)).decode()


def embeds_part(data: str) -> dict[str, str]:
    """The part of a chat message whose content are the rows of a `payload`."""
    return {"type": "prompt_embeds", "data": data}


def chat_request(model: str, data: str) -> dict[str, Any]:
    """The body of a chat request whose user message is the prompt and a placeholder for the text."""
    parts = [embeds_part(data), {"type": "text", "text": "TEXT"}]
    return {"model": model, "messages": [{"role": "user", "content": parts}], "temperature": 0}

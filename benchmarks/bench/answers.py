"""Scores of label words and greedy answers behind a prompt, beside transformers with the same prompt."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import spot
from benchmarks.bench.adapters import ATTENTIONS
from benchmarks.bench.backbones import Backbone, random_t5, smollm2
from benchmarks.bench.lines import Line
from benchmarks.bench.sizes import Sizes
from benchmarks.bench.text import beginnings, random_texts, whole_lines
from benchmarks.bench.timing import Contender, agree, in_turns, quickest
from benchmarks.bench.training import TOLERANCES, start_prompt
from spot.tasks import Ragged

ROWS = 32  # of their batches, as of ours
LABELS = [[100, 200], [300, 400]]  # ids of two label words
Texts = Sequence[np.ndarray]


class Theirs:
    """transformers' model behind a prompt [P, H], as a careful user runs it: texts padded on the left for
    a decoder, each text read once for all label words.
    """

    def __init__(self, backbone: Backbone, dtype: str, attention: str, prompt: np.ndarray) -> None:
        self.causal = backbone.causal
        self.model = backbone.their_model(dtype, attention).eval()
        self.embed = self.model.get_input_embeddings()
        self.prompt = torch.from_numpy(prompt).to(self.embed.weight.dtype)

    def read(self, texts: Texts) -> tuple[torch.Tensor, torch.Tensor]:
        """Prompt and text [B, P+T, H], padded to the longest, and the mask; a decoder's ids count from
        one here.
        """
        rows = [
            torch.cat([self.prompt, self.embed(torch.tensor(text - self.causal, dtype=torch.long))])
            for text in texts
        ]
        side = "left" if self.causal else "right"
        pad = partial(torch.nn.utils.rnn.pad_sequence, batch_first=True, padding_side=side)
        return pad(rows), pad([torch.ones(len(row), dtype=torch.long) for row in rows])

    @torch.no_grad()
    def scores(self, texts: Texts, labels: Sequence[Sequence[int]]) -> np.ndarray:
        """The log-likelihood [N, C] of every label word, in batches of texts of like lengths."""
        out = np.zeros((len(texts), len(labels)))
        order = np.argsort([len(text) for text in texts], kind="stable")
        words = torch.tensor(labels) - int(self.causal)
        for start in range(0, len(order), ROWS):
            rows = order[start : start + ROWS]
            logits = self.label_logits([texts[row] for row in rows], words)
            likely = logits.float().log_softmax(-1)
            targets = words.repeat(len(rows), 1)
            chosen = likely.gather(-1, targets[..., None])[..., 0].sum(-1)
            out[rows] = chosen.reshape(len(rows), -1).numpy()
        return out

    def label_logits(self, texts: Texts, words: torch.Tensor) -> torch.Tensor:
        """Logits [B*C, T', V] of the label words [C, T'] behind every text."""
        embedded, mask = self.read(texts)
        count, times = len(texts), len(words)
        wide, targets = mask.repeat_interleave(times, 0), words.repeat(count, 1)
        if not self.causal:
            encoder = self.model.get_encoder()
            hidden = encoder(inputs_embeds=embedded, attention_mask=mask).last_hidden_state
            return self.model(
                encoder_outputs=(hidden.repeat_interleave(times, 0),),
                attention_mask=wide,
                decoder_input_ids=torch.nn.functional.pad(targets, (1, 0))[:, :-1],
            ).logits
        places = (mask.cumsum(-1) - 1).clamp(min=0)
        text = self.model(
            inputs_embeds=embedded,
            attention_mask=mask,
            position_ids=places,
            use_cache=True,
            logits_to_keep=1,
        )
        first, ahead = text.logits.repeat_interleave(times, 0), targets.shape[1] - 1
        if not ahead:
            return first
        text.past_key_values.batch_repeat_interleave(times)
        after = places[:, -1:].repeat_interleave(times, 0) + 1 + torch.arange(ahead)
        rest = self.model(
            input_ids=targets[:, :-1],
            attention_mask=torch.nn.functional.pad(wide, (0, ahead), value=1),
            position_ids=after,
            past_key_values=text.past_key_values,
        ).logits
        return torch.cat([first, rest], 1)

    @torch.no_grad()
    def written(self, texts: Texts, length: int, eos: int) -> list[list[int]]:
        """Greedy answers of `length` tokens at most, by our ids."""
        embedded, mask = self.read(texts)
        ids = self.model.generate(
            inputs_embeds=embedded,
            attention_mask=mask,
            max_new_tokens=length,
            do_sample=False,
            eos_token_id=eos - self.causal,
            pad_token_id=eos - self.causal,
        )
        rows = ids[:, 0 if self.causal else 1 :]  # an encoder-decoder's begin with its start
        return [[int(token) + self.causal for token in row] for row in rows]


class Work(NamedTuple):
    """The same texts for both sides: what ours does with some of them, what theirs does, and a check that
    raises for results that differ.
    """

    what: str
    texts: Texts
    ours: Callable[[spot.Model, Texts], Any]
    theirs: Callable[[Theirs, Texts], Any]
    check: Callable[[str, Any, Any], None]


def beside_transformers(
    backbone: Backbone,
    prompt: np.ndarray,
    work: Work,
    trial: int,
    rounds: int,
    precisions: Sequence[str],
) -> list[Line]:
    """A line for each dtype. The first `trial` texts show that results agree in float32, and which
    attention is quicker.
    """
    few, what = work.texts[:trial], f"{backbone.name}: {work.what}"
    models = {precision: backbone.model(precision) for precision in precisions}

    def make(dtype: str, attention: str, texts: Texts) -> Contender:
        model = Theirs(backbone, dtype, attention, prompt)
        name = f"transformers, {dtype}, {attention}"
        return Contender(name, lambda _: work.theirs(model, texts), warm=0)

    def make_ours(precision: str, model: spot.Model) -> Contender:
        return Contender(f"spot, {precision}", lambda _: work.ours(model, work.texts))

    lines = []
    for precision, model in models.items():
        attention = quickest({each: partial(make, precision, each, few) for each in ATTENTIONS})[0]
        if precision == "float32":
            theirs = work.theirs(Theirs(backbone, precision, attention, prompt), few)
            work.check(what, work.ours(model, few), theirs)
        ours, other = make_ours(precision, model), make(precision, attention, work.texts)
        seconds = in_turns([ours, other], rounds)
        line = Line(f"{what}, {precision}", "s", seconds[ours.name], seconds[other.name])
        lines.append(line)
    return lines


def answers(
    backbone: Backbone, texts: Texts, whole: Texts, sizes: Sizes, rounds: int
) -> list[Line]:
    """Scoring of `texts` and greedy answers behind `whole` ones."""
    vocabulary = backbone.model("float32").vocabulary
    prompt = start_prompt(backbone.model("float32").width, sizes.prompt)
    length = sizes.written_tokens

    def equal_scores(what: str, ours: np.ndarray, theirs: np.ndarray) -> None:
        agree(what, ours, theirs, TOLERANCES["float32"])

    def equal_texts(what: str, ours: list[str], theirs: list[list[int]]) -> None:
        same = [a == vocabulary.decode(b) for a, b in zip(ours, theirs, strict=True)]
        if not all(same):
            raise ValueError(f"{what}: {same.count(False)} of {len(same)} answers differ")

    scored = Work(
        f"scores of {len(LABELS)} label words, {len(texts)} rows",
        texts,
        lambda model, some: model.score(Ragged.of(some), LABELS, prompt),
        lambda theirs, some: theirs.scores(some, LABELS),
        equal_scores,
    )
    written = Work(
        f"{length} tokens greedily, {len(whole)} rows",
        whole,
        lambda model, some: model.generate(Ragged.of(some), length, prompt),
        lambda theirs, some: theirs.written(some, length, vocabulary.eos),
        equal_texts,
    )
    return [
        line
        for work, trial in ((scored, ROWS), (written, ROWS // 4))
        for line in beside_transformers(backbone, prompt, work, trial, rounds, sizes.precisions)
    ]


def on_t5(sizes: Sizes) -> list[Line]:
    """T5 1.1 small on random texts."""
    with tempfile.TemporaryDirectory() as folder:
        backbone = random_t5("T5 small", sizes.t5, Path(folder))
        rng, vocab = np.random.default_rng(5), sizes.t5.vocab_size
        texts = random_texts(rng, sizes.scored_rows, sizes.short_texts, vocab)
        whole = random_texts(rng, sizes.written_rows, (sizes.t5_text, sizes.t5_text), vocab)
        return answers(backbone, texts, whole, sizes, sizes.rounds)


def on_smollm2(sizes: Sizes) -> list[Line]:
    """SmolLM2-135M on lines of text."""
    with tempfile.TemporaryDirectory() as folder:
        backbone = smollm2(Path(folder))
        model = backbone.model("float32")
        texts = beginnings(sizes, model, sizes.decoder_scored_rows)
        count = -(-sizes.written_rows // sizes.batch)
        lines = np.concatenate([rows for rows, _ in whole_lines(sizes, count, model)])
        whole = list(lines[: sizes.written_rows])
        return answers(backbone, texts, whole, sizes, sizes.decoder_rounds)

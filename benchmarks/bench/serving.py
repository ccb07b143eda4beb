"""`spot serve` asked by many clients, beside a loop over transformers that takes the prompt of each request.

Both get the same texts of the embedded tasks with the same label words, a request a text, each of another of
the prompts. The loop answers as a careful user writes it: a request when it comes, its text read once for all
label words, behind the rows of its PEFT prompt.
"""

from __future__ import annotations

import http.client
import json
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

import spot
from bank import Bank
from benchmarks.bench.adapters import ATTENTIONS
from benchmarks.bench.answers import Theirs
from benchmarks.bench.backbones import Backbone, random_t5, smollm2
from benchmarks.bench.lines import Line
from benchmarks.bench.sizes import Sizes
from benchmarks.bench.timing import Contender, agree, in_turns, quickest
from benchmarks.bench.training import TOLERANCES
from benchmarks.serving import make_bank, start
from spot.serving import Predictor, row_texts
from spot.tasks import load_task

CLIENTS = 32


@dataclass(frozen=True, eq=False)
class Question:
    """A text for an entry of the bank, as both sides get it."""

    entry: str
    given: str | dict[str, str]
    tokens: np.ndarray
    labels: Sequence[Sequence[int]]
    words: Sequence[str]


def questions(
    bank: Bank, model: spot.Model, texts: dict[str, list[str]], count: int
) -> tuple[list[Question], dict[str, np.ndarray]]:
    """So many questions to the entries in turn, and the prompt [P, H] of each entry."""
    entries = list(bank.entries())
    predictors = {
        entry.id: Predictor(model, load_task(entry.task), bank.prompts(entry).value)
        for entry in entries
    }
    asked = []
    for number in range(count):
        entry = entries[number % len(entries)]
        predictor = predictors[entry.id]
        own = texts[entry.task]
        row = {
            column: own[(number + place) % len(own)]
            for place, column in enumerate(predictor.task.columns)
        }
        given = row if len(row) > 1 else next(iter(row.values()))
        tokens = predictor.rows(list(row_texts(predictor.task, [given])))[0]
        asked.append(Question(entry.id, given, tokens, predictor.labels, predictor.task.labels))
    rows = {entry.id: np.asarray(bank.prompts(entry).value, np.float32) for entry in entries}
    return asked, rows


def answered(host: str, port: int, asked: Sequence[Question], clients: int) -> np.ndarray:
    """The probability of the first label word of every question, asked by so many clients at once."""
    out, places, lock = np.zeros(len(asked)), iter(range(len(asked))), threading.Lock()

    def client() -> None:
        connection = http.client.HTTPConnection(host, port, timeout=600)
        while True:
            with lock:
                place = next(places, None)
            if place is None:
                return connection.close()
            question = asked[place]
            body = json.dumps({"entry": question.entry, "texts": [question.given]})
            headers = {"Content-Type": "application/json"}
            connection.request("POST", "/v1/predict", body, headers)
            content = json.loads(connection.getresponse().read())
            out[place] = content["answers"][0]["probabilities"][question.words[0]]

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return out


def looped(
    theirs: Theirs, prompts: dict[str, torch.Tensor], asked: Sequence[Question]
) -> np.ndarray:
    """The same, of transformers, a question at a time."""
    out = np.zeros(len(asked))
    for place, question in enumerate(asked):
        theirs.prompt = prompts[question.entry]
        scores = padded_scores(theirs, question)
        shares = np.exp(scores - scores.max())
        out[place] = (shares / shares.sum())[0]
    return out


def padded_scores(theirs: Theirs, question: Question) -> np.ndarray:
    """The log-likelihood [C] of the label words, whatever their numbers of tokens."""
    longest = max(map(len, question.labels))
    padded = [[*ids, *[ids[-1]] * (longest - len(ids))] for ids in question.labels]
    words = torch.tensor(padded) - int(theirs.causal)
    with torch.no_grad():
        likely = theirs.label_logits([question.tokens], words).float().log_softmax(-1)
    chosen = likely.gather(-1, words[..., None])[..., 0].numpy()
    real = np.arange(longest) < np.array([len(ids) for ids in question.labels])[:, None]
    return np.where(real, chosen, 0).sum(axis=1)


def beside_a_loop(backbone: Backbone, sizes: Sizes, folder: Path, count: int) -> list[Line]:
    """Seconds for so many questions, of the server and of the loop, a line a precision."""
    path = folder / "bank"
    texts = make_bank(path, backbone.ours, sizes.served_prompts)
    bank, model = Bank(path), backbone.model("float32")
    asked, rows = questions(bank, model, texts, count)
    few = asked[: sizes.served_prompts]
    lines = []
    for precision in sizes.precisions:

        def loop(dtype: str, attention: str, some: Sequence[Question]) -> Contender:
            theirs = Theirs(backbone, dtype, attention, next(iter(rows.values())))
            kind = theirs.embed.weight.dtype
            prompts = {name: torch.from_numpy(each).to(kind) for name, each in rows.items()}
            run: Callable[[int], np.ndarray] = lambda _: looped(theirs, prompts, some)  # noqa: E731
            return Contender(f"transformers, {dtype}, {attention}", run, warm=0)

        makers = {each: partial(loop, precision, each, few) for each in ATTENTIONS}
        other = loop(precision, quickest(makers)[0], asked)
        server, host, port = start(path, backbone.ours, precision, ["--warm-up-seconds", "120"])
        try:
            ours = Contender(
                f"spot serve, {precision}, {CLIENTS} clients",
                lambda _, host=host, port=port: answered(host, port, asked, CLIENTS),
            )
            if precision == "float32":
                found = answered(host, port, few, 1)
                agree(backbone.name, found, other.run(0)[: len(few)], TOLERANCES["float32"])
            seconds = in_turns([ours, other], sizes.decoder_rounds)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)
        lines.append(
            Line(
                f"{backbone.name}: {len(asked)} requests for {len(rows)} prompts, {precision}",
                *("s", seconds[ours.name], seconds[other.name]),
            )
        )
        time.sleep(1)
    return lines


def on_t5(sizes: Sizes) -> list[Line]:
    """T5 1.1 small."""
    with tempfile.TemporaryDirectory() as folder:
        backbone = random_t5("T5 small", sizes.t5, Path(folder, "t5"))
        return beside_a_loop(backbone, sizes, Path(folder), sizes.served_questions)


def on_smollm2(sizes: Sizes) -> list[Line]:
    """SmolLM2-135M."""
    with tempfile.TemporaryDirectory() as folder:
        backbone = smollm2(Path(folder, "smollm2"))
        return beside_a_loop(backbone, sizes, Path(folder), sizes.decoder_served_questions)

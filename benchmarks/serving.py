"""A server under load for a long time: `spot serve` as a process, asked by many clients at once.

    python -m benchmarks.serving --clients 32 --prompts 20 --seconds 600 --out soak.json

The prompts are random ones of the embedded tasks, beside each other in a bank that is made for the run; a
server computes with them as with trained ones. Every client asks on a kept connection, one to four texts of
one task, of an entry or of all seeds of the task, without a pause. An error is any status but 200, an answer
to other texts, and a probability that is not that of the first answer to the same text by the same entries.
The server's memory is sampled every second. Markdown goes to stdout, all numbers to the file.

What follows -- goes to spot serve: the programs of all shapes are compiled before, with
--warm-up-seconds 600, unless an earlier run has left them in the cache.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

import spot
from bank import Bank, Entry, Prompts, entry_id
from spot.tasks import load_task, mini_task_names

LENGTH = 20  # of a prompt
TOLERANCE = 1e-5
SETTLED = 0.2  # share of the run after which memory is expected to stay as it is
MIB = 1 << 20


def make_bank(folder: Path, model: str, prompts: int) -> dict[str, list[str]]:
    """A bank of so many random prompts, several seeds of each task if there are more than tasks; texts of
    each task by its name.
    """
    loaded, bank = spot.load_model(model), Bank(folder)
    embeddings = loaded.embeddings
    names = [name for name in mini_task_names() if load_task(name).scoring == "rank"]
    items = []
    for number in range(prompts):
        name, seed = names[number % len(names)], number // len(names)
        rng = np.random.default_rng(number)
        key, value = (
            embeddings[rng.integers(3, 3000, LENGTH)] * rng.uniform(0.8, 1.2) for _ in range(2)
        )
        recipe = {"prompt_length": LENGTH, "input_length": 128, "init": "random"}
        facts: dict[str, Any] = {
            **{"kind": "source", "task": name, "members": (), "seed": seed},
            **{"recipe": recipe, "data": ""},
        }
        identity = entry_id(backbone=loaded.fingerprint, **facts)
        score = {"metric": "accuracy", "value": float(rng.uniform(50, 90)), "n": 64}
        entry = Entry(
            id=identity,
            family="",
            backbone=loaded.identity,
            key_step=1,
            value_step=2,
            scores={"validation": score},
            **facts,
        )
        items.append((entry, Prompts(None, key.astype(np.float32), value.astype(np.float32))))
    bank.add_many(items)
    return {
        name: [row.inputs for row in load_task(name).read("test")][:64]
        for name in names[: min(prompts, len(names))]
    }


@dataclass
class Load:
    """What the clients share, and what they note."""

    host: str
    port: int
    entries: list[dict[str, Any]]
    texts: dict[str, list[str]]
    ends: float
    seconds: list[float] = field(default_factory=list)
    answered: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    known: dict[tuple[str, str], dict[str, float]] = field(default_factory=dict)

    def question(self, rng: random.Random) -> dict[str, Any]:
        """A request drawn at random."""
        entry = rng.choice(self.entries)
        task, columns = entry["task"], entry["columns"]
        draw = rng.random()
        who: dict[str, Any] = {"entry": entry["entry"]} if draw < 0.7 else {"task": task}
        if draw > 0.9:
            who = {"ensemble": task, "combine": "mean"}
        texts: list[str | dict[str, str]] = []
        for _ in range(rng.randint(1, 4)):
            row = {column: rng.choice(self.texts[task]) for column in columns}
            texts.append(row if len(row) > 1 else next(iter(row.values())))
        return {**who, "texts": texts}

    def client(self, number: int) -> None:
        """Ask until the time is over."""
        rng = random.Random(number)
        connection = http.client.HTTPConnection(self.host, self.port, timeout=120)
        while time.monotonic() < self.ends:
            question = self.question(rng)
            begun = time.monotonic()
            try:
                connection.request(
                    "POST",
                    "/v1/predict",
                    json.dumps(question),
                    {"Content-Type": "application/json"},
                )
                response = connection.getresponse()
                content = json.loads(response.read())
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.errors[type(error).__name__] += 1
                connection.close()
                continue
            self.seconds.append(time.monotonic() - begun)
            if response.status == 200:
                self.check(question, content)
            else:
                self.errors[f"status {response.status}: {content.get('error', '')[:60]}"] += 1
        connection.close()

    def check(self, question: dict[str, Any], content: dict[str, Any]) -> None:
        """Count an answer, and compare it with the first one to the same text by the same entries."""
        self.answered["requests"] += 1
        self.answered["texts"] += len(question["texts"])
        answers = content["answers"]
        if len(answers) != len(question["texts"]):
            self.errors["another number of answers"] += 1
            return
        who = "+".join(content["entries"])
        for given, answer in zip(question["texts"], answers, strict=True):
            if isinstance(given, str) and answer["text"] != given:
                self.errors["an answer to another text"] += 1
            shares = answer["probabilities"]
            first = self.known.setdefault((who, json.dumps(given)), shares)
            apart = max(abs(share - first[word]) for word, share in shares.items())
            if apart > TOLERANCE:
                self.errors["an answer that differs from the first"] += 1


def start(
    bank: Path, model: str, precision: str, arguments: list[str]
) -> tuple[subprocess.Popen[str], str, int]:
    """The server as a process, and where it listens."""
    command = [
        *(sys.executable, "-m", "spot", "serve", "--bank", str(bank), "--port", "0", "-v"),
        *("--set", f"model.name={model}", "--set", f"model.precision={precision}", *arguments),
    ]
    log = (bank.parent / "server.log").open("w", encoding="utf-8")
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    assert child.stdout is not None
    for line in child.stdout:
        if found := re.search(r"http://([\d.]+):(\d+)/v1/predict", line):
            return child, found[1], int(found[2])
    raise SystemExit((bank.parent / "server.log").read_text("utf-8"))


def get(host: str, port: int, path: str) -> bytes:
    """The body of a GET."""
    connection = http.client.HTTPConnection(host, port, timeout=60)
    connection.request("GET", path)
    body = connection.getresponse().read()
    connection.close()
    return body


def number(metrics: str, name: str) -> float:
    """A number of /metrics without labels."""
    found = re.search(rf"^{name} (\S+)$", metrics, re.M)
    return float(found[1]) if found else 0.0


def soak(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run the load; all that was measured."""
    bank = folder / "bank"
    texts = make_bank(bank, args.model, args.prompts)
    begun = time.monotonic()
    child, host, port = start(bank, args.model, args.precision, args.server)
    ready = time.monotonic() - begun
    try:
        entries = json.loads(get(host, port, "/v1/prompts"))
        begun = time.monotonic()
        load = Load(host, port, entries, texts, begun + args.seconds)
        threads = [
            threading.Thread(target=load.client, args=(each,)) for each in range(args.clients)
        ]
        for thread in threads:
            thread.start()
        process, memory = psutil.Process(child.pid), []
        while any(thread.is_alive() for thread in threads):
            memory.append((time.monotonic() - begun, process.memory_info().rss))
            time.sleep(1)
        took = time.monotonic() - begun
        metrics = get(host, port, "/metrics").decode()
        handles = process.num_fds()
    finally:
        child.send_signal(signal.SIGTERM)
        out, _ = child.communicate(timeout=120)
    settled = [rss for at, rss in memory if at >= SETTLED * args.seconds]
    parts = np.array_split(np.array(settled or [rss for _, rss in memory]), 4)
    batches = number(metrics, "spot_batch_rows_count")
    p50, p95, p99 = np.percentile(load.seconds, [50, 95, 99]) if load.seconds else (0.0,) * 3
    return {
        "model": args.model,
        "precision": args.precision,
        "clients": args.clients,
        "prompts": len(entries),
        "tasks": len(texts),
        "seconds": took,
        "ready_after": ready,
        "requests": load.answered["requests"],
        "texts": load.answered["texts"],
        "errors": dict(load.errors),
        "p50": float(p50),
        "p95": float(p95),
        "p99": float(p99),
        "worst": max(load.seconds, default=0.0),
        "rows_a_batch": number(metrics, "spot_batch_rows_sum") / max(batches, 1),
        "model_share": number(metrics, "spot_model_seconds_total") / took,
        "rss_start": memory[0][1],
        "rss_settled": float(parts[0].mean()),
        "rss_last": float(parts[-1].mean()),
        "rss_most": max(rss for _, rss in memory),
        "open_files_after": handles,
        "exit": child.returncode,
        "farewell": out.strip().splitlines()[-1] if out.strip() else "",
        "memory": [[round(at, 1), rss] for at, rss in memory],
    }


def shown(found: dict[str, Any]) -> str:
    """The result as a table in Markdown."""
    growth = found["rss_last"] - found["rss_settled"]
    errors = ", ".join(f"{count} x {name}" for name, count in found["errors"].items()) or "none"
    rows = {
        "model": f"{found['model']}, {found['precision']}",
        "clients, prompts, tasks": f"{found['clients']}, {found['prompts']}, {found['tasks']}",
        "time": f"{found['seconds']:.0f} s",
        "requests, texts": f"{found['requests']:,}, {found['texts']:,}",
        "errors": errors,
        "throughput": f"{found['requests'] / found['seconds']:.1f} requests/s, "
        f"{found['texts'] / found['seconds']:.1f} texts/s",
        "latency p50, p95, p99, worst": ", ".join(
            f"{1000 * found[name]:.0f} ms" for name in ("p50", "p95", "p99", "worst")
        ),
        "rows a batch": f"{found['rows_a_batch']:.1f}",
        "time in the model": f"{100 * found['model_share']:.0f} %",
        "memory at the start, settled, last, most": ", ".join(
            f"{found[name] / MIB:.0f} MiB"
            for name in ("rss_start", "rss_settled", "rss_last", "rss_most")
        ),
        "growth of the settled memory": f"{growth / MIB:+.1f} MiB",
        "end": f"exit {found['exit']}: {found['farewell']}",
    }
    lines = [f"| {name} | {value} |" for name, value in rows.items()]
    return "\n".join(["| | |", "| --- | --- |", *lines])


def main() -> None:
    """Parse the arguments, run, print; 1 if there was an error."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--prompts", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--model", default="spot-nano")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--out", type=Path, help="a JSON file for all numbers")
    parser.add_argument("server", nargs="*", help="options of spot serve, after --")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="spot-soak-") as folder:
        found = soak(args, Path(folder))
    if args.out:
        args.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(shown(found))
    if found["errors"] or found["exit"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

"""Build the wheel, install it into an empty environment, and run it there.

    python -m tests.wheel      (make wheel-test; downloads what the package needs)

Runs the commands of the demo, the example of the library and the server on small budgets, away from the
checkout.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parents[1]
SMALL = (
    "prompt.length=20", "train.steps=6", "train.key_step=4", "train.check_every=3",
    "train.batch_size=4", "data.train_examples=32", "data.validation_examples=16",
    'bank.sources=["mini_sst","mini_cola","mini_rooms"]', "search.unlearned=true",
    "transfer.steps=4", "transfer.seeds=[0]",
)  # fmt: skip
COMMANDS = (
    ("build-bank",),
    ("search", "--target", "mini_boolq", "--k", "3"),
    ("transfer", "--target", "mini_boolq"),
    ("heatmap", "--out", "heatmap.png"),
    ("doctor",),
)
EXAMPLE = """
import sys
from pathlib import Path

import numpy as np

import spot

assert Path(spot.__file__).is_relative_to(sys.prefix), spot.__file__
rows = [{"text": f"my invoice {n} is wrong", "label": "billing"} for n in range(20)]
rows += [{"text": f"it crashed {n} times", "label": "bug"} for n in range(20)]
model = spot.load_model("spot-nano")
mine = spot.Task.from_rows("tickets", train=rows, inputs="{text}", labels=["billing", "bug"])
recipe = spot.Recipe(
    length=20, steps=4, key_step=2, check_every=2, batch_size=4, validation_examples=8
)
bank = spot.Bank("my-bank")
for name in ("mini_sst", "mini_cola"):
    bank.add(spot.train_source(model, spot.load_task(name), recipe, seed=0))
learned_or_not = spot.SearchSettings(unlearned=True)
answer = spot.search(bank, model, mine, k=2, settings=learned_or_not)
report = spot.transfer(
    bank, model, mine, start="best", k=2, seeds=(0,), steps=4, search_settings=learned_or_not
)
(prediction,) = spot.predict(model, mine, report.prompt, ["my invoice is wrong"])
assert len(answer.result.hits) == 2 and len(report.curves["transfer"]) == 1
assert np.asarray(report.prompt).shape == (20, model.width)
assert abs(sum(prediction.probabilities.values()) - 1) < 1e-6
print(f"gain {report.gain:+.1f}, {prediction.answer} {prediction.probabilities}")
"""


def build_wheel(folder: Path) -> Path:
    """The wheel of the checkout, built in `folder` from a copy, without the network."""
    copy = folder / "checkout"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("bank", "spot", "pretraining", "benchmarks", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    for name in ("setup.py", "pyproject.toml", "cli.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    command = [
        sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--no-index", "--no-build-isolation", "--wheel-dir", str(folder), str(copy),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(f"the wheel was not built:\n{done.stdout}{done.stderr}")
    (wheel,) = folder.glob("*.whl")
    return wheel


def main() -> None:
    """Build, install and run; the first thing that fails ends it."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        environment = folder / "environment"
        wheel = build_wheel(folder)
        venv.create(environment, with_pip=True)
        programs = environment / "bin"
        constraints = ("-c", str(ROOT / "constraints.txt"))
        run(
            programs / "python", "-m", "pip", "install", "-q", *constraints, f"{wheel}[serve]",
            cwd=folder,
        )  # fmt: skip
        small = [part for assignment in SMALL for part in ("--set", assignment)]
        for command in COMMANDS:
            run(programs / "spot", *command, *(small if command[0] != "doctor" else ()), cwd=folder)
        run(programs / "python", "-c", EXAMPLE, cwd=folder)
        run(programs / "spot", "serve", "--help", cwd=folder)
        serve(programs / "spot", folder)
        print("the installed wheel works")


def run(*command: str | Path, cwd: Path) -> None:
    """A command in a folder, without the checkout on its path; raises when it fails."""
    shown = " ".join(str(part).splitlines()[0] if str(part) else "" for part in command[:4])
    print(f"$ {shown}", flush=True)
    subprocess.run([str(part) for part in command], cwd=cwd, env=clean(cwd), check=True)


def clean(cwd: Path) -> dict[str, str]:
    """The environment of a command: without the checkout, with a cache of its own."""
    hidden = ("PYTHONPATH", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return {**kept, "SPOT_CACHE_DIR": str(cwd / "cache")}


def serve(program: Path, cwd: Path) -> None:
    """Start the server on the bank, ask it and its page once, and stop it; raises where one of them fails."""
    command = [str(program), "serve", "--port", "0", "--no-warm-up", "--json"]
    print(f"$ {' '.join(command[:2])}", flush=True)
    with subprocess.Popen(
        command, cwd=cwd, env=clean(cwd), stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        about = json.loads(server.stdout.readline())
        address = about["address"]
        body = json.dumps({"ensemble": about["tasks"][0], "texts": ["the room was clean"]})
        asked = Request(
            f"{address}/v1/predict", body.encode(), {"Content-Type": "application/json"}
        )
        try:
            with urlopen(asked, timeout=300) as answer:
                (first,) = json.load(answer)["answers"]
            for path in ("/", "/static/page.js", "/static/page.css", "/docs", "/metrics"):
                with urlopen(address + path, timeout=60) as page:
                    assert page.status == 200 and page.read(), path
        finally:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=60)  # it says something more before it ends
    assert server.returncode == 0, server.returncode
    assert abs(sum(first["probabilities"].values()) - 1) < 1e-6, first
    print(f"served {first['answer']} {first['probabilities']}")


if __name__ == "__main__":
    main()

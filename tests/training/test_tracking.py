"""Trackers: what they are told, that none can end a training, and that each tool has it afterwards."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field

import pytest

from spot.errors import SpotError
from spot.training import prompt_tuning
from spot.training.loop import train
from spot.training.runs import Runs
from spot.training.trackers.table import TRACKERS, check_trackers
from spot.training.trackers.tracker import Tool
from tests.training.conftest import SETTINGS, Watcher
from tests.training.test_loop_of_learners import SCHEDULE, Counter, Interrupter

EARLY = SCHEDULE._replace(early=(0, 1))


@dataclass
class Recorder:
    """A tool that keeps what it is told: of every run its facts, rows, and how it was closed."""

    runs: list = field(default_factory=list)
    told: list = field(default_factory=list)
    closed: list = field(default_factory=list)
    fails: str = ""  # the method that fails

    def tool(self):
        return Tool("recorder", "for tests", self.begin)

    def begin(self, run):
        if self.fails == "begin" and self.runs:
            raise OSError("no room\nat all")
        self.runs.append(run)
        number = len(self.runs) - 1

        class Run:
            def log(_, step, scalars):
                if self.fails == "log" and step:
                    raise ValueError("no network")
                self.told.append((number, step, dict(scalars)))

            def close(_, finished):
                if self.fails == "close":
                    raise RuntimeError("no end")
                self.closed.append((number, finished))

        return Run()


@pytest.fixture
def recorder(monkeypatch):
    made = Recorder()
    monkeypatch.setitem(TRACKERS, "recorder", made.tool())
    return made


def numbers(folder, slot):
    """{tag: [(step, value), …]} of the numbers of a slot in metrics.jsonl that are not whole."""
    found = {}
    for line in (folder / "metrics.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["slot"] == slot:
            metrics = {f"metrics/{name}": value for name, value in row.get("metrics", {}).items()}
            for tag, value in {**row, **metrics}.items():
                if type(value) is float:
                    found.setdefault(tag, []).append((row["step"], value))
    return found


def of(told, number):
    """The same of what a recorder was told about a run."""
    found = {}
    for run, step, scalars in told:
        for tag, value in scalars.items() if run == number else ():
            found.setdefault(tag, []).append((step, value))
    return found


def test_a_tracker_is_told_the_settings_and_every_number(tmp_path, recorder):
    train(
        Counter(0, 10), EARLY, tmp_path, title="two", trackers=["recorder"], config={"a": {"b": 1}}
    )
    assert [(run.name, run.group, run.folder) for run in recorder.runs] == [
        ("n0-s0", "two", tmp_path),
        ("n1-s1", "two", tmp_path),
    ]
    assert recorder.runs[1].config == {"a": {"b": 1}, "slot": "n1", "seed": 1}
    assert recorder.runs[0].identity != recorder.runs[1].identity
    for number, slot in enumerate(("n0", "n1")):
        told = of(recorder.told, number)
        assert told == numbers(tmp_path, slot)
        assert told["score"] == [(s, 10.0 * number + s) for s in (0, 1, 2, 4, 6, 7)]
        assert told["metrics/m"] == told["score"] and "n" not in told and "seed" not in told
    assert sorted(recorder.closed) == [(0, True), (1, True)]


def test_shares_of_label_words_are_tracked(tiny_backbone, tmp_path, make_slot, recorder):
    prompt_tuning.train_prompts(
        tiny_backbone, [make_slot()], SETTINGS, tmp_path, trackers=["recorder"]
    )
    told = of(recorder.told, 0)
    assert [step for step, _ in told["valid_labels"]] == [2, 4, 6, 8]
    assert {"score", "loss", "commonest_label", "metrics/accuracy", "uniform"} <= told.keys()
    config = recorder.runs[0].config
    assert (config["model"], config["slot"]) == (tiny_backbone.name, "colour")
    assert (config["steps"], config["optimizer"]) == (SETTINGS.steps, SETTINGS.optimizer)
    json.dumps(config)


@pytest.mark.parametrize("at", [1, 3, 4])
def test_a_resumed_run_is_told_once_more_from_the_start(tmp_path, recorder, at):
    with pytest.raises(KeyboardInterrupt):
        train(Counter(0, 10), EARLY, tmp_path, reporter=Interrupter(at), trackers=["recorder"])
    assert sorted(recorder.closed) == [(0, False), (1, False)]
    train(Counter(0, 10), EARLY, tmp_path, trackers=["recorder"])
    assert [run.identity for run in recorder.runs[:2]] == [
        run.identity for run in recorder.runs[2:]
    ]
    for slot, number in (("n0", 2), ("n1", 3)):
        assert of(recorder.told, number) == numbers(tmp_path, slot)


@pytest.mark.parametrize(
    ("fails", "error"),
    [
        ("begin", "OSError: no room"),
        ("log", "ValueError: no network"),
        ("close", "RuntimeError: no end"),
    ],
)
def test_a_tracker_that_fails_is_warned_of_once(tmp_path, recorder, fails, error):
    recorder.fails = fails
    watcher = Watcher()
    results = train(Counter(0, 10), EARLY, tmp_path, reporter=watcher, trackers=["recorder"])
    assert [len(each.history) for each in results] == [6, 6]
    (warning,) = watcher.warnings
    assert warning.startswith(f"recorder failed and is told nothing more ({error});")
    if fails == "log":  # what was open is closed
        assert sorted(recorder.closed) == [(0, False), (1, False)]


def test_one_tracker_that_fails_leaves_the_others(tmp_path, recorder, monkeypatch):
    broken = Recorder(fails="log")
    monkeypatch.setitem(TRACKERS, "broken", broken.tool())
    train(Counter(0), EARLY, tmp_path, trackers=["broken", "recorder"])
    assert of(recorder.told, 0) == numbers(tmp_path, "n0")


def test_numbers_are_the_same_with_and_without(tmp_path, recorder):
    plain = train(Counter(0), EARLY, tmp_path / "plain")
    tracked = train(Counter(0), EARLY, tmp_path / "tracked", trackers=["recorder"])
    assert tracked[0].history == plain[0].history
    lines = [(tmp_path / name / "metrics.jsonl").read_text() for name in ("plain", "tracked")]
    assert lines[0] == lines[1]


def test_what_is_not_installed_or_unknown_is_refused_before_training(tmp_path, monkeypatch):
    (tmp_path / "absent_tool").mkdir()  # a folder of the tool's name is not the tool
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(TRACKERS, "absent_tool", Tool("absent_tool", "", lambda run: None))
    with pytest.raises(SpotError, match="absent_tool, which is not installed") as caught:
        Runs(tmp_path, trackers=("absent_tool",))
    assert "pip install 'spot-transfer[absent_tool]'" in caught.value.hint
    with pytest.raises(SpotError, match='expected a tracker, found "wandbb".*"wandb"') as caught:
        check_trackers(["wandbb"])
    assert "tensorboard, wandb, mlflow, trackio" in caught.value.hint
    check_trackers([])


# The tools themselves, where they are installed. Each reads back what it has written.


def read_tensorboard(folder, name, identity):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "events" / name), {"scalars": 0, "tensors": 0})
    events.Reload()
    tensors = {tag: events.Tensors(tag) for tag in events.Tags()["tensors"]}
    (config,) = tensors.pop("config")
    (text,) = config.tensor_proto.string_val
    scalars = {
        tag: [(e.step, e.tensor_proto.float_val[0]) for e in values]
        for tag, values in tensors.items()
    }
    return scalars, json.loads(text)


def leveldb_records(content):
    """The records of a LevelDB log of one block of 32 KiB behind the header of wandb: checksum, length,
    type 1 for a whole record.
    """
    assert content[:4] == b":W&B" and len(content) < 1 << 15
    place = 7
    while place + 7 < len(content):
        size = int.from_bytes(content[place + 4 : place + 6], "little")
        assert content[place + 6] == 1
        if place + 7 + size > len(content):
            return  # half written
        yield content[place + 7 : place + 7 + size]
        place += 7 + size


def read_wandb(folder, name, identity):
    from wandb.proto.wandb_internal_pb2 import Record

    (path,) = (folder / "wandb").glob(f"offline-run-*-{identity}/run-{identity}.wandb")
    records, deadline = [], time.monotonic() + 20
    # Its service may still be writing where one process had the run twice.
    while not any(record.HasField("exit") for record in records) and time.monotonic() < deadline:
        time.sleep(0.1)
        records = [Record.FromString(data) for data in leveldb_records(path.read_bytes())]
    scalars, config = {}, {}
    for record in records:
        if record.WhichOneof("record_type") == "run":
            assert record.run.display_name == name
            config |= {each.key: json.loads(each.value_json) for each in record.run.config.update}
        items = {
            (each.key or "/".join(each.nested_key)): json.loads(each.value_json)
            for each in record.history.item
        }
        step = items.get("_step")
        for tag, value in items.items():
            if not tag.startswith("_"):
                scalars.setdefault(tag, []).append((step, value))
    config.pop("_wandb", None)
    return scalars, config


def read_mlflow(folder, name, identity):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("spot").experiment_id
    (run,) = client.search_runs([experiment], f"tags.`spot.run` = '{identity}'")
    assert (run.info.run_name, run.info.status) == (name, "FINISHED")
    scalars = {
        tag: sorted((m.step, m.value) for m in client.get_metric_history(run.info.run_id, tag))
        for tag in run.data.metrics
    }
    return scalars, run.data.params


def read_trackio(folder, name, identity):
    import trackio
    from trackio.sqlite_storage import SQLiteStorage

    own = f"{name}-{identity[:8]}"
    (run,) = [run for run in trackio.Api().runs("spot") if run.name == own]
    scalars = {}
    for row in SQLiteStorage.get_logs("spot", own, run_id=run.id):
        step = row.pop("step")
        for tag, value in row.items():
            if isinstance(value, float):
                scalars.setdefault(tag, []).append((step, value))
    return scalars, {key: v for key, v in run.config.items() if not key.startswith("_")}


READERS = {
    "tensorboard": read_tensorboard,
    "wandb": read_wandb,
    "mlflow": read_mlflow,
    "trackio": read_trackio,
}
CONFIG = {"model": "toy", "steps": 7, "meta": {"rate": 0.5}}
FLAT = {"model": "toy", "steps": "7", "meta/rate": "0.5", "slot": "n0", "seed": "0"}


@pytest.fixture
def local(tmp_path, monkeypatch):
    """No setting of the user's own, and a home of its own."""
    for name in list(os.environ):
        if name.startswith(("WANDB", "MLFLOW", "TRACKIO")):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    for name in ("HOME", "HF_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "WANDB_CACHE_DIR"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    if "trackio.utils" in sys.modules:  # it reads its folder once
        sys.modules["trackio.utils"].TRACKIO_DIR.mkdir(parents=True, exist_ok=True)
    yield tmp_path
    logging.getLogger("mlflow").handlers.clear()


@pytest.mark.parametrize("name", READERS)
def test_a_tool_has_every_number_once_though_the_run_was_interrupted(name, local, capsys):
    pytest.importorskip(name, reason=f"the extra {name} is not installed")
    folder = local / "spot-runs" / f"prompts-{name}"
    with pytest.raises(KeyboardInterrupt):
        train(
            Counter(0, 10), EARLY, folder, reporter=Interrupter(3), trackers=[name], config=CONFIG
        )
    watcher = Watcher()
    train(Counter(0, 10), EARLY, folder, reporter=watcher, trackers=[name], config=CONFIG)
    assert watcher.warnings == []
    assert capsys.readouterr().out == ""  # JSON lines of a command go there
    from spot.training.loop import tracked

    for run in tracked(Counter(0, 10), folder, "", CONFIG):
        scalars, config = READERS[name](folder, run.name, run.identity)
        expected = numbers(folder, run.config["slot"])
        assert scalars == expected
        assert config in (run.config, {**FLAT, "slot": run.name[:2], "seed": run.name[-1]})


OFFLINE = """
import socket, sys
from pathlib import Path

def refuse(self, address):
    if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
        print("network", address, flush=True)
    raise OSError("refused") if self.family != socket.AF_UNIX else None
real = socket.socket.connect
socket.socket.connect = lambda self, address: (
    real(self, address) if self.family == socket.AF_UNIX or address[0] in ("127.0.0.1", "::1")
    else refuse(self, address)
)
from spot.training.loop import train
from tests.training.test_loop_of_learners import SCHEDULE, Counter
from spot.training.slots import Reporter
told = Reporter()
train(Counter(0), SCHEDULE, Path(sys.argv[2]), trackers=[sys.argv[1]], reporter=told)
print(told.warnings)
"""


@pytest.mark.parametrize("name", ["wandb", "mlflow", "trackio"])  # the others only write files
def test_a_tool_asks_for_no_network(name, local):
    pytest.importorskip(name, reason=f"the extra {name} is not installed")
    work = local / "work"
    work.mkdir()
    environment = {
        key: value for key, value in os.environ.items() if key != "MLFLOW_DISABLE_TELEMETRY"
    }
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    environment["PYTHONPATH"] = os.pathsep.join(
        [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, name, str(local / "run")],
        cwd=work, env=environment, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert done.stdout == "[]\n"
    assert list(work.iterdir()) == []  # nothing beside the run's folder

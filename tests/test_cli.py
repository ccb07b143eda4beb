"""The command line from outside: help, exit codes, streams, errors, interruptions."""

from __future__ import annotations

import csv
import errno
import importlib.metadata
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest

from bank.store import Bank
from spot.commands import doctor, main
from spot.config import Config
from spot.tasks.published.catalog import TASKS
from tests.lab import ROOT, invoke, learned, lines, tree, write_task
from tests.toys import random_arrays, tiny_config, write_model

pytest_plugins = ("tests.lab",)


def commands(group=main, path=()):
    """Every command and group as the words that call it."""
    for name in group.table:
        yield (*path, name)
        command = group.get_command(None, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


COMMANDS = sorted(commands())


def test_all_commands_are_there():
    assert {words[0] for words in COMMANDS} == {
        "analyze",
        "report",
        "build-bank",
        "search",
        "transfer",
        "length",
        "heatmap",
        "study",
        "baselines",
        "distil",
        "compare",
        "train",
        "tune",
        "eval",
        "predict",
        "serve",
        "bank",
        "tasks",
        "models",
        "meta",
        "doctor",
        "config",
        "completion",
        "init",
    }
    assert {words[1] for words in COMMANDS if words[1:]} == {
        "list",
        "show",
        "verify",
        "add",
        "combine",
        "merge",
        "import",
        "export",
        "evaluate",
        "remove",
        "rename",
    }


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example_of_itself(words):
    done = invoke(*words, "--help")
    assert done.exit_code == 0
    example = next(line for line in done.stdout.splitlines() if line.strip().startswith("Example:"))
    assert f"spot {' '.join(words)}" in example
    assert invoke(*words, "-h").stdout == done.stdout


@pytest.mark.parametrize("words", [(), ("bank",)], ids=["spot", "bank"])
def test_a_group_lists_its_commands_in_whole_sentences(words):
    done = invoke(*words)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == invoke(*words, "--help").stdout
    listed = done.stdout.partition("Commands:")[2].splitlines()[1:]
    assert len(listed) >= 8 and all(line.endswith(".") and "..." not in line for line in listed)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("serach", 2, 'no command "serach". Did you mean "search"?'),
        ("bank verfy", 2, 'no command "verfy". Did you mean "verify"?'),
        ("search", 2, "--target"),
        ("search --target mini_boolq --kk 3", 2, "--kk"),
        ("search --target mini_boolq --k three", 2, "three"),
        ("bank export x --out p.npy --what keys", 2, "keys"),
        ("search --target mini_bolq --bank {bank}", 1, 'Did you mean "mini_boolq"?'),
        ("eval --task huose", 1, 'Did you mean "house"?'),
        ("eval --task house --split tset", 1, 'Did you mean "test"?'),
        ("eval --task house --prompt plase --bank {bank}", 1, 'Did you mean "place"?'),
        ("eval --task house --prompt none.npy", 1, "none.npy: No such file"),
        ("search --target house --bank {bank} --similarity avrage", 1, 'Did you mean "average"?'),
        ("search --target house --bank {bank} --k 0", 1, "k of 1 or more, found 0"),
        ("search --target house --bank none", 1, "expected a bank at none, found nothing"),
        ("baselines --target huose", 1, 'Did you mean "house"?'),
        ("baselines --target house --methods model-tunning", 1, 'Did you mean "model-tuning"?'),
        ("baselines --target house --methods zero-shot,", 1, 'no method is called "".'),
        ("baselines --target house --shots 0", 2, "0 is not in the range"),
        ("heatmap --bank {bank} --out x.pngg", 1, 'Did you mean ".png"?'),
        ("heatmap --bank {bank} --out x.png --similarity avrage", 1, 'Did you mean "average"?'),
        ("heatmap --bank none --out x.png", 1, "expected a bank at none"),
        ("transfer --target house --bank {bank} --plot x.pngg", 1, 'Did you mean ".png"?'),
        ("bank show plaec --bank {bank}", 1, 'Did you mean "place"?'),
        ("bank export place --bank {bank} --out p.nppy", 1, 'Did you mean ".npy"?'),
        ("bank evaluate --bank {bank} --similarity avrage", 1, 'Did you mean "average"?'),
        ("bank remove plaec --yes --bank {bank}", 1, 'Did you mean "place"?'),
        ("bank remove place --bank {bank}", 1, "expected --yes to remove place-s0-"),
        ("bank rename plaec spot --bank {bank}", 1, 'Did you mean "place"?'),
        ("bank list --sort scor --bank {bank}", 2, "scor"),
        ("config --explain train.stps", 1, 'Did you mean "train.steps"?'),
        ("completion tcsh", 2, "tcsh"),
        ("bank list -q -v --bank {bank}", 2, "expected -q or -v, found both"),
        ("bank merge none --bank fresh", 1, "expected a bank at none"),
        ("bank import none --bank fresh", 1, "expected a folder of prompts at none"),
        ("tasks --set data.dri=x", 1, 'Did you mean "data.dir"?'),
        ("tasks --set model.name=spot-nan", 0, ""),
        ("eval --task house --set model.name=spot-nan", 1, 'Did you mean "spot-nano"?'),
    ],
)
def test_mistakes_give_an_exit_code_an_error_and_a_hint_on_stderr(
    lab, arguments, code, message, no_training
):
    words = [word.format(bank=lab.bank) for word in arguments.split()]
    extra = (
        ["--config", lab.file] if words[0] in ("baselines", "eval", "search", "transfer") else []
    )
    before = tree(lab.bank)
    done = invoke(*words, *extra)
    assert done.exit_code == code, done.stderr
    assert message in done.stderr
    if code:
        assert done.stdout == ""
        first, *rest = done.stderr.splitlines()
        assert first.startswith("error: ") and all(
            line.startswith(("hint: ", " ")) for line in rest
        )
    if code == 2:
        assert rest == [
            f"hint: `spot {'bank ' if words[0] == 'bank' else ''}{_path(words)}--help` shows the usage"
        ]
    assert tree(lab.bank) == before and not os.path.exists("fresh")


def _path(words):
    names = {" ".join(path) for path in COMMANDS}
    name = words[1] if words[0] == "bank" else words[0]
    return f"{name} " if (f"bank {name}" if words[0] == "bank" else name) in names else ""


@pytest.mark.parametrize(
    "arguments",
    [
        "bank list --bank {bank}",
        "bank show place --bank {bank}",
        "bank verify --bank {bank}",
        "bank list c* --sort score --bank {bank} -v",
        "config --config {file}",
        "config --explain train --config {file} -q",
        "completion bash",
        "models",
        "tasks --config {file}",
        "heatmap --bank {bank} --out x.json",
        "bank export place --bank {bank} --out p.npy",
        "doctor --config {file} --bank {bank}",
        "search --target house --bank {copy} --config {file}",
        "eval --task house --config {file}",
    ],
)
def test_json_prints_nothing_but_json_lines(lab, tmp_path, arguments):
    copy = lab.copy(tmp_path / "copy")
    words = [word.format(bank=lab.bank, file=lab.file, copy=copy) for word in arguments.split()]
    done = invoke(*words, "--json")
    assert done.exit_code == 0, done.stderr
    assert lines(done.stdout)
    plain = invoke(*words)
    assert plain.exit_code == 0 and plain.stdout and plain.stdout != done.stdout


def test_scores_of_a_search_are_shown_exactly_enough(lab, tmp_path):
    lab.copy(tmp_path / "bank")
    done = lab.run("search", "--target", "house", "--bank", "bank", "--k", "9", "--json")
    *hits, judged = lines(done.stdout)
    assert judged["verdict"]["kind"] == "unknown"  # all sources of the lab are of one family
    shown = lab.run("search", "--target", "house", "--bank", "bank", "--k", "9")
    for hit in hits:
        row = next(line for line in shown.stdout.splitlines() if hit["id"] in line)
        assert f"{hit['score']:.4f}" in row and row.split()[0] == str(hit["rank"])
    assert learned(shown.stderr.splitlines()) == [
        "warning: asked for k=9 of 4 tasks: all are listed"
    ]
    assert [hit["rank"] for hit in hits] == [1, 2, 3, 4]


def test_a_piped_table_has_one_line_a_row(lab):
    done = invoke("bank", "list", "--bank", lab.bank)
    assert len(done.stdout.splitlines()) == 5
    assert not set(done.stdout) & set("━│┃┏└─")


def test_warnings_of_the_library_are_printed_once(lab, tmp_path):
    copy = lab.copy(tmp_path / "bank")
    (copy / "outcomes.jsonl").write_text('{"source": \n')
    done = invoke("bank", "show", "place", "--bank", copy)
    assert done.exit_code == 0
    said = [line for line in done.stderr.splitlines() if "outcomes.jsonl" in line]
    assert len(said) == 1 and said[0].startswith("warning: skipping ")


def test_a_damaged_entry_is_named_passed_over_and_verified(lab, tmp_path):
    copy = lab.copy(tmp_path / "bank")
    damaged = {one.task: copy / "entries" / one.id for one in Bank.open(copy).entries()}
    prompt = damaged["place"] / "prompt.safetensors"
    prompt.write_bytes(prompt.read_bytes()[:-5])
    entry = damaged["bird"] / "entry.json"
    entry.write_text(entry.read_text().replace('"seed"', '"sead"'))
    found = lab.run("search", "--target", "house", "--bank", "bank", "--json")
    assert found.exit_code == 0
    hits = [row for row in lines(found.stdout) if "rank" in row]
    assert {hit["task"] for hit in hits} == {"colour", "colour+bird"}
    for task in ("place", "bird"):
        assert f"warning: {damaged[task].name} is damaged and was skipped" in found.stderr
    listed = invoke("bank", "list", "--bank", copy)
    assert f"damaged: {damaged['place'].name}" in listed.stdout
    verified = invoke("bank", "verify", "--bank", copy, "--json")
    assert verified.exit_code == 1
    problems = lines(verified.stdout)[0]["problems"]
    assert all(any(damaged[task].name in one for one in problems) for task in ("place", "bird"))
    assert invoke("bank", "verify", "--bank", lab.bank).exit_code == 0
    assert invoke("bank", "show", damaged["place"].name, "--bank", copy).exit_code == 1
    doctor = lab.run("doctor", "--bank", "bank")
    assert doctor.exit_code == 1 and "WRONG bank: " in doctor.stdout


def test_an_interrupted_training_goes_on_where_it_was(lab, tmp_path):
    sets = ("train.steps=60", "train.check_every=10", f"runs={tmp_path / 'runs'}")
    command = ("train", "--task", "house", "--out", str(tmp_path / "p.npy"))
    running = lab.start(*command, "-v", sets=sets)
    for line in running.stderr:
        if "step 10, validation" in line:
            break
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (130, "")
    assert "saving after this step …" in err
    assert "stopped; run the same command again to go on from the last checkpoint" in err
    assert "Traceback" not in err
    assert list((tmp_path / "runs").glob("prompts/*/checkpoints/*"))
    assert not (tmp_path / "p.npy").exists()
    second = lab.run(*command, sets=sets)
    assert second.exit_code == 0, second.stderr
    assert "house: resumed at step" in second.stderr
    whole = lab.run(
        "train", "--task", "house", "--out", "q.npy", sets=(*sets[:2], f"runs={tmp_path / 'other'}")
    )
    assert whole.exit_code == 0 and "resumed" not in whole.stderr
    assert (np.load(tmp_path / "p.npy") == np.load(tmp_path / "q.npy")).all()


@pytest.mark.parametrize(
    ("number", "hint"), [(errno.ENOSPC, "free some space"), (errno.EROFS, "read-only")]
)
def test_an_error_of_the_system_is_reported_with_its_path(lab, tmp_path, monkeypatch, number, hint):
    from bank import files
    from spot.training import loop

    copy = lab.copy(tmp_path / "bank")
    before = tree(copy)

    def refuse(*_, **__):
        raise OSError(number, os.strerror(number), "place/file")

    sets = ("bank.seeds=[5]", "bank.mixtures=[]", 'bank.sources=["bird"]')
    with monkeypatch.context() as patch:  # while training: metrics.jsonl
        patch.setattr(loop._Run, "record", refuse)
        done = lab.run("build-bank", "--bank", "bank", sets=sets)
    assert (done.exit_code, done.stdout) == (1, "")
    assert f"error: place/file: {os.strerror(number)}" in done.stderr and hint in done.stderr
    with monkeypatch.context() as patch:  # a checkpoint
        patch.setattr("orbax.checkpoint.v1.training.Checkpointer.save", refuse)
        done = lab.run("build-bank", "--bank", "bank", sets=sets)
    assert done.exit_code == 1
    assert "the checkpoint of step 3 could not be written" in done.stderr
    with monkeypatch.context() as patch:  # the entry itself
        for module in ("bank.files", "bank.entry"):
            patch.setattr(f"{module}.write_synced", refuse)
        done = lab.run("build-bank", "--bank", "bank", sets=sets)
    assert done.exit_code == 1
    assert "error: cannot write bank" in done.stderr and hint in done.stderr
    assert hint in files.HINTS[number]
    entries = {name for name in tree(copy) if name.startswith("entries")}
    assert entries == {name for name in before if name.startswith("entries")}
    again = lab.run("build-bank", "--bank", "bank", "--json", sets=sets)
    assert again.exit_code == 0 and len(lines(again.stdout)[0]["added"]) == 1


@pytest.mark.parametrize("kind", ["missing", "extra", "shape", "truncated"])
def test_weights_that_do_not_fit_are_listed(lab, tmp_path, kind):
    config = tiny_config()
    arrays = random_arrays(config)
    name = "decoder/decoder_norm/scale"
    array = arrays.pop(name)
    if kind == "shape":
        arrays[name] = np.ones(5, np.float32)
    elif kind == "extra":
        arrays |= {name: array, "encoder/odd": array}
    model = write_model(tmp_path / "model", config, arrays)
    if kind == "truncated":
        weights = model / "weights.safetensors"
        weights.write_bytes(weights.read_bytes()[:-100])
    done = lab.run("eval", "--task", "house", sets=(f"model.name={model}",))
    assert (done.exit_code, done.stdout) == (1, "")
    expected = {
        "missing": f"- {name} (16,)",
        "extra": "+ encoder/odd (16,)",
        "truncated": "weights.safetensors",
        "shape": f"~ {name}: expected (16,), found (5,)",
    }
    assert expected[kind] in done.stderr and "hint: " in done.stderr


def test_a_bad_row_or_an_empty_split_costs_nothing(lab, tmp_path, no_training):
    write_task(tmp_path / "own", "house")
    rows = tmp_path / "own" / "house-train.jsonl"
    rows.write_text(rows.read_text() + '{"text": "a red cat is here"\n')
    toml = tmp_path / "own" / "house.toml"
    toml.write_text(toml.read_text().replace('"house"', '"hut"', 1))
    copy = lab.copy(tmp_path / "bank")
    before = tree(copy)
    sets = (f'data.tasks=["{toml}", "{lab.tasks}"]', 'bank.sources=["hut"]', "bank.mixtures=[]")
    done = lab.run("build-bank", "--bank", "bank", sets=sets)
    assert done.exit_code == 1 and "house-train.jsonl" in done.stderr and "25" in done.stderr
    rows.write_text("")
    done = lab.run("build-bank", "--bank", "bank", sets=sets)
    assert done.exit_code == 1 and "error: " in done.stderr and "hut" in done.stderr + str(toml)
    after = {name: content for name, content in tree(copy).items() if not name.startswith("work")}
    assert {**after, "bank.lock": b""} == {**before, "bank.lock": b""}


def test_prompts_of_nan_or_zeros_never_enter_a_bank(lab, tmp_path):
    lab.copy(tmp_path / "bank")
    for value, message in ((np.nan, "NaN"), (0.0, "zero")):
        np.save("p.npy", np.full((4, 16), value, np.float32))
        done = lab.run("bank", "add", "p.npy", "--task", "mine", "--bank", "bank")
        assert done.exit_code == 1 and message in done.stderr
    np.save("p.npy", np.ones((3, 16), np.float32))
    done = lab.run("bank", "add", "p.npy", "--task", "mine", "--bank", "bank")
    assert done.exit_code == 1 and "does not fit the bank" in done.stderr
    assert len(Bank.open("bank").entries()) == 4


def test_banks_are_merged_once(lab, tmp_path):
    first = invoke("bank", "merge", lab.bank, "--bank", "new", "--json")
    again = invoke("bank", "merge", lab.bank, "--bank", "new")
    assert len(lines(first.stdout)[0]["added"]) == 4
    assert again.stdout == "added 0 entries and queries to new\n"
    assert tree(tmp_path / "new" / "entries") == tree(lab.bank / "entries")


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf", "html", "csv", "json"])
def test_a_heatmap_is_drawn_in_every_format(lab, tmp_path, suffix):
    out = tmp_path / f"map.{suffix}"
    done = invoke("heatmap", "--bank", lab.bank, "--out", out, "--similarity", "centered")
    assert done.exit_code == 0, done.stderr
    assert done.stdout == f"heatmap written to {out}\n"
    start = {
        "png": b"\x89PNG",
        "svg": b"<?xml",
        "pdf": b"%PDF",
        "html": b"<!",
        "csv": b"",
        "json": b"{",
    }
    assert out.read_bytes().startswith(start[suffix]) and out.stat().st_size > 50
    if suffix in ("csv", "json", "html", "svg"):
        assert "colour+bird" in out.read_text()


def test_the_default_similarity_of_a_heatmap_depends_on_the_inits(lab):
    bank = Bank(lab.bank)
    known = [(entry, bank.prompts(entry)) for entry in bank.entries()]
    banks = {
        "task-vector": known,
        "centered": [(known[0][0], known[0][1]._replace(init=known[0][1].init + 1)), *known[1:]],
        "average": known[:2],
    }
    for similarity, entries in banks.items():
        Bank.create_or_open(Path(similarity)).add_many(entries)
        done = invoke("heatmap", "--bank", similarity, "--out", "m.json", "--json")
        assert lines(done.stdout) == [{"path": "m.json", "similarity": similarity}]
        assert json.loads(Path("m.json").read_text())["similarity"] == similarity


def test_a_heatmap_of_values_differs(lab):
    for name, more in (("k.csv", ()), ("v.csv", ("--values",))):
        assert invoke("heatmap", "--bank", lab.bank, "--out", name, *more).exit_code == 0
    with open("k.csv") as keys, open("v.csv") as values:
        assert keys.read() != values.read()


def test_a_transfer_draws_the_learning_curves_of_both_arms(lab, tmp_path):
    lab.copy(tmp_path / "bank")
    sets = ("train.check_every=1", "transfer.learning_rates=[0.1, 0.5]")
    words = ("--bank", "bank", "--plot", "curves.csv", "--json")
    done = lab.run("transfer", "--target", "house", *words, sets=sets)
    assert done.exit_code == 0, done.stderr
    curves: dict[tuple[str, int], dict[int, float]] = {}
    for row in csv.DictReader(Path("curves.csv").read_text().splitlines()):
        seed = int(row["run"].rpartition(" ")[2])
        curves.setdefault((row["group"], seed), {})[int(row["step"])] = float(row["score"])
    chosen = {
        ("scratch" if run["strategy"] == "none" else "transfer", run["seed"]): run
        for run in lines(done.stdout)
        if "strategy" in run
    }
    assert set(curves) == set(chosen) and len(chosen) == 4
    for key, run in chosen.items():
        assert sorted(curves[key]) == [0, 1, 2, 3, 4]
        assert curves[key][run["step"]] == run["validation"] == max(curves[key].values())


def test_all_mini_tasks_are_listed_and_local_ones_with_their_reason(monkeypatch):
    rows = {row["task"]: row for row in lines(invoke("tasks", "--json").stdout)}
    mini = [row for name, row in rows.items() if name.startswith("mini_")]
    assert len(mini) == 26 and all(
        set(row["rows"]) == {"train", "validation", "test"} for row in mini
    )
    assert all(not row["missing"] for row in mini)
    absent = [row for row in rows.values() if row["missing"]]
    assert len(absent) == len(TASKS) and all(row["rows"] == {} for row in absent)
    assert rows["sst2"]["templates"] == ["t5", "flan", "gpt3"] and rows["sst2"]["source"] == "local"
    assert rows["mini_news"]["templates"] == ["t5"]
    shown = invoke("tasks", "--set", "data.template=flan").stdout
    *table, absent_line = shown.splitlines()
    assert len(table) == 1 + len(mini) and not any("sst2" in line for line in table)
    assert absent_line.startswith(f"absent, {len(TASKS)} tasks (no folder of local data is named")
    assert absent_line.rpartition(": ")[2].split(", ") == sorted(TASKS)


def test_local_tasks_are_listed_with_their_rows(shared_data):
    done = invoke("tasks", "--json", "--set", f"data.dir={shared_data / 'tasks'}")
    rows = lines(done.stdout)
    there = {path.parent.name for path in (shared_data / "tasks").glob("*/train.jsonl")}
    local = [row for row in rows if row["task"] in there]
    assert len(local) == 27 == sum(row["source"] == "local" and not row["missing"] for row in rows)
    for row in local:
        assert not row["missing"] and min(row["rows"].values()) > 0, row


def test_the_public_prompts_give_their_known_figures(shared_data, tmp_path):
    folder, bank = shared_data / "prompts" / "thunlp_t5_small", tmp_path / "bank"
    done = invoke("bank", "import", folder, "--bank", bank, "--json")
    assert done.exit_code == 0, done.stderr
    assert (len(lines(done.stdout)[0]["added"]), lines(done.stdout)[0]["outcomes"]) == (17, 306)
    again = invoke("bank", "import", folder, "--bank", bank)
    assert again.stdout.startswith("0 prompts of ") and "17 already present" in again.stdout
    rows = lines(invoke("bank", "evaluate", "--bank", bank, "--json").stdout)
    known = {"average": (64.7, 3.28), "per-token": (47.1, 5.30), "centered": (70.6, 2.98)}
    found = {row["similarity"]: row for row in rows}
    assert set(found) == {"average", "per-token", "centered", "max-inner-product"}
    for name, (top1, regret) in known.items():
        assert 100 * found[name]["top1"] == pytest.approx(top1, abs=0.05)
        assert found[name]["mean_regret"] == pytest.approx(regret, abs=0.005)
    shown = invoke("bank", "evaluate", "--bank", bank, "--similarity", "average").stdout
    assert "64.71" in shown and "3.28" in shown and "random pick" in shown
    assert invoke("bank", "verify", "--bank", bank).stdout.endswith(
        "17 entries whole, 0 problems\n"
    )
    assert len(lines(invoke("bank", "list", "--bank", bank, "--json").stdout)) == 17
    about = lines(invoke("bank", "show", "MNLI", "--bank", bank, "--json").stdout)[0]
    assert about["task"] == "MNLI" and about["backbone"]["fingerprint"].startswith("unverified:")
    assert len(about["outcomes"]) > 10
    assert (
        invoke("bank", "export", "MNLI", "--bank", bank, "--out", tmp_path / "m.npy").exit_code == 0
    )
    assert (np.load(tmp_path / "m.npy") == np.load(folder / "MNLI.npy").astype(np.float32)).all()
    missing = invoke("bank", "export", "MNLI", "--bank", bank, "--out", "i.npy", "--what", "init")
    assert missing.exit_code == 1 and "holds no init" in missing.stderr


def test_doctor_says_what_each_extra_is_for(monkeypatch):
    versions = {"seqio": "0.0.20", "tokenizers": "0.21"}

    def version(name):
        if name in versions:
            return versions[name]
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    first, *rest = doctor.CHECKS["extras"](Config()).splitlines()
    assert first == "seqio (seqio 0.0.20), decoders (tokenizers 0.21)"
    assert len(rest) == len(doctor.EXTRAS) - 2
    assert rest[0] == "      without tfds (data.source=tfds): pip install 'spot-transfer[tfds]'"


def test_doctor_reports_what_is_wrong(lab, tmp_path, monkeypatch):
    fine = lab.run("doctor", "--json")
    assert fine.exit_code == 0, fine.stdout
    names = [row["name"] for row in lines(fine.stdout)]
    assert names == ["packages", "extras", "device", "products", "model", "cache", "bank"]
    model = next(row["text"] for row in lines(fine.stdout) if row["name"] == "model")
    assert re.search(r"a prompt of (\d+) x 16: \d+ of [\d.]+K parameters trained", model)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SPOT_CACHE_DIR", str(tmp_path / "file" / "below"))
    done = lab.run("doctor", sets=(f"model.name={tmp_path / 'none'}",))
    assert done.exit_code == 1
    wrong = [line.split(":")[0] for line in done.stdout.splitlines() if line.startswith("WRONG")]
    assert wrong == ["WRONG model", "WRONG cache"]
    assert "hint: set SPOT_CACHE_DIR" in done.stdout


IMPORTED = """
import runpy, sys
forbidden = set(sys.argv.pop(1).split(","))
sys.argv[0] = "spot"
try:
    runpy.run_module("spot", run_name="__main__")
except SystemExit as stop:
    found = sorted({name.split(".")[0] for name in sys.modules} & forbidden)
    print(stop.code, ",".join(found), file=sys.stderr)
"""


def heavy(lab, forbidden, *arguments):
    """Exit code and forbidden packages that a command imported, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, ",".join(forbidden), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "SPOT_CACHE_DIR": str(lab.cache)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stderr.strip().splitlines()[-1].partition(" ")[::2]


def test_help_imports_next_to_nothing(lab):
    forbidden = (
        "jax",
        "tensorflow",
        "scipy",
        "numpy",
        "seqio",
        "sklearn",
        "matplotlib",
        "faiss",
        "pydantic",
        "rich",
    )
    assert heavy(lab, forbidden, "--help") == ("0", "")
    assert heavy(lab, forbidden, "train", "--help") == ("0", "")
    # This one lists the similarities, which are functions of arrays.
    assert heavy(lab, forbidden, "search", "--help") == ("0", "numpy")


def test_a_search_with_a_cached_query_imports_no_framework(lab, tmp_path):
    lab.copy(tmp_path / "bank")
    command = lab.arguments("search", "--target", "house", "--bank", str(tmp_path / "bank"))
    assert invoke(*command).exit_code == 0
    forbidden = (
        "jax",
        "tensorflow",
        "seqio",
        "scipy",
        "optax",
        "flax",
        "orbax",
        "sklearn",
        "matplotlib",
    )
    assert heavy(lab, forbidden, *command) == ("0", "")
    assert heavy(lab, ("faiss", "jax"), *command) == ("0", "faiss")  # the check can find something

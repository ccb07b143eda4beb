"""The screens of commands, for people and as JSON lines, equal the texts stored beside this file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from spot.commands import (
    analyze,
    baselines,
    build_bank,
    compare,
    distil,
    doctor,
    evaluate,
    heatmap,
    init,
    length,
    matrix,
    meta,
    models,
    predict,
    search,
    serve,
    study,
    tasks,
    train,
    transfer,
    tune,
    usage,
)
from spot.commands.bank import combine as bank_combine
from spot.commands.bank import evaluate as bank_evaluate
from spot.commands.bank import import_ as bank_import
from spot.commands.bank import list as bank_list
from spot.commands.bank import show as bank_show
from spot.commands.bank import verify as bank_verify
from spot.config import load_config
from spot.models.counts import Counts
from spot.report.bank_heatmap import Drawn
from spot.report.output import JsonLines, Output, People
from tests.commands import samples

ON_FLOAT32 = load_config(None, ["model.name=smollm2-135m", "model.precision=float32"])
SCREENS = Path(__file__).parent / "screens"
OUTPUTS = {"txt": People(), "jsonl": JsonLines()}

VIEWS: dict[str, Callable[[Output], None]] = {
    "analyze": lambda out: analyze.show(samples.ANALYSIS, Path("there"), out),
    "build": lambda out: build_bank.show(samples.BUILD, samples.bank(), out),
    "build-nothing": lambda out: build_bank.show(samples.NOTHING_BUILT, samples.bank(), out),
    "search": lambda out: search.show(samples.ANSWER, out),
    "search-single": lambda out: search.show(samples.SINGLE_ANSWER, out),
    "transfer": lambda out: transfer.show(samples.transfer(2.0, 5.5), out),
    "transfer-worse": lambda out: transfer.show(samples.transfer(-1.0), out),
    "length": lambda out: length.show(samples.length(), out),
    "heatmap": lambda out: heatmap.show(Drawn(Path("tasks.png"), "centered"), out),
    "study": lambda out: study.show(samples.study(), out),
    "baselines": lambda out: baselines.show(samples.BASELINES, out),
    "distil": lambda out: distil.show(samples.DISTILLATION, out),
    "compare": lambda out: compare.show(samples.COMPARISON, out),
    "matrix": lambda out: matrix.show(samples.MATRIX, out),
    "meta": lambda out: meta.show([samples.LEARNED], samples.bank(), out),
    "meta-held-out": lambda out: meta.show_comparison(samples.STARTS, out),
    "train": lambda out: train.show(samples.TRAINED, Path("news.npy"), samples.PROMPT_COUNTS, out),
    "tune": lambda out: tune.show("news", samples.TUNED, Path("tuned"), Counts(6_000_000, 0), out),
    "eval": lambda out: evaluate.show("boolq", "test", samples.EVALUATION, out),
    "eval-templates": lambda out: evaluate.show_sweep("boolq", "test", samples.SWEEP, out),
    "predict": lambda out: predict.show(samples.PREDICTIONS, out),
    "serve": lambda out: serve.show(samples.SERVICE, "http://127.0.0.1:8000", True, out),
    "serve-end": lambda out: serve.show_end(samples.SERVICE, out),
    "init": lambda out: init.show(samples.TABLE, Path("tickets.toml"), out, bank=False),
    "predict-file": lambda out: predict.show_file(samples.LABELLED, out),
    "predict-ensemble": lambda out: predict.show(samples.VOTED, out, margins=True),
    "predict-file-ensemble": lambda out: predict.show_file(samples.VOTED_FILE, out),
    "predict-file-equal": lambda out: predict.show_file(samples.EQUAL_FILE, out),
    "predict-file-free": lambda out: predict.show_file(samples.WRITTEN, out),
    "use": lambda out: usage.show_use(Path("a b/best.safetensors"), ON_FLOAT32, out),
    "tasks": lambda out: tasks.show([tasks.described(task) for task in samples.TASKS], out),
    "models": lambda out: models.show(samples.MODELS, out),
    "bank-combine": lambda out: bank_combine.show(samples.COMBINED, out),
    "bank-combined": lambda out: bank_combine.show_entry(samples.SUM, True, samples.bank(), out),
    "bank-list": lambda out: bank_list.show(samples.ENTRIES, samples.DAMAGED, out),
    "bank-show": lambda out: bank_show.show(
        samples.ENTRIES[0], samples.PROMPTS, samples.OUTCOMES, out
    ),
    "bank-verify": lambda out: bank_verify.show(samples.bank(), ["entries/x: damaged"], out),
    "bank-import": lambda out: bank_import.show(samples.IMPORT, samples.bank(), out),
    "bank-evaluate": lambda out: bank_evaluate.show(samples.RETRIEVAL, out),
    "doctor": lambda out: doctor.show(samples.FINDINGS, out),
}


@pytest.mark.parametrize("suffix", OUTPUTS)
@pytest.mark.parametrize("name", VIEWS)
def test_a_screen_is_the_stored_text(name, suffix, capsys):
    VIEWS[name](OUTPUTS[suffix])
    printed = capsys.readouterr()
    stored = (SCREENS / f"{name}.{suffix}").read_text(encoding="utf-8")
    comparable = records if suffix == "jsonl" else str
    assert comparable(printed.out) == comparable(stored)
    warnings = {"search": samples.DOUBT, "init": samples.TABLE.notes[0]}
    assert printed.err == (f"warning: {warnings[name]}\n" if name in warnings else "")


def records(text):
    """The objects of JSON lines, their fields in order; the last digits of a number are the processor's."""

    def rounded(digits):
        return f"{float(digits):.12g}"

    return [
        json.loads(line, parse_float=rounded, object_pairs_hook=list) for line in text.splitlines()
    ]


def test_every_stored_text_has_its_view():
    stored = {path.name for path in SCREENS.iterdir()}
    assert stored == {f"{name}.{suffix}" for name in VIEWS for suffix in OUTPUTS}

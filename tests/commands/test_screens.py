"""What commands print, to people and as JSON lines, is the text stored beside this file."""

from __future__ import annotations

from pathlib import Path

import pytest

from spot.report import bank_output, run_output
from tests.commands import samples

SCREENS = Path(__file__).parent / "screens"


def shown(name: str, as_json: bool) -> None:
    draw = {
        "build": lambda j: bank_output.print_build(samples.BUILD, samples.bank(), j),
        "build-nothing": lambda j: bank_output.print_build(samples.NOTHING_BUILT, samples.bank(), j),
        "search": lambda j: bank_output.print_search(samples.ANSWER, j),
        "search-single": lambda j: bank_output.print_search(samples.SINGLE_ANSWER, j),
        "transfer": lambda j: run_output.print_transfer(samples.transfer(2.0, 5.5), j),
        "transfer-worse": lambda j: run_output.print_transfer(samples.transfer(-1.0), j),
        "study": lambda j: run_output.print_study(samples.study(), j),
        "baselines": lambda j: run_output.print_baselines(samples.BASELINES, j),
        "train": lambda j: run_output.print_training(samples.TRAINED, Path("news.npy"), samples.PROMPT_COUNTS, j),
        "tune": lambda j: run_output.print_tuning("news", samples.TUNED, Path("tuned"), samples.Counts(6_000_000, 0), j),
        "eval": lambda j: run_output.print_evaluation("boolq", "test", samples.EVALUATION, j),
        "eval-templates": lambda j: run_output.print_sweep("boolq", "test", samples.SWEEP, j),
        "predict": lambda j: run_output.print_predictions(samples.PREDICTIONS, j),
        "tasks": lambda j: run_output.print_tasks(samples.TASKS, j),
        "models": lambda j: run_output.print_models(samples.MODELS, j),
        "bank-list": lambda j: bank_output.print_entries(samples.ENTRIES, samples.DAMAGED, j),
        "bank-show": lambda j: bank_output.print_entry(samples.ENTRIES[0], samples.PROMPTS, samples.OUTCOMES, j),
        "bank-verify": lambda j: bank_output.print_problems(samples.bank(), ["entries/x: damaged"], j),
        "bank-import": lambda j: bank_output.print_import(samples.IMPORT, samples.bank(), j),
        "bank-evaluate": lambda j: bank_output.print_retrieval(samples.RETRIEVAL, j),
        "doctor": lambda j: run_output.print_doctor(FINDINGS, j),
    }
    if name is None:
        return list(draw)
    draw[name](as_json)


from spot.doctor import Finding
FINDINGS = [Finding("device", True, "1 x cpu (cpu)"), Finding("model", False, "no such folder", "check model.name")]


@pytest.mark.parametrize("suffix", ["txt", "jsonl"])
@pytest.mark.parametrize("name", shown(None, False))
def test_a_screen_is_as_it_was(name, suffix, capsys):
    shown(name, suffix == "jsonl")
    printed = capsys.readouterr()
    path = SCREENS / f"{name}.{suffix}"
    import os
    if os.environ.get("WRITE"):
        path.write_text(printed.out)
    assert printed.out == path.read_text(encoding="utf-8")

"""Import of a folder of prompts: each once, and files that cannot be used reported by name."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from bank.entry import Backbone
from bank.errors import BankError
from bank.files import sha256_hex
from bank.importing import import_folder
from bank.integrity import verify

BACKBONE = Backbone("t5", "fp")


@pytest.fixture
def prompt():
    return np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)


@pytest.fixture
def folder(tmp_path, prompt):
    """A folder of two prompts, their description and their transfers."""
    place = tmp_path / "prompts"
    place.mkdir()
    np.save(place / "rte.npy", prompt)
    np.save(place / "mrpc.npy", 2 * prompt)
    (place / "meta.json").write_text('{"model": "t5 base"}')
    scores = {"rte": {"rte": 0.7, "mrpc": 0.65, "random": 0.5}}
    (place / "transfer.json").write_text(json.dumps({"scores": scores}))
    return place


def test_a_folder_is_imported_once(bank, folder, prompt):
    report = import_folder(bank, folder)
    assert len(report.added) == 2 and report.present == () and report.skipped == ()
    assert report.outcomes == 3
    assert report.backbone.name == "t5 base"
    assert report.backbone.fingerprint.startswith("unverified:")
    entry = bank.get("rte")
    arrays = bank.prompts(entry)
    assert entry.kind == "imported" and arrays.init is None
    assert arrays.key.tobytes() == arrays.value.tobytes() == prompt.tobytes()
    scores = {(one.source, one.target): one.score for one in bank.outcomes()}
    mrpc = bank.get("mrpc").id
    assert scores == {
        (entry.id, "rte"): pytest.approx(70),
        (mrpc, "rte"): pytest.approx(65),
        ("random", "rte"): pytest.approx(50),
    }
    again = import_folder(bank, folder)
    assert again.added == () and set(again.present) == set(report.added) and again.outcomes == 0
    assert verify(bank) == []


def test_a_given_backbone_counts_more_than_the_described(bank, folder):
    assert import_folder(bank, folder, BACKBONE).backbone == BACKBONE
    assert bank.manifest.backbone == BACKBONE
    with pytest.raises(BankError, match="does not fit the bank"):
        import_folder(bank, folder)  # the name alone proves nothing


def test_files_that_cannot_be_used_are_reported(bank, folder, prompt):
    (folder / "bad.npy").write_bytes(b"hello")
    good, wrong = prompt.tobytes(), "0" * 64
    listed = [
        {"file": "rte.npy", "sha256": sha256_hex(good)},
        {"file": "mrpc.npy", "sha256": wrong},
    ]
    (folder / "meta.json").write_text(json.dumps({"model": "t5", "prompts": listed}))
    report = import_folder(bank, folder)
    assert [id.split("-")[0] for id in report.added] == ["rte"]
    assert [name for name, _ in report.skipped] == ["bad.npy", "mrpc.npy"]
    assert "does not match the checksum in meta.json" in report.skipped[1][1]


def test_folders_that_cannot_be_imported_are_refused(bank, folder, tmp_path):
    with pytest.raises(BankError, match="expected a folder of prompts"):
        import_folder(bank, tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BankError, match="none that can be used: it has no .npy file"):
        import_folder(bank, tmp_path / "empty", BACKBONE)
    with pytest.raises(BankError, match='as "model" in .*meta.json, found none'):
        import_folder(bank, tmp_path / "empty")
    for text in ("{", "[]"):
        (folder / "meta.json").write_text(text)
        with pytest.raises(BankError, match=r"meta\.json"):
            import_folder(bank, folder)
    (folder / "meta.json").write_text('{"model": "m", "prompts": "rte"}')
    with pytest.raises(BankError, match='expected a list of objects as "prompts"'):
        import_folder(bank, folder)
    (folder / "meta.json").unlink()
    for scores in ({"rte": {"mrpc": 65.0}}, {"rte": 1}, [], {"rte": {"mrpc": "x"}}):
        (folder / "transfer.json").write_text(json.dumps({"scores": scores}))
        with pytest.raises(BankError, match=r"transfer\.json: expected .scores."):
            import_folder(bank, folder, BACKBONE)
    assert bank.entries() == []


def test_the_published_prompts_of_prompt_tuning_are_imported(bank, shared_data):
    report = import_folder(bank, shared_data / "prompts" / "google_t5_1_1_base_lm100k")
    assert report.backbone.name == "T5 1.1 base LM-adapted 100k (t5_1_1_lm100k_base)"
    assert [entry.task for entry in bank.entries()] == ["mrpc", "rte", "sst2"]
    assert (bank.manifest.prompt_length, bank.manifest.width) == (100, 768)
    assert report.skipped == () and verify(bank) == []


def test_what_is_good_is_imported_and_what_is_not_is_named(bank, folder, prompt):
    """One file of every fault beside two good prompts."""
    header = b"\x93NUMPY\x01\x00"
    faults = {
        "a_syntax.npy": header + (20).to_bytes(2, "little") + b"{'descr': (\n" + bytes(8),
        "b_token.npy": header + (10).to_bytes(2, "little") + b"{'a': '''x",
        "c_empty.npy": b"",
        "d_pickle.npy": b"\x80\x04K\x01.",
    }
    for name, content in faults.items():
        (folder / name).write_bytes(content)
    np.save(folder / "e_shape.npy", prompt[:2])
    np.save(folder / "f_whole.npy", np.ones((4, 6), np.int8))
    np.save(folder / "g_nan.npy", prompt * np.nan)
    np.save(folder / "h_zero.npy", prompt * 0)
    os.mkfifo(folder / "i_pipe.npy")
    (folder / "j_folder.npy").mkdir()
    (folder / "k_adapter").mkdir()
    (folder / "k_adapter" / "adapter_config.json").write_text("[" * 100_000)
    report = import_folder(bank, folder)
    assert sorted(id.split("-s0-")[0] for id in report.added) == ["mrpc", "rte"]
    assert report.backbone.name == "t5 base" and report.outcomes == 3
    names = [name for name, _ in report.skipped]
    assert [name[0] for name in sorted(names)] == list("abcdefghijk")
    reasons = dict(report.skipped)
    assert "header cannot be read" in reasons["a_syntax.npy"]
    assert "header cannot be read" in reasons["b_token.npy"]
    assert "expected the shape (4, 6) of the others, found (2, 6)" in reasons["e_shape.npy"]
    assert "int8" in reasons["f_whole.npy"] and "NaN" in reasons["g_nan.npy"]
    assert "all zero" in reasons["h_zero.npy"] and "a pipe" in reasons["i_pipe.npy"]
    again = import_folder(bank, folder)
    assert again.added == () and len(again.present) == 2 and verify(bank) == []


def test_the_shape_is_that_of_the_bank_or_of_most_prompts(bank, folder, prompt):
    np.save(folder / "aaa.npy", prompt[:2])  # the first by name
    assert [name for name, _ in import_folder(bank, folder).skipped] == ["aaa.npy"]
    assert (bank.manifest.prompt_length, bank.manifest.width) == (4, 6)
    for name in ("rte", "mrpc"):
        np.save(folder / f"{name}.npy", prompt[:2])
    with pytest.raises(BankError, match=r"none that can be used: .*expected the shape \(4, 6\)"):
        import_folder(bank, folder)


@pytest.mark.parametrize("name", ["meta.json", "transfer.json"])
@pytest.mark.parametrize("text", ["[" * 100_000, '{"scores": 1e999}', '{"scores": NaN}', "\0"])
def test_tables_of_an_import_are_bounded(bank, folder, name, text):
    (folder / name).write_text(text)
    with pytest.raises(BankError, match=rf"{name} cannot be read as JSON"):
        import_folder(bank, folder, BACKBONE)
    assert bank.entries() == []


def test_a_list_of_checksums_of_other_types_is_passed_over(bank, folder):
    listed = [{"file": ["rte.npy"], "sha256": "0"}, {"file": "rte.npy", "sha256": 3}, {}]
    (folder / "meta.json").write_text(json.dumps({"model": "t5", "prompts": listed}))
    assert len(import_folder(bank, folder).added) == 2

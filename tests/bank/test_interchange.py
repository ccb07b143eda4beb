"""Prompts of other programs: read exactly, refused by name when they are not what they seem."""

from __future__ import annotations

import json

import numpy as np
import pytest
import safetensors.numpy

from bank.entry import Backbone
from bank.errors import BankError
from bank.interchange import export_prompt, import_folder, read_prompt_file

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


@pytest.mark.parametrize("suffix", [".npy", ".safetensors"])
def test_export_and_read_keep_the_bits(tmp_path, prompt, suffix):
    path = tmp_path / "deep" / f"prompt{suffix}"
    for _ in range(2):  # a file that exists is replaced
        export_prompt(path, prompt)
    assert read_prompt_file(path).tobytes() == prompt.tobytes()
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_other_programs_read_what_is_exported(tmp_path, prompt):
    export_prompt(tmp_path / "a.npy", prompt.astype(np.float64))
    export_prompt(tmp_path / "a.safetensors", prompt)
    assert np.load(tmp_path / "a.npy").dtype == np.float32
    tensors = safetensors.numpy.load_file(tmp_path / "a.safetensors")
    assert np.array_equal(tensors["prompt_embeddings"], prompt)


def test_export_refuses_other_kinds_and_shapes(tmp_path, prompt):
    with pytest.raises(BankError, match='.npy or .safetensors, found "a.np". Did you mean ".npy"'):
        export_prompt(tmp_path / "a.np", prompt)
    with pytest.raises(BankError, match=r"prompt of floats \[P, H\], found shape \(6,\)"):
        export_prompt(tmp_path / "a.npy", prompt[0])
    with pytest.raises(BankError, match="NaN, infinity"):
        export_prompt(tmp_path / "a.npy", prompt * np.nan)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_all_floats_are_read(tmp_path, prompt, dtype):
    np.save(tmp_path / "a.npy", prompt.astype(dtype))
    safetensors.numpy.save_file({"x": prompt.astype(dtype)}, tmp_path / "a.safetensors")
    for name in ("a.npy", "a.safetensors"):
        read = read_prompt_file(tmp_path / name)
        assert read.dtype == np.float32
        assert np.array_equal(read, prompt.astype(dtype).astype(np.float32))


def test_bfloat16_is_read(tmp_path):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = np.array([[1.5, -2.0, 3.140625]], dtype=ml_dtypes.bfloat16)
    about = {"p": {"dtype": "BF16", "shape": [1, 3], "data_offsets": [0, 6]}}
    header = json.dumps(about).encode()
    content = len(header).to_bytes(8, "little") + header + array.tobytes()
    (tmp_path / "a.safetensors").write_bytes(content)
    assert read_prompt_file(tmp_path / "a.safetensors").tolist() == [[1.5, -2.0, 3.140625]]


def test_the_newest_checkpoint_of_a_prompt_tuning_run_is_read(tmp_path, prompt):
    for step in (9, 10, 2):
        place = tmp_path / "numpy_checkpoints" / f"checkpoint_{step}"
        place.mkdir(parents=True)
        with open(place / "encoder.prompt.prompt.prompt", "wb") as file:
            np.save(file, step * prompt)
    (tmp_path / "numpy_checkpoints" / "checkpoint_tmp").mkdir()
    for start in (tmp_path, tmp_path / "numpy_checkpoints"):
        assert np.array_equal(read_prompt_file(start), 10 * prompt)
    place = tmp_path / "numpy_checkpoints" / "checkpoint_9"
    assert np.array_equal(read_prompt_file(place), 9 * prompt)
    assert np.array_equal(read_prompt_file(place / "encoder.prompt.prompt.prompt"), 9 * prompt)


def test_a_peft_adapter_is_read(tmp_path, prompt):
    tensors = {"prompt_embeddings": prompt, "other": np.zeros(3, np.float32)}
    safetensors.numpy.save_file(tensors, tmp_path / "adapter_model.safetensors")
    assert np.array_equal(read_prompt_file(tmp_path), prompt)


def test_an_entry_of_a_bank_gives_its_value(bank, entry_of, prompts_of):
    bank.add(entry_of(), prompts_of())
    path = bank.folder(entry_of()) / "prompt.safetensors"
    assert np.array_equal(read_prompt_file(path), prompts_of().value)


def test_files_that_are_no_prompts_are_refused_by_name(tmp_path, prompt):
    with pytest.raises(BankError, match=r"cannot read the prompt .*none\.npy"):
        read_prompt_file(tmp_path / "none.npy")
    with pytest.raises(BankError, match=r"checkpoint_N/encoder\.prompt.* found neither"):
        read_prompt_file(tmp_path)
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(BankError, match=r"NumPy or safetensors file, found another kind: .*a\.txt"):
        read_prompt_file(tmp_path / "a.txt")
    (tmp_path / "a.safetensors").write_bytes(b"123")
    with pytest.raises(BankError, match=r"a\.safetensors is no complete safetensors file"):
        read_prompt_file(tmp_path / "a.safetensors")
    safetensors.numpy.save_file({"a": prompt, "b": prompt}, tmp_path / "b.safetensors")
    with pytest.raises(BankError, match=r"expected one tensor or one named .*found a, b"):
        read_prompt_file(tmp_path / "b.safetensors")
    safetensors.numpy.save_file({"a": np.ones((2, 2), np.int32)}, tmp_path / "c.safetensors")
    with pytest.raises(BankError, match="expected a tensor of floats, found I32"):
        read_prompt_file(tmp_path / "c.safetensors")
    np.save(tmp_path / "d.npy", np.ones((2, 2, 2)))
    with pytest.raises(BankError, match=r"d\.npy: expected a prompt of floats \[P, H\]"):
        read_prompt_file(tmp_path / "d.npy")
    np.save(tmp_path / "e.npy", np.full((2, 2), 1e300))
    with pytest.raises(BankError, match="beyond float32"):
        read_prompt_file(tmp_path / "e.npy")


def test_a_pickle_is_never_run(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[print]], dtype=object), allow_pickle=True)
    with pytest.raises(BankError, match="no complete NumPy file of numbers"):
        read_prompt_file(tmp_path / "a.npy")


@pytest.mark.parametrize("suffix", [".npy", ".safetensors"])
@pytest.mark.parametrize("part", [0.0, 0.02, 0.5, 0.99])
def test_a_file_cut_short_is_refused(tmp_path, prompt, suffix, part):
    path = tmp_path / f"a{suffix}"
    export_prompt(path, prompt)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(BankError, match=r"a\."):
        read_prompt_file(path)


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
    assert bank.verify() == []


def test_a_given_backbone_counts_more_than_the_described(bank, folder):
    assert import_folder(bank, folder, BACKBONE).backbone == BACKBONE
    assert bank.manifest.backbone == BACKBONE
    with pytest.raises(BankError, match="does not fit the bank"):
        import_folder(bank, folder)  # the name alone proves nothing


def test_files_that_cannot_be_used_are_reported(bank, folder, prompt):
    (folder / "bad.npy").write_bytes(b"hello")
    good, wrong = prompt.tobytes(), "0" * 64
    from bank.files import sha256_hex

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
    assert report.skipped == () and bank.verify() == []


def test_a_float64_prompt_of_t5x_is_read(shared_data):
    path = shared_data / "t5x" / "prompt_5x256.npy"
    assert np.array_equal(read_prompt_file(path), np.load(path).astype(np.float32))

"""Prompts of other programs: read exactly, refused by name when they are not what they seem."""

from __future__ import annotations

import json
import os
import resource
from dataclasses import replace

import numpy as np
import pytest
import safetensors.numpy

from bank.entry import Prompts
from bank.errors import BankError
from bank.files import canonical_json, sha256_hex
from bank.formats import (
    FORMATS,
    Export,
    PromptFile,
    export_entry,
    export_prompt,
    read_prompt_file,
)
from bank.formats.peft import read_adapter
from bank.importing import import_folder


@pytest.fixture
def prompt():
    return np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)


@pytest.mark.parametrize("suffix", [".npy", ".safetensors"])
def test_export_and_read_keep_the_bits(tmp_path, prompt, suffix):
    path = tmp_path / "deep" / f"prompt{suffix}"
    for _ in range(2):  # a file that exists is replaced
        export_prompt(path, prompt)
    assert read_prompt_file(path).prompt.tobytes() == prompt.tobytes()
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
    with pytest.raises(
        BankError, match=r"the prompt in .*a\.npy as floats \[P, H\], found shape \(6,\)"
    ):
        export_prompt(tmp_path / "a.npy", prompt[0])
    with pytest.raises(BankError, match="NaN, infinity"):
        export_prompt(tmp_path / "a.npy", prompt * np.nan)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_all_floats_are_read(tmp_path, prompt, dtype):
    np.save(tmp_path / "a.npy", prompt.astype(dtype))
    safetensors.numpy.save_file({"x": prompt.astype(dtype)}, tmp_path / "a.safetensors")
    for name in ("a.npy", "a.safetensors"):
        read = read_prompt_file(tmp_path / name).prompt
        assert read.dtype == np.float32
        assert np.array_equal(read, prompt.astype(dtype).astype(np.float32))


def test_bfloat16_is_read(tmp_path):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = np.array([[1.5, -2.0, 3.140625]], dtype=ml_dtypes.bfloat16)
    about = {"p": {"dtype": "BF16", "shape": [1, 3], "data_offsets": [0, 6]}}
    header = json.dumps(about).encode()
    content = len(header).to_bytes(8, "little") + header + array.tobytes()
    (tmp_path / "a.safetensors").write_bytes(content)
    assert read_prompt_file(tmp_path / "a.safetensors").prompt.tolist() == [[1.5, -2.0, 3.140625]]


def test_the_newest_checkpoint_of_a_prompt_tuning_run_is_read(tmp_path, prompt):
    for step in (9, 10, 2):
        place = tmp_path / "numpy_checkpoints" / f"checkpoint_{step}"
        place.mkdir(parents=True)
        with open(place / "encoder.prompt.prompt.prompt", "wb") as file:
            np.save(file, step * prompt)
    (tmp_path / "numpy_checkpoints" / "checkpoint_tmp").mkdir()
    for start in (tmp_path, tmp_path / "numpy_checkpoints"):
        assert np.array_equal(read_prompt_file(start).prompt, 10 * prompt)
    place = tmp_path / "numpy_checkpoints" / "checkpoint_9"
    assert np.array_equal(read_prompt_file(place).prompt, 9 * prompt)
    assert np.array_equal(
        read_prompt_file(place / "encoder.prompt.prompt.prompt").prompt, 9 * prompt
    )


def test_a_peft_adapter_is_read(tmp_path, prompt):
    tensors = {"prompt_embeddings": prompt, "other": np.zeros(3, np.float32)}
    safetensors.numpy.save_file(tensors, tmp_path / "adapter_model.safetensors")
    assert np.array_equal(read_prompt_file(tmp_path).prompt, prompt)


def test_an_entry_of_a_bank_gives_its_value(bank, entry_of, prompts_of):
    bank.add(entry_of(), prompts_of())
    path = bank.folder(entry_of()) / "prompt.safetensors"
    assert np.array_equal(read_prompt_file(path).prompt, prompts_of().value)


def test_files_that_are_no_prompts_are_refused_by_name(tmp_path, prompt):
    with pytest.raises(BankError, match=r"cannot read the prompt .*none\.npy"):
        read_prompt_file(tmp_path / "none.npy")
    with pytest.raises(
        BankError, match=r"prompt-tuning run or the folder of a PEFT adapter, found something else"
    ):
        read_prompt_file(tmp_path)
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(
        BankError, match=r"a NumPy file or a safetensors file, found something else: .*a\.txt"
    ):
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
    with pytest.raises(BankError, match=r"expected the prompt in .*d\.npy as floats \[P, H\]"):
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


def test_a_float64_prompt_of_t5x_is_read(shared_data):
    path = shared_data / "t5x" / "prompt_5x256.npy"
    assert np.array_equal(read_prompt_file(path).prompt, np.load(path).astype(np.float32))


MODEL = "google/t5-v1_1-small"


def test_an_entry_leaves_in_every_format(bank, entry_of, prompts_of, tmp_path):
    entry, prompts = entry_of("boolq", value_step=30), prompts_of()

    def export(name, form):
        return export_entry(tmp_path / name, entry, prompts, form, model=MODEL, causal=True)

    paths = [export("x.npy", None), export("y.npy", "npy"), export("f", "npy")]
    paths += [export("f", "safetensors"), export("p", "peft"), export("t", "t5x")]
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        "x.npy", "y.npy", "f/boolq.npy", "f/boolq.safetensors", "p", "t",
    ]  # fmt: skip
    for path in paths:
        assert read_prompt_file(path).prompt.tobytes() == prompts.value.tobytes()
    assert read_adapter(paths[4]).task_type == "CAUSAL_LM"
    run = tmp_path / "t/numpy_checkpoints/checkpoint_30/encoder.prompt.prompt.prompt"
    assert np.array_equal(np.load(run), prompts.value)
    assert [bank.get(id).task for id in import_folder(bank, tmp_path / "p").added] == ["p"]


def test_key_and_init_of_an_entry_leave_too(entry_of, prompts_of, tmp_path):
    entry, prompts = entry_of(key_step=60, value_step=80), prompts_of()
    for what in ("init", "key", "value"):
        path = export_entry(tmp_path / f"{what}.npy", entry, prompts, what=what)
        assert np.array_equal(np.load(path), getattr(prompts, what))
    place = export_entry(tmp_path / "run", entry, prompts, "t5x", what="key")
    assert (place / "numpy_checkpoints" / "checkpoint_60").is_dir()
    with pytest.raises(BankError, match="boolq-s0-.* holds no init"):
        export_entry(tmp_path / "a.npy", entry, prompts._replace(init=None), what="init")


def suffix(shape=(4, 6)):
    """A prompt of a kind with named arrays beside its [P, H]."""
    rng = np.random.default_rng(5)
    arrays = {"layers": rng.normal(size=(2, *shape)), "scale": np.float32(0.5)}
    return PromptFile(
        rng.normal(size=shape).astype(np.float32),
        "layered",
        {name: np.asarray(array, np.float32) for name, array in arrays.items()},
    )


def test_a_kind_and_its_arrays_keep_their_bits(tmp_path):
    prompt = suffix()
    read = read_prompt_file(export_prompt(tmp_path / "a.safetensors", prompt))
    assert read.kind == "layered" and read.prompt.tobytes() == prompt.prompt.tobytes()
    assert set(read.arrays) == {"layers", "scale"}
    for name, array in prompt.arrays.items():
        assert read.arrays[name].shape == array.shape and read.arrays[name].dtype == np.float32
        assert read.arrays[name].tobytes() == array.tobytes()


def test_the_file_of_a_plain_prompt_does_not_name_its_kind(tmp_path, prompt):
    content = export_prompt(tmp_path / "a.safetensors", prompt).read_bytes()
    size = int.from_bytes(content[:8], "little")
    assert json.loads(content[8 : 8 + size])["__metadata__"] == {"format": "pt"}
    assert read_prompt_file(tmp_path / "a.safetensors").kind == "prefix"


def test_arrays_that_are_not_finite_are_refused(tmp_path):
    prompt = suffix()
    bad = PromptFile(prompt.prompt, "layered", {"layers": np.array([1.0, np.nan])})
    with pytest.raises(BankError, match="NaN, infinity"):
        export_prompt(tmp_path / "a.safetensors", bad)
    whole = PromptFile(prompt.prompt, "layered", {"layers": np.array([1, 2])})
    with pytest.raises(
        BankError, match="expected the array layers in .* as floats, found shape .* of int64"
    ):
        export_prompt(tmp_path / "a.safetensors", whole)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "form", [name for name, form in FORMATS.items() if form.kinds == ("prefix",)]
)
def test_formats_of_the_plain_kind_refuse_others_and_name_one_that_holds_them(tmp_path, form):
    with pytest.raises(
        BankError, match=f'{form} holds .*"prefix" alone, found "layered"'
    ) as caught:
        export_prompt(tmp_path / "out", suffix(), form, Export(model="m"))
    assert caught.value.hint.endswith("every kind: safetensors")
    assert not list(tmp_path.iterdir())


def test_an_entry_of_another_kind_leaves_whole(bank, entry_of, tmp_path):
    prompt = suffix()
    entry = entry_of(recipe={"init": "vocab", "prompt_kind": "layered"})
    prompts = Prompts(None, 2 * prompt.prompt, prompt.prompt, prompt.arrays)
    bank.add(entry, prompts)
    out = export_entry(tmp_path, entry, bank.prompts(entry), "safetensors")
    for path in (out, bank.folder(entry) / "prompt.safetensors"):
        read = read_prompt_file(path)
        assert (read.kind, set(read.arrays)) == ("layered", {"layers", "scale"})
        assert np.array_equal(read.prompt, prompt.prompt)
        assert np.array_equal(read.arrays["layers"], prompt.arrays["layers"])
    with pytest.raises(BankError, match="holds no key"):  # its named arrays are the value's
        export_entry(tmp_path, entry, prompts, "safetensors", what="key")


def test_every_format_that_is_read_reads_what_it_writes(tmp_path, prompt):
    for name, form in ((name, form) for name, form in FORMATS.items() if form.holds("prefix")):
        path = export_prompt(tmp_path / name, prompt, name, Export(model="m"))
        assert form.name == name and form.description and path.exists()
        recognised = [other for other, one in FORMATS.items() if one.recognises(path)]
        assert recognised == ([name] if form.read else [])
        if form.read:
            assert read_prompt_file(path).prompt.tobytes() == prompt.tobytes()


def test_an_unknown_format_is_named(tmp_path, prompt):
    with pytest.raises(BankError, match='out of npy, .*, found "petf". Did you mean "peft"'):
        export_prompt(tmp_path, prompt, "petf")


def npy_file(header, content=b"", version=b"\x01\x00"):
    """The bytes of a NumPy file with this header."""
    return b"\x93NUMPY" + version + len(header).to_bytes(2, "little") + header + content


def described(shape="(2, 3)", descr="'<f4'"):
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (npy_file(b"{'descr': (", bytes(24)), "its header cannot be read"),
        (npy_file(b"{'a': '''x L", bytes(24)), "its header cannot be read"),
        (npy_file(b"((((" * 2000, bytes(24)), "its header cannot be read"),
        (npy_file(b"-" * 9000, bytes(24)), "its header cannot be read"),
        (npy_file(b"\0" * 64, bytes(24)), "its header cannot be read"),
        (npy_file(described(), bytes(24), b"\x09\x00"), "its header cannot be read"),
        (npy_file(described(descr="'zz'"), bytes(24)), "its header cannot be read"),
        (npy_file(described(f"({1 << 40}, {1 << 20})"), bytes(24)), "are not the whole"),
        (npy_file(described(f"({'9' * 4200}, {'9' * 4200})"), bytes(24)), "are not the whole"),
        (npy_file(described("(-2, -3)"), bytes(24)), "are not the whole"),
        (npy_file(described(), bytes(25)), "are not the whole"),
        (npy_file(described(), bytes(23)), "are not the whole"),
        (npy_file(described(descr="'|O'"), bytes(48)), "Python objects"),
    ],
)  # fmt: skip
def test_headers_of_numpy_files_are_bounded(tmp_path, content, reason):
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(
        BankError, match=rf"a\.npy is no complete NumPy file of numbers: .*{reason}"
    ):
        read_prompt_file(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


def test_numpy_files_are_read_as_numpy_reads_them(tmp_path):
    array = np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32)
    for number, kept in enumerate(
        (array, np.asfortranarray(array), array.astype(">f4"), array[::2])
    ):
        np.save(tmp_path / f"{number}.npy", kept)
        read = read_prompt_file(tmp_path / f"{number}.npy").prompt
        assert np.array_equal(read, np.load(tmp_path / f"{number}.npy")) and read.dtype == "<f4"
    with open(tmp_path / "two.npy", "wb") as file:
        np.lib.format.write_array(file, array, version=(2, 0))
    assert np.array_equal(read_prompt_file(tmp_path / "two.npy").prompt, array)


@pytest.mark.parametrize("dtype", ["I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2", "F4", "I32", "C64"])
def test_other_types_of_numbers_are_named_and_never_read_as_plain_ones(tmp_path, dtype):
    size = {"F4": 4, "I32": 32, "C64": 64}.get(dtype, 8) * 4 // 8
    about = {"p": {"dtype": dtype, "shape": [2, 2], "data_offsets": [0, size]}}
    header = json.dumps(about).encode()
    path = tmp_path / "a.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\x01" * size)
    with pytest.raises(
        BankError, match=rf"a tensor of floats, found {dtype} \(read are BF16, F16, F32, F64\)"
    ) as caught:
        read_prompt_file(path)
    assert caught.value.hint == "save the prompt as float32"


@pytest.mark.parametrize("name", ["a.npy", "a.safetensors", "a.txt"])
def test_pipes_and_devices_are_named_at_once(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(
        BankError, match="cannot read the prompt .*: it is a pipe, not a regular file"
    ):
        read_prompt_file(tmp_path / name)
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to("/dev/zero")
    with pytest.raises(BankError, match="cannot read the prompt .*: it is a device, not a regular"):
        read_prompt_file(tmp_path / name)


@pytest.mark.parametrize("name", ["a.npy", "a.safetensors"])
def test_a_file_larger_than_any_prompt_is_not_read(tmp_path, name):
    path = export_prompt(tmp_path / name, np.ones((2, 2), np.float32))
    os.truncate(path, 1 << 40)  # sparse: it needs no disk
    with pytest.raises(BankError, match="more than the 536,870,912 that such a file may have"):
        read_prompt_file(path)


def test_tensors_that_are_not_used_are_named(tmp_path, prompt, caplog):
    tensors = {"prompt_embeddings": prompt, "lm_head": prompt, "bias": prompt}
    safetensors.numpy.save_file(tensors, tmp_path / "a.safetensors")
    assert np.array_equal(read_prompt_file(tmp_path / "a.safetensors").prompt, prompt)
    assert "a.safetensors: tensors that are passed over: bias, lm_head" in caplog.text


def test_what_stands_in_a_foreign_entry_never_becomes_a_path(bank, entry_of, prompts_of, tmp_path):
    entry = entry_of("boolq", value_step=30)
    bank.add(entry, prompts_of())
    step = "x/../../../PWNED"
    with pytest.raises(BankError, match=f"expected a step of 0 or more, found '{step}'"):
        export_entry(tmp_path / "a" / "b", replace(entry, value_step=step), prompts_of(), "t5x")
    with pytest.raises(BankError, match=r"expected a name without folders .*found '\.\./x'"):
        export_prompt(tmp_path / "a", prompts_of().value, "npy", Export(name="../x"))
    path = bank.folder(entry) / "entry.json"
    content = json.loads(path.read_text())
    content["entry"]["value_step"] = step
    del content["checksum"]
    content["checksum"] = sha256_hex(canonical_json(content))  # as its author could
    path.write_text(json.dumps(content))
    ((name, reason),) = bank.damaged()
    assert name == entry.id and "value_step is 'x/../../../PWNED'" in reason
    assert {each.name for each in tmp_path.iterdir()} == {"bank"}


def test_checkpoints_of_strange_names_are_no_steps(tmp_path, prompt):
    for name in ("checkpoint_²", "checkpoint_-3", "checkpoint_1e3", "checkpoint_4"):
        export_prompt(tmp_path / "numpy_checkpoints" / name / "p.npy", prompt)
        place = tmp_path / "numpy_checkpoints" / name
        (place / "p.npy").rename(place / "encoder.prompt.prompt.prompt")
    assert np.array_equal(read_prompt_file(tmp_path).prompt, prompt)

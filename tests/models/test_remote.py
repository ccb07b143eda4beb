"""Checkpoints in buckets: the address stays whole, each file is copied once, and never by half."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from bank.files import replace_file
from spot.config import dump, load_config
from spot.errors import SpotError
from spot.models.model import identity, load, model_path
from spot.models.settings import ModelSettings
from spot.models.weights import remote
from spot.models.weights.remote import copied_checkpoint, is_remote, local_file
from spot.models.weights.t5x import read_checkpoint
from spot.settings import cache_dir
from tests.models.test_weights import CONFIG, ZARR, write_t5x
from tests.toys import random_arrays, write_vocabulary

FOLDER = "gs://bucket/deep/checkpoint_3"
OPEN = remote._open
VOCABULARY = "gs://bucket/vocabs/sentencepiece.model"


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """A folder that stands for gs://bucket; files read from it are noted in `bucket.reads`."""
    import tensorstore

    class Bucket:
        root = tmp_path / "bucket"
        opened: list[str] = []
        reads: list[str] = []

    class Store:
        def __init__(self, folder):
            self.inner = tensorstore.KvStore.open(f"file://{folder}/").result()

        def read(self, name):
            Bucket.reads.append(name)
            return self.inner.read(name)

        def list(self, keys):
            return self.inner.list(keys)

    def opened(address):
        Bucket.opened.append(address)
        return Store(Bucket.root / address.removeprefix("gs://bucket/"))

    monkeypatch.setattr(remote, "_open", opened)
    Bucket.opened, Bucket.reads = [], []
    place = Bucket.root / "deep/checkpoint_3"
    place.mkdir(parents=True)
    write_t5x(place, random_arrays(CONFIG))
    state = place / "state.param_states.v"  # of the optimiser: not needed
    shutil.copytree(place / f"target.{ZARR.replace('/', '.')}", state)
    (Bucket.root / "vocabs").mkdir()
    write_vocabulary(Bucket.root / "vocabs/sentencepiece.model")
    return Bucket


def test_addresses_are_told_from_paths():
    assert is_remote("gs://b/x") and is_remote("s3://b/x")
    for name in ("gs:/b/x", "/gs://b", "me/t5", "C:/x", None, Path("a")):
        assert not is_remote(name)


def test_a_model_in_a_bucket_is_loaded_from_a_config_that_names_it(bucket, tmp_path):
    text = f'[model]\nname = "{FOLDER}"\nvocabulary = "{VOCABULARY}"\nprecision = "float32"\n'
    (tmp_path / "run.toml").write_text(text)
    config = load_config(tmp_path / "run.toml")
    assert f'"{FOLDER}"' in dump(config) and f'"{VOCABULARY}"' in dump(config)
    backbone = load(config.model)
    assert bucket.opened == [FOLDER, "gs://bucket/vocabs"]
    assert backbone.identity.name == FOLDER
    local = {"name": str(bucket.root / "deep/checkpoint_3"), "precision": "float32"}
    there = ModelSettings(**local, vocabulary=bucket.root / "vocabs/sentencepiece.model")
    assert identity(there).fingerprint == backbone.identity.fingerprint


def test_the_copy_holds_the_models_arrays_and_is_made_once(bucket):
    folder = copied_checkpoint(FOLDER)
    found = read_checkpoint(folder)
    for name, array in random_arrays(CONFIG).items():
        np.testing.assert_array_equal(found[name], array)
    assert not list(folder.glob("state*")) and folder.is_relative_to(cache_dir())
    assert len(bucket.reads) == len(set(bucket.reads))
    before = len(bucket.reads)
    assert copied_checkpoint(FOLDER) == copied_checkpoint(f"{FOLDER}/") == folder
    assert len(bucket.reads) == before and len(bucket.opened) == 1
    assert local_file(VOCABULARY) == local_file(VOCABULARY) and len(bucket.opened) == 2


def test_an_interrupted_copy_goes_on_and_is_no_model_before(bucket, monkeypatch):
    written: list[Path] = []

    def stops(path, content):
        if len(written) == 10:
            raise KeyboardInterrupt
        written.append(path)
        replace_file(path, content)

    monkeypatch.setattr(remote, "replace_file", stops)
    with pytest.raises(KeyboardInterrupt):
        copied_checkpoint(FOLDER)
    assert not (remote._place(FOLDER) / "checkpoint").exists()
    monkeypatch.setattr(remote, "replace_file", replace_file)
    bucket.reads.clear()
    folder = copied_checkpoint(FOLDER)
    done = {path.relative_to(folder).as_posix() for path in written}
    assert len(done) == 10 and not done & set(bucket.reads)
    assert sorted(read_checkpoint(folder)) == sorted(random_arrays(CONFIG))


def test_what_is_missing_in_the_bucket_is_named(bucket):
    with pytest.raises(SpotError, match="gs://bucket/deep: expected a file checkpoint, found none"):
        copied_checkpoint("gs://bucket/deep")
    with pytest.raises(SpotError, match=r"expected a file none\.model"):
        local_file("gs://bucket/vocabs/none.model")
    shutil.rmtree(bucket.root / f"deep/checkpoint_3/target.{ZARR.replace('/', '.')}")
    with pytest.raises(
        SpotError, match=r"expected the array target\.encoder.*found no such folder"
    ):
        copied_checkpoint(FOLDER)
    assert not (remote._place(FOLDER) / "checkpoint").exists()
    (bucket.root / "deep/checkpoint_3/checkpoint").write_bytes(b"short")
    with pytest.raises(SpotError, match="gs://bucket/deep/checkpoint_3/checkpoint: expected T5X"):
        copied_checkpoint(FOLDER)


def test_without_access_the_error_says_so(bucket, monkeypatch):
    class Denied:
        def result(self, timeout):
            raise ValueError("PERMISSION_DENIED: no\nmore")

    store = type("Store", (), {"read": lambda *_: Denied(), "list": lambda *_: Denied()})()
    monkeypatch.setattr(remote, "_open", lambda address: store)
    with pytest.raises(
        SpotError, match=r"checkpoint_3 cannot be read \(PERMISSION_DENIED: no\)"
    ) as e:
        model_path(ModelSettings(name=FOLDER))
    assert "log in first" in e.value.hint


def test_the_real_reader_opens_folders_and_refuses_unknown_schemes(bucket, monkeypatch):
    monkeypatch.setattr(remote, "_open", OPEN)
    folder = copied_checkpoint(f"file://{bucket.root}/deep/checkpoint_3")
    assert sorted(read_checkpoint(folder)) == sorted(random_arrays(CONFIG))
    with pytest.raises(SpotError, match='ftp://b/x cannot be read .*unsupported URL scheme "ftp"'):
        copied_checkpoint("ftp://b/x")

"""Models by id: found in the cache, else downloaded from a hub that is made up here."""

from __future__ import annotations

import fnmatch
import os
import shutil
import sys
from types import SimpleNamespace

import pytest

from spot.errors import SpotError
from spot.models.model import load, model_path
from spot.models.settings import ModelSettings
from spot.models.weights import hub as module
from spot.models.weights.hub import cached, fetch, is_model_id
from tests.models.test_hf import write_hf
from tests.toys import random_arrays, tiny_config

ID = "google/tiny-lm-adapt"


class Hub:
    """A hub with one repository: files by revision, downloaded into the real cache's layout."""

    def __init__(self, source, **revisions):
        self.source, self.revisions = source, revisions
        self.requests = []  # (number, author)
        self.asked, self.downloaded, self.fail_at = [], [], ""

    def list_repo_files(self, repository, *, revision=None):
        self.asked.append(revision)
        if repository != ID or (revision or "main") not in self.revisions:
            raise type("RepositoryNotFoundError", (OSError,), {})("404")
        return list(self.revisions[revision or "main"])

    def get_repo_discussions(self, repository, *, author, discussion_type):
        assert discussion_type == "pull_request"
        return (SimpleNamespace(num=n) for n, who in self.requests if who == author)

    def snapshot_download(self, repository, *, revision, allow_patterns):
        revision = revision or "main"
        place = module.cache() / "models--google--tiny-lm-adapt"
        commit = f"commit-of-{revision.replace('/', '-')}"
        (place / "refs" / revision).parent.mkdir(parents=True, exist_ok=True)
        (place / "refs" / revision).write_text(commit)
        folder = place / "snapshots" / commit
        folder.mkdir(parents=True, exist_ok=True)
        for name in self.revisions[revision]:
            if any(fnmatch.fnmatch(name, one) for one in allow_patterns):
                if name == self.fail_at:
                    raise type("ReadTimeout", (Exception,), {})("timed out\nafter 10 s")
                if not (folder / name).is_file():
                    shutil.copy(self.source / name, folder / name)
                    self.downloaded.append(name)
        return str(folder)


FILES = ("README.md", "config.json", "model.safetensors", "spiece.model", "tf_model.h5")
PICKLED = ("config.json", "pytorch_model.bin", "spiece.model")


@pytest.fixture
def source(tmp_path):
    """The repository's files."""
    folder = write_hf(tmp_path / "source", tiny_config(), random_arrays(tiny_config()))
    for name in ("README.md", "tf_model.h5", "pytorch_model.bin"):
        (folder / name).write_text("not needed")
    return folder


@pytest.fixture
def use(source, monkeypatch):
    """A function that puts a made-up hub in the place of huggingface-hub."""
    for name in ("HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(module, "_has_torch", lambda: False)

    def put(**revisions):
        hub = Hub(source, **revisions)
        monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
        return hub

    return put


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("google/t5-small", True), ("me/a.b-c_d@v1.0", True), ("me/a@refs/pr/12", True),
        ("t5-small", False), ("/me/a", False), ("./a/b", False), ("a/b/c", False), ("a/b@", False),
        ("gs://bucket/a", False), ("a/", False), ("../models", False), ("", False),
    ],
)  # fmt: skip
def test_ids_are_told_from_folders(name, expected):
    assert is_model_id(name) == expected


def test_only_the_needed_files_are_downloaded_and_only_once(use):
    hub = use(main=FILES)
    folder = fetch(ID)
    assert sorted(hub.downloaded) == ["config.json", "model.safetensors", "spiece.model"]
    assert folder == cached(ID) and hub.downloaded[-1] == "model.safetensors"
    asked = len(hub.asked)
    assert fetch(ID) == folder and len(hub.asked) == asked
    sys.modules["huggingface_hub"] = None  # not even the package is needed now
    assert model_path(ModelSettings(name=ID)) == folder
    assert load(ModelSettings(name=ID, precision="float32")).identity.name == ID


def test_a_folder_of_that_name_comes_first(use, source, tmp_path, monkeypatch):
    hub = use(main=FILES)
    (tmp_path / "google").mkdir()
    shutil.copytree(source, tmp_path / ID)
    monkeypatch.chdir(tmp_path)
    assert model_path(ModelSettings(name=ID)).samefile(tmp_path / ID)
    assert hub.asked == []


def test_an_interrupted_download_goes_on(use):
    hub = use(main=FILES)
    for name in ("spiece.model", "model.safetensors"):
        hub.fail_at = name
        with pytest.raises(SpotError, match=r"could not be downloaded \(ReadTimeout: timed out\)"):
            fetch(ID)
        assert cached(ID) is None  # half a model is none
    hub.fail_at = ""
    assert fetch(ID) == cached(ID)
    assert sorted(hub.downloaded) == ["config.json", "model.safetensors", "spiece.model"]


def test_a_missing_shard_is_fetched(use, source):
    arrays = random_arrays(tiny_config())
    (source / "model.safetensors").unlink()
    write_hf(source, tiny_config(), arrays, shards=3)
    names = [path.name for path in source.glob("model*")]
    hub = use(main=("config.json", "spiece.model", *names))
    hub.fail_at = "model-00001.safetensors"
    with pytest.raises(SpotError, match="goes on where it stopped"):
        fetch(ID)
    assert cached(ID) is None
    hub.fail_at = ""
    fetch(ID)
    assert len(names) == 4 and sorted(hub.downloaded) == sorted({*hub.revisions["main"]})


def test_safetensors_of_the_converters_pull_request_are_taken_where_main_has_none(use, caplog):
    full = (*PICKLED, "model.safetensors")
    hub = use(**{"main": PICKLED, "refs/pr/1": full, "refs/pr/4": PICKLED, "refs/pr/11": full})
    hub.requests = [(11, "SFconvertbot"), (1, "a-stranger"), (4, "SFconvertbot")]
    folder = fetch(ID)
    assert folder.name == "commit-of-refs-pr-11"
    assert "pull request 11 by SFconvertbot (google/tiny-lm-adapt@refs/pr/11)" in caplog.text
    assert "pytorch_model.bin" not in hub.downloaded
    assert cached(ID) == folder  # the next call needs no network
    assert fetch(f"{ID}@refs/pr/1").name == "commit-of-refs-pr-1"  # a stranger's, by name
    assert fetch(f"{ID}@commit-of-refs-pr-1").name == "commit-of-refs-pr-1"


def test_a_model_of_pickles_alone_needs_torch(use, monkeypatch):
    hub = use(main=PICKLED)
    with pytest.raises(
        SpotError, match=r"expected model.safetensors .*@refs/pr/<n>.*install torch"
    ):
        fetch(ID)
    assert hub.downloaded == []
    monkeypatch.setattr(module, "_has_torch", lambda: True)
    assert (fetch(ID) / "pytorch_model.bin").is_file()
    assert cached(ID) is not None
    monkeypatch.setattr(module, "_has_torch", lambda: False)
    assert cached(ID) is None


def test_what_cannot_be_had_is_said_with_a_way_out(use, monkeypatch):
    hub = use(main=FILES)
    with pytest.raises(SpotError, match="the hub has no such model or revision.*spot models"):
        fetch("google/other")
    with pytest.raises(SpotError, match="no such model or revision"):
        fetch(f"{ID}@v9")
    use(main=("README.md",))
    with pytest.raises(SpotError, match="expected model.safetensors .* found README.md"):
        fetch(ID)

    def gated(*_, **__):
        raise type("GatedRepoError", (OSError,), {})("403")

    monkeypatch.setattr(hub, "list_repo_files", gated)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    with pytest.raises(SpotError, match="granted access.*hf auth login"):
        fetch(ID)


@pytest.mark.parametrize(
    "commit", [b"..", b".", b"../../../../outside", b"/etc", b"", b"\xff\xfe", b"a\0b", b"x" * 5000]
)
def test_a_commit_that_leads_out_of_the_cache_is_none(use, source, commit):
    hub = use(main=FILES)
    whole = fetch(ID)
    assert cached(ID) == whole
    (whole.parents[1] / "refs" / "main").write_bytes(commit)
    shutil.copytree(source, whole.parents[1], dirs_exist_ok=True)  # what ".." would lead to
    assert cached(ID) is None
    assert fetch(ID) == whole and hub.downloaded  # asked for again


def test_a_revision_that_leads_out_of_the_cache_is_none(use):
    use(main=FILES)
    whole = fetch(ID)
    assert cached(f"{ID}@main") == whole
    for revision in ("../refs/main", "refs/../main", "./main"):
        assert cached(f"{ID}@{revision}") is None


def test_links_into_the_hubs_own_blobs_are_followed(use):
    use(main=FILES)
    whole = fetch(ID)
    blob = whole.parents[1] / "blobs" / "abc"
    blob.parent.mkdir()
    (whole / "model.safetensors").rename(blob)
    (whole / "model.safetensors").symlink_to("../../blobs/abc")
    assert cached(ID) == whole
    assert load(ModelSettings(name=ID, precision="float32")).identity.name == ID


def test_references_that_are_no_files_are_passed_over(use):
    use(main=FILES)
    place = fetch(ID).parents[1] / "refs"
    (place / "main").unlink()
    os.mkfifo(place / "main")
    requests = place / "refs" / "pr"
    requests.mkdir(parents=True)
    for name in ("²", "x", "7"):
        (requests / name).mkdir()
    assert cached(ID) is None


def test_without_the_package_the_error_says_what_to_put_where(use, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(SpotError) as caught:
        model_path(ModelSettings(name=ID))
    assert str(module.cache()) in caught.value.message
    assert "spot-transfer[hub]" in caught.value.hint
    assert f"model.safetensors of {ID} into a folder" in caught.value.hint


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "{home}/.cache/huggingface/hub"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/huggingface/hub"),
        ({"HF_HOME": "/h", "XDG_CACHE_HOME": "/x"}, "/h/hub"),
        ({"HF_HUB_CACHE": "/c", "HF_HOME": "/h"}, "/c"),
    ],
)
def test_the_cache_is_where_the_hubs_client_keeps_it(use, monkeypatch, variables, expected):
    import os

    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(module.cache()) == expected.format(home=os.environ["HOME"])

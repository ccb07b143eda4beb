"""The real huggingface-hub against a small server on this machine: what it asks, keeps, resumes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.models.test_hf import write_hf
from tests.toys import random_arrays, tiny_config

ROOT = Path(__file__).resolve().parents[2]
ID = "google/tiny-lm-adapt"
REQUEST = "refs/pr/2"
FETCH = "import sys\nfrom spot.models.weights.hub import fetch\nprint(fetch(sys.argv[1]))"


class Server(ThreadingHTTPServer):
    """One repository: pickles on main, safetensors in the converter's pull request 2."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        main = {"config.json", "spiece.model", "pytorch_model.bin"}
        self.content = {path.name: path.read_bytes() for path in folder.iterdir()}
        self.files = {"main": main, REQUEST: main | {"model.safetensors"}}
        self.log: list[str] = []
        self.break_once = False  # cut the weights off in the middle


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.log.append(f"{self.command} {path} {self.headers.get('Range', '')}".strip())
        api = f"/api/models/{ID}"
        if path == f"{api}/discussions":
            made = {
                "num": 2, "title": "t", "status": "open", "isPullRequest": True,
                "author": {"name": "SFconvertbot"}, "repo": {"name": ID, "type": "model"},
                "createdAt": "2023-01-01T00:00:00.000Z",
            }  # fmt: skip
            return self.answer({"discussions": [made], "count": 1, "start": 0})
        for revision, files in self.server.files.items():
            commit = hashlib.sha1(revision.encode()).hexdigest()
            for name in (revision, commit):
                if path in (f"{api}/revision/{name}", api):
                    return self.answer({"id": ID, "sha": commit, "siblings": self.tree(files)})
                if path == f"{api}/tree/{name}":
                    return self.answer(self.tree(files))
                file = path.removeprefix(f"/{ID}/resolve/{name}/")
                if file in files:
                    return self.file(file, commit)
        self.reply(404, b"", {"X-Error-Code": "RepoNotFound"})

    def tree(self, files):
        sizes = {name: len(self.server.content[name]) for name in sorted(files)}
        return [
            {"type": "file", "path": name, "rfilename": name, "size": size, "oid": name}
            for name, size in sizes.items()
        ]

    def answer(self, content) -> None:
        self.reply(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def file(self, name: str, commit: str) -> None:
        content = self.server.content[name]
        about = {"ETag": f'"{name}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        begin = int(self.headers.get("Range", "bytes=0-")[6:].split("-")[0])
        if begin:
            about["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        self.reply(206 if begin else 200, content[begin:], about)

    def reply(self, code: int, content: bytes, headers) -> None:
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            cut = self.server.break_once and "X-Repo-Commit" in headers and "safet" in self.path
            self.wfile.write(content[: len(content) // 2] if cut else content)
            self.close_connection = cut
            self.server.break_once = self.server.break_once and not cut

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def server(tmp_path):
    pytest.importorskip("huggingface_hub", reason="needs huggingface-hub: the extra hub")
    folder = write_hf(tmp_path / "source", tiny_config(), random_arrays(tiny_config()))
    (folder / "pytorch_model.bin").write_text("a pickle")
    found = Server(folder)
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


def run(server, tmp_path, name=ID, **variables):
    """`fetch` in a process of its own: the client reads its settings when it is imported."""
    named = {
        "HF_ENDPOINT": f"http://127.0.0.1:{server.server_address[1]}",
        "HF_HUB_DISABLE_XET": "1",
    }
    home = {"HF_HOME": str(tmp_path / "hub"), "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    command = [sys.executable, "-c", FETCH, name]
    environment = {**os.environ, **named, **home, **variables}
    return subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120
    )


def test_a_model_whose_safetensors_are_in_a_pull_request_is_downloaded(server, tmp_path):
    done = run(server, tmp_path)
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.strip())
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json", "model.safetensors", "spiece.model",
    ]  # fmt: skip
    assert (folder / "model.safetensors").read_bytes() == server.content["model.safetensors"]
    assert not any("pytorch_model" in line for line in server.log)
    server.log.clear()
    again = run(server, tmp_path, HF_HUB_OFFLINE="1")
    assert (again.stdout, server.log) == (done.stdout, [])


def test_a_broken_download_goes_on_with_what_is_missing(server, tmp_path):
    server.break_once = True
    done = run(server, tmp_path)
    while done.returncode:  # the client may go on by itself
        assert "goes on where it stopped" in done.stderr and not server.break_once
        done = run(server, tmp_path)
    weights = [line for line in server.log if line.startswith("GET /goo") and "safetens" in line]
    small = [line for line in server.log if line.startswith("GET /goo") and "config.json" in line]
    assert (len(weights), len(small)) == (2, 1)
    content = Path(done.stdout.strip(), "model.safetensors").read_bytes()
    assert content == server.content["model.safetensors"]


def test_offline_and_without_the_model_the_error_says_what_to_do(server, tmp_path):
    offline = run(server, tmp_path, HF_HUB_OFFLINE="1")
    assert offline.returncode and "could not be downloaded (OfflineModeIsEnabled" in offline.stderr
    unknown = run(server, tmp_path, "google/other")
    assert "the hub has no such model or revision" in unknown.stderr

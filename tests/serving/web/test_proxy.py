"""The proxy before a stand-in for vLLM, a real server that decodes the tensors which it is sent."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace
from urllib.parse import urlsplit

import httpx2
import ml_dtypes
import numpy as np
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from bank.entry import Backbone
from bank.store import Bank
from spot.errors import SpotError
from spot.models.model import Model, load
from spot.prompts.kinds import find_kind
from spot.prompts.prompt import SoftPrompt
from spot.prompts.stored import value_of
from spot.serving.web.app import create_app
from spot.serving.web.insertion import Insertion
from spot.serving.web.proxy import proxy_routes
from spot.serving.web.refusal import Refusal
from spot.serving.web.server import Server, bound, open_service
from spot.serving.web.server import address as server_address
from spot.serving.web.settings import ServerSettings
from spot.serving.web.upstream import Upstream
from spot.tasks.examples import Ragged
from spot.tasks.task import Task
from tests.serving.web.running import serving
from tests.serving.web.stand import Scripted, item, until
from tests.torch_reader import tensor_of_base64
from tests.toys import (
    model_settings,
    random_arrays,
    tiny_config,
    tiny_decoder,
    toy_model,
    write_model,
    write_tokenizer,
)

WIDTH = 16
RNG = np.random.default_rng(5)
EMBEDDINGS = RNG.normal(size=(90, WIDTH)).astype(np.float32)
PROMPTS = {
    "sst-s0-1": SoftPrompt.of(find_kind("prefix"), RNG.normal(size=(3, WIDTH))),
    "cola-s0-2": SoftPrompt.of(find_kind("prefix"), RNG.normal(size=(5, WIDTH))),
    "behind-s0-3": SoftPrompt.of(find_kind("suffix"), RNG.normal(size=(3, WIDTH))),
    "wide-s0-4": SoftPrompt.of(find_kind("prefix"), RNG.normal(size=(3, WIDTH + 1))),
}
# The ids by hand: those of the toy tokenizer plus one, with "e" in front of every text as it asks.
IDS = {"ab c": [6, 8, 7, 4], "d": [6, 5], "": [6]}
EVENTS = [b'data: {"text": "\xc3\xa9"}\n\n', b"data: {}\n\ndata: {}\n\n", b"data: [DONE]\n\n"]
WAIT = 20  # seconds that no test takes


@pytest.fixture(scope="module")
def decoder(tmp_path_factory) -> Model:
    """A decoder of these embeddings, without a network."""
    vocabulary = write_tokenizer(tmp_path_factory.mktemp("tokenizer"), begin="e")
    identity, config = Backbone("toy", "f" * 64), tiny_decoder(d_model=WIDTH)
    network = SimpleNamespace(embeddings=EMBEDDINGS)
    return Model(identity, vocabulary, "float32", lambda: config, lambda: network)


class VLLM:
    """What the proxy needs of an upstream server; keeps the requests, and can misbehave."""

    def __init__(self) -> None:
        self.app = FastAPI()
        self.app.add_api_route("/v1/completions", self.answer, methods=["POST"])
        self.app.add_api_route("/v1/chat/completions", self.answer, methods=["POST"])
        self.app.add_api_route("/v1/events", self.events, methods=["GET"])
        self.app.add_api_route("/v1/hang", self.hang, methods=["GET"])
        self.app.add_api_route("/v1/{path:path}", self.other, methods=["GET", "PUT", "DELETE"])
        self.reset()

    def reset(self) -> None:
        self.seen: list[SimpleNamespace] = []
        self.go_on = threading.Event()
        self.ended = threading.Event()
        self.begun = threading.Event()
        self.reply = Response(b'{ "choices": [ ] }', 200, media_type="application/json")

    async def keep(self, request: Request) -> None:
        body = await request.body()
        self.seen.append(
            SimpleNamespace(
                method=request.method, scope=request.scope, headers=request.headers, body=body
            )
        )

    async def answer(self, request: Request):
        await self.keep(request)
        return self.reply

    async def other(self, path: str, request: Request):
        await self.keep(request)
        return self.reply

    async def events(self):
        async def chunks():
            try:
                self.begun.set()
                yield EVENTS[0]
                while not self.go_on.is_set():  # the client has the first
                    await asyncio.sleep(0.01)
                for event in EVENTS[1:]:
                    yield event
            finally:
                self.ended.set()

        return StreamingResponse(chunks(), media_type="text/event-stream")

    async def hang(self, request: Request):
        self.begun.set()
        while not await request.is_disconnected():
            await asyncio.sleep(0.01)
        self.ended.set()


def prompt_of(name: str) -> SoftPrompt:
    if name not in PROMPTS:
        raise Refusal(404, f'no entry "{name}" here. Did you mean "sst-s0-1"?', "list them")
    return PROMPTS[name]


def proxy_of(model: Model, upstream: Upstream) -> FastAPI:
    """The proxy's routes alone, with the errors as the server writes them."""
    app = FastAPI()

    async def refused(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Refusal)
        return JSONResponse(error.content(), error.status)

    app.add_exception_handler(Refusal, refused)
    app.include_router(proxy_routes(model, prompt_of, upstream))
    return app


@pytest.fixture(scope="module")
def upstream():
    """The stand-in, running."""
    vllm = VLLM()
    with serving(vllm.app) as address:
        vllm.address = address
        yield vllm


@pytest.fixture(scope="module")
def running(decoder, upstream):
    """The address of a proxy before the stand-in, with a token for it."""
    with serving(proxy_of(decoder, Upstream.at(f"{upstream.address}/v1/", "for-vllm"))) as address:
        yield address


@pytest.fixture
def client(upstream, running):
    """A client of the proxy."""
    upstream.reset()
    with httpx2.Client(base_url=running, timeout=WAIT) as opened:
        yield opened


def sent(upstream) -> dict:
    (seen,) = upstream.seen
    assert int(seen.headers["content-length"]) == len(seen.body)
    return json.loads(seen.body)


def expected(name: str, text: str) -> np.ndarray:
    return np.concatenate([np.asarray(PROMPTS[name]), *(EMBEDDINGS[i][None] for i in IDS[text])])


def test_a_completion_is_the_prompt_and_the_text_in_one_tensor(client, upstream):
    body = {
        "model": "m", "prompt": "ab c", "prompt_id": "sst-s0-1", "max_tokens": 3,
        "logit_bias": {"7": -1.5}, "stop": ["é"],
    }  # fmt: skip
    answer = client.post("/v1/completions", json=body)
    assert (answer.status_code, answer.content) == (200, b'{ "choices": [ ] }')
    passed = sent(upstream)
    tensor = tensor_of_base64(passed.pop("prompt_embeds"))
    assert tensor.dtype == np.float32 and tensor.shape == (3 + 4, WIDTH)
    assert tensor.tobytes() == expected("sst-s0-1", "ab c").tobytes()
    rest = {key: value for key, value in body.items() if not key.startswith("prompt")}
    assert passed == rest


def test_several_texts_are_as_many_tensors(client, upstream):
    body = {"model": "m", "prompt": ["d", "ab c", ""], "prompt_id": "cola-s0-2"}
    assert client.post("/v1/completions", json=body).status_code == 200
    tensors = list(map(tensor_of_base64, sent(upstream)["prompt_embeds"]))
    for tensor, text in zip(tensors, ["d", "ab c", ""], strict=True):
        assert tensor.tobytes() == expected("cola-s0-2", text).tobytes()


def test_texts_are_encoded_as_in_training(decoder):
    vocabulary = decoder.vocabulary
    for text, ids in IDS.items():
        assert list(vocabulary.as_input(vocabulary.encode(text))) == ids


def test_the_rows_that_are_sent_are_what_the_network_reads(tmp_path):
    """The tensor in place of prompt and text gives every next token the score that they have here."""
    config = tiny_decoder()
    write_model(tmp_path, config, random_arrays(config))
    write_tokenizer(tmp_path, begin="e")
    model = load(model_settings(tmp_path))
    prompt = RNG.normal(size=(3, WIDTH)).astype(np.float32)
    made = Insertion(model).completion({"prompt": "ab cab d"}, prompt)
    rows = tensor_of_base64(made["prompt_embeds"])
    ids = model.vocabulary.as_input(model.vocabulary.encode("ab cab d"))
    labels = [[token] for token in range(1, 10)]
    here = model.score(Ragged.of([ids]), labels, prompt)
    there = model.score(Ragged.of([ids[-1:]]), labels, rows[:-1])  # a text has one token or more
    assert rows.shape == (3 + len(ids), WIDTH) and np.ptp(here) > 0.1
    np.testing.assert_allclose(there, here, atol=1e-5)


def test_of_a_low_rank_prompt_the_rows_that_it_makes_are_sent(decoder):
    """Wang et al. 2023 (MPT), section 3: the shared rows times the outer product of two vectors, by hand."""
    shared, left, right = (RNG.normal(size=size) for size in ((3, WIDTH), (3, 1), (1, WIDTH)))
    arrays = {"shared": shared, "left": left, "right": right, "size": np.array([2.0])}
    prompt = SoftPrompt(
        find_kind("low-rank"), {name: array.astype(np.float32) for name, array in arrays.items()}
    )
    sent = Insertion(decoder).front_of(prompt, "low")
    np.testing.assert_allclose(sent, shared * left * right / 4, rtol=1e-5)


def test_the_rows_may_be_bfloat16(decoder):
    made = Insertion(decoder, "bfloat16").completion(
        {"prompt": "d"}, np.asarray(PROMPTS["sst-s0-1"])
    )
    tensor = tensor_of_base64(made["prompt_embeds"])
    assert tensor.dtype == ml_dtypes.bfloat16
    assert np.array_equal(tensor, expected("sst-s0-1", "d").astype(ml_dtypes.bfloat16))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_torch_reads_what_is_sent(decoder, dtype):
    torch = pytest.importorskip("torch", reason="torch is not installed: pip install torch")
    import io

    made = Insertion(decoder, dtype).completion({"prompt": "d"}, np.asarray(PROMPTS["sst-s0-1"]))
    content = io.BytesIO(base64.b64decode(made["prompt_embeds"], validate=True))
    tensor = torch.load(content, weights_only=True, map_location="cpu")
    assert torch.equal(tensor, torch.tensor(expected("sst-s0-1", "d")).to(getattr(torch, dtype)))


TEXT = {"type": "text", "text": "ab"}


@pytest.mark.parametrize(
    ("content", "parts"),
    [("ab", [TEXT]), ([TEXT], [TEXT]), ([], []), ("", [{"type": "text", "text": ""}])],
)
def test_a_chat_has_the_prompt_in_front_of_the_last_text_of_the_user(
    client, upstream, content, parts
):
    before = [
        {"role": "system", "content": "s"}, {"role": "user", "content": "earlier"},
        {"role": "assistant", "content": "a"},
    ]  # fmt: skip
    after = [{"role": "assistant", "content": "Well, "}]
    message = {"role": "user", "content": content, "name": "n"}
    body = {"model": "m", "messages": [*before, message, *after], "prompt_id": "sst-s0-1"}
    assert client.post("/v1/chat/completions", json=body).status_code == 200
    passed = sent(upstream)
    changed = passed["messages"][3]
    first, *others = changed.pop("content")
    assert first.keys() == {"type", "data"} and first["type"] == "prompt_embeds"
    assert tensor_of_base64(first["data"]).tobytes() == np.asarray(PROMPTS["sst-s0-1"]).tobytes()
    assert others == parts and changed == {"role": "user", "name": "n"}
    assert passed["messages"][:3] == before and passed["messages"][4:] == after
    assert passed.keys() == {"model", "messages"}


@pytest.mark.parametrize(
    "body", [b'{"prompt" : "a",\n "x":1e2}', b"{", b'["prompt_id"]', b"\xff", b"", b"[" * 100_000]
)
def test_a_body_without_a_prompt_id_passes_byte_for_byte(client, upstream, body):
    client.post("/v1/completions", content=body)
    (seen,) = upstream.seen
    assert seen.body == body


def test_other_paths_pass_with_method_and_query(client, upstream):
    client.get("/v1/models")
    client.put("/v1/files/a b%25?limit=2&x=%2F", content=b"content")
    client.delete("/v1/é")
    client.get("/v1/models/owner%2Fname")
    assert [(each.method, each.scope["raw_path"]) for each in upstream.seen] == [
        ("GET", b"/v1/models"), ("PUT", b"/v1/files/a%20b%25"), ("DELETE", b"/v1/%C3%A9"),
        ("GET", b"/v1/models/owner%2Fname"),
    ]  # fmt: skip
    assert upstream.seen[1].scope["query_string"] == b"limit=2&x=%2F"
    assert upstream.seen[1].body == b"content"


def test_headers_of_one_connection_and_tokens_stay_here(client, upstream):
    upstream.reply.headers.update({"Connection": "x-hop", "X-Hop": "1", "X-Request-Id": "r1"})
    upstream.reply.headers["Set-Cookie"] = "a=b"
    answer = client.post(
        "/v1/completions",
        json={},
        headers={
            "Authorization": "Bearer of-this-server", "Cookie": "c=d", "Connection": "X-Other, close",
            "X-Other": "1", "TE": "trailers", "X-Trace": "t1", "Accept": "text/plain",
        },
    )  # fmt: skip
    (seen,) = upstream.seen
    assert seen.headers["authorization"] == "Bearer for-vllm"
    assert seen.headers["host"] == urlsplit(upstream.address).netloc
    assert (seen.headers["x-trace"], seen.headers["accept"]) == ("t1", "text/plain")
    assert not {"cookie", "x-other", "te"} & set(seen.headers)
    assert answer.headers["x-request-id"] == "r1"
    assert not {"x-hop", "set-cookie"} & set(answer.headers)


def test_without_a_token_of_its_own_the_upstream_server_gets_none(decoder, upstream):
    upstream.reset()
    with serving(proxy_of(decoder, Upstream.at(upstream.address))) as address:
        httpx2.get(f"{address}/v1/models", headers={"Authorization": "Bearer mine"}, timeout=WAIT)
    (seen,) = upstream.seen
    assert "authorization" not in seen.headers


@pytest.mark.parametrize("status", [400, 404, 429, 500])
def test_errors_of_the_upstream_server_pass(client, upstream, status):
    upstream.reply = JSONResponse({"object": "error"}, status, {"Retry-After": "7"})
    answer = client.post("/v1/completions", json={"prompt": "d", "prompt_id": "sst-s0-1"})
    assert (answer.status_code, answer.json()) == (status, {"object": "error"})
    assert answer.headers["retry-after"] == "7"


def test_an_answer_without_a_body_passes(client, upstream):
    upstream.reply = Response(status_code=204)
    answer = client.delete("/v1/files/1")
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_compressed_answer_passes_as_it_is(client, upstream):
    packed = gzip.compress(b"answer " * 100)
    upstream.reply = Response(packed, headers={"Content-Encoding": "gzip"})
    with client.stream("POST", "/v1/completions", json={}) as answer:
        assert b"".join(answer.iter_raw()) == packed
        assert answer.headers["content-length"] == str(len(packed))
    client.headers.pop("accept-encoding")
    client.post("/v1/completions", json={})
    assert [each.headers["accept-encoding"] != "identity" for each in upstream.seen] == [
        True,
        False,
    ]


REFUSED = {
    "an unknown entry": (404, {"prompt": "d", "prompt_id": "sst"}, 'no entry "sst" here. Did you mean'),
    "rows behind the text": (
        422, {"prompt": "d", "prompt_id": "behind-s0-3"},
        "expected a prompt that is rows in front of the text, found behind-s0-3 of the kind suffix",
    ),
    "another width": (422, {"prompt": "d", "prompt_id": "wide-s0-4"}, "width 16, found 17 in wide"),
    "no text": (422, {"prompt_id": "sst-s0-1"}, "prompt: expected a text or a list"),
    "token ids": (422, {"prompt": [1, 2], "prompt_id": "sst-s0-1"}, "found [1, 2]"),
    "an empty list": (422, {"prompt": [], "prompt_id": "sst-s0-1"}, "found []"),
    "an id that is no text": (422, {"prompt": "d", "prompt_id": 3}, "expected the id of an entry, found 3"),
    "embeddings already": (
        422, {"prompt": "d", "prompt_embeds": "x", "prompt_id": "sst-s0-1"}, "found both",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_inserted_is_refused_and_not_sent(client, upstream, case):
    status, body, message = REFUSED[case]
    answer = client.post("/v1/completions", json=body)
    assert answer.status_code == status and message in answer.json()["error"]
    assert answer.json()["hint"] and upstream.seen == []


CHATS = {
    "no messages": ({}, "messages: expected a list of objects"),
    "messages that are texts": ({"messages": ["x"]}, "messages: expected a list of objects"),
    "no user": ({"messages": [{"role": "system", "content": "x"}]}, 'one with the role "user"'),
    "no content": ({"messages": [{"role": "user"}]}, "messages[0].content: expected a text"),
}


@pytest.mark.parametrize("case", CHATS)
def test_a_chat_without_a_place_for_the_prompt_is_refused(client, upstream, case):
    body, message = CHATS[case]
    answer = client.post("/v1/chat/completions", json={**body, "prompt_id": "sst-s0-1"})
    assert answer.status_code == 422 and message in answer.json()["error"]
    assert upstream.seen == []


def test_a_prompt_id_where_it_would_be_ignored_is_refused(client, upstream):
    answer = client.post("/v1/responses", json={"input": "x", "prompt_id": "sst-s0-1"})
    assert answer.status_code == 422 and "found it for /v1/responses" in answer.json()["error"]
    assert upstream.seen == []


def test_embeddings_of_a_request_are_bounded(decoder):
    insertion = Insertion(decoder, limit=7 * WIDTH * 4)
    front = np.asarray(PROMPTS["sst-s0-1"])
    insertion.completion({"prompt": "ab c"}, front)  # 3 + 4 rows
    with pytest.raises(
        Refusal, match="at most 448 bytes of embeddings in a request, found 768"
    ) as e:
        insertion.completion({"prompt": ["ab c", "d"]}, front)
    assert e.value.status == 413
    Insertion(decoder, "bfloat16", limit=6 * WIDTH * 4).completion({"prompt": ["ab c", "d"]}, front)
    with pytest.raises(Refusal, match="embeddings"):
        Insertion(decoder, limit=2 * WIDTH * 4).chat(
            {"messages": [{"role": "user", "content": "d"}]}, front
        )


def test_folders_of_a_path_cannot_be_left(running, upstream):
    upstream.reset()
    host, port = urlsplit(running).hostname, urlsplit(running).port
    for path in ("/v1/../metrics", "/v1/%2e%2e/metrics", "/v1/a/..", "/v1/./x"):
        with socket.create_connection((host, port), timeout=WAIT) as connection:
            line = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            connection.sendall(line.encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 404"), path
    assert upstream.seen == []


def test_events_pass_one_by_one_in_order(client, upstream):
    with client.stream("GET", "/v1/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        raw = answer.iter_raw()
        received = [next(raw)]
        assert received == [EVENTS[0]]  # while the server still holds the others back
        upstream.go_on.set()
        received += raw
    assert b"".join(received) == b"".join(EVENTS)


def connected(address: str, path: str) -> socket.socket:
    """A connection that has asked for a path."""
    parts = urlsplit(address)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=WAIT)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return connection


@pytest.mark.parametrize("path", ["/v1/hang", "/v1/events"])
def test_a_client_that_leaves_ends_the_upstream_request(running, upstream, path):
    upstream.reset()
    connection = connected(running, path)
    assert upstream.begun.wait(WAIT)
    if path == "/v1/events":
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    assert not upstream.ended.wait(0.2)
    connection.close()
    assert upstream.ended.wait(WAIT)


def test_an_upstream_server_that_is_down_is_said(decoder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with serving(proxy_of(decoder, Upstream.at(address))) as proxy:
            answer = httpx2.get(f"{proxy}/v1/models", timeout=WAIT)
    assert answer.status_code == 502
    assert answer.json()["error"] == "the upstream server cannot be reached"
    assert "127.0.0.1" not in answer.text and answer.json()["hint"]


@contextmanager
def breaking(*answers: bytes | None) -> Iterator[str]:
    """A server that answers each connection with such bytes and closes it; None: it stays silent."""
    connections: list[socket.socket] = []

    def answer(listening: socket.socket) -> None:
        for content in answers:
            connection, _ = listening.accept()
            connections.append(connection)
            connection.recv(65536)
            if content is not None:
                connection.sendall(content)
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer, args=(listening,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join(WAIT)
        for connection in connections:
            connection.close()


HALF = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{"
HALF_STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"9\r\ndata: 1\n\n\r\n"
)


def test_an_answer_that_breaks_off_is_an_error(decoder):
    with (
        breaking(HALF, HALF_STREAM, b"nonsense\r\n\r\n") as address,
        serving(proxy_of(decoder, Upstream.at(address))) as proxy,
    ):
        half, stream, nonsense = (httpx2.get(f"{proxy}/v1/x", timeout=WAIT) for _ in range(3))
    assert half.status_code == nonsense.status_code == 502
    assert half.json()["error"] == "the upstream server broke off its answer"
    first, second, end = stream.text.split("\n\n")
    assert (stream.status_code, first, end) == (200, "data: 1", "")
    assert json.loads(second.removeprefix("data: "))["error"] == half.json()["error"]


def test_a_silent_upstream_server_is_given_up(decoder):
    with (
        breaking(None) as address,
        serving(proxy_of(decoder, Upstream(address, silence=0.3))) as proxy,
    ):
        answer = httpx2.get(f"{proxy}/v1/x", timeout=WAIT)
    assert answer.status_code == 504 and "silent" in answer.json()["error"]


def test_an_upstream_server_with_no_connection_free_is_said(decoder, upstream):
    upstream.reset()
    settings = Upstream(upstream.address, connections=1, busy=0.3)
    with (
        serving(proxy_of(decoder, settings)) as proxy,
        httpx2.stream("GET", f"{proxy}/v1/events", timeout=WAIT) as events,
    ):
        raw = events.iter_raw()  # kept, or the answer is closed
        next(raw)
        answer = httpx2.get(f"{proxy}/v1/models", timeout=WAIT)
        upstream.go_on.set()
    assert answer.status_code == 503 and "no connection free" in answer.json()["error"]


def test_requests_at_once_get_their_own_prompts(client, upstream):
    names = ["sst-s0-1", "cola-s0-2"] * 10
    texts = ["d", "ab c", ""]

    def ask(number: int) -> int:
        body = {"prompt": texts[number % 3], "prompt_id": names[number], "user": str(number)}
        return client.post("/v1/completions", json=body).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(len(names)))) == {200}
    bodies = [json.loads(each.body) for each in upstream.seen]
    assert sorted(int(body["user"]) for body in bodies) == list(range(len(names)))
    for body in bodies:
        number = int(body["user"])
        tensor = tensor_of_base64(body["prompt_embeds"])
        assert tensor.tobytes() == expected(names[number], texts[number % 3]).tobytes()


def test_an_encoder_decoder_is_refused_at_the_start():
    t5 = toy_model(Backbone("a-t5", "f" * 64), np.zeros((8, tiny_config().d_model), np.float32))
    with pytest.raises(SpotError, match="expected a decoder for an upstream server, found .* a-t5"):
        proxy_routes(t5, prompt_of, Upstream.at("http://127.0.0.1:1"))


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:8001", "ftp://x", "http://", "http://x:99999", "http://u:secret@x", "http://x?y=1"],
)
def test_what_is_no_address_is_refused_without_its_password(address):
    with pytest.raises(SpotError, match="expected the address of an HTTP server") as error:
        Upstream.at(address)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    "address", ["http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/v1/"]
)
def test_the_address_may_end_in_v1(address):
    assert Upstream.at(address).url == "http://h:1"
    assert Upstream.at("https://h/prefix/v1").url == "https://h/prefix"


@contextmanager
def real(decoder, upstream, folder, **settings):
    """`spot serve --upstream` without its command: the server's own guard, catalogue and errors."""
    bank = Bank(folder / "bank")
    bank.add_many([item(decoder, "colour", seed) for seed in (0, 1)])
    chosen = ServerSettings(port=0, poll=3600.0, drain=WAIT, **settings)
    task = Task.from_rows("colour", ROWS, ROWS, ROWS, inputs="{text}", labels=["a", "b"])
    service, watch = open_service(bank, decoder, lambda *_: task, chosen, None, Scripted())
    with bound(chosen) as listening:
        app = create_app(service, chosen, Upstream.at(upstream.address, "for-vllm"))
        server = Server(app, service, chosen.drain)
        service.engine.start()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        until(lambda: server.started)
        url = server_address(listening)
        with httpx2.Client(base_url=url, timeout=WAIT) as client:
            yield SimpleNamespace(client=client, url=url, bank=bank, server=server, thread=thread)
        if not service.draining:
            server.begin_drain()
        thread.join(WAIT)
        service.engine.stop()
        assert not thread.is_alive()


ROWS = [{"text": "ab", "label": "a"}]


def test_the_server_inserts_prompts_of_its_bank(decoder, upstream, tmp_path):
    upstream.reset()
    with real(decoder, upstream, tmp_path, token="mine") as proxy:
        proxy.client.headers["Authorization"] = "Bearer mine"
        listed = proxy.client.get("/v1/prompts").json()
        name = listed[1]["entry"]
        body = {"model": "m", "prompt": "d", "prompt_id": name}
        answer = proxy.client.post("/v1/completions", json=body)
        assert answer.status_code == 200, answer.text
        unknown = proxy.client.post("/v1/completions", json={**body, "prompt_id": name[:-1] + "x"})
        predicted = proxy.client.post("/v1/predict", json={"entry": name, "texts": ["ab"]})
        none = httpx2.get(f"{proxy.url}/v1/models", timeout=WAIT)
        prompt = np.asarray(value_of(proxy.bank, proxy.bank.get(name)))
    (seen,) = upstream.seen
    tensor = tensor_of_base64(json.loads(seen.body)["prompt_embeds"])
    rows = np.concatenate([prompt, EMBEDDINGS[IDS["d"]]])
    assert tensor.tobytes() == rows.tobytes()
    assert seen.headers["authorization"] == "Bearer for-vllm"
    assert unknown.status_code == 404 and f'Did you mean "{name}"?' in unknown.json()["error"]
    assert predicted.json()["answers"][0]["answer"] == "no"  # this server's own route
    assert none.status_code == 401


def test_a_stop_lets_a_stream_end_and_takes_no_more(decoder, upstream, tmp_path):
    upstream.reset()
    with real(decoder, upstream, tmp_path) as proxy:
        with proxy.client.stream("GET", "/v1/events") as answer:
            raw = answer.iter_raw()
            received = next(raw)
            proxy.server.begin_drain()
            late = httpx2.get(f"{proxy.url}/v1/models", timeout=WAIT)
            threading.Timer(
                1.0, upstream.go_on.set
            ).start()  # longer than an idle server would wait
            received += b"".join(raw)
        proxy.thread.join(WAIT)
    assert received == b"".join(EVENTS) and late.status_code == 503

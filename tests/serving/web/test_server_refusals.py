"""What a server refuses, each provoked over a real socket: a status, a message, a hint, and it goes on."""

from __future__ import annotations

import asyncio
import gc
import json
import secrets
import socket
import struct
import threading
import time
from types import SimpleNamespace

import httpx2 as httpx
import pytest

from spot.errors import SpotError
from spot.serving.web.app import fit
from spot.serving.web.engine import Job
from spot.serving.web.refusal import Refusal
from spot.serving.web.server import bound
from spot.serving.web.settings import ServerSettings, check_token
from spot.tasks.examples import Ragged
from spot.tasks.tokens import Lengths
from tests.serving.web.stand import Scripted, everything, ids, make_bank, post, raw, running, until
from tests.toys import tiny_decoder

TEXT = "a red cat is here"
ASK = {"task": "colour", "texts": [TEXT]}


@pytest.fixture(scope="module")
def bank(tiny_backbone, tmp_path_factory):
    return make_bank(tmp_path_factory.mktemp("served") / "bank", tiny_backbone)


@pytest.fixture(scope="module")
def open_server(bank, tiny_backbone):
    """A server that answers at once, shared by the tests that change nothing."""
    with running(bank, tiny_backbone, Scripted(), max_texts=3) as server:
        yield server


def refused(response, status, message, hint=""):
    """The refusal's two texts are these, and nothing else is told."""
    assert response.status_code == status, response.text
    content = response.json()
    assert set(content) == {"error", "hint"}
    assert message in content["error"]
    assert hint in content["hint"]
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("body", "status", "message", "hint"),
    [
        (
            {"task": "coluor", "texts": ["x"]},
            404,
            'no task "coluor" here. Did you mean "colour"?',
            "GET /v1/prompts",
        ),
        (
            {"entry": "brid", "texts": ["x"]},
            404,
            'no entry "brid" here. Did you mean "bird"?',
            "GET /v1/prompts",
        ),
        (
            {"ensemble": "brid", "texts": ["x"]},
            404,
            'no task "brid" here. Did you mean "bird"?',
            "",
        ),
        (
            {"ensemble": ["brid"], "texts": ["x"]},
            404,
            'no entry "brid" here. Did you mean "bird"?',
            "",
        ),
        (
            {"entry": "colour", "texts": ["x"]},
            422,
            'entry: "colour" fits 2 entries: colour-s0-',
            "one of these ids",
        ),
        (
            {"ensemble": ["bird", "pair"], "texts": ["x"]},
            422,
            "expected entries of one task, found bird-s0-",
            "",
        ),
        ({"texts": ["x"]}, 422, "exactly one of task, entry and ensemble, found none", '"task"'),
        ({"task": "bird", "entry": "bird", "texts": ["x"]}, 422, "found task and entry", ""),
        (
            {"task": "bird", "combine": "vote", "texts": ["x"]},
            422,
            "combine: goes with ensemble alone",
            "",
        ),
        ({"task": "bird"}, 422, "texts: expected a value, found none", "GET /docs"),
        ({"task": "bird", "texts": []}, 422, "texts: expected one or more, found none", ""),
        ({"task": "bird", "texts": "x"}, 422, 'texts: expected a list, found "x"', ""),
        (
            {"task": "bird", "texts": ["x", 3]},
            422,
            "texts[1]: expected a text or an object of columns, found 3",
            "",
        ),
        (
            {"task": "bird", "texts": ["x"] * 4},
            413,
            "texts: expected at most 3, found 4",
            "several requests",
        ),
        (
            {"task": "bird", "texts": ["x", " "]},
            422,
            'texts[1]: expected text in "text", found empty text',
            "",
        ),
        (
            {"task": "bird", "texts": ["x", {"t": "x"}]},
            422,
            'texts[1]: expected a field "text", found the field',
            "",
        ),
        ({"task": "pair", "texts": ["x"]}, 422, "texts[0]: ", '{"a": "…", "b": "…"}'),
        (
            {"task": "bird", "txets": ["x"]},
            422,
            'unknown field "txets". Did you mean "texts"?',
            "margins",
        ),
        ({"task": 3, "texts": ["x"]}, 422, "task: expected a text, found 3", ""),
        ({"ensemble": "bird", "combine": "best", "texts": ["x"]}, 422, "combine: expected", ""),
        (
            {"ensemble": "bird", "margins": "yes", "texts": ["x"]},
            422,
            "margins: expected true or false",
            "",
        ),
        ([], 422, "expected a JSON object as the body", ""),
        ("text", 422, "expected a JSON object as the body", ""),
    ],
    ids=lambda value: json.dumps(value)[:40] if isinstance(value, dict | list) else None,
)
def test_a_wrong_question_names_what_is_wrong_with_it(open_server, body, status, message, hint):
    refused(open_server.client.post("/v1/predict", json=body), status, message, hint)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"task": "bird", "texts": ["x"]', "the body is no JSON: "),
        (b"task=bird", "the body is no JSON: Expecting value at character 0"),
        (b'{"task": "bird", "texts": ["\xff"]}', "the body is no JSON that can be read"),
        (b"[" * 100_000, "the body is no JSON"),
        (b"9" * 5000, "the body is no JSON that can be read"),
    ],
    ids=["cut", "form", "latin", "nested", "digits"],
)
def test_a_malformed_body_is_400(open_server, body, message):
    headers = {"Content-Type": "application/json"}
    refused(open_server.client.post("/v1/predict", content=body, headers=headers), 400, message)


def test_half_a_surrogate_pair_is_refused(open_server):
    body = b'{"task": "bird", "texts": ["x", "\\ud800"]}'
    headers = {"Content-Type": "application/json"}
    answer = open_server.client.post("/v1/predict", content=body, headers=headers)
    refused(answer, 422, 'texts[1]: expected text in "text", found half of a surrogate pair')
    body = b'{"task": "\\ud800", "texts": ["x"]}'
    answer = open_server.client.post("/v1/predict", content=body, headers=headers)
    refused(answer, 404, 'no task "\\ud800" here.')


def test_a_body_of_another_type_is_415(open_server):
    refused(
        open_server.client.post("/v1/predict", data={"task": "bird"}),
        415,
        "expected a body of the type application/json, found application/x-www-form-urlencoded",
        "Content-Type: application/json",
    )


def test_unknown_routes_and_methods(open_server):
    refused(open_server.client.get("/v1/prompt"), 404, 'Did you mean "/v1/prompts"?', "GET /docs")
    refused(open_server.client.get("/v1/predict"), 405, "expected POST for /v1/predict, found GET")
    assert open_server.client.get("/v1/predict").headers["allow"] == "POST"
    refused(open_server.client.post("/v1/predict/", json=ASK), 404, "/v1/predict/")


# --- bodies ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small_server(bank, tiny_backbone):
    with running(bank, tiny_backbone, Scripted(), max_body=2000, max_texts=99) as server:
        yield server


def padded(size):
    """A question of exactly this many bytes."""
    body = json.dumps(ASK).encode()
    return body[:-1] + b" " * (size - len(body)) + b"}"


def test_a_body_of_the_limit_is_taken_and_one_byte_more_is_413(small_server):
    headers = {"Content-Type": "application/json"}

    def ask(size):
        return small_server.client.post("/v1/predict", content=padded(size), headers=headers)

    assert ask(2000).status_code == 200
    refused(ask(2001), 413, "expected a body of at most 2,000 bytes, found 2,001", "fewer texts")


def test_a_stated_length_beyond_the_limit_is_refused_before_a_byte_of_it_is_sent(small_server):
    head = post(b"", "Expect: 100-continue").replace(
        b"Content-Length: 0", b"Content-Length: 9999999"
    )
    begun = time.monotonic()
    with raw(small_server.port, head, read=False) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")
    assert time.monotonic() - begun < 1


def test_a_body_without_a_length_is_cut_off_while_it_streams(small_server):
    def parts():
        for _ in range(200):
            yield b" " * 1000

    answer = small_server.client.post(
        "/v1/predict", content=parts(), headers={"Content-Type": "application/json"}
    )
    assert "transfer-encoding" in answer.request.headers
    refused(answer, 413, "expected a body of at most 2,000 bytes, found more")
    assert answer.headers["connection"] == "close"
    assert small_server.client.post("/v1/predict", json=ASK).status_code == 200


def test_the_limit_holds_for_every_route(small_server):
    refused(small_server.client.post("/healthz", content=b"x" * 3000), 413, "2,000 bytes")


def test_a_body_that_does_not_come_in_time_is_408(bank, tiny_backbone):
    with running(bank, tiny_backbone, Scripted(), time_limit=0.2) as server:
        data = post(json.dumps(ASK).encode())[:-5]
        with raw(server.port, data, read=False) as connection:
            answer = everything(connection)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert server.service.in_flight == 0


# --- the name that was asked for --------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["localhost:{port}", "LOCALHOST", "127.0.0.1:{port}", "[::1]:{port}", ""]
)
def test_this_machines_own_names_are_answered(open_server, name):
    port = open_server.client.base_url.port
    with socket.create_connection(("127.0.0.1", port)) as connection:
        host = f"Host: {name.format(port=port)}\r\n" if name else ""
        connection.sendall(f"GET /v1/prompts HTTP/1.0\r\n{host}\r\n".encode())
        assert b" 200 OK" in connection.recv(1000)


@pytest.mark.parametrize(
    "name",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "192.168.0.7",
        "127.0.0.1@evil",
        "[::1",
    ],
)
@pytest.mark.parametrize("path", ["/", "/v1/prompts", "/metrics", "/nothing"])
def test_a_name_that_was_made_to_lead_here_is_421(open_server, name, path):
    answer = open_server.client.get(path, headers={"Host": name})
    refused(
        answer, 421, "expected a request to localhost or 127.0.0.1, found one to", "--token-file"
    )


def test_behind_a_token_any_name_is_answered(bank, tiny_backbone):
    with running(bank, tiny_backbone, Scripted(), token="a-token") as server:
        headers = {"Host": "spot.example", "Authorization": "Bearer a-token"}
        assert server.client.get("/v1/prompts", headers=headers).status_code == 200
        refused(
            server.client.get("/v1/prompts", headers={**headers, "Authorization": "Bearer b"}),
            401,
            "token",
        )


# --- the token ------------------------------------------------------------------------------------


def test_a_wrong_token_is_401_and_says_how_to_send_it(bank, tiny_backbone):
    token = secrets.token_urlsafe()
    with running(bank, tiny_backbone, Scripted(), token=token) as server:

        def ask(header, path="/v1/prompts"):
            headers = {} if header is None else {"Authorization": header}
            return server.client.build_request("GET", path, headers=headers), header

        def send(header, path="/v1/prompts"):
            request, given = ask(header, path)
            if given is None:
                del request.headers["Authorization"]
            return server.client.send(request)

        assert send(f"Bearer {token}").status_code == 200
        wrong = (
            token,
            "Bearer",
            f"Bearer {token}x",
            f"Bearer {token[:-1]}",
            f"Basic {token}",
            "Bearer \xe9",
        )
        for header in (None, *wrong):
            header = header.encode("latin-1") if header else header
            for path in ("/v1/prompts", "/metrics", "/nothing"):
                answer = send(header, path)
                refused(answer, 401, "expected the server's token", "Authorization: Bearer TOKEN")
                assert answer.headers["www-authenticate"] == "Bearer"
        for path in ("/healthz", "/docs", "/openapi.json"):
            assert send(None, path).status_code == 200
        predict = server.client.post(
            "/v1/predict", json=ASK, headers={"Authorization": "Bearer no"}
        )
        refused(predict, 401, "found another one")
        assert server.client.post("/v1/predict", json=ASK).status_code == 200


def test_tokens_are_compared_in_constant_time(bank, tiny_backbone, monkeypatch):
    compared = []

    def compare(given, expected):
        compared.append((given, expected))
        return given == expected

    monkeypatch.setattr("spot.serving.web.guard.secrets.compare_digest", compare)
    with running(bank, tiny_backbone, Scripted(), token="abc") as server:
        assert server.client.get("/v1/prompts").status_code == 200
    assert compared == [(b"Bearer abc", b"Bearer abc")]


def test_a_token_that_no_header_can_carry_is_refused():
    assert check_token("abc\r\n", "t") == "abc"
    for text in ("", " \n"):
        with pytest.raises(SpotError, match="expected a token in t, found none"):
            check_token(text, "t")
    for text in ("a b", "a\nb", "é"):
        with pytest.raises(SpotError, match="expected a token of letters"):
            check_token(text, "t")


# --- load -----------------------------------------------------------------------------------------


def later(server, answers, body=None):
    """Ask from another thread."""

    def ask():
        answers.append(server.client.post("/v1/predict", json=body or ASK))

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def test_a_full_queue_is_429_with_the_time_to_try_again(bank, tiny_backbone):
    model = Scripted()
    model.gate.clear()
    with running(bank, tiny_backbone, model, queue=2, batch_rows=1, batch_wait=0.0) as server:
        answers = []
        threads = [later(server, answers)]
        assert model.begun.wait(60)  # one is at work, outside the queue
        threads += [later(server, answers) for _ in range(2)]
        until(lambda: server.service.engine.waiting == 2)
        full = server.client.post("/v1/predict", json=ASK)
        refused(full, 429, "wait", "try again in")
        assert 1 <= int(full.headers["retry-after"]) <= 60
        model.gate.set()
        for thread in threads:
            thread.join(60)
        assert [answer.status_code for answer in answers] == [200] * 3
        assert server.client.post("/v1/predict", json=ASK).status_code == 200
        large = {"ensemble": "colour", "texts": [TEXT] * 2}
        refused(
            server.client.post("/v1/predict", json=large),
            413,
            "at most 2 rows, texts times prompts, found 4",
        )


def test_the_time_limit_is_504_and_takes_the_request_out_of_the_queue(bank, tiny_backbone):
    model = Scripted()
    model.gate.clear()
    with running(bank, tiny_backbone, model, time_limit=2.0, batch_rows=1) as server:
        answers = []
        first = later(server, answers)
        assert model.begun.wait(60)
        late = server.client.post("/v1/predict", json={"task": "bird", "texts": ["never read"]})
        refused(late, 504, "no answer within 2 s")
        first.join(60)
        refused(answers[0], 504, "no answer within 2 s")
        until(lambda: server.service.in_flight == 0)
        assert server.service.engine.waiting == 0
        model.gate.set()
        assert server.client.post("/v1/predict", json=ASK).status_code == 200
        assert ["never read"] not in model.batches


def reset(connection):
    """Close with a reset, as a process that was killed."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_killed_clients_leave_nothing_behind(bank, tiny_backbone):
    model = Scripted()
    model.gate.clear()
    with running(bank, tiny_backbone, model, batch_rows=1) as server:
        body = json.dumps({"task": "bird", "texts": ["dropped"]}).encode()
        with raw(server.port, post(body)[:40], read=False) as connection:  # within its headers
            reset(connection)
        reset(raw(server.port, post(body)[:-5], read=False))  # within its body
        answers = []
        first = later(server, answers)
        assert model.begun.wait(60)
        queued = raw(server.port, post(body), read=False)
        until(lambda: server.service.engine.waiting == 1)
        reset(queued)  # while it waits
        until(lambda: server.service.engine.waiting == 0)
        until(lambda: server.service.in_flight == 1)
        model.gate.set()
        first.join(60)
        assert answers[0].status_code == 200
        assert ["dropped"] not in model.batches
        model.gate.clear()
        model.begun.clear()
        working = raw(server.port, post(body), read=False)
        assert model.begun.wait(60)
        reset(working)  # while the model works on it
        until(lambda: server.service.in_flight == 0)
        model.gate.set()
        assert server.client.post("/v1/predict", json=ASK).status_code == 200
        until(lambda: len(server.server.server_state.connections) <= 2)
        counted = server.client.get("/metrics").text
        assert 'spot_requests_total{route="/v1/predict",status="499"} 2.0' in counted


def test_requests_leave_no_objects_behind(bank, tiny_backbone):
    def left():
        gc.collect()
        return sum(isinstance(each, Job) for each in gc.get_objects())

    before = left()  # of servers that other tests share, whose threads know their last one
    model = Scripted()
    with running(bank, tiny_backbone, model) as server:
        for number in range(60):
            task = "colour" if number % 10 else "unknown"
            server.client.post("/v1/predict", json={"ensemble": task, "texts": [TEXT]})
            reset(raw(server.port, post(json.dumps(ASK).encode()), read=False))
        until(lambda: server.service.in_flight == 0 and server.service.engine.waiting == 0)
        until(lambda: len(server.server.server_state.connections) <= 1)
        until(
            lambda: len(server.server.server_state.tasks) == 0
        )  # a task ends after its connection
        assert server.service.open == set()
        until(lambda: left() <= before + 1)  # the last one, of which the thread's frame still knows


def test_a_request_that_breaks_the_model_is_500_alone_and_tells_nothing(
    bank, tiny_backbone, caplog
):
    model = Scripted()
    model.fail = "bad"
    with running(bank, tiny_backbone, model, batch_wait=0.5, batch_rows=3) as server:
        answers = []
        threads = [
            later(server, answers, {"task": "bird", "texts": [text]}) for text in ("x", "bad", "y")
        ]
        for thread in threads:
            thread.join(60)
        assert sorted(answer.status_code for answer in answers) == [200, 200, 500]
        (failed,) = [answer for answer in answers if answer.status_code == 500]
        refused(failed, 500, "the server could not answer this request", "its log says")
        assert "secret" not in failed.text and "Traceback" not in failed.text
        assert any(
            "/secret/folder" in (record.exc_text or record.getMessage())
            for record in caplog.records
        )
        assert sorted(model.batches[0]) == ["bad", "x", "y"]
        bad = {"task": "bird", "texts": ["bad"]}
        with httpx.Client(base_url=server.url, timeout=60) as client:
            for body, status in ((bad, 500), (ASK, 200), (bad, 500), (ASK, 200)):
                assert client.post("/v1/predict", json=body).status_code == status
            assert len(server.server.server_state.connections) <= 5, "it is kept after a 500"
        assert server.client.post("/v1/predict", json=ASK).status_code == 200


def test_a_server_that_stops_refuses_new_requests_and_answers_those_it_has(bank, tiny_backbone):
    model = Scripted()
    model.gate.clear()
    with running(bank, tiny_backbone, model) as server:
        answers = []
        first = later(server, answers)
        assert model.begun.wait(60)
        assert server.client.get("/healthz").json()["status"] == "ok"
        server.server.begin_drain()
        new = server.client.post("/v1/predict", json=ASK)
        refused(new, 503, "the server is stopping", "another server")
        assert (new.headers["connection"], new.headers["retry-after"]) == ("close", "5")
        health = server.client.get("/healthz")
        assert (health.status_code, health.json()["status"]) == (503, "draining")
        model.gate.set()
        first.join(60)
        assert answers[0].status_code == 200


def test_a_port_that_is_taken_is_said_so():
    with bound(ServerSettings(port=0)) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            SpotError, match=f"cannot listen on 127.0.0.1 port {port}: Address already"
        ):
            bound(ServerSettings(port=port))


def test_no_answer_names_a_path_of_the_machine(open_server, bank):
    own = ids(bank)["bird", 0]
    texts = [
        open_server.client.get(path).text
        for path in ("/v1/prompts", "/healthz", "/metrics", "/docs", "/openapi.json", "/x")
    ]
    texts.append(open_server.client.post("/v1/predict", json={"entry": own, "texts": [TEXT]}).text)
    for body in ({"entry": "zzz", "texts": ["x"]}, {"task": "../../etc/passwd", "texts": ["x"]}):
        texts.append(open_server.client.post("/v1/predict", json=body).text)
    for text in texts:
        assert str(bank.path) not in text and str(bank.path.parent) not in text
        assert "site-packages" not in text
    model = open_server.client.get("/healthz").json()["model"]
    assert model and "/" not in model


def test_a_text_beyond_the_context_is_refused_by_its_number():
    def rows(texts):
        return Ragged.of([[7] * len(text.split()) for text in texts])

    def check(inputs, *lengths):
        predictor = SimpleNamespace(lengths=Lengths(inputs, 8), labels=[[5, 1]], rows=rows)
        choice = SimpleNamespace(
            predictor=predictor, entries=[SimpleNamespace(prompt=SimpleNamespace(tokens=4))]
        )
        service = SimpleNamespace(model=SimpleNamespace(config=tiny_decoder(context=64)))
        asyncio.run(fit(service, choice, [" ".join("a" * length) for length in lengths]))

    check(100, 10, 58)  # 4 of the prompt, 58 of the text, 2 of a label word
    check(58, 99)  # which is cut
    with pytest.raises(Refusal, match=r"texts\[1\]: expected at most 64 tokens") as refusal:
        check(100, 10, 59)
    assert refusal.value.status == 422

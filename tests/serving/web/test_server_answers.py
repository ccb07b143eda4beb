"""What a server answers: as `spot.predict` does, whoever else asks; and what it tells of itself."""

from __future__ import annotations

import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

import spot
from spot.prompts.stored import value_of
from spot.serving.ensemble import Ensemble
from tests.serving.web.stand import Scripted, ids, item, make_bank, running, task, until
from tests.toys import sentences

TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def bank(tiny_backbone, tmp_path_factory):
    bank = make_bank(tmp_path_factory.mktemp("served") / "bank", tiny_backbone)
    bank.add(item(tiny_backbone, "animal"))
    return bank


@pytest.fixture(scope="module")
def server(bank, tiny_backbone):
    """A server whose model is real."""
    with running(bank, tiny_backbone, batch_wait=0.01, batch_rows=8) as server:
        yield server


def ask(server, **question):
    answer = server.client.post("/v1/predict", json=question)
    assert answer.status_code == 200, answer.text
    return answer.json()


def expected(bank, model, names, texts, combine="vote"):
    """`spot.predict` with the prompts of these entries."""
    prompts = [value_of(bank, bank.get(name)) for name in names]
    chosen = prompts[0] if len(prompts) == 1 else Ensemble(tuple(prompts), combine)
    return spot.predict(model, task(prompts[0].facts.task), chosen, texts)


def check(answers, predictions):
    """The server's answers are these predictions."""
    assert len(answers) == len(predictions) > 0
    for answer, prediction in zip(answers, predictions, strict=True):
        assert answer["text"] == prediction.text
        assert answer["answer"] == prediction.answer
        assert answer["probabilities"] == pytest.approx(prediction.probabilities, abs=TOLERANCE)
        if prediction.margin is None:
            assert answer["margin"] is None
        else:
            assert answer["margin"] == pytest.approx(prediction.margin, abs=TOLERANCE)
        assert answer["votes"] == prediction.votes
        assert answer["agreement"] == prediction.agreement


TEXTS = [text for text, *_ in sentences(6, 3)]
ROWS = [{"a": a, "b": b} for a, b in zip(TEXTS, reversed(TEXTS), strict=True)]


def test_a_task_is_answered_by_its_best_entry(server, bank, tiny_backbone):
    answered = ask(server, task="colour", texts=TEXTS)
    best = ids(bank)["colour", 1]
    check(answered["answers"], expected(bank, tiny_backbone, [best], TEXTS))
    assert (answered["task"], answered["entries"]) == ("colour", [best])
    other = expected(bank, tiny_backbone, [ids(bank)["colour", 0]], TEXTS)
    first = answered["answers"][0]["probabilities"]
    assert first != pytest.approx(other[0].probabilities, abs=TOLERANCE)


def test_an_entry_is_found_by_its_id_its_only_task_or_how_its_id_begins(
    server, bank, tiny_backbone
):
    own = ids(bank)["colour", 0]
    for name in (own, own[:12]):
        answered = ask(server, entry=name, texts=TEXTS)
        check(answered["answers"], expected(bank, tiny_backbone, [own], TEXTS))
    assert ask(server, entry="bird", texts=TEXTS)["entries"] == [ids(bank)["bird", 0]]


def test_rows_of_several_columns_and_generated_answers(server, bank, tiny_backbone):
    answered = ask(server, task="pair", texts=ROWS)
    check(answered["answers"], expected(bank, tiny_backbone, [ids(bank)["pair", 0]], ROWS))
    assert answered["answers"][0]["text"] == f"{ROWS[0]['a']} is {ROWS[0]['b']}"
    answered = ask(server, task="animal", texts=TEXTS)
    check(answered["answers"], expected(bank, tiny_backbone, [ids(bank)["animal", 0]], TEXTS))


@pytest.mark.parametrize("combine", ["vote", "mean", "score"])
def test_ensembles_agree_with_the_library(server, bank, tiny_backbone, combine):
    own = [ids(bank)["colour", 1], ids(bank)["colour", 0]]
    predictions = expected(bank, tiny_backbone, own, TEXTS, combine)
    for ensemble in ("colour", own):
        answered = ask(server, ensemble=ensemble, combine=combine, texts=TEXTS)
        check(answered["answers"], predictions)
        assert answered["entries"] == own
    assert sum(answered["answers"][0]["votes"].values()) == 2


def test_an_ensemble_of_one_entry_is_that_entry(server, bank, tiny_backbone):
    own = ids(bank)["bird", 0]
    answered = ask(server, ensemble=["bird", own], texts=TEXTS)
    check(answered["answers"], expected(bank, tiny_backbone, [own], TEXTS))


def test_margins_can_be_left_out(server):
    answered = ask(server, task="colour", texts=TEXTS, margins=False)
    assert [answer["margin"] for answer in answered["answers"]] == [None] * len(TEXTS)


def test_many_clients_at_once_get_their_own_answers_in_shared_batches(server, bank, tiny_backbone):
    own = ids(bank)
    kinds = [
        ({"task": "colour"}, [own["colour", 1]], TEXTS),
        ({"entry": own["colour", 0]}, [own["colour", 0]], TEXTS[:1]),
        ({"task": "bird"}, [own["bird", 0]], TEXTS[1:4]),
        ({"task": "pair"}, [own["pair", 0]], ROWS[:2]),
        ({"task": "animal"}, [own["animal", 0]], TEXTS[:2]),
        ({"ensemble": "colour"}, [own["colour", 1], own["colour", 0]], TEXTS[2:]),
    ]
    right = [expected(bank, tiny_backbone, names, texts) for _, names, texts in kinds]
    before = numbers(server)
    start = threading.Barrier(8)

    def client(number):
        start.wait(60)
        return [
            (place % 6, ask(server, **kinds[place % 6][0], texts=kinds[place % 6][2]))
            for place in range(number, number + 6)
        ]

    with ThreadPoolExecutor(8) as pool:
        answered = [each for done in pool.map(client, range(8)) for each in done]
    assert len(answered) == 48
    for place, answers in answered:
        check(answers["answers"], right[place])
    after = numbers(server)

    def more(name):
        return after[name] - before.get(name, 0)

    rows, batches = more("spot_batch_rows_sum"), more("spot_batch_rows_count")
    texts = sum(len(kinds[place][2]) for place, _ in answered)
    members = sum(len(kinds[place][2]) * len(kinds[place][1]) for place, _ in answered)
    assert more("spot_texts_total") == texts
    assert rows == members
    assert batches < 40, "requests of several clients share batches"


def test_rows_of_a_batch_are_bounded_and_in_order(bank, tiny_backbone):
    model = Scripted()
    with running(bank, tiny_backbone, model, batch_rows=4) as server:
        texts = [f"text {number}" for number in range(10)]
        answered = ask(server, task="bird", texts=texts)
        assert [answer["text"] for answer in answered["answers"]] == texts
        assert model.batches == [texts[:4], texts[4:8], texts[8:]]
        model.batches.clear()
        ask(server, ensemble="colour", texts=texts[:3])  # a text is two rows
        assert model.batches == [texts[:2], texts[2:3]]


def test_a_full_batch_does_not_wait_for_others(bank, tiny_backbone):
    model = Scripted()
    with running(bank, tiny_backbone, model, batch_rows=2, batch_wait=20.0) as server:
        ask(server, task="bird", texts=["a", "b"])  # would take 20 s
        assert model.batches == [["a", "b"]]


def test_requests_within_the_wait_are_one_batch(bank, tiny_backbone):
    model = Scripted()
    with running(bank, tiny_backbone, model, batch_wait=1.0) as server:
        asked = [{"task": name, "texts": [name]} for name in ("colour", "bird")]
        threads = [threading.Thread(target=ask, args=(server,), kwargs=each) for each in asked]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert [sorted(batch) for batch in model.batches] == [["bird", "colour"]]


# --- what it tells of itself ------------------------------------------------------------------------


def numbers(server):
    """The samples of /metrics without labels, and requests by route and status."""
    response = server.client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    found = {}
    for family in text_string_to_metric_families(response.text):
        for sample in family.samples:
            if not sample.labels:
                found[sample.name] = sample.value
            elif sample.name == "spot_requests_total":
                found[sample.labels["route"], sample.labels["status"]] = sample.value
    return found


def test_metrics_count_requests_by_route_and_status(bank, tiny_backbone):
    model = Scripted()
    with running(bank, tiny_backbone, model) as server:
        ask(server, task="bird", texts=["a", "b"])
        server.client.post("/v1/predict", json={"task": "brid", "texts": ["a"]})
        server.client.get("/unknown/1")
        server.client.get("/unknown/2")
        server.client.get("/v1/prompts")
        found = numbers(server)
        assert {key: value for key, value in found.items() if isinstance(key, tuple)} == {
            ("/v1/predict", "200"): 1,
            ("/v1/predict", "404"): 1,
            ("/v1/prompts", "200"): 1,
            ("other", "404"): 2,
        }
        assert found["spot_texts_total"] == 2
        assert (found["spot_batch_rows_count"], found["spot_batch_rows_sum"]) == (1, 2)
        assert found["spot_prompts"] == 5
        assert found["spot_queue_rows"] == found["spot_requests_in_flight"] == 0
        assert found["spot_model_seconds_total"] > 0
        assert found["process_resident_memory_bytes"] > 1e6
        model.gate.clear()
        model.begun.clear()
        waiting = threading.Thread(
            target=ask, args=(server,), kwargs={"task": "bird", "texts": ["a"]}
        )
        waiting.start()
        assert model.begun.wait(60)
        assert numbers(server)["spot_requests_in_flight"] == 1
        model.gate.set()
        waiting.join(60)


def test_prompts_are_listed_with_the_nearest_of_other_tasks(server, bank, tiny_backbone):
    listed = server.client.get("/v1/prompts").json()
    by_id = {each["entry"]: each for each in listed}
    assert list(by_id) == [entry.id for entry in bank.entries()]
    colour = by_id[ids(bank)["colour", 1]]
    nearest = colour.pop("nearest")
    assert colour == {
        "entry": ids(bank)["colour", 1], "task": "colour", "kind": "prefix", "length": 4, "score": 75.0,
        "metric": "accuracy", "labels": ["no", "yes"], "columns": ["text"],
    }  # fmt: skip
    assert by_id[ids(bank)["pair", 0]]["columns"] == ["a", "b"]
    assert by_id[ids(bank)["animal", 0]]["labels"] == []
    assert by_id[ids(bank)["animal", 0]]["score"] is None
    # By hand: cosines of mean tokens without the mean of the bank's.
    entries = bank.entries()
    means = np.stack([bank.prompts(entry).key.mean(0, dtype=np.float64) for entry in entries])
    means -= means.mean(0)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    own = next(n for n, entry in enumerate(entries) if entry.id == ids(bank)["colour", 1])
    cosines = means @ means[own]
    others = [n for n in np.argsort(-cosines) if entries[n].task != "colour"][:3]
    assert [each["entry"] for each in nearest] == [entries[n].id for n in others]
    assert [each["similarity"] for each in nearest] == pytest.approx(cosines[others], abs=1e-5)
    assert [each["task"] for each in nearest] == [entries[n].task for n in others]


def test_health(server, tiny_backbone):
    answer = server.client.get("/healthz")
    assert answer.status_code == 200
    content = answer.json()
    assert content.pop("model") == tiny_backbone.name.rpartition("/")[2]
    assert content == {"status": "ok", "prompts": 5, "queue": 0}


def test_the_description_of_the_routes_holds_for_what_is_answered(server):
    api = server.client.get("/openapi.json").json()
    assert api["openapi"].startswith("3.")
    assert set(api["paths"]) == {"/v1/predict", "/v1/prompts", "/healthz", "/metrics"}
    references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(api)))
    assert references == set(api["components"]["schemas"])
    responses = api["paths"]["/v1/predict"]["post"]["responses"]
    assert set(responses) == {
        "200", "400", "401", "404", "408", "413", "415", "421", "422", "429", "500", "503", "504",
    }  # fmt: skip
    schemas = api["components"]["schemas"]
    answered = ask(server, task="colour", texts=TEXTS[:1])
    assert set(answered) == set(schemas["Answered"]["properties"])
    assert set(answered["answers"][0]) == set(schemas["AnswerOut"]["properties"])
    listed = server.client.get("/v1/prompts").json()
    assert set(listed[0]) == set(schemas["PromptOut"]["properties"])
    assert set(listed[0]["nearest"][0]) == set(schemas["NearOut"]["properties"])
    failed = server.client.post("/v1/predict", json={})
    assert set(failed.json()) == set(schemas["ErrorOut"]["properties"])
    example = schemas["Question"]["examples"][0]
    assert set(example) <= set(schemas["Question"]["properties"])


def test_the_page_of_the_routes_loads_nothing_from_elsewhere(server):
    answer = server.client.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    page = answer.text
    assert not re.search(r"<script|<link|<img|@import|url\(|(?:href|src)=\"(?:\w+:)?//", page)
    for name in ("POST /v1/predict", "GET /v1/prompts", "GET /healthz", "GET /metrics", "Question"):
        assert name in page
    assert all(f'id="{name}"' in page for name in re.findall(r'href="#(\w+)"', page))
    assert "list of" in page and "$ref" not in page


def test_idle_connections_are_kept_and_headers_say_nothing_of_the_machine(server):
    for _ in range(3):
        answer = server.client.get("/healthz")
    assert "server" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"
    until(lambda: server.service.in_flight == 0)

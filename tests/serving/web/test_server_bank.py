"""A bank that changes under a server: new entries answer without a restart, damaged ones are named."""

from __future__ import annotations

import logging
import shutil
import threading
from dataclasses import replace

import numpy as np
import pytest

from bank.entry import Backbone, id_of
from bank.store import Bank
from spot.errors import SpotError
from spot.serving.web.answering import PlacedPrompts
from spot.serving.web.catalogue import read_catalogue, stamps_of
from spot.serving.web.server import open_service, warm_up
from spot.serving.web.service import ensemble_of
from spot.serving.web.settings import ServerSettings
from tests.serving.web.stand import Scripted, ids, item, make_bank, running, task, until

LOG = "spot.serving.web"


@pytest.fixture
def bank(tiny_backbone, tmp_path):
    return make_bank(tmp_path / "bank", tiny_backbone)


def status(server, **question):
    return server.client.post("/v1/predict", json={"texts": ["a red cat"], **question}).status_code


def test_a_new_entry_answers_without_a_restart(bank, tiny_backbone, caplog):
    caplog.set_level(logging.INFO, LOG)
    with running(bank, tiny_backbone, poll=0.05) as server:
        assert status(server, task="place") == 404
        bank.add(item(tiny_backbone, "place", score=70.0))
        until(lambda: status(server, task="place") == 200)
        listed = {each["task"]: each for each in server.client.get("/v1/prompts").json()}
        assert listed["place"]["score"] == 70.0
        assert len(listed["place"]["nearest"]) == 3
        assert f"serving the new entry {ids(bank)['place', 0]}" in caplog.text
        assert server.client.get("/healthz").json()["prompts"] == 5
        better = item(tiny_backbone, "place", seed=1, score=90.0)
        bank.add(better)

        def best():
            asked = {"task": "place", "texts": ["a red cat"]}
            return server.client.post("/v1/predict", json=asked).json()["entries"]

        until(lambda: best() == [better[0].id])


def test_a_removed_entry_answers_no_more_and_what_is_in_flight_ends(bank, tiny_backbone, caplog):
    caplog.set_level(logging.INFO, LOG)
    model = Scripted()
    with running(bank, tiny_backbone, model, batch_rows=1) as server:
        model.gate.clear()
        codes = []
        threads = [
            threading.Thread(target=lambda: codes.append(status(server, task="bird"))) for _ in "ab"
        ]
        for thread in threads:
            thread.start()
        assert model.begun.wait(60)
        until(lambda: server.service.engine.waiting == 1)
        own = ids(bank)["bird", 0]
        bank.remove([own])
        server.watch.look()
        assert status(server, task="bird") == 404
        model.gate.set()
        for thread in threads:
            thread.join(60)
        assert codes == [200, 200]
        assert f"{own} is served no more" in caplog.text
        until(lambda: len(model.held) == 2)
        assert [len(held) for held in model.held] == [4, 3]


def test_a_damaged_new_entry_is_named_once_and_skipped(bank, tiny_backbone, caplog):
    with running(bank, tiny_backbone, Scripted()) as server:
        new = item(tiny_backbone, "place")
        bank.add(new)
        file = bank.folder(new[0]) / "prompt.safetensors"
        whole = file.read_bytes()
        file.write_bytes(whole[:-4] + b"\0\0\0\0")
        server.watch.look()
        assert status(server, task="place") == 404
        assert status(server, task="bird") == 200
        bank.add(item(tiny_backbone, "house"))
        server.watch.look()
        assert status(server, task="house") == 200
        assert caplog.text.count(f"skipping {new[0].id}: ") == 1
        assert "does not match its checksum" in caplog.text
        file.write_bytes(whole)  # repaired in place
        server.watch.look()
        assert status(server, task="place") == 200


def test_a_bank_that_cannot_be_read_leaves_the_server_as_it_was(bank, tiny_backbone, caplog):
    with running(bank, tiny_backbone, Scripted()) as server:
        manifest = bank.path / "bank.json"
        whole = manifest.read_bytes()
        manifest.write_bytes(whole.replace(b'"format"', b'"fromat"'))
        bank_entry = item(tiny_backbone, "place")
        shutil.copytree(bank.path / "entries" / ids_of(bank)[0], bank.path / "entries" / "copy")
        server.watch.look()
        assert status(server, task="bird") == 200
        assert server.client.get("/healthz").json()["prompts"] == 4
        assert "the bank cannot be read; going on with what was there" in caplog.text
        manifest.write_bytes(whole)
        shutil.rmtree(bank.path / "entries" / "copy")
        bank.add(bank_entry)
        server.watch.look()
        assert status(server, task="place") == 200


def ids_of(bank):
    """The names of the folders of entries, whatever is in them."""
    return sorted(path.name for path in (bank.path / "entries").iterdir())


def test_only_what_has_changed_is_read_again(bank, tiny_backbone, monkeypatch):
    first = read_catalogue(bank, tiny_backbone, lambda prompt, name: task(prompt.facts.task))
    new = item(tiny_backbone, "place")
    bank.add(new)
    asked = []

    def task_of(prompt, name):
        asked.append(name)
        return task(prompt.facts.task)

    second = read_catalogue(bank, tiny_backbone, task_of, None, first)
    assert asked == [new[0].id]
    for id, served in first.served.items():
        assert second.served[id] is served
    assert len(second.nearest[new[0].id]) == 3
    assert stamps_of(bank) == stamps_of(bank) != ()


def test_entries_that_cannot_answer_are_left_out_with_the_reason(bank, tiny_backbone, tmp_path):
    def task_of(prompt, name):
        if prompt.facts.task == "lost":
            raise SpotError("no such task", "find it")
        return task(prompt.facts.task)

    path = replace(item(tiny_backbone, "x")[0], task="folder/x.toml")
    path = replace(path, id=id_of(path))
    bank.add_many([item(tiny_backbone, "lost"), (path, item(tiny_backbone, "x")[1])])
    catalogue = read_catalogue(bank, tiny_backbone, task_of)
    assert len(catalogue.served) == 4
    assert catalogue.faults == {
        ids(bank)["lost", 0]: "no such task (find it)",
        path.id: "expected the name of a task, found the path folder/x.toml (spot bank rename gives it "
        "another name)",
    }


def test_a_bank_of_another_model_is_refused_at_the_start(tiny_backbone, tmp_path):
    other = Bank(tmp_path / "other")
    for name in ("a", "b"):
        entry, prompts = item(tiny_backbone, name)
        entry = replace(entry, backbone=Backbone("giant", "0" * 64))
        other.add(replace(entry, id=id_of(entry)), prompts)

    def open_other():
        return open_service(
            other,
            tiny_backbone,
            lambda prompt, name: task("bird"),
            ServerSettings(),
            None,
            Scripted(),
        )

    with pytest.raises(SpotError, match="found none that can answer"):
        open_other()


@pytest.mark.parametrize("names", [["bird"], ["bird", "pair"]])
def test_small_banks_have_fewer_neighbours(tiny_backbone, tmp_path, names):
    bank = Bank(tmp_path / "small")
    bank.add_many([item(tiny_backbone, name) for name in names])
    catalogue = read_catalogue(bank, tiny_backbone, lambda prompt, name: task(prompt.facts.task))
    for near in catalogue.nearest.values():
        assert len(near) == len(names) - 1
        assert all(np.isfinite(each.similarity) for each in near)


def warmed(bank, model, seconds=60.0, batch_rows=8):
    """The batches that warming up reads."""
    scripted = Scripted()
    settings = ServerSettings(batch_rows=batch_rows)
    service, _ = open_service(
        bank, model, lambda prompt, name: task(prompt.facts.task), settings, None, scripted
    )
    service.engine.start()
    assert warm_up(service, seconds) >= 0
    service.engine.stop()
    assert service.engine.join(60)
    return [(len(batch), len(batch[0].split())) for batch in scripted.batches]


def test_warming_up_reads_batches_of_every_size_and_length_for_each_shape(bank, tiny_backbone):
    # The entries have prompts and label words of one shape, and texts of up to 32 tokens.
    sizes = [8, 1, 2, 4]
    assert warmed(bank, tiny_backbone) == [(n, length) for length in (16, 32) for n in sizes]
    bank.add(item(tiny_backbone, "animal"))  # whose answers are generated
    sizes = [8, 8, 1, 1, 2, 2, 4, 4]
    assert warmed(bank, tiny_backbone) == [(n, length) for length in (16, 32) for n in sizes]


def test_warming_up_has_an_end(bank, tiny_backbone, caplog):
    caplog.set_level(logging.INFO, LOG)
    assert len(warmed(bank, tiny_backbone, seconds=0.0)) <= 1
    assert "compile when they come" in caplog.text


def test_prompts_of_ensembles_are_placed_once_and_those_that_went_are_dropped(bank, tiny_backbone):
    catalogue = read_catalogue(bank, tiny_backbone, lambda prompt, name: task(prompt.facts.task))
    placed = PlacedPrompts(tiny_backbone)
    served = list(catalogue.served.values())
    placed.hold([each.predictor for each in served])
    assert placed.prompts == 4
    together = ensemble_of(tiny_backbone, catalogue.of_task("colour"), "vote")
    bird = catalogue.best("bird").predictor
    rows = [(together, "a red cat"), (bird, "a blue hen")]
    first = placed.answers(rows)
    assert placed.prompts == 4
    for predictor, answer in zip((together, bird), first, strict=True):
        (alone,) = predictor.answers([answer.text])
        assert answer.probabilities == pytest.approx(alone.probabilities, abs=1e-5)
    placed.hold([bird])
    assert placed.prompts == 1
    again = placed.answers(rows)  # of a request that began before
    assert placed.prompts == 3
    assert [each.answer for each in again] == [each.answer for each in first]


def test_predictors_of_ensembles_do_not_pile_up(bank, tiny_backbone, monkeypatch):
    monkeypatch.setattr("spot.serving.web.answering.PASSING", 3)
    catalogue = read_catalogue(bank, tiny_backbone, lambda prompt, name: task(prompt.facts.task))
    placed = PlacedPrompts(tiny_backbone)
    placed.hold([each.predictor for each in catalogue.served.values()])
    for _ in range(10):
        together = ensemble_of(tiny_backbone, catalogue.of_task("colour"), "mean")
        placed.answers([(together, "a red cat")])
        assert len(placed._mixed) <= 7

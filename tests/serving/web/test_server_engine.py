"""The queue and its thread: what is taken together, what is dropped, what fails alone."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import CancelledError
from types import SimpleNamespace

import pytest

from spot.serving.predicting import Prediction
from spot.serving.web.engine import Engine, Full
from tests.serving.web.stand import Scripted, until


def predictor(members=1):
    """What the engine sees of a predictor: how many prompts it has."""
    return SimpleNamespace(prompts=(None,) * members)


ONE, TWO, FIVE = predictor(), predictor(2), predictor(5)


@pytest.fixture
def engines():
    """Makes engines, and ends them."""
    made = []

    def make(model, **limits):
        engine = Engine(model, **{"batch_wait": 0.0, **limits})
        made.append((engine, model))
        engine.start()
        return engine

    yield make
    for engine, model in made:
        model.gate.set()
        engine.stop()
        assert engine.join(60)


def closed():
    """A model that is at work until its gate opens."""
    model = Scripted()
    model.gate.clear()
    return model


def texts(job):
    return [answer.text for answer in job.future.result(60)]


def test_what_gathers_while_the_model_works_is_one_batch(engines):
    model = closed()
    engine = engines(model, batch_rows=8)
    first = engine.submit([(ONE, "first")])
    assert model.begun.wait(60)
    jobs = [engine.submit([(ONE, f"{n}a"), (TWO, f"{n}b")]) for n in range(3)]
    assert engine.waiting == 9
    model.gate.set()
    assert texts(first) == ["first"]
    assert [texts(job) for job in jobs] == [[f"{n}a", f"{n}b"] for n in range(3)]
    assert model.batches == [["first"], ["0a", "0b", "1a", "1b", "2a"], ["2b"]]  # 8 rows, then 2
    assert engine.waiting == 0


def test_a_row_of_more_prompts_than_a_batch_has_rows_goes_alone(engines):
    model = closed()
    engine = engines(model, batch_rows=2)
    engine.submit([(ONE, "first")])
    assert model.begun.wait(60)
    jobs = [engine.submit([(ONE, "a"), (FIVE, "b"), (ONE, "c")]), engine.submit([(ONE, "d")])]
    model.gate.set()
    assert [texts(job) for job in jobs] == [["a", "b", "c"], ["d"]]
    assert model.batches == [["first"], ["a"], ["b"], ["c", "d"]]


def test_a_full_queue_takes_nothing_of_a_request(engines):
    model = closed()
    engine = engines(model, queue=3, batch_rows=1)
    engine.submit([(ONE, "first")])
    assert model.begun.wait(60)
    engine.submit([(TWO, "a")])
    with pytest.raises(Full) as full:
        engine.submit([(ONE, "b"), (ONE, "c")])
    assert full.value.seconds == 1
    assert engine.waiting == 2
    engine.submit([(ONE, "d")])
    assert engine.waiting == 3


def test_the_time_to_try_again_follows_the_speed_of_the_model(engines):
    class Slow(Scripted):
        seconds = 0.5

        def answers(self, rows):
            time.sleep(self.seconds)
            return super().answers(rows)

    model = Slow()
    engine = engines(model, queue=10, batch_rows=1)
    engine.submit([(ONE, "x")]).future.result(60)  # two rows a second
    model.seconds = 0
    model.gate.clear()
    engine.submit([(ONE, "at work")])
    until(lambda: engine.waiting == 0)
    engine.submit([(ONE, str(n)) for n in range(10)])
    with pytest.raises(Full) as full:
        engine.submit([(ONE, str(n)) for n in range(10)])
    assert 4 <= full.value.seconds <= 7


def test_a_dropped_request_frees_its_room_and_is_not_read(engines):
    model = closed()
    engine = engines(model, queue=2, batch_rows=1)
    engine.submit([(ONE, "first")])
    assert model.begun.wait(60)
    dropped = engine.submit([(ONE, "a"), (ONE, "b")])
    engine.drop(dropped)
    engine.drop(dropped)
    assert engine.waiting == 0
    kept = engine.submit([(ONE, "c"), (ONE, "d")])
    model.gate.set()
    assert texts(kept) == ["c", "d"]
    with pytest.raises(CancelledError):
        dropped.future.result(5)
    assert model.batches == [["first"], ["c"], ["d"]]


def test_a_request_that_is_dropped_half_way_is_read_no_further(engines):
    model = closed()
    engine = engines(model, batch_rows=1)
    half = engine.submit([(ONE, str(n)) for n in range(5)])
    assert model.begun.wait(60)
    engine.drop(half)
    assert engine.waiting == 0
    model.gate.set()
    assert texts(engine.submit([(ONE, "next")])) == ["next"]
    assert model.batches == [["0"], ["next"]]


def test_a_future_that_its_owner_cancelled_is_skipped(engines):
    model = closed()
    engine = engines(model, batch_rows=1)
    engine.submit([(ONE, "first")])
    assert model.begun.wait(60)
    cancelled, kept = engine.submit([(ONE, "a")]), engine.submit([(ONE, "b")])
    assert cancelled.future.cancel()
    model.gate.set()
    assert texts(kept) == ["b"]
    assert (model.batches, engine.waiting) == ([["first"], ["b"]], 0)


def test_a_row_that_breaks_its_batch_fails_its_own_request_alone(engines):
    model = closed()
    model.fail = "bad"
    engine = engines(model, batch_rows=8)
    engine.submit([(ONE, "first")])
    assert model.begun.wait(60)
    good = [engine.submit([(ONE, "a"), (ONE, "b")]), engine.submit([(ONE, "c")])]
    bad = engine.submit([(ONE, "d"), (ONE, "bad"), (ONE, "e")])
    model.gate.set()
    assert [texts(job) for job in good] == [["a", "b"], ["c"]]
    with pytest.raises(RuntimeError, match="broke on bad"):
        bad.future.result(60)
    until(lambda: len(model.batches) == 7)
    assert model.batches[2:] == [["a"], ["b"], ["c"], ["d"], ["bad"]]  # "e" is not read any more


def test_held_prompts_change_between_batches(engines):
    model = closed()
    engine = engines(model)
    engine.submit([(ONE, "first")])
    assert model.begun.wait(60)
    engine.hold([ONE])
    engine.hold([ONE, TWO])
    assert model.held == []
    model.gate.set()
    until(lambda: model.held == [[ONE, TWO]])


def test_prompts_that_cannot_be_placed_end_nothing(engines, caplog):
    class Picky(Scripted):
        def hold(self, predictors):
            raise ValueError("too large")

    engine = engines(Picky())
    engine.hold([ONE])
    assert texts(engine.submit([(ONE, "a")])) == ["a"]
    assert "could not be placed" in caplog.text


def test_stopping_answers_what_is_queued_and_takes_no_more(engines):
    model = closed()
    engine = engines(model, batch_rows=2, batch_wait=60.0)
    jobs = [engine.submit([(ONE, str(n))]) for n in range(5)]
    assert model.begun.wait(60)
    engine.stop()
    with pytest.raises(Full):
        engine.submit([(ONE, "late")])
    model.gate.set()
    assert [texts(job) for job in jobs] == [[str(n)] for n in range(5)]
    assert engine.join(60) and not engine.is_alive


def test_many_threads_get_the_answers_to_their_own_rows(engines):
    class Echo(Scripted):
        def answers(self, rows):
            self.batches.append([text for _, text in rows])
            return [Prediction(text, f"{len(who.prompts)} {text}", {}) for who, text in rows]

    model = Echo()
    engine = engines(model, queue=40, batch_rows=7, batch_wait=0.001)
    wrong, refused = [], []

    def client(number):
        rng = random.Random(number)
        for turn in range(60):
            who = rng.choice([ONE, TWO, FIVE])
            rows = [(who, f"{number} {turn} {n}") for n in range(rng.randint(1, 4))]
            try:
                job = engine.submit(rows)
            except Full:
                refused.append(number)
                continue
            if rng.random() < 0.2:
                engine.drop(job)
            elif [each.answer for each in job.future.result(60)] != [
                f"{len(who.prompts)} {text}" for _, text in rows
            ]:
                wrong.append(rows)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    assert len(refused) < 8 * 60 / 2
    until(lambda: engine.waiting == 0)
    assert max(map(len, model.batches)) > 1

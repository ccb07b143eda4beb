"""Tasks as training data: samples, mixtures, and a fingerprint of everything that is trained on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spot.tasks.task import Task, mixture_of, with_wording
from spot.tasks.tokens import Lengths
from spot.tasks.vocabulary import ByteVocabulary
from spot.training.source import data_fingerprint, load_source, task_data

LENGTHS = Lengths(64, 8)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SPOT_CACHE_DIR", str(tmp_path))


def rows(count: int, word: str = "ticket") -> list[dict]:
    return [{"text": f"{word} {i}", "label": "bug" if i % 2 else "fee"} for i in range(count)]


def task(name: str = "tickets", count: int = 30, word: str = "ticket") -> Task:
    return Task.from_rows(
        name,
        rows(count, word),
        rows(12, f"{word} no."),
        rows(4, f"the {word}"),
        labels=["fee", "bug"],
    )


def test_a_task_is_a_source_of_one_member_cut_to_its_samples():
    words = ByteVocabulary()
    whole = load_source(task(), words, LENGTHS)
    assert (whole.name, whole.rates, len(whole.members)) == ("tickets", (1.0,), 1)
    (member,) = whole.members
    assert (len(member.train), len(member.validation)) == (30, 12)
    assert whole.labels == [[*words.encode("fee"), 1], [*words.encode("bug"), 1]]
    cut = task_data(task(), words, LENGTHS, 7, 5)
    assert (len(cut.train), len(cut.validation)) == (7, 5)
    assert set(cut.train.target_texts) <= {"fee", "bug"}
    texts = {words.decode(ids) for ids in member.train.inputs}
    assert {words.decode(ids) for ids in cut.train.inputs} < texts


def test_a_mixture_keeps_members_and_rates():
    mixture = mixture_of("both", [task("a", 10, "a"), task("b", 30, "b")])
    source = load_source(mixture, ByteVocabulary(), LENGTHS)
    assert (source.name, source.rates) == ("both", (0.25, 0.75))
    assert [(m.definition.name, len(m.train)) for m in source.members] == [("a", 10), ("b", 30)]


def test_the_text_and_the_shots_of_a_task_are_in_its_arrays():
    worded = with_wording(task(), text="Say it.", shots=1)
    source = load_source(worded, ByteVocabulary(), LENGTHS)
    texts = [ByteVocabulary().decode(ids) for ids in source.members[0].train.inputs]
    assert all(text.startswith("Say it.\n\nticket ") for text in texts)


def test_the_fingerprint_follows_rows_wording_rates_and_sample():
    a, b = task("a", 10, "a"), task("b", 30, "b")
    mixture = mixture_of("both", [a, b])
    sources = [
        a, b, mixture, replace(mixture, rates=(0.5, 0.5)), with_wording(a, text="Say it."),
        with_wording(a, shots=1), with_wording(a, shots=1, shot_seed=1),
        with_wording(a, list_labels=True), replace(mixture, members=(with_wording(a, shots=1), b)),
        replace(mixture, members=(a, with_wording(b, shots=1))),
        replace(mixture, members=(with_wording(a, shots=1), with_wording(b, shots=1))),
        task("a", 11, "a"),
    ]  # fmt: skip
    prints = [data_fingerprint(source) for source in sources]
    assert len({*prints, data_fingerprint(a, 7)}) == len(sources) + 1
    assert data_fingerprint(task("a", 10, "a")) == prints[0]
    assert data_fingerprint(replace(mixture, name="other")) == prints[2]

"""Prompt design: which examples are drawn, how many fit, and that no answer is given away."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from spot.errors import SpotError
from spot.tasks.shots import draw, mean_shots, with_few_shot
from spot.tasks.task import Task, listing_labels, with_wording
from spot.tasks.text import Example

ROWS = {
    "train": [Example(f"train {i}", "yes" if i % 2 else "no", i % 2) for i in range(20)],
    "validation": [Example(f"validation {i}", "no", 0) for i in range(3)],
    "test": [Example(f"test {i}", "yes", 1) for i in range(3)],
}
TASK = Task(
    name="toy", family="toy", labels=("no", "yes"), metrics=("accuracy",), scoring="rank",
    splits=tuple(ROWS), read=lambda split: iter(ROWS[split]), fingerprint=lambda: "abc",
    description="", rows=lambda split: len(ROWS[split]),
)  # fmt: skip


def with_shots(task, shots, seed, length, limit, text=""):
    return with_few_shot(with_wording(task, text=text, shots=shots, shot_seed=seed), length, limit)


def words(text: str) -> int:
    return len(text.split())


def by_hand(shots: int, seed: int) -> list[Example]:
    """The slow, obvious draw: sort all of train by the hash of seed, text and answer."""

    def rank(example: Example) -> str:
        text = f"spot-shots-v1:{seed}:{example.inputs}\n{example.targets}"
        return hashlib.sha256(text.encode()).hexdigest()

    return sorted(ROWS["train"], key=rank)[:shots]


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_the_draw_is_that_of_the_seed_from_train_and_no_order_of_rows_matters(seed):
    assert draw(TASK, 4, seed) == by_hand(4, seed)
    turned = replace(TASK, read=lambda split: iter(ROWS[split][::-1]))
    assert draw(turned, 4, seed) == by_hand(4, seed)
    assert {e.inputs.split()[0] for e in draw(TASK, 20, seed)} == {"train"}
    assert by_hand(4, seed) != by_hand(4, seed + 1)
    assert draw(TASK, 0, seed) == []
    assert len(draw(TASK, 99, seed)) == 20


def test_examples_and_a_text_stand_in_front_of_every_text():
    task = with_shots(TASK, 2, 0, words, 100, text="Answer yes or no.")
    one, two = (f"{e.inputs} {e.targets}" for e in by_hand(2, 0))
    expected = f"Answer yes or no.\n\n{one}\n\n{two}\n\ntest 0"
    first = next(task.read("test"))
    assert first == replace(ROWS["test"][0], inputs=expected)
    assert task.complete("test 0") == expected
    assert [e.targets for e in task.read("test")] == [e.targets for e in ROWS["test"]]


def test_a_text_prompt_alone_is_zero_shot():
    task = with_shots(TASK, 0, 0, words, 100, text="Say it.")
    assert [e.inputs for e in task.read("validation")] == [
        f"Say it.\n\nvalidation {i}" for i in range(3)
    ]


@pytest.mark.parametrize(("limit", "fitted"), [(2, 0), (4, 0), (5, 1), (7, 1), (8, 2), (14, 4)])
def test_as_many_as_fit_are_shown_and_counted(limit, fitted, caplog):
    # a text has two words, an example with its answer three
    task = with_shots(TASK, 4, 0, words, limit)
    for example in task.read("test"):
        assert words(example.inputs) == 2 + 3 * fitted <= max(limit, 2)
        assert example.inputs.endswith(f"test {example.inputs[-1]}")
    said = f"of 4 examples asked for, {fitted}.0 fitted on average ({fitted} to {fitted})"
    assert (said in caplog.text) is (fitted < 4)


def test_a_long_text_is_given_fewer_examples_than_a_short_one(caplog):
    rows = [Example("short text", "no", 0), Example("a long text " * 3, "no", 0)]
    task = with_shots(replace(TASK, read=lambda s: iter(rows if s == "test" else ROWS[s])),
                      3, 0, words, 12)  # fmt: skip
    assert [words(e.inputs) for e in task.read("test")] == [2 + 9, 9 + 3]
    assert "2.0 fitted on average (1 to 3)" in caplog.text
    list(task.read("test"))
    assert caplog.text.count("fitted on average") == 1


def test_a_training_text_is_not_shown_its_own_answer():
    task = with_shots(TASK, 3, 0, words, 100)
    drawn = {e.inputs for e in by_hand(3, 0)}
    for plain, example in zip(ROWS["train"], task.read("train"), strict=True):
        assert f"{plain.inputs} {plain.targets}" not in example.inputs
        assert words(example.inputs) == 2 + 3 * (2 if plain.inputs in drawn else 3)


def test_the_fingerprint_tells_text_number_and_seed_apart():
    prints = {
        with_shots(TASK, shots, seed, words, 100, text=text).fingerprint()
        for shots, seed, text in [(0, 0, "a"), (0, 0, "b"), (1, 0, ""), (2, 0, ""), (1, 1, "")]
    }
    assert len(prints | {TASK.fingerprint()}) == 6


def test_listed_label_words_stand_in_every_example():
    task = with_shots(listing_labels(TASK), 1, 0, words, 100)
    text = task.complete("is it?")
    assert text.endswith("\n\nno | yes. is it?") and text.count("no | yes. ") == 2


def test_a_prompt_that_fills_the_input_and_a_registered_task_are_refused():
    with pytest.raises(SpotError, match="data.text: expected fewer than 3 tokens, found 3"):
        with_shots(TASK, 0, 0, words, 3, text="one two three")
    with pytest.raises(SpotError, match='registered seqio Task "mine"'):
        with_wording(replace(TASK, registered="mine"), shots=1)


def test_without_text_and_shots_a_task_is_unchanged_and_they_are_put_there_once():
    assert with_few_shot(TASK, words, 9) is TASK
    once = with_shots(TASK, 1, 0, words, 100)
    assert with_few_shot(once, words, 100) is once


def test_the_mean_number_of_examples_that_fit():
    task = with_wording(TASK, shots=4)
    assert [mean_shots(task, "test", words, limit) for limit in (4, 5, 8, 99)] == [0, 1, 2, 4]
    assert mean_shots(TASK, "test", words, 99) == 0

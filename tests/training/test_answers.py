"""What a prompt writes at a check: shares of label words, against answers written and counted by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from spot.tasks.examples import Ragged
from spot.training import answers
from spot.training.answers import answer_shares, mean_shares, shares_of
from spot.training.batches import Source
from spot.training.evaluate import validate
from spot.training.slots import Check, Shares
from spot.verdicts.phases import phase_of

WORDS = ("no", "yes")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["yes"] * 8, (100, 100)),  # a constant answer is the commonest
        (["yes"] * 6 + ["no"] * 2, (100, 75)),
        ([" yes", "no ", "yes indeed", "Yes"], (50, 25)),
        (["", "maybe", "noyes"], (0, 0)),
        (["yes", "no", "", ""], (50, 25)),
    ],
)
def test_shares_are_of_all_answers(written, expected):
    assert shares_of(written, WORDS) == expected


@pytest.mark.parametrize("rows", [5, 64])
def test_answers_are_those_that_the_model_generates(
    tiny_backbone, data, make_slot, monkeypatch, rows
):
    monkeypatch.setattr(answers, "ROWS", rows)
    prompts = [*(make_slot(seed=seed).init for seed in range(3)), None]
    drawn = answers.sample(data["colour"].validation, rows)
    texts = [tiny_backbone.generate(drawn.inputs, 4, prompt) for prompt in prompts]
    # An untrained model writes no label words, so what it writes becomes some.
    words = (texts[0][0], texts[0][-1], texts[1][0])
    task = dataclasses.replace(data["colour"].definition, labels=words)
    member = dataclasses.replace(data["colour"], definition=task, labels=[[5, 1], [6, 7, 1]])
    seen = set()
    for prompt, written in zip(prompts, texts, strict=True):
        valid = [text for text in written if text in words]
        most = max(valid.count(word) for word in words)
        expected = (100 * len(valid) / len(drawn), 100 * most / len(drawn))
        shares = answer_shares(tiny_backbone, prompt, member, ())
        assert shares == pytest.approx(expected, abs=1e-9)
        seen.add(shares)
    assert len(seen) > 1


def test_without_label_words_nothing_is_generated(tiny_backbone, data, monkeypatch):
    monkeypatch.setattr(type(tiny_backbone), "generate", None)
    assert answer_shares(tiny_backbone, None, data["animal"], ["cat"] * 12) == Shares()


def test_generated_answers_are_counted_as_they_are(tiny_backbone, data, monkeypatch):
    monkeypatch.setattr(type(tiny_backbone), "generate", None)
    written = dataclasses.replace(data["colour"].definition, scoring="generate")
    member = dataclasses.replace(data["colour"], definition=written)
    predictions = ["yes"] * 6 + ["no"] * 3 + ["junk"] * 3
    assert answer_shares(tiny_backbone, None, member, predictions) == (75, 50)


def test_a_mixtures_shares_are_the_mean_of_its_members_with_label_words(
    tiny_backbone, data, monkeypatch
):
    shares = {"colour": Shares(50.0, 25.0), "bird": Shares(100.0, 75.0), "animal": Shares()}
    monkeypatch.setattr(
        "spot.training.evaluate.answer_shares",
        lambda backbone, prompt, member, predictions: shares[member.definition.name],
    )
    for names, expected in (
        (("colour", "bird"), (75, 50)),
        (("colour", "bird", "animal"), (75, 50)),
        (("animal",), (None, None)),
    ):
        mixture = Source("m", tuple(data[name] for name in names), (1.0,) * len(names))
        assert validate(tiny_backbone, None, mixture).shares == expected
    assert mean_shares([]) == Shares()


def test_checks_that_were_stored_without_shares_do_not_know_them():
    check = Check(4, 62.5, 0.25, {"f1": 62.5}, 8, 75.0, 50.0)
    row = check.to_json()
    assert (row["valid_labels"], row["commonest_label"]) == (75, 50)
    assert Check.from_json(row) == check
    old = {name: row[name] for name in ("step", "score", "loss", "metrics", "n")}
    assert Check.from_json(old) == Check(4, 62.5, 0.25, {"f1": 62.5}, 8)


def test_every_check_has_shares_and_they_change_nothing(train, pair, monkeypatch):
    trained = train(pair, early_checks=(0, 1))
    for each in trained:
        for check in each.history:
            assert 0 <= check.commonest_label <= check.valid_labels <= 100
    monkeypatch.setattr("spot.training.evaluate.answer_shares", lambda *_: Shares())
    for ours, bare in zip(trained, train(pair, early_checks=(0, 1)), strict=True):
        assert {check.valid_labels for check in bare.history} == {None}
        for role in ("key", "value", "last"):
            np.testing.assert_array_equal(getattr(ours, role), getattr(bare, role))
        assert [c.score for c in ours.history] == [c.score for c in bare.history]


def test_a_random_start_learns_label_words_first_and_the_task_last(tmp_path):
    """Lester et al. start at random, too; the slow part is compiling the steps of spot-nano."""
    import spot
    from spot.training.build import new_slot
    from spot.training.evaluate import majority_score
    from spot.training.prompt_tuning import train_prompts
    from spot.training.source import source_of

    model, task = spot.load_model("spot-nano"), spot.load_task("mini_cb")
    recipe = spot.Recipe(
        length=8, init="random", learning_rate=0.1, dropout=0.0, batch_size=8, validation_examples=64,
        steps=10, key_step=10, check_every=10, early_checks=(0, 3, 5, 7), patience=0,
    ).on(model)  # fmt: skip
    source = source_of(task, model, recipe)
    (trained,) = train_prompts(model, [new_slot(model, source, recipe, 1)], recipe, tmp_path)

    def half_way(values):
        level = (values[0] + max(values)) / 2
        return next(place for place, value in enumerate(values) if value >= level)

    history = trained.history
    columns = zip(*((c.valid_labels, c.commonest_label, c.score) for c in history), strict=True)
    valid, commonest, score = map(half_way, columns)
    assert 0 < valid <= commonest < score
    constant = majority_score(source)
    phases = [phase_of(c.valid_labels, c.score, constant, c.n) for c in history]
    assert (phases[0], phases[-1]) == ("junk", "task"), [c.to_json() for c in history]
    # The last check, counted slowly: one row at a time.
    member = source.members[0]
    drawn = answers.sample(member.validation, answers.ROWS)
    written = [model.generate(Ragged.of([row]), 4, trained.last)[0].strip() for row in drawn.inputs]
    words = [word.strip() for word in member.definition.labels]
    counts = [written.count(word) for word in words]
    assert history[-1].valid_labels == pytest.approx(100 * sum(counts) / len(written))
    assert history[-1].commonest_label == pytest.approx(100 * max(counts) / len(written))

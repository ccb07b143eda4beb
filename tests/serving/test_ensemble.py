"""Ensembles: votes, means and scores against hand-made answers, and what their members must share."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from bank.entry import Backbone
from bank.formats import Facts
from spot.errors import SpotError
from spot.prompts.prefix import PREFIX
from spot.prompts.prompt import SoftPrompt
from spot.serving.ensemble import (
    WAYS,
    Disagreement,
    Ensemble,
    by_mean,
    by_numbers,
    by_score,
    by_texts,
    by_vote,
    comparing,
)
from spot.serving.predicting import Predictor, predict
from spot.serving.prompt_set import PromptSet
from spot.tasks.task import Task, without_template

pytest_plugins = ("tests.lab",)

ROWS = [{"text": text, "label": "no"} for text in ("a red cat", "a hen")]
TASK = Task.from_rows("house", ROWS, ROWS, ROWS, inputs="no {text} yes", labels=["no", "yes", "a"])
TEXTS = ["a red cat is here", "a blue hen is there", "a white owl", "no", "a cat and a hen"]


def prompts(count, seed=0):
    rng = np.random.default_rng(seed)
    return [SoftPrompt.of(PREFIX, rng.normal(size=(3, 16))) for _ in range(count)]


def logs(*rows):
    """Log-likelihoods [M, 1, C] from the members' probabilities."""
    return np.log(np.array(rows, np.float64))[:, None]


EVEN = np.full(3, 1 / 3)
THIRDS = np.array([0.1, 0.2, 0.3]) / np.sum([0.1, 0.2, 0.3])  # 0.1 + 0.2 is above 0.3 here


@pytest.mark.parametrize(
    ("way", "rows", "shares", "best"),
    [
        # Two of three are for 0, and the third one's certainty does not count.
        (by_vote, [(0.4, 0.35, 0.25), (0.4, 0.3, 0.3), (0.01, 0.98, 0.01)], EVEN, 0),
        (by_mean, [(0.4, 0.35, 0.25), (0.4, 0.3, 0.3), (0.01, 0.98, 0.01)], EVEN, 1),
        # One vote each: the highest mean log-probability is that of 2, though 1 has the highest mean.
        (by_vote, [(0.5, 0.02, 0.48), (0.05, 0.9, 0.05), (0.2, 0.1, 0.7)], EVEN, 2),
        # Equal votes, equal log-probabilities: the lower index.
        (by_vote, [(0.2, 0.5, 0.3), (0.2, 0.3, 0.5)], np.full(2, 0.5), 1),
        (by_mean, [(0.2, 0.5, 0.3), (0.2, 0.3, 0.5)], np.full(2, 0.5), 1),
        # Weights turn a vote, also where their sums differ in the last bit (0.1 + 0.2 > 0.3).
        (by_vote, [(0.9, 0.1), (0.2, 0.8), (0.6, 0.4)], np.array([0.2, 0.6, 0.2]), 1),
        (by_vote, [(0.9, 0.1), (0.9, 0.1), (0.01, 0.99)], THIRDS, 1),
        # A score averages logarithms: one member that rules a class out outweighs two that like it.
        (by_score, [(0.6, 0.4), (0.6, 0.4), (1e-6, 1 - 1e-6)], EVEN, 1),
        (by_vote, [(0.6, 0.4), (0.6, 0.4), (1e-6, 1 - 1e-6)], EVEN, 0),
    ],
)  # fmt: skip
def test_combinations_made_by_hand(way, rows, shares, best):
    for order in itertools.permutations(range(len(rows))):
        ranked = way(logs(*(rows[place] for place in order)), shares[list(order)])
        assert ranked.classes.tolist() == [best]


def test_probabilities_are_means_and_geometric_means():
    rows, shares = np.array([(0.7, 0.2, 0.1), (0.1, 0.3, 0.6)]), np.array([0.75, 0.25])
    mean = 0.75 * rows[0] + 0.25 * rows[1]
    geometric = rows[0] ** 0.75 * rows[1] ** 0.25
    unnormalised = logs(*rows) + np.array([3.0, -2.0])[:, None, None]  # as log-likelihoods are
    np.testing.assert_allclose(by_mean(unnormalised, shares).probabilities[0], mean)
    np.testing.assert_allclose(by_vote(unnormalised, shares).probabilities[0], mean)
    np.testing.assert_allclose(
        by_score(unnormalised, shares).probabilities[0], geometric / geometric.sum()
    )


numbers = st.floats(-30, 0, width=32)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_vote_gives_only_words_with_votes(data):
    members, classes = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 5))
    scores = np.array(
        data.draw(
            st.lists(
                st.lists(numbers, min_size=classes, max_size=classes),
                min_size=members, max_size=members,
            )
        )
    )[:, None]  # fmt: skip
    weights = data.draw(
        st.lists(st.floats(0, 100), min_size=members, max_size=members).filter(
            lambda values: sum(values) > 1e-3
        )
    )
    shares = Ensemble([np.ones((2, 4))] * members, weights=tuple(weights)).shares
    best = int(by_vote(scores, shares).classes[0])
    assert best in scores.argmax(axis=2)[shares > 0]
    # The slow, obvious version: no word has more weight.
    votes = [shares[scores[:, 0].argmax(axis=1) == place].sum() for place in range(classes)]
    assert votes[best] == pytest.approx(max(votes), abs=1e-8)


@given(st.lists(st.sampled_from(["The cat", "cat.", "a dog", "dog", "", "owl"]), min_size=1))
def test_generated_votes_count_every_member_once(texts):
    same = comparing(("squad_f1",))
    answer, votes, agreement = by_texts(texts, np.full(len(texts), 1 / len(texts)), same)
    assert answer in texts and sum(votes.values()) == len(texts)
    assert votes[answer] == max(votes.values())
    assert agreement == pytest.approx(votes[answer] / len(texts))


def test_generated_texts_are_normalised_before_they_are_counted():
    even, same = np.full(4, 0.25), comparing(("squad_em",))
    assert by_texts(["the Cat", "dog", "cat.", "cat."], even, same) == (
        "cat.", {"cat.": 3, "dog": 1}, 0.75,
    )  # fmt: skip
    assert by_texts(["dog", "cat", "Dog", "a cat"], even, same).answer == "dog"  # the earlier one
    assert (
        by_texts(["dog", "cat", "Dog", "a cat"], np.array([0.2, 0.3, 0.2, 0.3]), same).answer
        == "cat"
    )
    plain = comparing(("exact_match",))
    assert by_texts([" cat", "Cat", "cat ", "dog"], even, plain).votes == {
        " cat": 2,
        "Cat": 1,
        "dog": 1,
    }


def test_numbers_are_averaged():
    shares = np.array([0.5, 0.25, 0.25])
    answer, votes, agreement = by_numbers(["3.0", "4.0", "1.0"], shares)
    assert (answer, votes, agreement) == ("2.75", {"3.0": 1, "4.0": 1, "1.0": 1}, 0)
    assert by_numbers(["3.0", "4.0", "2.0"], shares)[::2] == ("3", 0.5)
    assert by_numbers(["3.0", "nan", "x"], shares).answer == "3.0"
    assert by_numbers(["3.0", "3.00", "3"], shares) == ("3.0", {"3.0": 3}, 1.0)
    assert by_numbers(["x", "x", "y"], shares)[0] == "x"
    assert float(by_numbers(["1", "2", "2"], np.full(3, 1 / 3)).answer) == pytest.approx(
        5 / 3, abs=1e-5
    )


@pytest.mark.parametrize("way", WAYS)
def test_equal_prompts_answer_as_one(tiny_backbone, way):
    (prompt,) = prompts(1)
    alone = predict(tiny_backbone, TASK, prompt, TEXTS)
    together = predict(tiny_backbone, TASK, Ensemble([prompt] * 3, way, (1, 2, 5)), TEXTS)
    for one, three in zip(alone, together, strict=True):
        assert (one.answer, one.votes, one.agreement) == (three.answer, {}, None)
        assert three.probabilities == pytest.approx(one.probabilities, abs=1e-9)
        assert three.margin == pytest.approx(one.margin, abs=1e-9)
        assert three.votes == {one.answer: 3} and three.agreement == pytest.approx(1)


@pytest.mark.parametrize("way", WAYS)
def test_one_call_is_the_calls_of_its_members_in_any_order(tiny_backbone, way):
    members, weights = prompts(4), (1.0, 3.0, 2.0, 0.0)
    shares = np.array(weights) / 6
    each = [predict(tiny_backbone, TASK, prompt, TEXTS) for prompt in members]
    inputs = Predictor(tiny_backbone, TASK, None).rows([f"no {text} yes" for text in TEXTS])
    labels = Predictor(tiny_backbone, TASK, None).labels
    scores = [tiny_backbone.score(inputs, labels, prompt) for prompt in members]
    for order in itertools.permutations(range(4)):
        ensemble = Ensemble([members[p] for p in order], way, [weights[p] for p in order])
        for row, found in enumerate(predict(tiny_backbone, TASK, ensemble, TEXTS)):
            own = [each[member][row] for member in range(4)]
            assert found.members == tuple(own[place].answer for place in order)
            mean = {
                word: sum(s * one.probabilities[word] for s, one in zip(shares, own, strict=True))
                for word in TASK.labels
            }
            if way == "score":
                combined = softmax(
                    sum(s * all_[row] for s, all_ in zip(shares, scores, strict=True))
                )
                mean = dict(zip(TASK.labels, combined, strict=True))
            assert found.probabilities == pytest.approx(mean, abs=1e-5)
            for_it = [one.answer == found.answer for one in own]
            assert found.agreement == pytest.approx(shares[for_it].sum())
            assert sum(found.votes.values()) == 4
            assert found.votes.get(found.answer, 0) == sum(for_it)
            if way != "vote":
                assert found.answer == max(mean, key=mean.get)


def test_a_margin_is_the_lead_over_the_next_word(tiny_backbone):
    for found in predict(tiny_backbone, TASK, prompts(1)[0], TEXTS):
        first, second, _ = sorted(found.probabilities.values(), reverse=True)
        assert found.margin == pytest.approx(first - second) and found.margin >= 0
    predictor = Predictor(tiny_backbone, TASK, Ensemble(prompts(3)))
    scores = logs((0.4, 0.35, 0.25), (0.4, 0.3, 0.3), (0.01, 0.98, 0.01))
    (found,) = predictor.ranked(["t"], scores)
    assert found.answer == "no" and found.votes == {"no": 2, "yes": 1}
    assert found.agreement == pytest.approx(2 / 3) and found.members == ("no", "no", "yes")
    assert found.margin == pytest.approx((0.81 - 1.63) / 3)  # the vote overrules the mean
    weighted = Predictor(tiny_backbone, TASK, Ensemble(prompts(3), weights=(2, 1, 1)))
    (found,) = weighted.ranked(["t"], scores)
    assert found.answer == "no" and found.votes == {"no": 2, "yes": 1}
    assert found.agreement == pytest.approx(0.75)


def test_calibration_divides_by_what_is_said_to_no_content(tiny_backbone):
    members = prompts(2)
    plain = without_template(TASK)
    said = [
        predict(tiny_backbone, plain, prompt, ["no N/A yes", "no [MASK] yes", "no  yes"])
        for prompt in members
    ]
    words = TASK.labels
    prior = np.array(
        [[[row.probabilities[w] for w in words] for row in rows] for rows in said]
    ).mean(1)
    calibrated = []
    for prompt, own in zip(members, prior, strict=True):
        raw = predict(tiny_backbone, TASK, prompt, TEXTS)
        found = predict(tiny_backbone, TASK, prompt, TEXTS, calibrate=True)
        for before, after in zip(raw, found, strict=True):
            expected = np.array([before.probabilities[word] for word in words]) / own
            expected /= expected.sum()
            np.testing.assert_allclose(list(after.probabilities.values()), expected, rtol=1e-5)
            assert after.answer == words[int(expected.argmax())]
        calibrated.append(found)
    together = predict(tiny_backbone, TASK, Ensemble(members, "mean"), TEXTS, calibrate=True)
    for row, found in enumerate(together):
        each = [list(own[row].probabilities.values()) for own in calibrated]
        np.testing.assert_allclose(
            list(found.probabilities.values()), np.mean(each, axis=0), rtol=1e-5
        )


def test_what_says_nothing_is_answered_evenly_after_calibration(tiny_backbone):
    one = Predictor(tiny_backbone, TASK, prompts(1)[0], calibrate=True)
    (found,) = one.ranked(["?"], one.prior[:, None] + 4)
    assert list(found.probabilities.values()) == pytest.approx([1 / 3] * 3)


def test_generated_answers_are_voted_on_and_take_no_scores(lab, tiny_backbone, monkeypatch):
    task = lab.objects().task("animal")
    members = prompts(3)
    texts = {id(members[0]): ["A cat", "hen"], id(members[1]): ["cat.", "owl"],
             id(members[2]): ["dog", "owl"]}  # fmt: skip

    def written(self, owner, rows, lengths):
        """What each prompt of the set writes to its rows, in order."""
        return [text for member in members for text in texts[id(member)]]

    monkeypatch.setattr(PromptSet, "generate", written)
    squad = dataclasses.replace(task, metrics=("squad_em",))
    first, second = predict(tiny_backbone, squad, Ensemble(members), TEXTS[:2])
    assert (first.answer, first.votes, first.margin) == ("A cat", {"A cat": 2, "dog": 1}, None)
    assert second.answer == "owl" and second.agreement == pytest.approx(2 / 3)
    assert second.members == ("hen", "owl", "owl") and second.probabilities == {}
    rated = dataclasses.replace(task, metrics=("pearson",))
    texts |= {
        id(members[0]): ["1.0", "2"],
        id(members[1]): ["2.0", "x"],
        id(members[2]): ["3.0", "4"],
    }
    answers = predict(tiny_backbone, rated, Ensemble(members, weights=(2, 1, 1)), TEXTS[:2])
    assert [float(answer.answer) for answer in answers] == [1.75, pytest.approx(8 / 3, abs=1e-5)]
    with pytest.raises(SpotError, match="expected label words to calibrate, found the task"):
        predict(tiny_backbone, squad, members[0], TEXTS, calibrate=True)
    with pytest.raises(SpotError, match="label words whose scores can be averaged"):
        predict(tiny_backbone, squad, Ensemble(members, "score"), TEXTS)


def test_disagreement_is_counted_over_pairs_and_members():
    rows = [("a", "aab"), ("a", "aaa"), ("b", "cbb"), ("a", "abc")]
    found = Disagreement()
    for answer, members in rows:
        found = found.seen(answer, list(members), str.strip)
    slow = [x != y for _, members in rows for x, y in itertools.combinations(members, 2)]
    assert found.share == pytest.approx(np.mean(slow)) == pytest.approx(7 / 12)
    assert found.agreement == (0.75, 0.75, 0.5)
    assert Disagreement.of_json(found.to_json()) == found
    assert Disagreement().seen("a", ["a"], str.strip).share is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"prompts": ()}, "expected the prompts of an ensemble, found none"),
        ({"combine": "votes"}, 'to combine prompts, found votes. Did you mean "vote"'),
        ({"weights": (1,)}, "expected a weight for each of the 2 prompts, found 1: 1"),
        ({"weights": (1, -1)}, "expected weights from 0 on, found 1, -1"),
        ({"weights": (1, float("nan"))}, "expected weights from 0 on, found 1, nan"),
        ({"weights": (0, 0)}, "expected a weight above 0, found 0, 0"),
    ],
)  # fmt: skip
def test_what_is_no_ensemble_is_refused(values, message):
    with pytest.raises(SpotError, match=message):
        Ensemble(**{"prompts": prompts(2), **values})


def with_facts(prompt, **known):
    given = {"task": "t", "inputs": "{text}", "labels": ("no", "yes"), "scoring": "rank", **known}
    return dataclasses.replace(prompt, facts=Facts(**given))


def test_members_are_of_one_model_one_task_and_one_length(tiny_backbone):
    first, second = prompts(2)
    same = Ensemble([with_facts(first), with_facts(second)])
    assert len(predict(tiny_backbone, None, same, TEXTS)) == 5
    for known, message in (
        ({"task": "u"}, "of one task in an ensemble, found the task t of prompt 1 and u of prompt 2"),
        ({"labels": ("no", "a")}, r"found the label words no \| yes of prompt 1 and no \| a of prompt 2"),
        ({"inputs": "a {text}"}, "found the text {text} of prompt 1 and a {text} of prompt 2"),
    ):  # fmt: skip
        apart = Ensemble([with_facts(first), with_facts(second, **known)])
        with pytest.raises(SpotError, match=message):
            predict(tiny_backbone, None, apart, TEXTS)
        assert (
            len(predict(tiny_backbone, TASK, apart, TEXTS)) == 5
        )  # all answer the task that is named
    lengths = [with_facts(p, recipe={"input_length": n}) for p, n in ((first, 8), (second, 16))]
    with pytest.raises(
        SpotError, match="same lengths of texts, found 8 and 16 tokens for prompt 1"
    ):
        predict(tiny_backbone, None, Ensemble(lengths), TEXTS)
    assert predict(tiny_backbone, None, Ensemble(lengths), TEXTS, input_length=8)
    other = with_facts(second, model=Backbone("another", "f" * 64))
    with pytest.raises(SpotError, match="was trained on another, not on"):
        predict(tiny_backbone, TASK, Ensemble([first, other]), TEXTS)

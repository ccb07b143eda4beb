"""Starts of prompts on a model: gradients, visits, and a run that is resumed."""

from __future__ import annotations

import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from spot.errors import SpotError
from spot.prompts.prompt import as_prompt
from spot.training.batches import Source, batch_of
from spot.training.choices import Candidates
from spot.training.loop import Schedule, train
from spot.training.losses import find_loss
from spot.training.meta.gradients import Episode, adapt
from spot.training.meta.learner import MetaLearner, prompt_loss, visit_gradient
from spot.training.meta.settings import MetaSettings
from spot.training.meta.start import train_start
from spot.training.meta.visits import fixed_visit, visits
from spot.training.recipe import Recipe
from spot.training.runs import Runs
from spot.training.slots import Slot
from spot.training.step import gradient, init_state, train_step
from tests.training.conftest import SETTINGS, P, Watcher
from tests.training.test_resume import Stopped, Stopper, interrupt, stop

RATE = 0.3
PROMPTS = SETTINGS.model_copy(update={"learning_rate": RATE})
META = MetaSettings(
    steps=6, tasks=2, inner_steps=3, support=8, query=6, check_every=2, inner_rate=0.5
)


@pytest.fixture(scope="module")
def slot(data):
    """A start for "colour" and "bird"."""
    source = Source("colour+bird", (data["colour"], data["bird"]), (0.5, 0.5))
    init = np.random.default_rng(3).normal(size=(P, 16)).astype(np.float32)
    return Slot(source.name, source, 4, as_prompt(init), RATE)


@pytest.fixture
def learner(tiny_backbone, slot):
    """A function that makes a learner with changed settings."""

    def make(reporter=None, prompts=PROMPTS, **changes):
        settings = META.model_copy(update=changes)
        return MetaLearner(tiny_backbone, slot, prompts, settings, reporter)

    return make


def meta(learner, state, step=0):
    """The gradient of the first visit of a step, and the rows of it."""
    support, query = learner.visits(step)[0]
    found, _ = visit_gradient(
        learner.model.network, state.params, support, query,
        kind=learner.kind, stepping=learner.stepping,
    )  # fmt: skip
    return found["prompt"], support, query


def test_maml_on_a_model_agrees_with_finite_differences(learner):
    """Along random directions, extrapolated from two widths (Richardson); first order does not agree."""
    made = learner(algorithm="maml", inner_steps=2, inner_rate=5.0)
    state = made.start()
    found, support, query = meta(made, state)
    short, *_ = meta(learner(algorithm="first-order", inner_rate=5.0, inner_optimizer="sgd"), state)
    loss = prompt_loss(made.model.network, made.kind, "cross-entropy")
    inner, start = made.stepping.inner_optimiser(), state.params["prompt"]

    @jax.jit
    def after(prompt):
        return loss(adapt(loss, inner, {"prompt": prompt}, support)[0], query)

    rng, apart = np.random.default_rng(7), 0.0
    for _ in range(4):
        direction = rng.normal(size=start.shape).astype(np.float32)
        direction /= np.linalg.norm(direction)

        def slope(width, direction=direction):
            ahead, behind = (float(after(start + s * width * direction)) for s in (1, -1))
            return (ahead - behind) / (2 * width)

        expected = (4 * slope(0.05) - slope(0.1)) / 3
        assert float((found * direction).sum()) == pytest.approx(expected, abs=3e-5)
        apart = max(apart, abs(float((short * direction).sum()) - expected))
    assert apart > 1e-3


def test_reptile_with_one_step_of_sgd_is_a_step_on_all_tasks(learner, slot, tiny_backbone):
    """The multi-task gradient of the same rows, by the programs of prompt tuning."""
    made = learner(inner_steps=1, inner_optimizer="sgd", inner_rate=0.7, learning_rate=0.5)
    state, _ = made.step(made.start(), 0)
    prompts = slot.init.stacked()
    gradients = []
    for (texts, targets, _), _ in made.visits(0):
        summed, _ = gradient(
            tiny_backbone.network, prompts, (texts[0], targets[0]), None,
            loss=find_loss("cross-entropy"),
        )  # fmt: skip
        gradients.append(np.asarray(summed["prompt"][0]) / (targets[0] > 0).sum())
    assert len(gradients) == 2
    expected = slot.init.key - 0.5 * 0.7 * np.mean(gradients, axis=0)
    np.testing.assert_allclose(state.params["prompt"], expected, rtol=1e-5, atol=1e-6)


def test_inner_steps_are_those_of_a_training(learner, slot):
    """Adafactor with its warm-up, as `train_step` makes them on the same rows."""
    made = learner(inner_rate=RATE, inner_steps=4)
    start = made.start()
    found = made.adapted(start.params, 1)["prompt"]
    visit = fixed_visit(
        slot.source, 1, slot.seed, inner_steps=4, batch_size=PROMPTS.batch_size, support=8
    )
    rows = slot.source.members[1].train
    state = init_state(PROMPTS, slot.init.stacked().params, jnp.asarray([RATE]))
    for step, chosen in enumerate(visit.support):
        texts = [rows.inputs[row] for row in chosen]
        targets = [rows.targets[row] for row in chosen]
        batch = tuple(
            np.stack([np.pad(each, (0, 32 - len(each))) for each in part])
            for part in (texts, targets)
        )
        state, _ = train_step(
            state, made.model.network, batch, jax.random.split(jax.random.key(0), 1),
            jnp.asarray(step), settings=PROMPTS,
        )  # fmt: skip
    assert np.abs(found - slot.init.key).max() > 0.1
    np.testing.assert_allclose(found, state.params["prompt"][0], rtol=1e-5, atol=1e-5)


def test_inner_steps_may_compare_label_words(learner, slot):
    """As `train_step` makes them with the same loss."""
    prompts = PROMPTS.model_copy(update={"loss": "label-cross-entropy"})
    made = learner(prompts=prompts, inner_rate=RATE, inner_steps=3)
    found = made.adapted(made.start().params, 0)["prompt"]
    visit = fixed_visit(
        slot.source, 0, slot.seed, inner_steps=3, batch_size=prompts.batch_size, support=8
    )
    state = init_state(prompts, slot.init.stacked().params, jnp.asarray([RATE]))
    candidates = Candidates([slot.source], [None])
    for step, chosen in enumerate(visit.support):
        order = np.stack([np.zeros_like(chosen), chosen], axis=1)
        rows = slot.source.members[0].train
        batch = batch_of(
            [rows.inputs[row] for row in chosen], [rows.targets[row] for row in chosen]
        )
        state, _ = train_step(
            state, made.model.network, batch, jax.random.split(jax.random.key(0), 1),
            jnp.asarray(step), settings=prompts, choices=candidates.step([order], 0, len(chosen)),
        )  # fmt: skip
    assert np.abs(found - slot.init.key).max() > 0.1
    np.testing.assert_allclose(found, state.params["prompt"][0], rtol=1e-5, atol=1e-5)


def test_maml_of_the_whole_step_descends(learner, tiny_backbone):
    """Down its gradient the loss after the inner steps falls."""
    made = learner(algorithm="maml", inner_rate=1.0, learning_rate=0.01, inner_steps=2)
    state = made.start()
    moved, numbers = made.step(state, 0)
    again, after = made.step(moved, 0)
    assert float(after["loss"][0]) < float(numbers["loss"][0])


def test_visits_are_a_function_of_seed_and_step(slot):
    options = {"tasks": 2, "inner_steps": 3, "batch_size": 4, "support": 5, "query": 6}
    first = visits(slot.source, 0, 7, **options)
    for other, same in (((0, 7), True), ((0, 8), False), ((1, 7), False)):
        again = visits(slot.source, *other, **options)
        equal = all(
            a.member == b.member and (a.support == b.support).all() and (a.query == b.query).all()
            for a, b in zip(first, again, strict=True)
        )
        assert equal is same
    assert {visit.member for visit in first} == {0, 1}
    for visit in first:
        assert visit.support.shape == (3, 4) and len(set(visit.query.tolist())) == 6
        assert len(set(visit.support.flat)) == 5 and set(visit.support.flat).isdisjoint(visit.query)


def test_a_visit_of_few_rows_keeps_half_for_its_query(data):
    few = Source("few", (data["colour"], data["bird"]), (0.5, 0.5))
    wide = {"tasks": 9, "inner_steps": 2, "batch_size": 16, "support": 100, "query": 100}
    for visit in visits(few, 0, 0, **wide):
        assert len(visit.query) == 12 and len(set(visit.support.flat)) == 12
        assert visit.support.shape == (2, 16)
    without = visits(few, 0, 0, **{**wide, "query": 0})
    assert all(len(set(visit.support.flat)) == 24 for visit in without)


def test_tasks_are_drawn_by_their_rates(data):
    source = Source("two", (data["colour"], data["bird"]), (0.9, 0.1))
    one = {"tasks": 1, "inner_steps": 1, "batch_size": 1, "support": 1, "query": 0}
    drawn = [visits(source, 0, step, **one)[0].member for step in range(400)]
    assert 0.85 < 1 - np.mean(drawn) < 0.95


RECIPE = Recipe(**PROMPTS.model_dump(exclude_unset=True), length=P)
RUN = PROMPTS.model_copy(update={"dropout": 0.1})
SCHEDULE = Schedule(META.steps, META.check_every, early=(0,), settles=True)


@pytest.mark.parametrize("algorithm", ["reptile", "maml"])
@pytest.mark.parametrize("act", [stop, interrupt])
def test_a_run_that_was_stopped_and_resumed_gives_the_bits_of_the_undisturbed(
    learner, tmp_path, algorithm, act
):
    def run(folder, reporter=None):
        made = learner(prompts=RUN, algorithm=algorithm)
        return train(made, SCHEDULE, folder, reporter=reporter)[0]

    whole = run(tmp_path / "whole")
    with pytest.raises((Stopped, KeyboardInterrupt)):
        run(tmp_path / "run", Stopper(3, act))
    watcher = Watcher()
    resumed = run(tmp_path / "run", watcher)
    assert watcher.begun == [("", 6, 2 if act is stop else 3)]
    for part in ("value", "last"):
        assert (getattr(whole, part)["prompt"] == getattr(resumed, part)["prompt"]).all()
    assert [c.to_json() for c in whole.history] == [c.to_json() for c in resumed.history]
    texts = [(tmp_path / name / "metrics.jsonl").read_text() for name in ("whole", "run")]
    assert texts[0] == texts[1]
    rows = [json.loads(line) for line in texts[0].splitlines()]
    assert [row["step"] for row in rows] == [0, 2, 4, 6]
    assert "meta_gradient" not in rows[0]
    for row in rows[1:]:
        assert 0 < row["meta_gradient"] <= row["meta_gradient_max"]


def test_the_norms_that_are_written_are_those_of_the_steps_since_the_check(learner):
    made = learner()
    state, norms = made.start(), []
    for step in range(4):
        before = np.asarray(state.params["prompt"])
        state, _ = made.step(state, step)
        moved = np.linalg.norm(np.asarray(state.params["prompt"]) - before)
        norms.append(moved / (1 - step / META.steps))  # the share that Reptile moves
    facts = made.facts(state, 0)
    assert facts["meta_gradient"] == pytest.approx(np.mean(norms[2:]), rel=1e-4)
    assert facts["meta_gradient_max"] == pytest.approx(max(norms[2:]), rel=1e-4)


def test_the_score_of_a_check_is_that_after_inner_steps(learner, tiny_backbone, slot):
    from spot.training.evaluate import evaluate

    made = learner()
    arrays = dict(slot.init.arrays)
    score, metrics, rows, _ = made.validate(arrays, 0)
    start = made.start().params
    each = []
    for number, member in enumerate(slot.source.members):
        prompt = as_prompt(made.adapted(start, number)["prompt"])
        each.append(
            evaluate(
                tiny_backbone, prompt, member.definition, member.validation, member.labels
            ).value
        )
    assert score == pytest.approx(np.mean(each)) and rows == 24
    assert list(metrics.values()) == each


@pytest.fixture
def explode(monkeypatch):
    """A function that makes every start NaN from a step on, counted from 0."""
    real = MetaLearner.step

    def from_step(first):
        def step(self, state, number):
            if number >= first:
                state = state._replace(params={"prompt": state.params["prompt"] * jnp.nan})
            return real(self, state, number)

        monkeypatch.setattr(MetaLearner, "step", step)

    return from_step


def test_a_gradient_that_explodes_is_a_sentence(tiny_backbone, slot, tmp_path, explode):
    explode(1)
    runs = Runs(tmp_path, Watcher())
    with pytest.raises(SpotError, match="is not finite at step 2, through 3 inner steps") as caught:
        train_start(tiny_backbone, slot, RECIPE, META, runs)
    assert "lower meta.inner_rate or meta.inner_steps" in caught.value.hint
    assert not list(tmp_path.rglob("trained.json"))


def test_a_start_of_before_the_explosion_is_kept(tiny_backbone, slot, tmp_path, explode):
    explode(3)
    runs = Runs(tmp_path, Watcher())
    trained = train_start(tiny_backbone, slot, RECIPE, META, runs)
    assert trained.failed_step == 4 and [check.step for check in trained.history] == [0, 2]
    assert np.isfinite(trained.value.key).all()
    assert any("lower meta.inner_rate" in text for text in runs.reporter.warnings)


def test_a_gradient_that_grows_suddenly_is_warned_of(learner):
    watcher = Watcher()
    made = learner(watcher)
    usual = np.array([1.0, 2.0, 1.0, 1.0, 1.0])
    made.watch(99.0, usual, 6)
    made.watch(math.inf, usual, 6)  # the loop says so
    made.watch(500.0, usual[:4], 5)
    assert watcher.warnings == []
    made.watch(250.0, usual, 6)
    (warning,) = watcher.warnings
    assert "the meta-gradient's norm at step 6 is 250, 250 times the median before" in warning


def test_the_optimisers_that_are_not_set(slot):
    def of(**changes):
        from spot.training.meta.learner import stepping

        return stepping(RATE, PROMPTS, MetaSettings(**changes))

    assert (of().inner, of().inner_rate, of().rate) == ("train", RATE, 1.0)
    maml = of(algorithm="maml")
    assert (maml.inner, maml.inner_rate, maml.rate) == ("sgd", 1000 * RATE, RATE)
    assert of(algorithm="first-order").inner == "train"
    assert of(algorithm="maml", inner_optimizer="train").inner_rate == RATE
    assert (of(inner_rate=2, learning_rate=0.5).inner_rate, of(learning_rate=0.5).rate) == (2, 0.5)


def test_the_start_moves_less_and_less(learner):
    """To zero at the last step."""
    made = learner(steps=2)
    first, _ = made.step(made.start(), 0)
    second, _ = made.step(first, 1)
    third, _ = made.step(second, 2)
    assert (np.asarray(third.params["prompt"]) == np.asarray(second.params["prompt"])).all()
    assert optax.tree.norm(optax.tree.sub(second.params, first.params)) > 0


def test_an_episode_holds_what_a_visit_drew(learner, slot):
    made = learner(algorithm="maml")
    (texts, targets, keys), (query, answers, key) = made.visits(5)[0]
    assert texts.shape[:2] == (3, 4) and len(keys) == 3 and len(query) == len(answers) == 6
    assert Episode(texts, query).support is texts
    rows = {tuple(row) for row in texts.reshape(-1, texts.shape[-1]).tolist()}
    member = visits(
        slot.source, slot.seed, 5, tasks=2, inner_steps=3, batch_size=4, support=8, query=6
    )
    own = slot.source.members[member[0].member].train.inputs
    assert rows == {
        (*own[row].tolist(), *[0] * (texts.shape[-1] - len(own[row])))
        for row in member[0].support.flat
    }

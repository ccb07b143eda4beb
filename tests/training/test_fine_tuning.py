"""Fine-tuning: its step against a plain one, what it keeps, that it resumes, what it writes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from spot.errors import SpotError
from spot.models.model import load
from spot.models.weights.build import stored, to_arrays
from spot.models.weights.stored import write_model
from spot.training.batches import Source, batch_of
from spot.training.evaluate import validate
from spot.training.fine_tuning import WeightLearner, best_rate, fine_tune, weight_step
from spot.training.optim import scaled_adafactor
from tests.toys import model_settings, random_arrays, tiny_decoder, write_tokenizer
from tests.toys import write_model as write_toy
from tests.training.conftest import SETTINGS, Watcher

RATE = 0.02


@pytest.fixture
def tune(tiny_backbone, sources, tmp_path):
    """A function that tunes the tiny backbone on "colour" with changed settings."""
    numbers = iter(range(99))

    def run(reporter=None, rate=RATE, seed=0, source=None, folder=None, **changes):
        return fine_tune(
            tiny_backbone,
            source or sources["colour"],
            seed,
            rate,
            SETTINGS.model_copy(update=changes),
            folder or tmp_path / f"run-{next(numbers)}",
            reporter,
        )

    return run


def arrays(tuned) -> dict[str, np.ndarray]:
    return to_arrays(tuned.parameters)


def test_a_step_is_adafactor_on_the_mean_cross_entropy_a_token(tiny_backbone, data):
    train = data["colour"].train
    batch = batch_of([train.inputs[i] for i in range(4)], [train.targets[i] for i in range(4)])
    network = tiny_backbone.network.with_dropout(0.0)
    parameters = jax.tree.map(jnp.array, tiny_backbone.network.parameters)

    def loss(values):
        model = network.with_parameters(values)
        logits = model.decode(model.encode(batch[0]), batch[1])
        total, count = 0.0, 0
        for row, targets in enumerate(np.asarray(batch[1])):
            for place, token in enumerate(targets):
                if token > 0:
                    normaliser = jax.nn.logsumexp(logits[row, place])
                    total += normaliser - logits[row, place, token] + 1e-4 * normaliser**2
                    count += 1
        return total / count

    plain = optax.adafactor(
        RATE, min_dim_size_to_factor=128, decay_rate=0.8, clipping_threshold=1.0, eps=1e-30
    )
    updates, _ = plain.update(jax.grad(loss)(parameters), plain.init(parameters), parameters)
    expected = to_arrays(optax.apply_updates(parameters, updates))
    stepped, _, entropy = weight_step(
        network.with_parameters(parameters),
        scaled_adafactor(RATE).init(parameters),
        jnp.float32(RATE),
        batch,
        jax.random.key(0),
        jnp.asarray(0),
    )
    for name, array in to_arrays(stepped.parameters).items():
        np.testing.assert_allclose(array, expected[name], rtol=2e-4, atol=2e-5, err_msg=name)
    assert 0 < float(entropy) < 2 * np.log(192)


def test_it_lowers_the_loss_and_leaves_the_backbone_alone(tiny_backbone, tune):
    before = {
        name: array.copy() for name, array in to_arrays(tiny_backbone.network.parameters).items()
    }
    watcher = Watcher()
    tuned = tune(watcher, steps=40, check_every=20)
    losses = [loss for _, loss in watcher.steps]
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:5])
    for name, array in to_arrays(tiny_backbone.network.parameters).items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)
    assert any(not np.array_equal(array, before[name]) for name, array in arrays(tuned).items())


@pytest.mark.parametrize("changes", [{}, {"biases": True, "tied_head": False}])
def test_a_decoder_is_tuned_too_and_every_array_of_it(tiny_backbone, sources, tmp_path, changes):
    config = tiny_decoder(vocab_size=192, **changes)
    folder = write_toy(tmp_path / "model", config, random_arrays(config))
    write_tokenizer(folder)
    decoder, watcher = load(model_settings(folder)), Watcher()
    settings = SETTINGS.model_copy(update={"steps": 40, "check_every": 20})
    tuned = fine_tune(decoder, sources["colour"], 0, RATE, settings, tmp_path / "run", watcher)
    losses = [loss for _, loss in watcher.steps]
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:5])
    before = to_arrays(decoder.network.parameters)
    same = [n for n, array in arrays(tuned).items() if np.array_equal(array, before[n])]
    assert same == []
    scores = [validate(tuned.on(decoder), None, sources["colour"])[0], tuned.best.score]
    assert scores[0] == scores[1]


def test_the_weights_are_those_of_the_best_check(tune, scripted):
    scripted(colour=[10, 30, 20, 30])
    tuned = tune()
    assert (tuned.best.step, tuned.best.score) == (4, 30)  # of equal scores the first
    assert [check.step for check in tuned.history] == [2, 4, 6, 8]
    scripted(colour=[1, 2])
    until_best = tune(steps=4)
    for name, array in arrays(tuned).items():
        np.testing.assert_array_equal(array, arrays(until_best)[name], err_msg=name)


def test_patience_ends_it(tune, scripted):
    scripted(colour=[10, 30, 30, 20])
    assert [check.step for check in tune(patience=2).history] == [2, 4, 6, 8]
    scripted(colour=[30, 30, 20])
    assert [check.step for check in tune(patience=2).history] == [2, 4, 6]


def test_a_step_of_a_new_shape_is_compiled(tiny_backbone, sources):
    learner = WeightLearner(tiny_backbone, sources["colour"], 0, RATE, SETTINGS)
    assert [learner.compiles(step) for step in (0, 0)] == [True, False]


def test_a_mixture_is_scored_by_the_mean_of_its_members(tune, data, scripted):
    scripted(colour=[10], bird=[30])
    both = Source("both", (data["colour"], data["bird"]), (0.5, 0.5))
    best = tune(source=both, steps=2).best
    assert (best.score, best.n) == (20, 24)
    assert best.metrics == {"colour/accuracy": 10, "bird/accuracy": 30}


def test_a_killed_run_goes_on_with_the_same_numbers(tune, tmp_path):
    class Killed(Exception):
        pass

    class Killer(Watcher):
        def advance(self, step, loss):
            super().advance(step, loss)
            if step == 5:
                raise Killed

    whole = tune(seed=3)
    folder = tmp_path / "killed"
    with pytest.raises(Killed):
        tune(Killer(), seed=3, folder=folder)
    watcher = Watcher()
    again = tune(watcher, seed=3, folder=folder)
    assert [step for step, _ in watcher.steps] == [5, 6, 7, 8]
    assert again.history == whole.history
    for name, array in arrays(again).items():
        np.testing.assert_array_equal(array, arrays(whole)[name], err_msg=name)


def test_a_loss_that_is_not_finite_ends_it(tune):
    watcher = Watcher()
    assert tune(watcher, rate=1e30) is None
    assert "not finite at step" in watcher.warnings[0]


def test_validation_chooses_the_rate_and_no_finite_rate_is_an_error(
    tiny_backbone, sources, tmp_path, scripted
):
    settings = SETTINGS.model_copy(update={"steps": 4, "key_step": 1, "check_every": 4})

    def best(folder, *rates):
        def tune(rate):
            place = tmp_path / folder / f"{rate:g}"
            return fine_tune(tiny_backbone, sources["colour"], 0, rate, settings, place)

        return best_rate(rates, tune, "colour")

    scripted(colour=[10, 30, 30])
    assert best("a", 0.02, 0.001, 0.01).learning_rate == 0.01
    with pytest.raises(SpotError, match="no learning rate gave a finite loss"):
        best("b", 1e30)


def test_a_written_model_scores_as_the_tuned_one(tiny_backbone, sources, tune, tmp_path):
    tuned = tune(steps=30, check_every=30)
    folder = tmp_path / "tuned"
    tiny_backbone.vocabulary.save(folder)
    write_model(folder, tiny_backbone.config, arrays(tuned), {"tuned": {"task": "colour"}})
    found = load(model_settings(folder))
    assert found.identity.fingerprint != tiny_backbone.identity.fingerprint
    assert validate(found, None, sources["colour"])[0] == tuned.best.score
    assert validate(tuned.on(tiny_backbone), None, sources["colour"])[0] == tuned.best.score


def test_stored_arrays_keep_norms_in_float32(tiny_backbone):
    kept = stored(to_arrays(tiny_backbone.network.parameters), "bfloat16")
    kinds = {name.rsplit("/", 1)[1]: str(array.dtype) for name, array in kept.items()}
    assert kinds["scale"] == kinds["rel_embedding"] == "float32"
    assert kinds["kernel"] == kinds["embedding"] == "bfloat16"

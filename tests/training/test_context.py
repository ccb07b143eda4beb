"""Texts longer than a decoder's context are refused up front."""

from __future__ import annotations

import numpy as np
import pytest

from spot.errors import SpotError
from spot.models.context import check_context
from spot.models.model import load
from spot.prompts.prompt import as_prompt
from spot.tasks.examples import Ragged, TokenizedSplit
from spot.training.batches import Source, TaskData
from spot.training.context import check_source
from spot.training.fine_tuning import fine_tune
from spot.training.prompt_tuning import train_prompts
from spot.training.recipe import TrainSettings
from spot.training.slots import Slot
from tests.models.test_hf_decoder import write_folder
from tests.toys import definition, model_settings, random_arrays, tiny_config, tiny_decoder

pytest.importorskip("tokenizers", reason="the extra decoders is not installed")

CONTEXT, PROMPT = 64, 4
LABELS = [[3, 1], [4, 5, 1]]  # in their bucket: 4 tokens
FITTING = CONTEXT - PROMPT - 4


def split(*lengths):
    """Rows of texts of these lengths, answered with the first label word."""
    count = len(lengths)
    rows = [[2 + i % 7 for i in range(length)] for length in lengths]
    return TokenizedSplit(
        Ragged.of(rows), Ragged.of([LABELS[0]] * count), np.zeros(count, np.int32),
        [None] * count, [""] * count, ["no"] * count,
    )  # fmt: skip


def source(longest_train, longest_validation):
    train, validation = split(5, longest_train), split(6, longest_validation)
    return Source("toy", (TaskData(definition("toy"), train, validation, LABELS),))


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    config = tiny_decoder(context=CONTEXT)
    folder = tmp_path_factory.mktemp("decoder") / "m"
    return load(model_settings(write_folder(folder, config, random_arrays(config))))


def test_the_limit_is_the_sum_of_prompt_longest_text_and_answer():
    config = tiny_decoder(context=20)
    check_context(config, 5, split(3, 11).inputs, 4)
    for prompt, text, answer in ((6, 11, 4), (5, 12, 4), (5, 11, 5)):
        with pytest.raises(SpotError) as caught:
            check_context(config, prompt, split(3, text).inputs, answer)
        assert caught.value.message == (
            f"expected at most 20 tokens, the model's context, found 21: {prompt} of the prompt, "
            f"{text} of the longest text and {answer} of an answer"
        )
        assert f"lower data.input_length to {20 - prompt - answer}, or" in caught.value.hint


def test_a_prompt_that_leaves_no_room_for_a_text_is_the_one_to_shorten():
    with pytest.raises(SpotError) as caught:
        check_context(tiny_decoder(context=20), 17, split(2).inputs, 4)
    assert caught.value.hint == "lower prompt.length or data.target_length"


def test_a_t5_has_no_context():
    check_source(tiny_config(), 1000, source(5000, 5000))


@pytest.mark.parametrize("lengths", [(FITTING + 1, 8), (8, FITTING + 1)])
def test_training_and_validation_rows_count_and_nothing_is_written(backbone, tmp_path, lengths):
    slot = Slot("toy", source(*lengths), 0, as_prompt(np.zeros((PROMPT, 16))), 0.1)
    folder = tmp_path / "run"
    with pytest.raises(SpotError, match='task "toy": expected at most 64 tokens.*found 65'):
        train_prompts(backbone, [slot], TrainSettings(steps=1), folder)
    with pytest.raises(SpotError, match="found 69: 0 of the prompt, 65 of the longest text"):
        longer = source(*(length + 8 if length > 8 else 8 for length in lengths))
        fine_tune(backbone, longer, 0, 0.1, TrainSettings(steps=1), folder)
    assert not folder.exists()


def test_rows_that_just_fit_are_trained_on_and_scored(backbone, tmp_path):
    settings = TrainSettings(
        steps=2, key_step=1, check_every=2, batch_size=2, warmup_steps=0, learning_rate=0.1
    )
    init = np.random.default_rng(0).normal(size=(PROMPT, 16)).astype(np.float32)
    slot = Slot("toy", source(FITTING, FITTING), 0, as_prompt(init), 0.1)
    trained = train_prompts(backbone, [slot], settings, tmp_path / "run")[0]
    assert not trained.failed_step and np.isfinite(trained.value).all()


def test_scoring_and_generation_are_refused_as_well(backbone):
    prompt = np.zeros((PROMPT, 16), np.float32)
    assert np.isfinite(backbone.score(split(FITTING).inputs, LABELS, prompt)).all()
    with pytest.raises(SpotError, match="found 65: 4 of the prompt, 57 of"):
        backbone.score(split(FITTING + 1).inputs, LABELS, prompt)
    with pytest.raises(SpotError, match="found 65: 0 of the prompt, 61 of"):
        backbone.score(split(FITTING + 5).inputs, LABELS)
    with pytest.raises(SpotError, match="and 9 of an answer"):
        backbone.generate(split(52).inputs, 9, prompt)

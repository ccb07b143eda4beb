"""Pretraining the embedded model: batches, exported weights, and resumption after a kill."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections import Counter
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pretraining import data as pretrain_data
from pretraining import headers, pretrain, soft_headers, wording
from pretraining.config import PretrainConfig, read_config
from pretraining.examples import TOPICS, pretraining_tasks
from spot.errors import SpotError
from spot.models.model import FOLDERS
from spot.tasks.mini.suite import SPECS

NANO = FOLDERS["spot-nano"]
STEPS = 4
STAGES = (
    {"from_step": 0},
    {
        "from_step": 2,
        "fixed_share": 0.5,
        "prompted_rows": 2,
        "family_weights": {"topic": 2.0, "sense": 0.0},
    },
)


@pytest.fixture(scope="module")
def programs(tmp_path_factory) -> Path:
    """The folder of compiled programs, shared by the tests here."""
    return tmp_path_factory.mktemp("programs")


@pytest.fixture(autouse=True)
def share_programs(programs, monkeypatch):
    monkeypatch.setenv("SPOT_CACHE_DIR", str(programs))


@pytest.fixture(scope="module")
def prose(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("prose")
    lines = [f"The {i}th ship of the fleet reached the harbour before noon." for i in range(900)]
    (folder / "book.txt").write_text("\n".join(["short", *lines]) + "\n")
    return folder


def config(prose: Path, output: Path, **changes: object) -> PretrainConfig:
    """A model of two thin layers that reuses the embedded tokenizer."""
    output.mkdir(exist_ok=True)
    shutil.copy(NANO / "spiece.model", output / "spiece.model")
    settings: dict[str, object] = {
        "seed": 3, "text": prose, "output": output, "pieces": 6044, "d_model": 64, "d_ff": 64,
        "encoder_layers": 1, "decoder_layers": 1, "steps": STEPS, "warmup_steps": 1,
        "decays": ((3, 4),), "learning_rate": 0.01, "text_rows": 4, "text_length": 32,
        "text_target_length": 8, "prefix_share": 0.5, "task_rows": 4, "task_length": 64,
        "task_target_length": 6, "task_weight": 1.0, "curriculum": STAGES,
        "checkpoint_every": 2, "log_every": 2,
    }  # fmt: skip
    return PretrainConfig(**{**settings, **changes})


@pytest.fixture(scope="module")
def finished(prose, programs, tmp_path_factory) -> PretrainConfig:
    made = config(prose, tmp_path_factory.mktemp("whole"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPOT_CACHE_DIR", str(programs))
        pretrain.run(made)
    return made


@pytest.fixture(scope="module")
def tokenizer():
    import sentencepiece

    return sentencepiece.SentencePieceProcessor(model_file=str(NANO / "spiece.model"))


def arrays(folder: Path) -> dict[str, jax.Array]:
    from safetensors.flax import load_file

    return load_file(folder / "weights.safetensors")


def test_an_interrupted_run_ends_with_the_weights_of_an_unbroken_one(prose, finished, tmp_path):
    class Killed(Exception):
        pass

    broken = config(prose, tmp_path / "broken")
    step, calls = pretrain.step, []

    def dies(*args):
        calls.append(1)
        if len(calls) == 4:
            raise Killed
        return step(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pretrain, "step", dies)
        with pytest.raises(Killed):
            pretrain.run(broken)
    pretrain.run(broken)
    whole, resumed = arrays(finished.output), arrays(broken.output)
    assert whole.keys() == resumed.keys()
    for name in whole:
        np.testing.assert_array_equal(np.asarray(whole[name]), np.asarray(resumed[name]), name)


def test_a_restart_needs_only_the_exported_weights(prose, finished, tmp_path):
    """A run through a restart, and one that begins there with the weights alone."""
    stages = ({"from_step": 0}, {"from_step": 2, "stacked_rows": 2})
    whole = config(prose, tmp_path / "whole", restarts=(2,), curriculum=stages)
    other = config(prose, tmp_path / "short", restarts=(2,), curriculum=stages)
    short = other.model_copy(update={"steps": 2})  # with the rates of the whole run
    pretrain.run(whole)
    pretrain.run(short)
    shutil.rmtree(short.output / "checkpoints")
    pretrain.run(whole.model_copy(update={"output": short.output}))
    one, other = arrays(whole.output), arrays(short.output)
    assert one.keys() == other.keys()
    assert all((one[name] == other[name]).all() for name in one)
    steps = [json.loads(line)["step"] for line in (short.output / "metrics.jsonl").open()]
    assert steps == [2, 4]


def test_weights_of_another_step_are_not_resumed_from(prose, tmp_path):
    made = config(prose, tmp_path / "run", restarts=(3,))
    (made.output / "config.json").write_text('{"pretraining": {"steps": 2}}')
    assert pretrain.exported(made) is None


def test_the_exported_weights_are_a_backbone(finished):
    from spot.models.weights.build import build

    card = json.loads((finished.output / "config.json").read_text())
    assert card["architecture"]["tied_head"] is True
    assert card["pretraining"]["steps"] == STEPS
    network = build(finished.architecture, arrays(finished.output), "float32", "widen")
    tokens = jnp.ones((2, 5), jnp.int32)
    assert np.isfinite(network.decode(network.encode(tokens), tokens)).all()


def test_the_log_has_every_loss_at_every_interval(finished):
    rows = [json.loads(line) for line in (finished.output / "metrics.jsonl").open()]
    assert [row["step"] for row in rows] == [2, 4]
    for row in rows:
        assert all(row[name] > 0 for name in ("task", "text", "held_out"))


def test_another_seed_gives_other_weights(prose, finished, tmp_path):
    other = config(prose, tmp_path / "other", seed=4)
    pretrain.run(other)
    name = "token_embedder/embedding"
    assert not np.array_equal(arrays(other.output)[name], arrays(finished.output)[name])


def test_held_out_text_is_the_last_hundredth(finished, tokenizer):
    train, held_out = pretrain_data.encode_corpus(finished, tokenizer)
    whole = np.concatenate([train, held_out])
    assert len(held_out) == len(whole) // 100
    assert "short" not in tokenizer.decode([int(i) for i in whole[:30]])
    assert list(whole[: list(whole).index(1)]) == tokenizer.encode(
        "The 0th ship of the fleet reached the harbour before noon."
    )


def test_task_rows_come_in_pairs_that_share_an_instruction(finished, tokenizer):
    inputs, targets = pretrain_data.task_batch(finished, tokenizer, 1)
    assert inputs.shape == (4, 64) and targets.shape == (4, 6)
    assert ((inputs > 0).sum(1) >= 8).all() and (targets[:, 0] > 0).all()
    again = pretrain_data.task_batch(finished, tokenizer, 1)
    np.testing.assert_array_equal(inputs, again[0])


def test_the_stage_of_a_step_decides_the_instructions(prose, tmp_path, tokenizer):
    families = {task.family for task in pretraining_tasks()}
    stages = (
        {"from_step": 0},
        {"from_step": 5, "family_weights": dict.fromkeys(families - {"topic"}, 0.0)},
        {"from_step": 9, "fixed_share": 1.0},
        {"from_step": 12, "keyword_share": 1.0},
    )
    made = config(prose, tmp_path / "stages", curriculum=stages, task_rows=48)

    def texts(number: int, side: int) -> list[str]:
        rows = pretrain_data.task_batch(made, tokenizer, number)[side]
        return [tokenizer.decode([int(i) for i in row if i > 1]) for row in rows]

    assert set(texts(5, 1)) <= set(TOPICS)
    assert not set(texts(4, 1)) <= set(TOPICS)
    fixed = [text.startswith("Answer ") for text in texts(9, 0)]
    assert all(fixed) and not all(text.startswith("Answer ") for text in texts(8, 0))
    named = {word for words in wording.KEYWORDS.values() for word in words}
    told = [len(named & set(text.split(". ")[0].split(" "))) >= 2 for text in texts(12, 0)]
    assert all(told) and not any(text.startswith("Answer ") for text in texts(12, 0))


def test_a_soft_header_holds_its_words_in_order_among_noise(prose, tmp_path, tokenizer):
    stages = ({"from_step": 0}, {"from_step": 3, "prompted_rows": 16})
    made = config(prose, tmp_path / "soft", curriculum=stages, task_rows=24)
    batch = soft_headers.prompted_batch(made, tokenizer, 3)
    assert batch.inputs.shape == (16, 64) and batch.targets.shape == (16, 6)
    assert len(pretrain_data.task_batch(made, tokenizer, 3)[0]) == 8
    assert len(pretrain_data.task_batch(made, tokenizer, 2)[0]) == 24
    named = {word for words in wording.KEYWORDS.values() for word in words}
    keywords = 0
    for words, weights, target in zip(batch.words, batch.weights, batch.targets, strict=True):
        label = [int(i) for i in target if i > 1]
        places = [i for i in range(len(words)) if list(words[i : i + 1, 0]) == label[:1]]
        assert any(weights[i, 0] > 0 for i in places)
        keywords += len(named & set(tokenizer.decode([int(i) for i in words[:, 0]]).split()))
    assert keywords >= 16
    for one, other in zip(batch, soft_headers.prompted_batch(made, tokenizer, 3), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_soft_prompt_is_the_weighted_sum_of_its_words_and_its_noise():
    class Embedder:
        embedding = jnp.asarray(np.random.default_rng(0).normal(size=(50, 8)), jnp.float32)

    class Model:
        token_embedder = Embedder()

    rng = np.random.default_rng(1)
    words, weights = rng.integers(0, 50, (2, 3, 2)), rng.random((2, 3, 2)).astype(np.float32)
    noise = rng.normal(size=(2, 3, 8)).astype(np.float32)
    batch = soft_headers.PromptedBatch(words, weights, noise, words[:, :, 0], words[:, :, 0])
    table = np.asarray(Embedder.embedding)
    size = np.sqrt((table**2).mean())
    for row in range(2):
        for slot in range(3):
            (a, b), (v, w) = words[row, slot], weights[row, slot]
            expected = v * table[a] + w * table[b] + size * noise[row, slot]
            prompt = pretrain.soft_prompts(Model(), batch)[row, slot]  # type: ignore[arg-type]
            np.testing.assert_allclose(prompt, expected, rtol=1e-5, atol=1e-6)


def test_free_words_are_many_and_none_is_of_the_suite(tokenizer):
    words = soft_headers.free_words(tokenizer)
    assert len(words) == len(set(words)) > 3000 and words == soft_headers.free_words(tokenizer)
    assert not set(words) & {word for spec in SPECS for word in (*spec.labels, *spec.keys)}
    lengths = [len(tokenizer.encode(word)) for word in words]
    assert min(lengths) == 1 and sum(length > 1 for length in lengths) > 500


def test_a_stacked_header_has_all_its_words_and_listed_label_words_are_in_the_text(
    prose, tmp_path, tokenizer
):
    stages = ({"from_step": 0}, {"from_step": 3, "stacked_rows": 40})
    made = config(prose, tmp_path / "stacked", curriculum=stages, task_rows=48)
    batch = soft_headers.stacked_batch(made, tokenizer, 3)
    assert batch.inputs.shape == (40, 64) and batch.words.shape == (40, 20, soft_headers.LAYERS)
    assert len(pretrain_data.task_batch(made, tokenizer, 3)[0]) == 8
    assert pretrain.soft_batch(made, tokenizer, 2) is None
    marks = {word for words in headers.MARKS.values() for word in words}
    marks_seen = in_header = 0
    for words, weights, inputs, target in zip(
        batch.words, batch.weights, batch.inputs, batch.targets, strict=True
    ):
        label = [int(i) for i in target if i > 1]
        held = set(words[:, 2:][weights[:, 2:] > 0].tolist())
        in_header += set(label) <= held
        text = tokenizer.decode([int(i) for i in inputs if i > 1])
        assert set(label) <= held or tokenizer.decode(label) in text
        marks_seen += len(marks & set(tokenizer.decode([int(i) for i in held]).split()))
    assert marks_seen >= 40 and 8 < in_header < 36
    for one, other in zip(batch, pretrain.soft_batch(made, tokenizer, 3), strict=True):
        np.testing.assert_array_equal(one, other)


def test_label_words_are_in_order_with_their_explanations_in_the_same_slots_or_behind(tokenizer):
    header = headers.Header(("fine", "odd"), (("wheat",), ("goal", "team")), ("mood",), ("query",))
    ids = {
        word: tokenizer.encode(word)[0]
        for word in ["fine", "odd", "wheat", "goal", "team", "mood", "query"]
    }
    shapes = set()
    for seed in range(60):
        slots = soft_headers.place(header, tokenizer, random.Random(seed))
        at = {word: {n for n, held in enumerate(slots) for t, _ in held if t == token}
              for word, token in ids.items()}  # fmt: skip
        assert len(slots) == 20 and all(at.values()) and at["goal"] == at["team"]
        (fine,), (odd,), (wheat,), (goal,) = (at[word] for word in ("fine", "odd", "wheat", "goal"))
        assert fine < odd and wheat < goal
        on_top = (wheat, goal) == (fine, odd)
        assert on_top or wheat > fine
        shapes.add((on_top, (fine, odd) == (0, 1), len(at["mood"]) > 1))
    assert len(shapes) == 8


def test_a_header_longer_than_a_prompt_is_refused(tokenizer):
    header = headers.Header(tuple("abcdefghijklmnopqrs"), (), (), ())
    assert soft_headers.place(header, tokenizer, random.Random(0)) is None


def test_every_token_of_a_targets_label_words_is_in_words_that_can_be_answers(tokenizer):
    words = soft_headers.answerable_words(tokenizer)
    held = Counter(token for word in words for token in set(tokenizer.encode(word)))
    targets = [spec for spec in SPECS if spec.role == "target"]
    own = {word for spec in targets for word in (*spec.labels, *spec.keys)}
    assert len(words) > 7000 and own.isdisjoint(words)
    assert all(
        held[token] >= 4 for spec in targets for w in spec.labels for token in tokenizer.encode(w)
    )
    assert {label for spec in SPECS if spec.role == "source" for label in spec.labels} <= set(words)


@pytest.mark.parametrize("stages", [(), ({"from_step": 1},), ({"from_step": -1},)])
def test_a_curriculum_without_a_first_step_is_refused(prose, tmp_path, stages):
    with pytest.raises(ValueError, match="from_step = 0"):
        config(prose, tmp_path / "refused", curriculum=stages)


def test_a_stage_leaves_rows_for_instructions_in_the_text(prose, tmp_path):
    stages = ({"from_step": 0, "stacked_rows": 4},)
    with pytest.raises(ValueError, match="behind soft prompts below task_rows=4, found 4"):
        config(prose, tmp_path / "full", curriculum=stages)


def test_soft_prompts_of_several_kinds_are_one_batch(prose, tmp_path, tokenizer):
    stages = ({"from_step": 0, "prompted_rows": 2, "stacked_rows": 3},)
    made = config(prose, tmp_path / "run", curriculum=stages, task_rows=12)
    batch = pretrain.soft_batch(made, tokenizer, 1)
    alone = [
        soft_headers.prompted_batch(made, tokenizer, 1),
        soft_headers.stacked_batch(made, tokenizer, 1),
    ]
    assert [len(one.inputs) for one in alone] == [2, 3] and len(batch.inputs) == 5
    assert len(pretrain_data.task_batch(made, tokenizer, 1)[0]) == 7
    # The words of no weight change no prompt.
    table = np.random.default_rng(0).normal(size=(6144, 5))
    first = 0
    for one in alone:
        rows = slice(first, first := first + len(one.inputs))
        expected = np.einsum("bpk,bpkh->bph", one.weights, table[one.words])
        prompts = np.einsum("bpk,bpkh->bph", batch.weights[rows], table[batch.words[rows]])
        assert np.allclose(prompts, expected, atol=1e-6)
        assert (batch.inputs[rows] == one.inputs).all()


def test_steps_are_in_proportion_to_the_size_of_an_array():
    tx = pretrain.optimiser(0.01, 1, ((8, 10),))
    parameters = {"large": jnp.full((4,), 16.0), "small": jnp.full((4,), 0.5)}
    gradient = {"large": jnp.ones((4,)), "small": jnp.ones((4,))}
    state = tx.init(parameters)
    _, state = tx.update(gradient, state, parameters)  # warm-up: rate 0
    updates, _ = tx.update(gradient, state, parameters)
    np.testing.assert_allclose(updates["large"], -0.16, rtol=1e-4)
    np.testing.assert_allclose(updates["small"], -0.005, rtol=1e-4)


def test_the_rate_falls_in_each_decay_and_is_constant_elsewhere():
    tx = pretrain.optimiser(0.01, 2, ((4, 8), (10, 12)))
    parameters = {"array": jnp.full((4,), 1.0)}
    state, rates = tx.init(parameters), []
    for _ in range(14):
        updates, state = tx.update({"array": jnp.ones((4,))}, state, parameters)
        rates.append(-float(updates["array"][0]))
    share = 0.95
    falls = [1, 1 - share / 4, 1 - share / 2, 1 - 3 * share / 4, 1, 1, 1, 1 - share / 2]
    np.testing.assert_allclose(rates, 0.01 * np.array([0, 0.5, 1, 1, *falls, 1, 1]), rtol=1e-3)


@pytest.mark.parametrize("decays", [((2, 2),), ((3, 2),), ((2, 3), (2, 4)), ((0, 2),), ((2, 5),)])
def test_decays_that_overlap_or_leave_the_run_are_refused(prose, tmp_path, decays):
    with pytest.raises(ValueError, match="decays"):
        config(prose, tmp_path / "refused", decays=decays)


def test_the_config_of_the_embedded_model_is_read():
    made = read_config(Path(__file__).resolve().parents[2] / "configs" / "nano.toml")
    assert made.steps == 19_600 and len(made.curriculum) == 10


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "expected a config at .*nano.toml, found: No such file"),
     ("seed = ", "nano.toml: expected TOML"),
     ("seed = 0\nstep = 3", "nano.toml: .*: Field required"),
     ("seed = 'x'", "nano.toml: seed: Input should be a valid integer")],
)  # fmt: skip
def test_a_bad_config_is_an_error_without_a_traceback(tmp_path, capsys, text, message):
    file = tmp_path / "nano.toml"
    if text is not None:
        file.write_text(text)
    assert pretrain.main([str(file)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert re.match(f"error: .*{message}", lines[0]) and lines[1].startswith("hint: ")
    assert pretrain.main([]) == 2
    assert capsys.readouterr().err.startswith("usage: ")


def test_no_text_is_an_error_that_names_the_folder(tmp_path):
    with pytest.raises(SpotError, match=r"expected \.txt files"):
        list(pretrain_data.documents(tmp_path))

"""Prompts as other kinds that do the same: equal answers, or a refusal with the reason."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bank.formats import FORMATS, Export, PromptFile, export_prompt
from spot.errors import SpotError
from spot.prompts.convert import as_plain, as_prefix_tuning, for_format, of_prefix_tuning
from spot.prompts.files import check_fit, prompt_file_entry, read_prompt
from spot.prompts.kinds import find_kind
from spot.prompts.stacked import stack
from tests.prompts.test_kinds import (
    CONFIGS,
    NAMES,
    TARGETS,
    TEXTS,
    Case,
    H,
    P,
    decoded,
    model_of,
    padded,
    refused,
)

KINDS = [
    *NAMES,
    "every-layer:change=add",
    "keys-values:sink=1,rows=2",
    "decoder-keys-values:sink=1",
    "masked:among=itself",
    "masked:seen=0",
]
# Of every form of prompt that is no prefix tuning, the reason; by family, where it is the family's.
ANEW, BEHIND, TEXT = "is made anew for every text", "has rows behind", "changes the text itself"
REASONS = {
    "suffix": BEHIND, "around": BEHIND, "map": TEXT, "dept": TEXT, "pool": ANEW, "attempt": ANEW,
    "generator": ANEW, "masked:seen=0": "is not seen by the text",
}  # fmt: skip
PLAIN = {"prefix", "mlp", "lstm", "low-rank"}  # forms that are rows once they are trained
EVERY = [(kind, family) for kind in KINDS for family in CONFIGS if not refused(kind, family)]


@pytest.fixture(params=EVERY, ids="-".join)
def case(request):
    kind, family = request.param
    return Case(find_kind(kind), model_of(family))


def rows(seed=1):
    return np.random.default_rng(seed).normal(size=(P, H)).astype(np.float32)


def logits(prompt, model):
    texts, targets = padded(TEXTS), padded(TARGETS)
    return np.asarray(decoded(model.network, texts, stack([prompt]), targets))


def alike(found, expected):
    real = padded(TARGETS) > 0
    largest = np.abs(expected[real]).max()
    np.testing.assert_allclose(found[real], expected[real], rtol=0, atol=1e-5 * largest)


def reason(case):
    """Why a prompt is no prefix tuning; "" where it is."""
    name = case.kind.name
    why = REASONS.get(name) or REASONS.get(name.partition(":")[0], "")
    on_encoder = len(case.config.stacks) > 1 and not name.startswith("decoder-keys-values")
    return why if why in (ANEW, BEHIND, TEXT) or not on_encoder else "the encoder of a T5 reads"


def test_a_prompt_answers_alike_as_prefix_tuning_or_says_why_it_cannot(case):
    prompt, why = case.stirred(rows()), reason(case)
    if why:
        with pytest.raises(SpotError, match=f"{case.kind.name}, is no prefix tuning: it .*{why}"):
            as_prefix_tuning(prompt, case.model)
        return
    made = as_prefix_tuning(prompt, case.model)
    kind = "keys-values" if len(case.config.stacks) == 1 else "decoder-keys-values"
    assert made.kind is find_kind(kind) and made.misfit(case.config) == ""
    alike(logits(made, case.model), logits(prompt, case.model))
    apart = np.abs(logits(made, case.model) - logits(case.made(rows(2)), case.model))
    assert apart.max() > 1e-2  # the comparison sees a prompt


def test_a_prompt_is_plain_rows_that_answer_alike_or_says_why_it_is_not(case):
    prompt = case.stirred(rows())
    if case.kind.name.partition(":")[0] in PLAIN:
        plain = as_plain(prompt, "x")
        assert plain.kind.name == "prefix" and set(plain.arrays) == {"prompt"}
        alike(logits(plain, case.model), logits(prompt, case.model))
        return
    why = REASONS.get(case.kind.name.partition(":")[0], "does more than rows in front of the text")
    with pytest.raises(SpotError, match=f'"prefix" alone, found "{case.kind.name}", which {why}'):
        as_plain(prompt, "x")


def test_keys_and_values_keep_every_bit_and_the_size_of_the_models_rows():
    model = model_of("decoder")
    sizes = np.asarray([1e-3, 5.0, 0.0, 300.0], np.float32).reshape(2, 2, 1, 1, 1)
    numbers = np.random.default_rng(0).normal(size=(2, 2, 2, P, 4)).astype(np.float32) * sizes
    arrays = of_prefix_tuning(find_kind("keys-values"), numbers, model, "x").arrays
    np.testing.assert_array_equal(arrays["keys_values"] * arrays["scale"], numbers)
    own = np.sqrt(np.mean(np.square(model.embeddings)))
    size = np.sqrt(np.mean(np.square(arrays["keys_values"]), axis=(2, 3, 4))).ravel()
    assert (np.abs(np.log2(size[sizes.ravel() > 0] / own)) <= 0.5 + 1e-6).all()
    assert arrays["scale"].ravel()[2] == 1 and not arrays["start"].any()


def adapter(folder, family, kind):
    """(the prompt, a folder of an adapter that it was exported to)."""
    case = Case(find_kind(kind), model_of(family))
    prompt = case.stirred(rows())
    file = PromptFile(prompt.key, prompt.kind.name, prompt.named)
    held = for_format(file, FORMATS["peft-prefix"], "x", lambda: case.model)
    export = Export(model="m", causal=family == "decoder")
    return prompt, export_prompt(folder, held, "peft-prefix", export)


@pytest.mark.parametrize(
    ("family", "kind"),
    [("decoder", "every-layer"), ("decoder", "keys-values"), ("T5", "decoder-keys-values")],
)
def test_an_adapter_comes_back_as_an_entry_that_answers_alike(tmp_path, family, kind):
    prompt, folder = adapter(tmp_path / "a", family, kind)
    back = read_prompt(folder, model_of(family))
    alike(logits(back, model_of(family)), logits(prompt, model_of(family)))
    entry, prompts = prompt_file_entry(folder, "t", model_of(family))
    assert entry.prompt_kind == back.kind.name and set(prompts.arrays) == set(back.arrays)
    np.testing.assert_array_equal(prompts.key, back.key)
    held = PromptFile(back.key, back.kind.name, back.named)
    again = export_prompt(
        tmp_path / "b", held, "peft-prefix", Export(model="m", causal=family == "decoder")
    )
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()


def test_an_adapter_of_another_architecture_is_refused(tmp_path):
    _, ours = adapter(tmp_path / "a", "decoder", "every-layer")
    _, t5 = adapter(tmp_path / "b", "T5", "decoder-keys-values")
    with pytest.raises(SpotError, match="takes the model that it is for"):
        read_prompt(ours)
    with pytest.raises(SpotError, match=r"of a decoder \(CAUSAL_LM\), T5 is an encoder-decoder"):
        read_prompt(ours, model_of("T5"))
    with pytest.raises(SpotError, match="this model has one stack"):
        read_prompt(t5, model_of("decoder"))
    config = dataclasses.replace(CONFIGS["decoder"], layers=3)
    deeper = dataclasses.replace(model_of("decoder"), read_config=lambda: config)
    with pytest.raises(SpotError, match=r"does not fit the model: keys_values \[2, 2, 2, 4, 4\]"):
        check_fit(read_prompt(ours, deeper), "x", deeper)


def test_a_prompt_of_another_model_is_refused():
    prompt = Case(find_kind("every-layer"), model_of("decoder")).stirred(rows())
    config = dataclasses.replace(CONFIGS["decoder"], layers=3)
    deeper = dataclasses.replace(model_of("decoder"), read_config=lambda: config)
    with pytest.raises(SpotError, match="the prompt does not fit the model: layers"):
        as_prefix_tuning(prompt, deeper)


def test_a_t5_has_no_keys_and_values_in_front_of_every_text():
    with pytest.raises(SpotError, match="T5 reads both ways"):
        model_of("T5").front(rows())

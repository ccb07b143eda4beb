"""Facts in a prompt's file: they come back whole, and what is damaged or foreign is named."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from bank.entry import Backbone
from bank.errors import BankError
from bank.formats import FORMATS, Export, Facts, PromptFile, export_entry, export_prompt
from bank.formats import read_prompt_file as read
from bank.formats.facts import LIMIT, READERS, read_facts
from bank.formats.safetensors import FACTS
from bank.task_facts import TASK_FACTS

PROMPT = np.ones((2, 3), np.float32)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
texts = st.lists(words, max_size=3).map(tuple)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-1, 1) | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
    max_leaves=4,
)
counts = st.none() | st.integers(0, 10**6)
scores = st.fixed_dictionaries(
    {"metric": words, "value": st.floats(0, 100), "n": st.integers(0, 99)}
)
facts = st.builds(
    Facts,
    task=words, members=texts, file=words, inputs=words, columns=texts,
    clean=st.dictionaries(words, texts, max_size=2), front=words, labels=texts, label=words,
    values=st.dictionaries(words, words, max_size=2), scoring=words, metrics=texts,
    model=st.none() | st.builds(Backbone, words, words),
    recipe=st.dictionaries(words, values, max_size=3), seed=counts, step=counts,
    scores=st.dictionaries(words, scores, max_size=2), code=words,
)  # fmt: skip


@given(facts)
@settings(max_examples=200)
def test_facts_come_back_from_json(known):
    assert read_facts(known.to_json(), "p") == known


def test_every_fact_has_a_reader():
    assert set(READERS) == set(Facts.__dataclass_fields__)


def test_what_an_entry_tells_of_its_task_goes_out_with_its_prompt(tmp_path, entry_of, prompts_of):
    told = {"inputs": "{a}", "columns": ("a",), "labels": ("no", "yes"), "scoring": "rank"}
    entry = entry_of("guests", value_step=4, task_facts=told)
    file = read(export_entry(tmp_path / "p.safetensors", entry, prompts_of()))
    assert file.facts.of_task() == told and file.facts.task == "guests"
    assert set(TASK_FACTS) < set(READERS) and not {"task", "recipe", "model"} & set(TASK_FACTS)


def test_facts_lie_in_a_safetensors_file_and_in_no_other_format(tmp_path):
    known = Facts(task="tickets", labels=("a", "{b}"), inputs="ticket: {body}\n“…”", step=0)
    prompt = PromptFile(PROMPT, facts=known)
    assert read(export_prompt(tmp_path / "p.safetensors", prompt)).facts == known
    assert read(export_prompt(tmp_path / "q.safetensors", PROMPT)).facts is None
    for name in FORMATS:
        form = FORMATS[name]
        if name != "safetensors" and form.read and form.holds(prompt.kind):
            place = export_prompt(tmp_path / name, prompt, name, Export(model="m"))
            assert read(place).facts is None
    assert b"tickets" not in (tmp_path / "peft" / "adapter_model.safetensors").read_bytes()


def test_an_exported_entry_states_what_it_knows(bank, entry_of, prompts_of, tmp_path):
    scores = {"validation": {"metric": "accuracy", "value": 61.5, "n": 128}}
    entry = entry_of("boolq", key_step=60, value_step=80, scores=scores, code="0.1.0")
    steps = {}
    for what in ("value", "key", "init"):
        path = export_entry(tmp_path / f"{what}.safetensors", entry, prompts_of(), what=what)
        known = read(path).facts
        assert (known.task, known.model, known.recipe) == ("boolq", entry.backbone, entry.recipe)
        assert known.scores == (scores if what == "value" else {})
        assert known.inputs == "" and known.labels == ()
        steps[what] = known.step
    assert steps == {"value": 80, "key": 60, "init": 0}


def test_no_flipped_bit_of_a_prompt_file_gives_another_prompt_or_other_facts(tmp_path):
    known = Facts(task="t", labels=("no", "yes"), seed=3)
    path = export_prompt(tmp_path / "p.safetensors", PromptFile(PROMPT, facts=known))
    whole, honest = path.read_bytes(), read(path)
    refused = 0
    for bit in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        try:
            found = read(path)
        except BankError:
            refused += 1
            continue
        assert (found.prompt == honest.prompt).all() and found.facts == honest.facts, bit
    assert refused > 0.95 * 8 * len(whole)


def test_a_file_of_other_programs_or_earlier_releases_has_no_checksum_and_is_read(tmp_path):
    path = tmp_path / "p.safetensors"
    path.write_bytes(safetensors.numpy.save({"prompt_embeddings": PROMPT}))
    assert (read(path).prompt == PROMPT).all()


def with_facts(path, text):
    """A file whose facts are this text."""
    tensors = {"prompt_embeddings": PROMPT}
    path.write_bytes(safetensors.numpy.save(tensors, metadata={FACTS: text}))
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"p.safetensors: its facts are not JSON \(Expecting property name"),
        ('{"format": 1, "seed": NaN}', r"its facts are not JSON \(JSON has no NaN"),
        ("[" * 100_000, "p.safetensors: its facts are not JSON"),
        ("[]", r"expected its facts as a JSON object, found \[\]"),
        ("{}", "expected facts of format 1, found null"),
        ('{"format": 2}', "expected facts of format 1, found 2"),
        ('{"format": 1, "task": 3}', 'expected the fact "task" as a text, found 3'),
        ('{"format": 1, "labels": "ab"}', 'the fact "labels" as a list of texts, found "ab"'),
        ('{"format": 1, "labels": [1]}', 'the fact "labels" as a list of texts, found .1.'),
        ('{"format": 1, "seed": -1}', 'the fact "seed" as a whole number from 0, found -1'),
        ('{"format": 1, "step": true}', 'the fact "step" as a whole number from 0, found true'),
        ('{"format": 1, "values": {"1": 2}}', 'the fact "values" as label words by value'),
        ('{"format": 1, "clean": {"a": "b"}}', 'the fact "clean" as lists of texts by column'),
        ('{"format": 1, "recipe": []}', 'the fact "recipe" as an object, found ..'),
        ('{"format": 1, "model": "nano"}', 'as a model\'s "name" and "fingerprint", found "nano"'),
        ('{"format": 1, "model": {"name": "nano"}}', '"name" and "fingerprint", found ."name"'),
        ('{"format": 1, "scores": {"test": {"n": "9"}}}', 'the fact "scores" as numbers by split'),
        ('{"format": 1, "scores": {"test": 9}}', 'the fact "scores" as numbers by split'),
        (f'"{"x" * LIMIT}"', r"facts of at most 1,048,576 characters, found 1,048,578"),
    ],
)
def test_facts_that_are_damaged_are_refused_by_name(tmp_path, text, message):
    with pytest.raises(BankError, match=message) as caught:
        read(with_facts(tmp_path / "p.safetensors", text))
    assert caught.value.hint and "p.safetensors" in caught.value.message


def test_facts_that_are_not_known_here_are_named_and_passed_over(tmp_path, caplog):
    text = json.dumps({"format": 1, "task": "a", "mood": "good", "colour": 3})
    with caplog.at_level(logging.WARNING, logger="bank"):
        assert read(with_facts(tmp_path / "p.safetensors", text)).facts == Facts(task="a")
    assert (
        "p.safetensors: facts that are not known here are passed over: colour, mood" in caplog.text
    )


def test_facts_that_json_cannot_hold_are_not_written(tmp_path):
    prompt = PromptFile(PROMPT, facts=Facts(recipe={"rate": float("nan")}))
    with pytest.raises(BankError, match="expected a value that JSON can hold"):
        export_prompt(tmp_path / "p.safetensors", prompt)
    assert not list(tmp_path.iterdir())

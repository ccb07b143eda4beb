"""A prompt as words: what the rows become, and scores that are those of the rows themselves."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import asdict

import numpy as np
import pytest

from spot.analysis import discrete
from spot.analysis.case import Case, case_of
from spot.analysis.discrete import AGAIN, KEPT, as_words, encoded_again, find, text_of
from spot.errors import SpotError
from spot.prompts.discretise import tokens_of
from spot.prompts.prompt import as_prompt
from spot.tasks.task import Task
from tests.analysis.toy_cases import CONFIGS, model_of, prompt_of, toy_case
from tests.toys import sentences, write_tokenizer

FAMILIES = pytest.mark.parametrize("family", CONFIGS)
TEXT = "a red cat is there"


def scores(finding):
    """The table as {scored: {column: value}}."""
    columns, *lines = (finding.tables[0].columns, *finding.tables[0].rows)
    return {line[0]: dict(zip(columns[1:], line[1:], strict=True)) for line in lines}


def rows_of_text(model, text=TEXT):
    return model.embeddings[model.vocabulary.encode(text)]


@FAMILIES
def test_a_prompt_of_a_text_is_that_text(family, tiny_folder):
    model = model_of(family, tiny_folder)
    rows, tokens = rows_of_text(model), tokens_of(model)
    assert text_of(rows, tokens, model.vocabulary) == TEXT
    words = as_words(rows, tokens, model)
    for name in ("tokens by cosine", "tokens by distance", AGAIN):
        np.testing.assert_array_equal(words[name], rows)
    np.testing.assert_allclose(words[KEPT], rows, rtol=1e-5)


@FAMILIES
def test_words_of_words_are_the_same_words(family, tiny_folder):
    model = model_of(family, tiny_folder)
    rows, tokens = np.asarray(prompt_of(model, length=9)), tokens_of(model)
    once = as_words(rows, tokens, model)
    for name in ("tokens by cosine", "tokens by distance", KEPT, AGAIN):
        again = as_words(once[name], tokens, model)
        np.testing.assert_allclose(again[name], once[name], rtol=1e-5)


def test_kept_norms_are_those_of_the_prompt_and_directions_those_of_tokens(tiny_folder):
    model = model_of("T5", tiny_folder)
    rows = 5 * np.asarray(prompt_of(model, length=9))
    words = as_words(rows, tokens_of(model), model)
    kept, by_cosine = words[KEPT], words["tokens by cosine"]
    np.testing.assert_allclose(
        np.linalg.norm(kept, axis=1), np.linalg.norm(rows, axis=1), rtol=1e-5
    )
    cosines = (kept * by_cosine).sum(1) / np.linalg.norm(kept, axis=1)
    np.testing.assert_allclose(cosines, np.linalg.norm(by_cosine, axis=1), rtol=1e-5)


def test_a_text_of_a_decoder_begins_as_its_texts_do(tmp_path):
    words = write_tokenizer(tmp_path, begin="<end>")
    assert encoded_again("ab c", words) == [words.begin, *words.encode("ab c")]


def test_a_longer_text_is_cut_to_the_prompt(tiny_folder, monkeypatch):
    model = model_of("T5", tiny_folder)
    monkeypatch.setattr(discrete, "encoded_again", lambda text, words: [4, 5, 6, 7, 8, 9, 10])
    words = as_words(np.asarray(prompt_of(model, length=3)), tokens_of(model), model)
    np.testing.assert_array_equal(words[AGAIN], model.embeddings[[4, 5, 6]])
    monkeypatch.setattr(discrete, "encoded_again", lambda text, words: [])
    assert AGAIN not in as_words(np.asarray(prompt_of(model)), tokens_of(model), model)


@FAMILIES
@pytest.mark.parametrize("kind", ["prefix", "suffix"])
def test_scores_are_those_of_the_rows(family, kind, tiny_folder):
    model = model_of(family, tiny_folder)
    prompt, start = prompt_of(model, kind), prompt_of(model, kind, seed=1)
    case = toy_case(model, prompt, start)
    found = scores(find(case))
    kinds = type(prompt)
    expected = {"the prompt": prompt, "its start": start, "no prompt": None}
    words = as_words(np.asarray(prompt), tokens_of(model), model)
    expected |= {name: kinds.of(prompt.kind, each) for name, each in words.items()}
    assert list(found) == ["the prompt", "its start", *words, "no prompt"]
    truth = [case.task.labels[label] for label in case.rows.labels]
    for name, each in expected.items():
        ranked = model.score(case.rows.inputs, case.labels, each).argmax(axis=1)
        assert found[name]["score "] == pytest.approx(100 * np.mean(ranked == case.rows.labels))
        greedy = [text.strip() for text in model.generate(case.rows.inputs, 4, each)]
        right = np.mean([text == word for text, word in zip(greedy, truth, strict=True)])
        assert found[name]["greedy right (%) "] == pytest.approx(100 * right)
        valid = np.mean([text in case.task.labels for text in greedy])
        assert found[name]["greedy label words (%) "] == pytest.approx(100 * valid)
        assert found[name]["length "] == (0 if each is None else len(each.key))


def test_greedy_answers_are_counted(tiny_folder, monkeypatch):
    model = model_of("T5", tiny_folder)
    case = toy_case(model, rows_of_text(model))
    said = ["yes"] * 6 + [" no "] * 6 + ["maybe"] * 12
    monkeypatch.setattr(type(model), "generate", lambda *args: said)
    found = scores(find(case))["the prompt"]
    right = sum(
        text.strip() == case.task.labels[label]
        for text, label in zip(said, case.rows.labels, strict=True)
    )
    assert found["greedy right (%) "] == pytest.approx(100 * right / 24)
    assert found["greedy label words (%) "] == 50.0


def test_equal_rows_are_scored_once_and_equal_scores_are_no_gain(tiny_folder, monkeypatch):
    model = model_of("T5", tiny_folder)
    case = toy_case(model, rows_of_text(model))
    seen = []
    evaluate = Case.evaluate
    monkeypatch.setattr(Case, "evaluate", lambda case, p: seen.append(p) or evaluate(case, p))
    finding = find(case)
    found = scores(finding)
    ways = {np.asarray(each).tobytes() for each in seen if each is not None}
    assert len(seen) == len(ways) + 1 < len(found)
    for name in ("tokens by cosine", "tokens by distance", AGAIN):
        assert found[name] == found["the prompt"]
    assert f'Its rows as words: "{TEXT}".' in finding.notes
    assert any(
        "spot compare bird --starts vocab,nearest:FILE,file:FILE" in n for n in finding.notes
    )
    json.dumps(asdict(finding), allow_nan=False)


def test_a_gain_is_judged_by_its_interval(tiny_folder, monkeypatch):
    model = model_of("T5", tiny_folder)
    case = toy_case(model, prompt_of(model))
    truth = [case.task.labels[label] for label in case.rows.labels]
    wrong = [word for label in case.rows.labels for word in [case.task.labels[1 - label]]]
    real = Case.evaluate

    def evaluate(self, prompt):
        answers = tuple(wrong if prompt is None else truth)
        value = 0.0 if prompt is None else 100.0
        return dataclasses.replace(real(self, None), predictions=answers, value=value)

    monkeypatch.setattr(Case, "evaluate", evaluate)
    finding = find(case)
    assert scores(finding)["tokens by cosine"]["over no prompt "] == "+100.0"
    assert any(
        note.startswith("tokens by cosine: 100.0, 100.0 above no prompt") for note in finding.notes
    )
    monkeypatch.setattr(Case, "evaluate", lambda case, prompt: real(case, None))
    assert any("not told apart from no prompt" in note for note in find(case).notes)


def test_free_answers_have_no_label_words(tiny_folder):
    model = model_of("T5", tiny_folder)
    rows = [{"text": text, "label": animal} for text, _, animal in sentences(30, 0)]
    task = Task.from_rows("animal", target="label", train=rows[:10], test=rows[10:])
    case = case_of("toy", model, as_prompt(rows_of_text(model)), task)
    finding = find(case)
    for each in scores(finding).values():
        assert each["greedy label words (%) "] is None
        assert each["greedy right (%) "] == each["score "]
    assert len(finding.charts) == 1
    json.dumps(asdict(finding), allow_nan=False)


def test_other_kinds_and_no_task_are_sentences(tiny_folder):
    model = model_of("T5", tiny_folder)
    with pytest.raises(SpotError, match="kind keys-values, whose numbers are not rows"):
        find(toy_case(model, prompt_of(model, "keys-values")))
    with pytest.raises(SpotError, match="expected a task to score toy on"):
        find(Case("toy", model, prompt_of(model)))


def test_a_kind_that_does_the_same_as_rows_is_read_as_rows(tiny_folder):
    model = model_of("T5", tiny_folder)
    prompt = prompt_of(model, "low-rank:rank=2")
    found = scores(find(toy_case(model, prompt)))
    rows = as_words(prompt.rows, tokens_of(model), model)["tokens by cosine"]
    plain = scores(find(toy_case(model, rows)))
    assert found["tokens by cosine"]["score "] == plain["the prompt"]["score "]


def test_the_chart_has_a_bar_a_line_of_the_table(tiny_folder):
    model = model_of("T5", tiny_folder)
    finding = find(toy_case(model, prompt_of(model)))
    found = scores(finding)
    ranked, greedy = finding.charts
    assert ranked.labels == greedy.labels == tuple(found)
    assert ranked.values == tuple(each["score "] for each in found.values())
    assert greedy.values == tuple(each["greedy right (%) "] for each in found.values())
    assert all(a <= b <= c for a, b, c in zip(ranked.low, ranked.values, ranked.high, strict=True))
    assert ranked.levels[0].value >= 50.0

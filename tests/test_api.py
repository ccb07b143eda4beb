"""The library in a dozen names: sources, bank, search, transfer and prediction on the embedded model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

import spot
from bank import BankError
from spot.tasks.task import with_wording
from tests.toys import sentences

LABELS = ["billing", "bug"]
NEW_TEXTS = ["my invoice is wrong", "it crashes when i save", "please refund me"]
LEARNED_OR_NOT = spot.SearchSettings(unlearned=True)  # nothing is learned in so few steps
TRANSFER = {"start": "best", "k": 2, "seeds": (0, 1), "steps": 4}


class Listener(spot.Reporter):
    """Notes what is trained and what is found again."""

    def __init__(self) -> None:
        super().__init__()
        self.trained: list[str] = []
        self.lines: list[str] = []

    def begin(self, title: str, steps: int, done: int) -> None:
        self.trained.append(title)

    def say(self, text: str) -> None:
        self.lines.append(text)


def rows(count: int, seed: int) -> list[dict[str, object]]:
    """Sentences, labelled by whether they speak of a cat."""
    drawn = sentences(count, seed)
    return [{"text": text, "label": LABELS[animal in ("cat", "dog")]} for text, _, animal in drawn]


def tickets() -> spot.Task:
    """A target of rows in memory."""
    return spot.Task.from_rows(
        "tickets", rows(24, 1), rows(12, 2), rows(10, 3), inputs="{text}", labels=LABELS
    )


@dataclass(frozen=True)
class Work:
    """The objects of the example, and what a person hears of it."""

    model: spot.Model
    mine: spot.Task
    recipe: spot.Recipe
    bank: spot.Bank
    sources: dict[str, spot.Task | spot.Mixture]
    runs: spot.Runs
    listener: Listener

    def search(self, **more: Any) -> spot.Answer:
        """The search of the example."""
        settings = {"settings": LEARNED_OR_NOT, "recipe": self.recipe, "runs": self.runs, **more}
        return spot.search(self.bank, self.model, self.mine, 3, **settings)

    def transfer(self, **more: Any) -> spot.TransferReport:
        """The transfer of the example."""
        settings = {
            **TRANSFER, "search_settings": LEARNED_OR_NOT, "recipe": self.recipe, "runs": self.runs,
        }  # fmt: skip
        return spot.transfer(self.bank, self.model, self.mine, **{**settings, **more})


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Work:
    """A bank of three sources."""
    folder = tmp_path_factory.mktemp("api")
    listener = Listener()
    runs = spot.Runs(folder / "runs", listener, slots=1)  # one shape, compiled once
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPOT_CACHE_DIR", str(folder / "cache"))
        model = spot.load_model("spot-nano")
        recipe = spot.Recipe(
            length=5, steps=4, key_step=2, check_every=2, batch_size=4, warmup_steps=1,
            train_examples=16, validation_examples=8, input_length=32,
        )  # fmt: skip
        names = ("mini_cola", "mini_sst", "mini_rooms")
        sources = {name: spot.load_task(name) for name in names}
        bank = spot.Bank(folder / "my-bank")
        for task in sources.values():
            bank.add(spot.train_source(model, task, recipe, seed=0, runs=runs))
    return Work(model, tickets(), recipe, bank, sources, runs, listener)


@pytest.fixture(scope="module")
def report(work) -> spot.TransferReport:
    """The finished transfer."""
    return work.transfer()


def test_a_source_is_an_entry_with_key_value_and_scores(work):
    entries = work.bank.entries()
    assert {entry.task for entry in entries} == set(work.sources)
    for entry in entries:
        prompts = work.bank.prompts(entry)
        assert prompts.key.shape == prompts.value.shape == (5, work.model.width)
        assert not np.array_equal(prompts.init, prompts.key)
        assert entry.backbone == work.model.identity
        assert entry.key_step == 2
        assert 0 <= entry.scores["validation"]["value"] <= 100
        assert entry.scores["validation"]["n"] == 8


def test_a_search_ranks_every_source(work):
    hits = work.search().result.hits
    assert {hit.task for hit in hits} == set(work.sources)
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == 3
    assert all(-1 <= score <= 1 for score in scores)


def test_a_transfer_reports_both_arms(work, report):
    assert report.target == "tickets"
    assert [run.seed for run in report.transfer] == [0, 1] == [run.seed for run in report.baseline]
    for arm in ("scratch", "transfer"):
        curves = report.curves[arm]
        assert [[check.step for check in curve] for curve in curves] == [[0, 2, 4], [0, 2, 4]]
    assert report.gain == pytest.approx(np.mean(report.gains))
    assert all(run.n_test == 10 for run in report.runs)
    chosen = {run.start.task for run in report.transfer}
    assert chosen <= {hit.task for hit in work.search().result.hits[:2]}
    prompt = np.asarray(report.prompt)
    assert prompt.shape == (5, work.model.width)
    assert prompt.dtype == np.float32
    assert np.isfinite(prompt).all()


def test_the_bank_remembers_the_outcomes(work, report):
    outcomes = [outcome for outcome in work.bank.outcomes() if outcome.target == "tickets"]
    assert len(outcomes) >= 4  # two seeds from each of two starts
    assert work.search().outcomes


def test_predictions_have_probabilities(work, report):
    predictions = spot.predict(work.model, work.mine, report.prompt, NEW_TEXTS)
    assert [one.text for one in predictions] == NEW_TEXTS
    for one in predictions:
        assert set(one.probabilities) == set(LABELS)
        assert sum(one.probabilities.values()) == pytest.approx(1, abs=1e-6)
        assert one.answer == max(one.probabilities, key=one.probabilities.__getitem__)
    again = spot.predict(work.model, work.mine, np.asarray(report.prompt), NEW_TEXTS)
    assert again == predictions


def test_a_prompt_survives_its_file(work, report, tmp_path):
    spot.write_prompt(tmp_path / "prompt.safetensors", report.prompt)
    read = spot.read_prompt(tmp_path / "prompt.safetensors")
    assert np.array_equal(np.asarray(read), np.asarray(report.prompt))
    best = max((*report.transfer, *report.baseline), key=lambda run: run.validation)
    score = spot.evaluate(work.model, work.mine, read, input_length=32)
    assert score.value == best.test


def test_finished_work_is_found_again(work, report):
    before = len(work.listener.trained)
    assert before > 0
    again = work.transfer()
    task = work.sources["mini_cola"]
    entry, _ = spot.train_source(work.model, task, work.recipe, seed=0, runs=work.runs)
    assert work.bank.add((entry, work.bank.prompts(entry))) == []
    assert len(work.listener.trained) == before
    assert any(line.startswith("found: ") for line in work.listener.lines)
    assert again.gains == report.gains
    assert np.array_equal(np.asarray(again.prompt), np.asarray(report.prompt))
    assert again.folder == report.folder


def test_the_recipe_of_a_query_is_that_of_the_keys(work):
    explicit = work.search().queries[0]
    implicit = work.search(recipe=None).queries[0]
    # What decides the key is the same; the sample of rows is the target's own.
    assert implicit.recipe == explicit.recipe


def test_the_embedded_model_lists_the_label_words_of_ones_own_task(work, report):
    """Everywhere alike: query, training, scores and predictions are those of the listed task."""

    def worded(listed: bool) -> spot.Task:
        return replace(with_wording(work.mine, list_labels=listed), list_labels=None)

    listed = worded(True)
    assert work.mine.front == "" and listed.front == "billing | bug. "
    again = Work(**{**vars(work), "mine": listed})
    assert work.search().queries == again.search().queries
    before = len(work.listener.trained)
    assert again.transfer().folder == report.folder
    assert len(work.listener.trained) == before
    prompt, model = report.prompt, work.model
    answers = spot.predict(model, work.mine, prompt, NEW_TEXTS)
    assert answers == spot.predict(model, listed, prompt, NEW_TEXTS)
    score = spot.evaluate(model, work.mine, prompt, input_length=32)
    assert score == spot.evaluate(model, listed, prompt, input_length=32)
    plain = with_wording(work.mine, list_labels=False)
    unlisted = spot.predict(model, plain, prompt, NEW_TEXTS)
    assert [one.probabilities for one in unlisted] != [one.probabilities for one in answers]
    warnings = work.search().result.warnings
    assert not any("list_labels" in warning for warning in warnings)


def test_a_query_that_was_told_not_to_list_is_told_apart(work):
    plain = Work(**{**vars(work), "mine": with_wording(work.mine, list_labels=False)})
    answer = plain.search()
    assert answer.queries[0].data != work.search().queries[0].data
    assert any("list_labels differs: query false" in one for one in answer.result.warnings)


def test_an_unknown_model_gets_the_nearest_name():
    with pytest.raises(spot.SpotError, match='Did you mean "spot-nano"') as error:
        spot.load_model("spot-nanno")
    assert error.value.hint


def test_an_unknown_task_gets_the_nearest_name():
    with pytest.raises(spot.SpotError, match='found "mini_bolq". Did you mean "mini_boolq"'):
        spot.load_task("mini_bolq")


def test_an_unknown_strategy_gets_the_nearest_name(work):
    with pytest.raises(spot.SpotError, match='unknown strategy "bets". Did you mean "best"'):
        work.transfer(start="bets")


def test_a_published_task_without_data_says_where_it_looks(tmp_path):
    with pytest.raises(spot.SpotError, match="boolq"):
        spot.load_task("boolq", data=tmp_path)


@pytest.mark.parametrize("use", ["predict", "evaluate"])
def test_a_prompt_of_another_width_is_refused(work, use):
    prompt = np.zeros((5, work.model.width + 1), np.float32)
    with pytest.raises(
        spot.SpotError, match=r"expected a prompt \[P, 256\].*found \[5, 257\]"
    ) as error:
        if use == "predict":
            spot.predict(work.model, work.mine, prompt, NEW_TEXTS)
        else:
            spot.evaluate(work.model, work.mine, prompt)
    assert error.value.hint


def test_the_mixture_strategy_names_the_source_that_is_missing(work):
    with pytest.raises(spot.SpotError, match="mini_") as error:
        work.transfer(start="mixture", sources={})
    assert "sources" in f"{error.value} {error.value.hint}"


def test_the_mixture_strategy_trains_on_the_sources(work):
    report = work.transfer(start="mixture", sources=work.sources, seeds=(0,))
    assert report.strategy == "mixture"
    assert {run.start.strategy for run in report.runs} == {"none", "mixture"}


def test_an_empty_bank_is_refused_before_training(work, tmp_path):
    before = len(work.listener.trained)
    with pytest.raises(BankError, match="no entries|nothing"):
        spot.search(
            spot.Bank(tmp_path / "empty"), work.model, work.mine, recipe=work.recipe, runs=work.runs
        )
    assert len(work.listener.trained) == before

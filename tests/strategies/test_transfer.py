"""Transfer: where prompts start, equal conditions for both arms, strategies, and what is recorded."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import spot
from bank.errors import BankError
from bank.store import Bank
from spot.commands.usage import report_of
from spot.errors import SpotError
from spot.prompts.files import find_prompt
from spot.prompts.kinds import find_kind
from spot.prompts.prefix import PREFIX
from spot.prompts.prompt import SoftPrompt
from spot.strategies import transfer as transfer_module
from spot.strategies.single import start_prompts
from spot.strategies.start import Situation, Start
from spot.strategies.table import STRATEGIES
from spot.strategies.transfer import Candidate, Run, count_for, spread
from spot.training import prompt_tuning
from spot.training.batches import data_order, step_batch
from spot.training.prompt_tuning import start_losses, train_prompts
from spot.training.slots import Check, Reporter
from spot.verdicts.verdict import KINDS, Verdict
from tests.lab import learned, lines, write_task

pytest_plugins = ("tests.lab",)


@pytest.fixture
def bank(lab, tmp_path):
    """A bank of its own."""
    return Bank.open(lab.copy(tmp_path / "bank"))


@pytest.fixture
def seen(monkeypatch):
    """The slots of every group that transfers train."""
    groups = []

    def spy(model, slots, *rest, **more):
        groups.append(list(slots))
        return train_prompts(model, slots, *rest, **more)

    monkeypatch.setattr(prompt_tuning, "train_prompts", spy)
    return groups


def values(bank):
    """The value [P, H] of every entry by its id."""
    return {entry.id: bank.prompts(entry).value for entry in bank.entries()}


def situation(at, bank, target, model, hits=()):
    """The objects of a strategy with these settings."""
    task, sources = at.task(target), at.sources(bank)
    return Situation(bank, model, task, hits, at.recipe, sources, at.plan, at.search, at.runs)


def test_the_start_is_the_value_and_the_first_loss_is_its_loss(
    lab, bank, tmp_path, tiny_backbone, seen
):
    at = lab.objects("transfer.k=2", "transfer.seeds=[3]", runs=tmp_path)
    report = at.transfer(bank, "house", tiny_backbone)
    slots = [slot for group in seen for slot in group if not slot.name.startswith("query")]
    stored = values(bank)
    assert [slot.name.split(" lr")[0] for slot in slots] == [
        "house from scratch", *(f"house from {run.start.source}" for run in report.runs[1:])
    ]  # fmt: skip
    assert len(slots) == 3 and {slot.seed for slot in slots} == {3}
    rows = [
        json.loads(line)
        for path in sorted(tmp_path.rglob("metrics.jsonl"))
        for line in path.read_text().splitlines()
    ]
    rows = [row for row in rows if not row["slot"].startswith("query")]
    orders = data_order([len(slots[0].source.members[0].train)], (1.0,), 3, 1000)
    for run, slot in zip(report.runs[1:], slots[1:], strict=True):
        value = stored[run.start.source]
        assert (slot.init.key == value).all()
        first = next(row for row in rows if row["slot"] == slot.name and row["step"] == 0)
        batch = step_batch([slot.source], [orders], 0, at.recipe.batch_size)
        (expected,) = start_losses(tiny_backbone, [value], [batch])
        assert first["prompt"] == pytest.approx(expected.prompt, rel=1e-5)
    assert len({row["prompt"] for row in rows if "prompt" in row}) == 3


def test_both_arms_see_the_same_rows_in_the_same_order(
    lab, bank, tmp_path, tiny_backbone, monkeypatch
):
    batches = []
    real = prompt_tuning.train_step

    def spy(state, network, batch, *others, **named):
        batches.append(batch)
        return real(state, network, batch, *others, **named)

    at = lab.objects("transfer.seeds=[0]", runs=tmp_path)
    at.find(bank, "house", model=tiny_backbone)
    monkeypatch.setattr(prompt_tuning, "train_step", spy)
    at.transfer(bank, "house", tiny_backbone)
    assert len(batches) == at.plan.steps
    for inputs, targets in batches:
        assert (inputs[:4] == inputs[4:]).all() and (targets[:4] == targets[4:]).all()
    assert not (batches[0][0] == batches[1][0]).all()


def test_a_transfer_twice_gives_the_same_numbers_and_one_outcome_a_run(
    lab, bank, tmp_path, tiny_backbone
):
    at = lab.objects("transfer.k=2", runs=tmp_path)
    first = at.transfer(bank, "house", tiny_backbone)
    again = at.transfer(bank, "house", tiny_backbone)
    elsewhere = lab.objects("transfer.k=2", runs=tmp_path / "b").transfer(
        bank, "house", tiny_backbone
    )
    for other in (again, elsewhere):
        assert [run.to_json() for run in other.runs] == [run.to_json() for run in first.runs]
        assert all(
            (a.prompt.key == b.prompt.key).all()
            for a, b in zip(first.runs, other.runs, strict=True)
        )
    assert first.folder == again.folder != elsewhere.folder
    recorded = bank.outcomes()
    assert len(recorded) == 4 == len(set(recorded))  # 2 sources x 2 seeds; scratch is the baseline
    scratch = {run.seed: run.test for run in first.baseline}
    by_source = {(run.start.source, run.seed): run for run in first.runs}
    for outcome in recorded:
        assert (
            outcome.target, outcome.strategy, outcome.split, outcome.n, outcome.metric
        ) == ("house", "best", "test", 16, "accuracy")  # fmt: skip
        assert outcome.score == by_source[outcome.source, outcome.seed].test
        assert outcome.baseline == scratch[outcome.seed]
        run = by_source[outcome.source, outcome.seed]
        assert (outcome.low, outcome.high) == run.gain_interval
        assert outcome.low <= outcome.gain <= outcome.high
    assert {run.gain_interval for run in first.baseline} == {None}
    written = json.loads((first.folder / "report.json").read_text())
    assert written["gains"] == list(first.gains)
    for row, run in zip(written["runs"], first.runs, strict=True):
        checks = [Check.from_json(check) for check in row.pop("history")]
        assert [(check.step, check.score) for check in checks] == [
            (check.step, check.score) for check in run.history
        ]
        # The folder of the run that it comes of, as seen from the report's.
        assert (first.folder / row.pop("folder") / "trained.json").samefile(
            run.folder / "trained.json"
        )
        assert row == run.to_json()
    made = json.loads((first.folder / "provenance.json").read_text())
    assert made["models"][0]["fingerprint"] == tiny_backbone.fingerprint
    assert made["settings"]["seeds"] == [0, 1] and made["bank"]["entries"] == len(bank.entries())
    assert made["releases"]["spot"] == spot.__version__ and made["recipe"]["length"] == 4
    assert written["verdict"] == first.verdict.to_json()
    assert written["interval"] == list(first.interval) and written["tfidf"] == first.tfidf
    assert first.interval[0] <= first.gain <= first.interval[1]
    assert first.verdict.kind in KINDS and first.verdict.numbers["gain"] == pytest.approx(
        first.gain
    )
    histories = [[(check.step, check.score) for check in run.history] for run in first.transfer]
    means = [
        (steps[0][0], np.mean([score for _, score in steps]))
        for steps in zip(*histories, strict=True)
    ]
    assert first.mean_curves["transfer"] == [(step, pytest.approx(mean)) for step, mean in means]
    for arm, runs in (("scratch", first.baseline), ("transfer", first.transfer)):
        for run in runs:
            file = str(first.folder / f"{arm}-s{run.seed}.safetensors")
            stored = find_prompt(file, bank.path, tiny_backbone)
            assert (stored.key == run.prompt.key).all() and stored.facts == run.prompt.facts
            assert (stored.facts.seed, stored.facts.step) == (run.seed, run.step)
            assert stored.facts.scores["validation"]["value"] == pytest.approx(run.validation)
            assert stored.facts.recipe["init"] == (
                "vocab" if arm == "scratch" else f"best: {run.start.source}"
            )
    best = max((*first.transfer, *first.baseline), key=lambda run: run.validation)
    assert first.best == first.folder / "best.safetensors"
    assert (find_prompt(str(first.best), bank.path, tiny_backbone).key == best.prompt.key).all()
    assert not list(tmp_path.rglob("checkpoints"))


def test_best_of_k_is_chosen_on_validation_and_reported_on_test(
    lab, bank, tmp_path, tiny_backbone, monkeypatch
):
    """The run that is best on validation is made the worst on test: it must be the one chosen."""

    def invented(model, target, begin, recipe, plan, runs, bank):
        candidates = []
        for number, start in enumerate(begin):
            for seed in plan.seeds:
                points = 10.0 * (number if seed == 0 else -number)
                prompt = SoftPrompt.of(PREFIX, np.full((4, 16), 40 - points, np.float32))
                candidates.append(Candidate(start, seed, 0.5, 2, 50 + points, prompt, ()))
        return candidates

    def score(model, target, candidate, recipe, runs):
        return Run(
            candidate.start, candidate.seed, candidate.learning_rate, candidate.step,
            candidate.validation, candidate.prompt, (), float(candidate.prompt.key[0, 0]), {}, 16,
            ("yes",) * 16,
        )  # fmt: skip

    monkeypatch.setattr(transfer_module, "train_starts", invented)
    monkeypatch.setattr(transfer_module, "score_on_test", score)
    at = lab.objects("transfer.k=3", runs=tmp_path)
    report = at.transfer(bank, "house", tiny_backbone)
    hits = at.find(bank, "house", k=3, model=tiny_backbone).result.hits
    assert [run.start.source for run in report.transfer] == [hits[2].id, hits[0].id]
    assert [run.test for run in report.transfer] == [10.0, 50.0]
    assert report.gains == (-30.0, 10.0)


def test_the_head_start_is_read_from_the_curves_of_both_arms():
    def arm(*scores):
        history = tuple(
            Check(step, score, 0.5, {}, 16) for step, score in zip((0, 20), scores, strict=True)
        )
        prompt = SoftPrompt.of(PREFIX, np.zeros((4, 16), np.float32))
        return Run(Start("none"), 0, 0.3, 20, scores[-1], prompt, history, 80.0, {}, 16)

    scratch, transfer = arm(50.0, 80.0), arm(70.0, 82.0)
    report = transfer_module.TransferReport(
        "x", "accuracy", "best", (scratch,), (transfer,), (scratch, transfer), Path(), (0, 0), None,
        Verdict("helped", ""),
    )  # fmt: skip
    assert report.mean_curves == {
        "scratch": [(0, 50.0), (20, 80.0)],
        "transfer": [(0, 70.0), (20, 82.0)],
    }
    assert report.head_start == (
        "the transferred prompt starts at 70.0; scratch (50.0) needs about 20 steps to get there"
    )


def test_phases_are_read_from_the_curves_of_both_arms():
    def arm(*checks):
        history = tuple(
            Check(step, score, 0.5, {}, 100, valid, None if valid is None else valid / 2)
            for step, (valid, score) in zip((0, 20, 40), checks, strict=True)
        )
        prompt = SoftPrompt.of(PREFIX, np.zeros((4, 16), np.float32))
        return Run(Start("none"), 0, 0.3, 20, checks[-1][1], prompt, history, 80.0, {}, 16)

    def report(scratch, transfer, constant):
        return transfer_module.TransferReport(
            "x", "accuracy", "best", (scratch,), (transfer,), (scratch, transfer), Path(), (0, 0),
            None, Verdict("helped", ""), constant,
        )  # fmt: skip

    scratch = arm((10, 50), (90, 50), (100, 80))
    transfer = arm((95, 70), (100, 75), (100, 80))
    both = report(scratch, transfer, 50.0)
    assert both.phases == {
        "scratch": [(0, "junk"), (20, "labels"), (40, "task")],
        "transfer": [(0, "task"), (20, "task"), (40, "task")],
    }
    assert both.skipped_phases == (
        "scratch wrote mostly label words from step 20 on and beat the best constant answer from step 40 "
        "on; the transferred start did both at step 0"
    )
    unknown = arm((None, 50), (None, 50), (None, 80))
    for without in (report(scratch, transfer, None), report(unknown, unknown, 50.0)):
        assert without.phases == {"scratch": [], "transfer": []}
        assert without.skipped_phases == ""


def test_average_starts_at_the_similarity_weighted_mean(lab, bank, tmp_path, tiny_backbone):
    at = lab.objects("transfer.strategy=average", "transfer.k=3", runs=tmp_path)
    hits = at.find(bank, "house", k=3, model=tiny_backbone).result.hits
    (start,) = STRATEGIES["average"].starts(situation(at, bank, "house", tiny_backbone, hits))
    stored, weights = values(bank), [hit.score for hit in hits]
    slow = sum(
        weight * stored[hit.id].astype(np.float64)
        for weight, hit in zip(weights, hits, strict=True)
    )
    assert (start.strategy, start.k, start.source) == ("average", 3, None)
    np.testing.assert_allclose(start.init.key, slow / sum(weights), rtol=1e-5, atol=1e-6)
    assert start.name == "+".join(hit.task for hit in hits)


def test_a_matched_average_has_the_norms_of_its_parts(lab, bank, tmp_path, tiny_backbone):
    at = lab.objects(runs=tmp_path)
    hits = at.find(bank, "house", k=3, model=tiny_backbone).result.hits
    given = situation(at, bank, "house", tiny_backbone, hits)
    ((plain,), (matched,)) = (
        STRATEGIES[name].starts(given) for name in ("average", "average-matched")
    )
    stored, weights = values(bank), np.array([hit.score for hit in hits])
    for row, (mean, ours) in enumerate(zip(plain.init.key, matched.init.key, strict=True)):
        norms = [math.dist(stored[hit.id][row], [0] * len(mean)) for hit in hits]
        assert np.linalg.norm(ours) == pytest.approx(weights @ norms / weights.sum(), rel=1e-5)
        assert ours @ mean / np.linalg.norm(ours) == pytest.approx(np.linalg.norm(mean), rel=1e-5)
    assert (matched.strategy, matched.k) == ("average-matched", 3)


def test_a_prompt_of_more_than_rows_has_no_matched_average(monkeypatch):
    value = SoftPrompt(find_kind("low-rank"), {"rows": np.ones((2, 3), np.float32)})
    monkeypatch.setattr("spot.strategies.average.start_prompts", lambda *_: [value])
    given = SimpleNamespace(hits=[SimpleNamespace(id="news-s0")])
    with pytest.raises(
        SpotError, match="rows alone, news-s0 is a low-rank prompt with other arrays"
    ):
        STRATEGIES["average-matched"].starts(given)


def test_the_oracle_tries_every_entry_but_the_targets_own(lab, bank, tmp_path, tiny_backbone, seen):
    reporter = Reporter()
    at = lab.objects(
        "transfer.strategy=oracle", "transfer.seeds=[0]", runs=tmp_path, reporter=reporter
    )
    report = at.transfer(bank, "bird", tiny_backbone)
    assert {run.start.task for run in report.runs} == {None, "colour", "place"}
    groups = [group for group in seen if not group[0].name.startswith("query")]
    assert sum(map(len, groups)) == 3 and max(map(len, groups)) <= at.runs.slots
    assert learned(reporter.warnings) == []
    counts = [count_for(bank, at.task(name), at.search) for name in ("bird", "house")]
    assert counts == [2, 4]


def test_mixture_trains_on_the_hits_tasks_and_the_target(lab, bank, tmp_path, tiny_backbone, seen):
    at = lab.objects(
        "transfer.strategy=mixture", "transfer.k=4", "transfer.seeds=[0]", runs=tmp_path
    )
    report = at.transfer(bank, "house", tiny_backbone)
    mixed, (_, transferred) = seen[-2][0], seen[-1]
    members = [member.definition.name for member in mixed.source.members]
    assert members[0] == "house" and sorted(members) == ["bird", "colour", "house", "place"]
    assert sum(mixed.source.rates) == pytest.approx(1)
    assert [run.start.strategy for run in report.runs] == ["none", "mixture"]
    assert (transferred.init.key == report.runs[1].start.init.key).all()
    assert not (transferred.init.key == mixed.init.key).all()
    assert [outcome.strategy for outcome in bank.outcomes()] == ["mixture"]


def test_both_arms_try_all_learning_rates_and_validation_chooses(
    lab, bank, tmp_path, tiny_backbone, seen
):
    rates = "transfer.learning_rates=[0.0001, 0.5]"
    at = lab.objects(rates, "transfer.seeds=[0]", runs=tmp_path)
    report = at.transfer(bank, "house", tiny_backbone)
    assert [[slot.learning_rate for slot in group] for group in seen[1:]] == [[0.0001, 0.5]] * 2
    assert len(report.runs) == 2
    files = sorted(tmp_path.rglob("metrics.jsonl"))
    rows = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    rows = [row for row in rows if "score" in row]
    for run in report.runs:
        assert [check.step for check in run.history] == [0, 3, 4]
        origin = "scratch" if run.start.strategy == "none" else run.start.source
        scores = [row["score"] for row in rows if f"from {origin} " in row["slot"]]
        assert run.validation == max(scores)


def test_scratch_can_have_rates_of_its_own(lab, bank, tmp_path, tiny_backbone, seen):
    at = lab.objects(
        "transfer.scratch_learning_rates=[0.0001, 0.5, 1]", "transfer.seeds=[0, 1]", runs=tmp_path
    )
    report = at.transfer(bank, "house", tiny_backbone)
    tried = [
        (slot.name.split(" lr")[0], slot.learning_rate) for group in seen[1:] for slot in group
    ]
    source = f"house from {report.transfer[0].start.source}"
    assert tried == [("house from scratch", r) for r in (0.0001, 0.5, 1)] * 2 + [(source, 0.5)] * 2
    assert [(run.start.name, run.seed) for run in report.runs] == [
        ("scratch", 0), ("scratch", 1), (report.transfer[0].start.name, 0),
        (report.transfer[0].start.name, 1),
    ]  # fmt: skip


def test_a_rate_that_fails_is_passed_over_and_all_failing_is_an_error(
    lab, bank, tmp_path, tiny_backbone
):
    too_high = 1e39  # infinite in float32
    at = lab.objects(
        f"transfer.learning_rates=[0.5, {too_high}]", "transfer.seeds=[0]", runs=tmp_path
    )
    report = at.transfer(bank, "house", tiny_backbone)
    assert {run.learning_rate for run in report.runs} == {0.5}
    at = lab.objects(f"transfer.learning_rates=[{too_high}]", runs=tmp_path)
    with pytest.raises(
        SpotError, match=r"house from scratch lr 1e\+39: no learning rate gave a finite loss"
    ):
        at.transfer(bank, "house", tiny_backbone)


def test_warnings_of_the_search_are_passed_on(lab, bank, tmp_path, tiny_backbone):
    reporter = Reporter()
    at = lab.objects(
        "transfer.k=9",
        "transfer.seeds=[0]",
        "train.learning_rate=0.4",
        "transfer.steps=2",
        runs=tmp_path,
        reporter=reporter,
    )
    at.transfer(bank, "house", tiny_backbone)
    assert any(
        "learning_rate differs: query 0.4, 0.5 in 4 of 4 keys" in warning
        for warning in reporter.warnings
    )
    assert "asked for k=9 of 4 tasks: all are listed" in reporter.warnings


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_an_empty_split_or_bad_row_is_found_before_any_training(
    lab, bank, tmp_path, no_training, split
):
    folder = tmp_path / "own"
    write_task(folder, "house")
    (folder / "house.toml").write_text(
        (folder / "house.toml").read_text().replace('"house"', '"hut"', 1)
    )
    rows = folder / f"house-{split}.jsonl"
    whole = rows.read_text()

    def try_to_transfer():
        at = lab.objects(f'data.tasks=["{folder}"]', runs=tmp_path)
        transfer_module.transfer(bank, at.model, at.task("hut"), recipe=at.recipe, runs=at.runs)

    rows.write_text(whole + '{"text": "a red cat is here", "answer": "maybe"}\n')
    with pytest.raises(
        SpotError, match=rf"house-{split}.jsonl.*{len(whole.splitlines()) + 1}.*maybe"
    ):
        try_to_transfer()
    rows.write_text("")
    with pytest.raises(SpotError, match="hut|empty|no rows"):
        try_to_transfer()
    assert bank.queries() == []


def test_unusable_requests_are_refused_before_any_training(lab, bank, tmp_path, no_training):
    at = lab.objects()
    with pytest.raises(SpotError, match='found "huose". Did you mean "house"'):
        at.transfer(bank, "huose")
    with pytest.raises(SpotError, match='unknown strategy "beset". Did you mean "best"'):
        transfer_module.transfer(bank, at.model, at.task("house"), "beset")
    empty = Bank.create_or_open(tmp_path / "empty")
    for strategy in ("best", "oracle", "average"):
        with pytest.raises(BankError, match="has no entries to search"):
            lab.objects(f"transfer.strategy={strategy}").transfer(empty, "house")


def test_the_command_prints_both_arms(lab, tmp_path):
    lab.copy(tmp_path / "bank")
    command = ("transfer", "--target", "house", "--bank", "bank")
    done = lab.run(
        *command, "--json", "--strategy", "best", "--k", "2", sets=("transfer.seeds=[0]",)
    )
    assert done.exit_code == 0, done.stderr
    *records, used = lines(done.stdout)
    assert records[-1] == {"report": report_of(Path(used["best"]).parent)}
    runs = [record for record in records if "strategy" in record]
    (verdict,) = [record["verdict"] for record in records if "verdict" in record]
    assert verdict["kind"] in KINDS
    assert [run["strategy"] for run in runs] == ["none", "best", "best"]
    assert Path(used["best"]).name == "best.safetensors" and Path(used["best"]).is_file()
    shown = lab.run(*command, sets=("transfer.seeds=[0]", "transfer.k=2"))
    assert (
        f"{runs[0]['test']:.2f}" in shown.stdout and "TF-IDF, logistic regression" in shown.stdout
    )
    assert f"\n{verdict['sentence']}\n" in shown.stdout
    assert "prompts, scores and config: spot-runs/transfer/house-" in shown.stdout
    bad = lab.run(*command, "--strategy", "beset")
    assert bad.exit_code == 1 and '"beset". Did you mean "best"' in bad.stderr


def test_spread_is_that_of_a_sample():
    assert spread([3.0]) is None
    assert spread([1.0, 2.0, 4.0]) == pytest.approx(np.std([1, 2, 4], ddof=1))


def test_names_of_starts():
    assert [Start("none").name, Start("best", "id", "t").name, Start("average").name] == [
        "scratch",
        "t",
        "average",
    ]


SWAP = (
    "transfer.labels=swap",
    "prompt.init=labels",
    "prompt.filler=random",
    "prompt.length=12",
)


@pytest.fixture
def labelled(lab, tmp_path, tiny_backbone):
    """A bank whose prompts began as their tasks' label words, "no" and "yes"."""
    from spot.training.build import build_bank

    bank = Bank.create_or_open(tmp_path / "labelled")
    at = lab.objects(*SWAP, runs=tmp_path / "building")
    sources = [at.task(name) for name in ("colour", "place", "colour+bird")]
    build_bank(bank, tiny_backbone, sources, at.recipe, runs=at.runs)
    return bank


def test_swapped_starts_hold_the_targets_label_words_and_the_rest_of_the_value(
    lab, labelled, tiny_backbone
):
    pieces = tiny_backbone.vocabulary.processor()
    words = [pieces.EncodeAsIds(word) for word in ("no", "yes")]
    rows = tiny_backbone.embeddings[[token for word in words for token in word]]
    entries = labelled.entries()
    ids = [entry.id for entry in entries]
    swapped = start_prompts(ids, situation(lab.objects(*SWAP), labelled, "house", tiny_backbone))
    assert {entry.kind for entry in entries} == {"source", "mixture"}
    for entry, prompt in zip(entries, swapped, strict=True):
        own = len(rows) * (2 if entry.kind == "mixture" else 1)
        value = labelled.prompts(entry).value
        assert prompt.key.shape == value.shape
        began = labelled.prompts(entry).init[:own]
        np.testing.assert_array_equal(began, np.concatenate([rows, rows])[:own][: len(began)])
        filled = np.concatenate([rows, value[own:], rows, rows])[: len(value)]
        np.testing.assert_array_equal(prompt.key, filled)
    at = lab.objects("transfer.labels=keep")
    unchanged = start_prompts(ids, situation(at, labelled, "house", tiny_backbone))
    for entry, prompt in zip(entries, unchanged, strict=True):
        np.testing.assert_array_equal(prompt.key, labelled.prompts(entry).value)


def test_an_entry_that_did_not_begin_as_label_words_keeps_its_first_tokens(
    lab, bank, tiny_backbone
):
    at = lab.objects("transfer.labels=swap")
    entry = bank.entries()[0]
    (prompt,) = start_prompts([entry.id], situation(at, bank, "house", tiny_backbone))
    rows, value = prompt.key, bank.prompts(entry).value
    added = next(n for n in range(1, len(value)) if (rows[n:] == value[: len(value) - n]).all())
    assert added == sum(
        len(tiny_backbone.vocabulary.processor().EncodeAsIds(word)) for word in ("no", "yes")
    )


def test_a_transfer_with_swapped_label_words_starts_from_them(
    lab, labelled, tmp_path, tiny_backbone, seen
):
    at = lab.objects(*SWAP, "transfer.seeds=[3]", runs=tmp_path)
    report = at.transfer(labelled, "house", tiny_backbone)
    source = report.transfer[0].start.source
    (expected,) = start_prompts([source], situation(at, labelled, "house", tiny_backbone))
    slots = [slot for group in seen for slot in group]
    assert any((slot.init.key == expected.key).all() for slot in slots)


def test_swapping_needs_label_words_of_the_target(lab, labelled, tiny_backbone):
    ids = [labelled.entries()[0].id]
    with pytest.raises(SpotError, match="transfer.labels=swap needs .* animal has none"):
        start_prompts(ids, situation(lab.objects(*SWAP), labelled, "animal", tiny_backbone))


def test_swapping_needs_the_tasks_of_the_entries(lab, labelled, tmp_path, tiny_backbone):
    at = lab.objects(*SWAP, runs=tmp_path)
    with pytest.raises(SpotError, match="expected the task .* among the sources") as caught:
        transfer_module.transfer(
            labelled, tiny_backbone, at.task("house"),
            recipe=at.recipe, labels="swap", search_settings=at.search, runs=at.runs,
        )  # fmt: skip
    assert "sources={task.name: task, …}" in caught.value.hint

"""What is left of a prompt without some of its rows, against rows that are taken away by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import binomtest

from spot.analysis import removal
from spot.analysis.drops import resampled
from spot.analysis.hidden import without
from spot.analysis.picked import picked
from spot.analysis.removal import (
    Removed,
    discoveries,
    find,
    importance_split,
    judged,
    p_value,
    sizes,
    spaced,
    without_pieces,
)
from spot.errors import SpotError
from spot.prompts.kinds import find_kind
from spot.prompts.prompt import SoftPrompt
from spot.training.importance import scale_gradients
from spot.verdicts.verdict import Verdict
from tests.analysis.mixed_cases import OTHER, mixed_case
from tests.analysis.toy_cases import CONFIGS, model_of, prompt_of


@pytest.fixture(scope="module", params=CONFIGS)
def looked(request, tiny_folder):
    """A case and what was found about it."""
    model = model_of(request.param, tiny_folder)
    case = mixed_case(model, prompt_of(model))
    return case, find(case)


def scored(case, prompt):
    return case.model.score(case.rows.inputs, case.labels, prompt)


def table(finding, title):
    (found,) = [each for each in finding.tables if each.title == title]
    return [dict(zip(found.columns, line, strict=True)) for line in found.rows]


@pytest.mark.parametrize(
    ("family", "kind", "shorter"),
    [("T5", "around:after=2", "around:after=1"), ("decoder", "suffix", "suffix")],
)
def test_a_deleted_row_is_not_there(family, kind, shorter, tiny_folder):
    """Row 4 is the last, behind the text where some are: none in front of it moves there."""
    model = model_of(family, tiny_folder)
    case = mixed_case(model, prompt_of(model, kind))
    assert np.array_equal(scored(case, picked(case.prompt, range(5))), scored(case, case.prompt))
    assert np.array_equal(scored(case, picked(case.prompt, [])), scored(case, None))
    by_hand = SoftPrompt.of(find_kind(shorter), np.asarray(case.prompt)[:4])
    assert picked(case.prompt, range(4)).tokens == 4
    np.testing.assert_allclose(
        scored(case, picked(case.prompt, range(4))), scored(case, by_hand), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize(
    ("family", "positions", "same"),
    [("T5", False, [0, 1, 2, 3, 4]), ("T5", True, [0]), ("decoder", True, [0])],
)
def test_masking_is_deleting_where_no_place_changes(family, positions, same, tiny_folder):
    """A T5 without its bias knows no places. Without the first row all distances are as before."""
    model = model_of(family, tiny_folder, positions=positions)
    case = mixed_case(model, prompt_of(model))
    for row in range(5):
        deleted = scored(case, picked(case.prompt, [place for place in range(5) if place != row]))
        masked = scored(case, without(case.prompt, model.config, [row]))
        assert (np.abs(deleted - masked).max() <= 1e-5) == (row in same)


def test_pieces_of_the_lowest_importance_become_zero():
    rows = np.arange(1, 9, dtype=np.float32).reshape(2, 4)
    importance = np.array([[3.0, 1.0], [2.0, 4.0]])
    assert without_pieces(rows, importance, 25).tolist() == [[1, 2, 0, 0], [5, 6, 7, 8]]
    assert without_pieces(rows, importance, 50).tolist() == [[1, 2, 0, 0], [0, 0, 7, 8]]
    assert without_pieces(rows, importance, 0).tolist() == rows.tolist()
    assert not without_pieces(rows, importance, 100).any()


def test_numbers_of_rows():
    assert sizes(1) == [0, 1] and sizes(2) == [0, 1, 2] and sizes(8) == [0, 1, 2, 4, 8]
    assert sizes(100) == [0, 1, 2, 4, 8, 16, 32, 64, 100]
    importance = np.random.default_rng(0).random(100)
    places = spaced(importance, 40)
    assert len(set(places)) == 40 and places == sorted(places)
    assert {importance.argmax(), importance.argmin()} <= set(places)
    assert spaced(importance[:7], 40) == list(range(7))


def test_the_tables_have_the_scores_of_prompts_made_by_hand(looked):
    case, finding = looked
    model, prompt, rows = case.model, case.prompt, np.asarray(case.prompt)
    importance = scale_gradients(model, prompt, case.more_rows("validation", 64))[:, 0]
    assert "importance, the mean |dL/dg|" in finding.tables[0].note
    assert (
        "24 test rows" in finding.tables[0].note and "16 validation rows" in finding.tables[0].note
    )
    for row, line in enumerate(table(finding, "one row left out")):
        alone = case.score(np.delete(rows, row, axis=0))
        assert line["without row "] == row and line["score "] == pytest.approx(alone)
        assert line["drop "] == pytest.approx(100 - alone)
        assert line["importance % "] == pytest.approx(100 * importance[row] / importance.sum())
        masked = case.score(without(prompt, model.config, [row]))
        assert line["drop if masked "] == pytest.approx(100 - masked)
    ranked = np.argsort(-importance)
    chosen = {"most important": ranked, "least important": ranked[::-1], "first": np.arange(5)}
    for line in table(finding, "rows kept"):
        kept = sorted(chosen[line["rows"]][: line["kept "]])
        assert line["score "] == pytest.approx(case.score(rows[kept] if kept else None))
    assert [line["kept "] for line in table(finding, "rows kept")] == [0, 1, 2, 4, 5] * 3
    for line in table(finding, "rows kept"):
        if line["kept "] == 5:
            assert line["score "] == 100 and line["drop "] == line["from "] == line["to "] == 0
    by_piece = scale_gradients(model, prompt, case.more_rows("validation", 64), 16)
    for line in table(finding, "pieces of rows removed"):
        sign = 1 if line["pieces"] == "least important" else -1
        left = without_pieces(rows, sign * by_piece, line["removed % "])
        assert line["score "] == pytest.approx(case.score(left))
    kept, alone = finding.charts
    assert [line.name for line in kept.lines] == [f"{rule} rows" for rule in chosen]
    assert alone.labels == tuple(f"row {row}" for row in range(5))


def test_a_row_that_carries_everything_is_found(tiny_folder):
    """Planted: one row decides many answers, and the others are zeros, which nothing depends on."""
    model = model_of("T5", tiny_folder)
    rows = np.zeros((5, 16), np.float32)
    rows[2] = np.random.default_rng(3).normal(size=16)
    finding = find(mixed_case(model, rows))
    lines = table(finding, "one row left out")
    assert [line["importance % "] for line in lines] == [0, 0, 100, 0, 0]
    assert max(lines, key=lambda line: line["drop "])["without row "] == 2
    assert any("1 matter alone (2), row 2 most" in note for note in finding.notes)


def test_a_prompt_of_one_row(tiny_folder):
    model = model_of("T5", tiny_folder)
    case = mixed_case(model, prompt_of(model, length=1))
    finding = find(case)
    (line,) = table(finding, "one row left out")
    assert line["score "] == pytest.approx(case.score(None))
    assert [line["kept "] for line in table(finding, "rows kept")] == [0, 1] * 3


def test_what_is_written_is_counted(looked):
    case, finding = looked
    counted, valid = finding.tables[-1], []
    for place, prompt in ((1, case.prompt), (2, None)):
        texts = case.model.generate(case.rows.inputs, 8, prompt)
        valid.append(sum(text.strip() in case.task.labels for text in texts))
        for text, *counts in counted.rows:
            assert counts[place - 1] == texts.count("" if text == "(nothing)" else text)
    assert finding.notes[-1].startswith(
        f"of 24 answers {valid[0]} are label words with the prompt, {valid[1]} without it, where"
    )


def test_kinds_that_are_no_rows_and_tasks_without_other_rows(tiny_folder):
    model = model_of("T5", tiny_folder)
    with pytest.raises(SpotError, match="of the kind every-layer, whose numbers are not rows"):
        find(mixed_case(model, prompt_of(model, "every-layer")))
    product = prompt_of(model, "low-rank", length=1)
    assert find(mixed_case(model, product)).tables == find(mixed_case(model, product.key)).tables
    case = mixed_case(model, prompt_of(model))
    assert importance_split(case) == "validation"
    assert importance_split(dataclasses.replace(case, split="validation")) == "train"
    alone = dataclasses.replace(case, task=dataclasses.replace(case.task, splits=("test",)))
    with pytest.raises(
        SpotError, match="expected rows beside those of test, to measure importance"
    ):
        find(alone)


def test_a_p_value_is_that_of_the_rows_that_only_one_has_right(tiny_folder):
    model = model_of("T5", tiny_folder)
    case = mixed_case(model, prompt_of(model))
    words = [case.task.labels[label] for label in case.rows.labels]
    wrong = [[OTHER[word] if row in places else word for row, word in enumerate(words)]
             for places in ({0, 1}, {2, 3, 4, 5, 6, 7, 8, 9})]  # fmt: skip
    ours, theirs = (resampled(case, [each]) for each in wrong)
    assert p_value(ours, theirs) == pytest.approx(binomtest(2, 10).pvalue)
    assert p_value(ours, ours) == 1.0


def removed(case, *, alone, kept=(24, 24), importance=None, masked=()):
    """Scores of so many right rows: without each row of a prompt, and with one row or all."""
    words = [case.task.labels[label] for label in case.rows.labels]

    def sample(right):
        return resampled(
            case, [[word if row < right else OTHER[word] for row, word in enumerate(words)]]
        )

    ranked = np.arange(len(alone), 0, -1.0) if importance is None else np.array(importance)
    by_count = {
        count: sample(right) for count, right in zip((0, 1, len(alone)), (8, *kept), strict=True)
    }
    return Removed(
        ranked, sample(24), sample(8), {row: sample(right) for row, right in enumerate(alone)},
        {row: sample(right) for row, right in enumerate(masked)},
        {"most important": by_count, "least important": by_count}, {},
    )  # fmt: skip


def test_notes_tell_what_the_rows_can_show(tiny_folder):
    model = model_of("T5", tiny_folder)
    case = mixed_case(model, prompt_of(model))
    good = Verdict("above chance", "")
    one, agree, kept, whole = judged(removed(case, alone=[8, 24, 20]), good, 24)
    assert one.startswith(
        "of 3 rows left out one by one 1 matter alone (0), row 0 most: 66.7 points"
    )
    assert agree.startswith("importance does not tell what is lost without a row: Spearman's")
    assert kept.startswith("the 1 most important of 3 rows cannot be told from all on 24 rows: 0.0")
    assert whole.startswith("without the prompt 33.3: 66.7 points (")
    none, *_ = judged(removed(case, alone=[24, 23, 24]), good, 24)
    assert none.startswith(
        "of 3 rows left out one by one none can be told to matter on 24 rows; most"
    )
    lost = judged(removed(case, alone=[24, 24], kept=(4, 24)), good, 24)
    assert lost[1] == "fewer rows, even the most important 1, lose points"
    masks = judged(removed(case, alone=[8, 8, 9], masked=[24, 24, 23]), good, 24)
    assert masks[1].startswith(
        "of 3 rows deleted, or kept in place and seen by nobody, deleting costs"
    )
    masks = judged(removed(case, alone=[24, 24, 23], masked=[8, 8, 9]), good, 24)
    assert "masking costs" in masks[1]
    masks = judged(removed(case, alone=[20, 20], masked=[20, 20]), good, 24)
    assert "neither can be told to cost more: deleting 0.0 points" in masks[1]
    chance = judged(removed(case, alone=[24]), Verdict("at chance", "at chance: x"), 24)
    assert chance[0] == "at chance: x: there is nothing that a removal could cost"


def test_rows_that_hurt_are_named_and_chance_is_allowed_for(tiny_folder):
    model = model_of("T5", tiny_folder)
    case = mixed_case(model, prompt_of(model))
    made = removed(case, alone=[24, 8, 24])
    hurt = dataclasses.replace(made, untouched=made.bare, kept={}, masked={})
    assert discoveries(hurt) == [0, 2]
    notes = removal._of_single(hurt, 24)
    assert notes == [
        "of 3 rows left out one by one 2 hurt: the score is higher without them (0, 2), row 0 most: "
        + notes[0].split("most: ")[1]
    ]
    # A p of 0.03 is no discovery among 20 others; alone it is.
    weak = removed(case, alone=[18, *[24] * 20])
    assert p_value(weak.untouched, weak.alone[0]) == pytest.approx(1 / 32)
    assert discoveries(weak) == []
    assert discoveries(dataclasses.replace(weak, alone={0: weak.alone[0]})) == [0]

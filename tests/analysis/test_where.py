"""Where a prompt works: under other masks, by layer and head, hidden in some layers."""

from __future__ import annotations

import numpy as np
import pytest

from spot.analysis import gate, layers, masks
from spot.analysis.hidden import MaskedPrompt, front_columns, readers, without
from spot.errors import SpotError
from spot.models.effect import Visibility
from tests.analysis.toy_cases import model_of, prompt_of, task_of, toy_case

P = 5


@pytest.fixture(params=["T5", "decoder"])
def model(request, tiny_folder):
    return model_of(request.param, tiny_folder)


def scores(case, prompt):
    return case.model.score(case.scored_rows.inputs, case.labels, prompt)


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-5)


def test_hidden_everywhere_is_no_prompt(model):
    case = toy_case(model, prompt_of(model))
    found = scores(case, without(case.prompt, model.config))
    close(found, scores(case, None))
    assert np.abs(found - scores(case, case.prompt)).max() > 1e-3


def test_nothing_hidden_is_the_prompt(model):
    case = toy_case(model, prompt_of(model))
    nowhere = without(case.prompt, model.config, layers=())
    no_column = without(case.prompt, model.config, columns=())
    for each in (nowhere, no_column, MaskedPrompt(case.prompt)):
        close(scores(case, each), scores(case, case.prompt))


@pytest.mark.parametrize(
    "kind", ["keys-values", "keys-values:sink=1", "around:after=2", "every-layer"]
)
def test_columns_of_other_kinds_are_hidden(model, kind):
    """What is behind the text stays; the rest is as if it were not there."""
    case = toy_case(model, prompt_of(model, kind))
    behind = case.prompt.kind.after(P)
    found = scores(case, without(case.prompt, model.config))
    if behind:
        plain = prompt_of(model, "suffix", behind)
        rows = np.asarray(case.prompt.key)[-behind:]
        close(found, scores(case, type(plain).of(plain.kind, rows)))
    else:
        close(found, scores(case, None))


def test_a_kind_behind_the_text_has_no_columns_in_front(model):
    with pytest.raises(SpotError, match="nothing in front of the text"):
        front_columns(prompt_of(model, "suffix"), model.config)


def test_layers_end_at_the_scores_with_and_without(model):
    """From layer 1 upward is nowhere to be seen; below layer 1 hides nothing."""
    case = toy_case(model, prompt_of(model))
    finding = layers.find(case)
    (table,), (chart,) = finding.tables, finding.charts
    whole, bare = case.score(case.prompt), case.score(None)
    assert len(table.rows) == readers(model.config) == (3 if len(model.config.stacks) > 1 else 2)
    assert table.rows[0][1:3] == (bare, whole)
    assert table.rows[-1][1] == table.rows[-1][3]  # the last layer upward is the last layer alone
    assert [level.value for level in chart.levels] == [whole, bare]
    for place, line in enumerate(chart.lines, start=1):
        assert line.y == tuple(row[place] for row in table.rows)
    assert (table.rows[-1][0] == "the decoder") == (len(model.config.stacks) > 1)


def test_a_layer_alone_is_scored_with_its_columns_hidden(model):
    case = toy_case(model, prompt_of(model))
    row = layers.find(case).tables[0].rows[1]
    hidden = np.zeros((readers(model.config), P), bool)
    hidden[1] = True
    assert row[3] == case.score(MaskedPrompt(case.prompt, hidden))


def test_masks_score_as_the_kind_that_is_trained_with_them(model):
    """Against the kind `masked`, which has the same masks from the start."""
    case = toy_case(model, prompt_of(model))
    both_ways = len(model.config.stacks) > 1
    table = masks.find(case).tables[0]
    named = {row[0]: row[1] for row in table.rows}
    assert named["as trained"] == case.score(case.prompt)
    options = {
        "the text does not see the prompt": "among=all,text=1,seen=0" if both_ways else "seen=0",
        "rows see no other row": "among=itself,text=1" if both_ways else "among=itself",
    }
    if both_ways:
        options["the prompt does not see the text"] = "among=all,text=0"
        options["rows see themselves alone"] = "among=itself,text=0"
    for name, written in options.items():
        kind = prompt_of(model, f"masked:{written}").kind
        other = type(case.prompt).of(kind, case.prompt.key)
        assert named[name] == case.score(other), name
        visible = dict(masks.BOTH_WAYS if both_ways else masks.CAUSAL)[name]
        close(scores(case, MaskedPrompt(case.prompt, visible=visible)), scores(case, other))


def test_masks_differ_on_their_logits(model):
    case = toy_case(model, prompt_of(model))
    alone = MaskedPrompt(case.prompt, visible=Visibility("itself", text=False, seen=False))
    assert np.abs(scores(case, alone) - scores(case, case.prompt)).max() > 1e-4


def test_rows_behind_the_text_cannot_be_masked(model):
    with pytest.raises(SpotError, match="no rows in front"):
        masks.find(toy_case(model, prompt_of(model, "suffix")))
    if len(model.config.stacks) == 1:
        with pytest.raises(SpotError, match="no rows in front"):
            masks.find(toy_case(model, prompt_of(model, "keys-values")))


def test_the_gate_is_the_mean_over_queries(model):
    """From the sums of single rows, one batch each."""
    case = toy_case(model, prompt_of(model))
    whole = gate.summed(case)
    singles = []
    for row in range(len(case.scored_rows)):
        singles.append(gate.summed(_only(case, row)))
    for stack, every in whole.items():
        if stack == "prompt":  # the rows by themselves are summed once a batch
            continue
        for layer, found in enumerate(every):
            for place, part in enumerate(found):
                close(part, sum(single[stack][layer][place] for single in singles))


def _only(case, row):
    from dataclasses import replace

    from spot.tasks.examples import Ragged

    rows = case.scored_rows
    one = replace(
        rows,
        inputs=Ragged.of([rows.inputs[row]]),
        targets=Ragged.of([rows.targets[row]]),
        labels=rows.labels[[row]],
        references=[rows.references[row]],
        groups=[rows.groups[row]],
        target_texts=[rows.target_texts[row]],
    )
    return replace(case, rows=one)


def test_the_finding_names_the_largest_gate(model):
    case = toy_case(model, prompt_of(model))
    finding = gate.find(case)
    for each, row in zip(gate.means(gate.summed(case)), finding.tables[0].rows, strict=True):
        layer, head = map(int, (row[3].split(",")[0].split()[1], row[3].split()[3]))
        assert each.gate[layer - 1, head - 1] == each.gate.max() == pytest.approx(row[2])
        assert 0 < row[1] < 1
        assert row[4] + row[5] == pytest.approx(1)
    queries = [row[0] for row in finding.tables[0].rows]
    if len(model.config.stacks) > 1:
        assert queries == [
            "reading, the text's queries",
            "reading, the prompt's queries",
            "the answer, at what was read",
        ]
    else:  # rows by themselves see the prompt alone
        assert queries == ["reading, the text's queries", "the answer, at what stands before it"]


@pytest.mark.parametrize(
    "kind", ["suffix", "around:after=2", "keys-values", "every-layer", "pool:size=3,top=2"]
)
def test_every_kind_with_columns_has_a_gate(model, kind):
    finding = gate.find(toy_case(model, prompt_of(model, kind)))
    assert finding.tables[0].rows


def test_a_map_of_the_text_has_none(model):
    from spot.prompts.kinds import find_kind
    from spot.prompts.prompt import SoftPrompt

    kind = find_kind("map")
    prompt = SoftPrompt.of(kind, np.zeros((0, 16), np.float32), model)
    with pytest.raises(SpotError, match="no columns"):
        gate.find(toy_case(model, prompt))


def test_without_a_task_nothing_is_scored(model):
    from spot.analysis.case import case_of

    case = case_of("mine", model, prompt_of(model))
    for part in (gate, layers, masks):
        with pytest.raises(SpotError, match="expected a task to score mine on"):
            part.find(case)
    assert task_of().labels == ("no", "yes")

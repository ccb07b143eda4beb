"""Every command with every kind of prompt, on a T5 and on a decoder; and a kind that the product does
not have, added by one line of the table.
"""

from __future__ import annotations

import string
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from bank.store import Bank
from spot.models.effect import Effect
from spot.prompts.files import read_prompt, write_prompt
from spot.prompts.kind import Form, Kind, Start
from spot.prompts.kinds import KINDS, find_kind
from spot.prompts.prompt import SoftPrompt
from spot.prompts.stored import value_of
from tests.lab import Lab, lines, tree
from tests.toys import random_arrays, tiny_config, tiny_decoder, write_model, write_tokenizer

pytest_plugins = ("tests.lab",)

P = 4
DECODER = tiny_decoder(context=256)
SMALL = (
    'bank.sources=["colour","bird"]',
    'bank.mixtures=["colour+place"]',
    "transfer.seeds=[0]",
    "transfer.steps=3",
    "train.steps=3",
    "train.check_every=3",
    "train.slots=1",
)


def around(arrays, _embedded, _mask, owner):
    """Rows in front of the text and, each number of their columns scaled, behind it."""
    return Effect(arrays["front"], arrays["back"] * arrays["gain"][:, None, :], owner)


PAIR = Kind(
    name="pair",
    description="rows in front of the text and behind it",
    arrays=("front", "back", "gain"),
    init=lambda start: {
        "front": start.rows,
        "back": start.rows[::-1],
        "gain": np.ones(start.rows.shape[1], np.float32),
    },
    effect=around,
    key=lambda arrays: arrays["front"],
    count=lambda length, config: (2 * length + 1) * config.d_model,
    before=lambda length: length,
    after=lambda length: length,
    packed=False,
)


@pytest.fixture(scope="module", autouse=True)
def third_kind():
    """The line of the table that a new kind is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(KINDS, PAIR.name, Form(PAIR.name, PAIR.description, lambda: PAIR))
        yield


@pytest.fixture(scope="module")
def decoder_folder(tmp_path_factory):
    """A toy decoder that reads the toy tasks letter by letter."""
    pytest.importorskip("tokenizers", reason="the extra decoders is not installed")
    folder = tmp_path_factory.mktemp("decoder") / "model"
    write_model(folder, DECODER, random_arrays(DECODER))
    write_tokenizer(folder, letters=f"{string.ascii_lowercase}Ċ")
    return folder


@dataclass(frozen=True)
class Case:
    """A kind on a model, with a bank of that kind; queries and runs are shared by the tests."""

    lab: Lab
    kind: str
    config: object
    bank: Path
    sets: tuple[str, ...]

    def run(self, *command, sets=(), fails=False):
        done = self.lab.run(*command, "--bank", str(self.bank), sets=(*self.sets, *sets))
        assert (done.exit_code != 0) == fails, done.stderr
        return done

    def json(self, *command, sets=()):
        return lines(self.run(*command, "--json", sets=sets).stdout)


CASES = [
    *((kind, family) for kind in ("prefix", "suffix") for family in ("T5", "decoder")),
    ("pair", "T5"),
    ("every-layer:change=add", "T5"),
    ("keys-values:rows=1,sink=1", "decoder"),
]


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def built(request, lab_once, tmp_path_factory):
    """A case whose bank was built by the command."""
    kind, family = request.param
    folder = tmp_path_factory.mktemp(f"{kind}-{family}")
    model = lab_once.model if family == "T5" else request.getfixturevalue("decoder_folder")
    sets = (*SMALL, f"model.name={model}", f"prompt.kind={kind}", f"runs={folder / 'runs'}")
    config = tiny_config() if family == "T5" else DECODER
    case = Case(lab_once, kind, config, folder / "bank", sets)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPOT_CACHE_DIR", str(lab_once.cache))
        case.run("build-bank")
    return case


@pytest.fixture
def case(built, lab):
    """The case, with the lab's cache."""
    return built


def test_entries_hold_the_kind_and_its_arrays(case):
    bank = Bank.open(case.bank)
    kind = find_kind(case.kind)
    named = () if kind.is_rows else kind.arrays
    names = {"init", "key", "value", *(f"value.{name}" for name in named)}
    assert len(bank.entries()) == 3
    for entry in bank.entries():
        assert entry.prompt_kind == case.kind
        assert ("prompt_kind" in entry.recipe) == (case.kind != "prefix")
        assert set(bank.prompts(entry).tensors()) == names
        value = value_of(bank, entry)
        assert value.kind is kind
        assert value.count == kind.count(P, case.config)
    shown = case.run("bank", "show", bank.entries()[0].id).stdout
    assert ("prompt_kind" in shown) == (case.kind != "prefix")
    assert ("back 4 x 16, front 4 x 16, gain 16" in shown) == (case.kind == "pair")
    listed = case.json("bank", "list")
    assert sorted(row["id"] for row in listed) == sorted(entry.id for entry in bank.entries())
    assert "whole" in case.run("bank", "verify").stdout


@pytest.mark.parametrize("strategy", ["best", "average", "mixture", "oracle"])
def test_every_strategy_transfers(case, strategy):
    runs = case.json("transfer", "--target", "house", "--strategy", strategy, "--k", "2")
    starts = {run["strategy"] for run in runs if "strategy" in run}
    assert starts == {"none", strategy}
    path = Path(runs[-1]["best"])
    prompt, kind = read_prompt(path), find_kind(case.kind)
    assert prompt.kind is kind and set(prompt.arrays) == set(kind.arrays)
    assert prompt.facts.task == "house" and prompt.facts.labels == ("no", "yes")
    path.unlink()


def test_a_search_ranks_keys_of_its_own_kind_without_a_warning(case):
    done = case.run("search", "--target", "house", "--json", sets=("search.rerank_examples=4",))
    assert [row["rank"] for row in lines(done.stdout) if "rank" in row] == [1, 2, 3]
    assert "differs" not in done.stderr


def test_a_study_compares_every_source(case):
    sets = ("search.rerank_examples=4", 'study.arms=["generic"]')
    study, *_ = case.json("study", "--target", "house", sets=sets)
    assert {record["strategy"] for record in study["records"]} == {"none", "oracle", "generic"}
    assert "zero-shot loss" in study["by_order"]


def test_a_stored_prompt_is_scored_and_answers(case, tmp_path):
    entry = Bank.open(case.bank).get("colour")
    file = tmp_path / "colour.safetensors"
    case.run("bank", "export", "colour", "--out", str(file))
    read, value = read_prompt(file), value_of(Bank.open(case.bank), entry)
    assert read.kind is value.kind and set(read.arrays) == set(value.arrays)
    for name, array in value.arrays.items():
        assert read.arrays[name].tobytes() == array.tobytes()
    score, again = (
        case.json("eval", "--task", "house", "--prompt", prompt) for prompt in (entry.id, str(file))
    )
    assert score == again and score[0]["n"] == 16
    answers, bare = (
        case.json("predict", "--task", "house", "--text", "a red cat is here", *prompt)
        for prompt in (("--prompt", str(file)), ())
    )
    assert answers[0]["probabilities"] != bare[0]["probabilities"]


def test_formats_of_plain_prompts_refuse_the_others(case, tmp_path):
    forms = {"npy": "p.npy", "peft": "peft", "t5x": "t5x", "prompt-embeds": "request"}
    for form, name in forms.items():
        out = ("--out", str(tmp_path / name), "--format", form)
        done = case.run("bank", "export", "colour", *out, fails=case.kind != "prefix")
        if case.kind != "prefix":
            sentence = (
                f'the format {form} holds prompts of the kind "prefix" alone, found "{case.kind}"'
            )
            assert sentence in done.stderr and "safetensors" in done.stderr
            assert not (tmp_path / name).exists()


def test_an_adapter_of_prefix_tuning_goes_out_and_comes_back_or_the_reason_is_said(case, tmp_path):
    """Every score of a prompt of a decoder is that of the adapter that it was written to."""
    out = tmp_path / "adapter"
    command = ("bank", "export", "colour", "--out", str(out), "--format", "peft-prefix")
    fits = case.config is DECODER and case.kind != "suffix"
    done = case.run(*command, fails=not fits)
    if not fits:
        behind, front = (
            "has rows behind the text",
            "stands in front of what the encoder of a T5 reads",
        )
        why = behind if case.kind in ("suffix", "pair") else front
        assert f"of the kind {case.kind}, is no prefix tuning: it {why}" in done.stderr
        assert not out.exists()
        return
    assert f"a {case.kind} prompt is written as keys-values" in done.stdout
    scores = [
        case.json("eval", "--task", "house", "--prompt", prompt)[0]
        for prompt in (Bank.open(case.bank).get("colour").id, str(out))
    ]
    assert scores[0]["value"] == scores[1]["value"] and scores[0]["n"] == 16
    bank = ("--bank", str(tmp_path / "bank"))
    case.lab.run("bank", "add", str(out), "--task", "colour", *bank, sets=case.sets)
    (entry,) = Bank.open(tmp_path / "bank").entries()
    assert entry.prompt_kind == "keys-values"
    again = tmp_path / "again"
    words = ("--out", str(again), "--format", "peft-prefix")
    case.lab.run("bank", "export", "colour", *words, *bank, sets=case.sets)
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (again / name).read_bytes() == (out / name).read_bytes()


def test_a_prompt_starts_from_an_entry_and_from_a_file(case, tmp_path):
    file = tmp_path / "start.safetensors"
    case.run("bank", "export", "colour", "--out", str(file))
    entry = Bank.open(case.bank).get("colour")
    outs = []
    for number, init in enumerate((f"entry:{entry.id}", f"file:{file}")):
        outs.append(tmp_path / f"{number}.safetensors")
        sets = (f"prompt.init={init}", "data.train_examples=8", "train.early_checks=[]")
        case.run("train", "--task", "house", "--out", str(outs[-1]), sets=sets)
    first, second = map(read_prompt, outs)
    for name, array in first.arrays.items():
        assert array.tobytes() == second.arrays[name].tobytes()
        before = value_of(Bank.open(case.bank), entry).arrays[name]
        frozen = find_kind(case.kind).rates.get(name) == 0
        assert (array.tobytes() == before.tobytes()) == frozen


def test_a_heatmap_draws_the_bank(case, tmp_path):
    for values in ((), ("--values",)):
        case.run("heatmap", "--out", str(tmp_path / "map.json"), *values)
        assert (tmp_path / "map.json").stat().st_size > 100


def test_a_prompt_file_becomes_an_entry_of_its_kind(case, tmp_path):
    file = tmp_path / "p.safetensors"
    case.run("bank", "export", "bird", "--out", str(file))
    bank = ("--bank", str(tmp_path / "bank"))
    case.lab.run("bank", "add", str(file), "--task", "bird", *bank, sets=case.sets)
    (entry,) = Bank.open(tmp_path / "bank").entries()
    value = value_of(Bank.open(case.bank), Bank.open(case.bank).get("bird"))
    added = value_of(Bank.open(tmp_path / "bank"), entry)
    assert added.kind is value.kind
    for name, array in value.arrays.items():
        assert added.arrays[name].tobytes() == array.tobytes()


def test_a_kind_that_is_made_of_a_banks_prompts_trains_from_the_command_line(lab, tmp_path):
    kind, out = "attempt:sources=2,width=4", tmp_path / "p.safetensors"
    bank = ("--bank", str(lab.copy(tmp_path / "bank")))
    sets = (*SMALL, f"prompt.kind={kind}", f"runs={tmp_path / 'runs'}")
    done = lab.run("train", "--task", "house", "--out", str(out), *bank, sets=sets)
    assert done.exit_code == 0, done.stderr
    sources = read_prompt(out).arrays["sources"]
    keys = [value_of(Bank.open(lab.bank), entry).key for entry in Bank.open(lab.bank).entries()]
    assert len(sources) == 2 and all(
        any(np.array_equal(each, key) for key in keys) for each in sources
    )
    done = lab.run("compare", "house", "--kinds", f"prefix,{kind}", "--dry-run", *bank, sets=sets)
    assert done.exit_code == 0 and f"{kind} on house" in done.stdout, done.stderr


# Several kinds.


@pytest.fixture
def stored(lab, tmp_path):
    """Adds a prompt of a kind, made of drawn rows, to a bank; gives (the prompt, `lab.run` on the bank)."""

    def make(kind):
        rows = np.random.default_rng(0).normal(size=(P, tiny_config().d_model)).astype(np.float32)
        start = replace(Start.of_sizes(tiny_config(), P), rows=rows)
        prompt = SoftPrompt(find_kind(kind), find_kind(kind).make(start))
        write_prompt(tmp_path / "p.safetensors", prompt)
        bank = ("--bank", str(tmp_path / "bank"))
        added = lab.run("bank", "add", str(tmp_path / "p.safetensors"), "--task", "bird", *bank)
        assert added.exit_code == 0, added.stderr
        return prompt, lambda *command: lab.run(*command, *bank)

    return make


def test_rows_that_a_network_makes_are_exported_without_it_and_the_command_says_so(
    stored, tmp_path
):
    prompt, run = stored("mlp:skip=0,width=3")
    done = run("bank", "export", "bird", "--out", str(tmp_path / "a"), "--format", "peft")
    assert done.exit_code == 0, done.stderr
    assert "a mlp:skip=0,width=3 prompt is written as prefix: its rows; what made" in done.stdout
    np.testing.assert_array_equal(read_prompt(tmp_path / "a").arrays["prompt"], prompt.key)


@pytest.mark.parametrize("kind", ["pool:size=2,top=1", "generator:width=2"])
@pytest.mark.parametrize("form", ["peft", "peft-prefix", "npy"])
def test_prompts_that_depend_on_the_text_are_not_exported_and_the_reason_is_said(
    stored, tmp_path, kind, form
):
    run = stored(kind)[1]
    done = run("bank", "export", "bird", "--out", str(tmp_path / "a.npy"), "--format", form)
    assert done.exit_code == 1 and not (tmp_path / "a.npy").exists()
    assert "is made anew for every text, so that no other program can hold it" in done.stderr
    assert "hint: write it as .safetensors, which holds every kind" in done.stderr


OTHER = "prompt.kind=suffix"


@pytest.fixture
def mistaken(lab, tmp_path):
    """A copy of the lab's bank of plain prompts, for commands that want suffix prompts."""

    def run(*command):
        bank, runs = lab.copy(tmp_path / "bank"), f"runs={tmp_path / 'runs'}"
        return lab.run(*command, "--bank", str(bank), sets=(OTHER, runs))

    return run


def test_a_query_of_another_kind_is_named(mistaken):
    done = mistaken("search", "--target", "house")
    assert done.exit_code == 0, done.stderr
    assert 'prompt_kind differs: query "suffix", not set in 4 of 4 keys' in done.stderr


@pytest.mark.parametrize("strategy", ["best", "average", "oracle"])
def test_a_start_of_another_kind_is_refused_before_training(mistaken, no_training, strategy):
    done = mistaken("transfer", "--target", "house", "--strategy", strategy)
    assert done.exit_code == 1
    assert "is a prefix prompt, the target's is a suffix prompt" in done.stderr
    assert "set prompt.kind=prefix, or search a bank of suffix prompts" in done.stderr


def test_a_study_of_another_kind_is_refused_before_training(mistaken, no_training):
    done = mistaken("study", "--target", "house")
    assert done.exit_code == 1 and "hint: set prompt.kind=prefix" in done.stderr


def test_a_file_that_cannot_hold_the_kind_is_refused_before_training(mistaken, no_training):
    done = mistaken("train", "--task", "house", "--out", "p.npy")
    assert done.exit_code == 1 and 'holds prompts of the kind "prefix" alone' in done.stderr
    assert "hint: write it as .safetensors" in done.stderr


def test_an_unknown_kind_is_refused_before_anything_is_written(lab, tmp_path):
    done = lab.run("build-bank", "--bank", str(tmp_path / "new"), sets=("prompt.kind=sufix",))
    assert done.exit_code == 1 and 'Did you mean "suffix"' in done.stderr
    assert not (tmp_path / "new").exists()


def test_banks_of_two_kinds_merge_and_each_is_used_as_its_kind(case, lab, tmp_path):
    if case.sets[len(SMALL)] != f"model.name={lab.model}":
        pytest.skip("the lab's bank is of the T5")
    before = tree(lab.bank / "entries")
    bank = ("--bank", str(lab.copy(tmp_path / "bank")))
    done = lab.run("bank", "merge", str(case.bank), *bank, sets=case.sets)
    assert done.exit_code == 0, done.stderr
    merged = Bank.open(tmp_path / "bank")
    kinds = [entry.prompt_kind for entry in merged.entries()]
    assert kinds.count(case.kind) == (7 if case.kind == "prefix" else 3) and len(kinds) == 7
    assert before.items() <= tree(tmp_path / "bank" / "entries").items()
    for entry in Bank.open(case.bank).entries():
        for name, array in value_of(Bank.open(case.bank), entry).arrays.items():
            assert array.tobytes() == value_of(merged, merged.get(entry.id)).arrays[name].tobytes()
    sets = (*case.sets, "search.rerank_examples=4", "search.k=7")
    done = lab.run("search", "--target", "house", "--json", *bank, sets=sets)
    assert done.exit_code == 0, done.stderr
    ranked = [row for row in lines(done.stdout) if "rank" in row]
    assert len(ranked) == 7  # those of two kinds are ranked by loss together
    assert ("prompt_kind differs" in done.stderr) == (case.kind != "prefix")

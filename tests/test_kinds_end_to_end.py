"""Every command with every kind of prompt, on a T5 and on a decoder; and a kind that the product does
not have, added by one line of the table.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from bank.store import Bank
from spot.models.effect import Effect
from spot.prompts.files import read_prompt
from spot.prompts.kind import Kind
from spot.prompts.kinds import KINDS
from spot.prompts.stored import value_of
from tests.lab import Lab, learned, lines, tree
from tests.toys import random_arrays, tiny_decoder, write_model, write_tokenizer

pytest_plugins = ("tests.lab",)

P, H = 4, 16
SMALL = (
    'bank.sources=["colour","bird"]',
    'bank.mixtures=["colour+place"]',
    "transfer.seeds=[0]",
    "transfer.steps=3",
    "train.steps=3",
    "train.check_every=3",
)


def around(arrays, _embedded, _mask, owner):
    """Rows in front of the text and, each number of their columns scaled, behind it."""
    return Effect(arrays["front"], arrays["back"] * arrays["gain"][:, None, :], owner)


AROUND = Kind(
    name="around",
    description="rows in front of the text and behind it",
    init=lambda rows: {
        "front": np.asarray(rows, np.float32),
        "back": np.asarray(rows[::-1], np.float32),
        "gain": np.ones(rows.shape[1], np.float32),
    },
    effect=around,
    key=lambda arrays: arrays["front"],
    count=lambda length, width: 2 * length * width + width,
    before=lambda length: length,
    after=lambda length: length,
    packed=False,
)


@pytest.fixture(scope="module", autouse=True)
def third_kind():
    """The line of the table that a new kind is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(KINDS, AROUND.name, AROUND)
        yield


@pytest.fixture(scope="module")
def decoder_folder(tmp_path_factory):
    """A toy decoder that reads the toy tasks letter by letter."""
    pytest.importorskip("tokenizers", reason="the extra decoders is not installed")
    config = tiny_decoder(context=256)
    folder = tmp_path_factory.mktemp("decoder") / "model"
    write_model(folder, config, random_arrays(config))
    write_tokenizer(folder, letters=f"{string.ascii_lowercase}Ċ")
    return folder


@dataclass(frozen=True)
class Case:
    """A kind on a model, with a bank of that kind; queries and runs are shared by the tests."""

    lab: Lab
    kind: str
    bank: Path
    sets: tuple[str, ...]

    def run(self, *command, sets=(), fails=False):
        done = self.lab.run(*command, "--bank", str(self.bank), sets=(*self.sets, *sets))
        assert (done.exit_code != 0) == fails, done.stderr
        return done

    def json(self, *command, sets=()):
        return lines(self.run(*command, "--json", sets=sets).stdout)


CASES = [("prefix", "T5"), ("prefix", "decoder"), ("suffix", "T5"), ("suffix", "decoder"), ("around", "T5")]  # fmt: skip


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def built(request, lab_once, tmp_path_factory):
    """A case whose bank was built by the command."""
    kind, family = request.param
    folder = tmp_path_factory.mktemp(f"{kind}-{family}")
    model = lab_once.model if family == "T5" else request.getfixturevalue("decoder_folder")
    sets = (*SMALL, f"model.name={model}", f"prompt.kind={kind}", f"runs={folder / 'runs'}")
    case = Case(lab_once, kind, folder / "bank", sets)
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
    names = {
        "prefix": {"init", "key", "value"},
        "suffix": {"init", "key", "value"},
        "around": {"init", "key", "value", "value.front", "value.back", "value.gain"},
    }[case.kind]
    assert len(bank.entries()) == 3
    for entry in bank.entries():
        assert entry.prompt_kind == case.kind
        assert ("prompt_kind" in entry.recipe) == (case.kind != "prefix")
        assert set(bank.prompts(entry).tensors()) == names
        value = value_of(bank, entry)
        assert value.kind is KINDS[case.kind] and value.count == KINDS[case.kind].count(P, H)
    shown = case.run("bank", "show", bank.entries()[0].id).stdout
    assert ("prompt_kind" in shown) == (case.kind != "prefix")
    assert ("back 4 x 16, front 4 x 16, gain 16" in shown) == (case.kind == "around")
    listed = case.json("bank", "list")
    assert [row["id"] for row in listed] == [entry.id for entry in bank.entries()]
    assert "whole" in case.run("bank", "verify").stdout


@pytest.mark.parametrize("strategy", ["best", "average", "mixture", "oracle"])
def test_every_strategy_transfers(case, strategy):
    runs = case.json("transfer", "--target", "house", "--strategy", strategy, "--k", "2")
    starts = {run["strategy"] for run in runs}
    assert starts == {"none", strategy}
    (path,) = Path(case.sets[-1].removeprefix("runs=")).glob("transfer/*/prompt-s0.safetensors")
    prompt = read_prompt(path)
    assert prompt.kind is KINDS[case.kind] and set(prompt.arrays) == set(KINDS[case.kind].init(np.ones((1, 1))))  # fmt: skip
    path.unlink()

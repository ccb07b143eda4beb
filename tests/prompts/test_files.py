"""Prompts in files: which are refused, and how one becomes an entry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bank.entry import Backbone, Entry, Prompts, id_of
from bank.errors import UserError
from bank.formats import Facts, PromptFile, export_prompt
from bank.store import Bank
from spot.prompts.files import find_prompt, prompt_file_entry, read_prompt
from spot.prompts.stored import value_of
from tests.lab import lines
from tests.toys import random_arrays, tiny_config, write_model

pytest_plugins = ("tests.lab",)


def test_prompts_that_do_not_fit_are_refused(lab, tmp_path, tiny_backbone):
    np.save(tmp_path / "wide.npy", np.ones((4, 17), np.float32))
    np.save(tmp_path / "nan.npy", np.full((4, 16), np.nan, np.float32))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "nan.npy").read_bytes()[:-9])
    for name, message in (
        ("wide.npy", "the prompt wide.npy is 17 wide, the model 16"),
        ("nan.npy", "the prompt in nan.npy holds NaN"),
        ("cut.npy", "cut.npy is no complete NumPy file"),
        ("none.npy", "cannot read the prompt none.npy: No such file"),
        ("plcae", 'no entry "plcae" in .* Did you mean "place"'),
    ):
        with pytest.raises(UserError, match=message):
            find_prompt(name, lab.bank, tiny_backbone)
    with pytest.raises(UserError, match="is 17 wide, the model 16"):
        prompt_file_entry(tmp_path / "wide.npy", "house", tiny_backbone)


def test_an_entry_of_another_model_is_refused(lab, tmp_path):
    config = tiny_config()
    model = write_model(tmp_path / "other", config, random_arrays(config, seed=5))
    done = lab.run("eval", "--task", "house", "--prompt", "place", "--bank", str(lab.bank),
                   sets=(f"model.name={model}",))  # fmt: skip
    assert done.exit_code == 1
    assert "was trained on" in done.stderr and "hint: choose the model" in done.stderr


def test_a_suffix_is_checked_before_training(lab, no_training):
    done = lab.run("train", "--task", "house", "--out", "p.safetensor")
    assert done.exit_code == 1
    assert 'not ".safetensor". Did you mean ".safetensors"?' in done.stderr


def test_a_prompt_file_becomes_an_entry_once(lab, tmp_path):
    lab.run("bank", "export", "place", "--bank", str(lab.bank), "--out", "p.npy")
    lab.copy(tmp_path / "bank")
    first, second = (
        lines(lab.run("bank", "add", "p.npy", "--task", "mine", "--bank", "bank", "--json").stdout)[
            0
        ]
        for _ in range(2)
    )
    assert (first["added"], second["added"], first["id"]) == (True, False, second["id"])
    bank = Bank.open(tmp_path / "bank")
    assert len(bank.entries()) == 5
    mine = bank.prompts(bank.get("mine"))
    assert (mine.key == mine.value).all() and (
        mine.value == bank.prompts(bank.get("place")).value
    ).all()
    none = lab.run("bank", "add", "none.npy", "--task", "mine", "--bank", "fresh")
    assert none.exit_code == 1 and not (tmp_path / "fresh").exists()


@pytest.mark.parametrize(
    ("kind", "names", "says"),
    [
        ("prefix", ("layers",), "expected the arrays prompt of the kind prefix, found layers"),
        (
            "suffix",
            ("suffix", "x"),
            "expected the arrays suffix of the kind suffix, found suffix, x",
        ),
        ("layered", ("layers",), "layered"),
    ],
)
def test_named_arrays_are_those_of_the_kind(tmp_path, kind, names, says):
    """In a file, and in a bank's entry under right checksums."""
    rows = np.ones((2, 3), np.float32)
    arrays = dict.fromkeys(names, rows)
    path = export_prompt(tmp_path / "p.safetensors", PromptFile(rows, kind, arrays))
    with pytest.raises(UserError, match=says):
        read_prompt(path)
    if kind == "suffix":
        recipe = {"prompt_kind": kind}
        entry = Entry("", "imported", "t", (), "", 0, Backbone("m", "fp"), recipe)
        entry = replace(entry, id=id_of(entry))
        bank = Bank(tmp_path / "bank")
        bank.add(entry, Prompts(None, rows, rows, arrays))
        with pytest.raises(UserError, match=f"{entry.id}: {says}"):
            value_of(bank, entry)


def test_a_file_that_tells_of_its_task_makes_an_entry_that_does(tmp_path, tiny_backbone):
    told = {"inputs": "{a}", "columns": ("a",), "labels": ("no", "yes"), "scoring": "rank"}
    rows = np.ones((4, tiny_backbone.width), np.float32)

    def entry(task="guests", **more):
        facts = Facts(task="guests", **{**told, **more})
        path = export_prompt(tmp_path / "p.safetensors", PromptFile(rows, facts=facts))
        return prompt_file_entry(path, task, tiny_backbone)[0]

    assert entry().task_facts == told
    for path in ("/home/me/guests.toml", "a/guests.toml"):
        assert entry(file=path).task_facts == told  # an entry holds no path
    assert entry().id == entry(inputs="").id
    for without in (
        entry("house"),  # the person says that it is of another task
        entry(inputs=""),
        entry(members=("a", "b")),
        entry(recipe={"shots": 2}),
        entry(recipe={"text": "Judge:"}),  # which the entry's own recipe does not have
    ):
        assert without.task_facts == {}

"""All settings with value, default and origin; what each means; and the file of all of them."""

from __future__ import annotations

import shlex
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spot.config import TABLES, Config, keys_of, layers, load_config, user_config
from spot.config_table import explained, fields, settings, to_toml, toml
from spot.errors import SpotError
from tests.lab import invoke, lines


def table(*assignments, file=None):
    """Every setting by its key."""
    return {each.key: each for each in settings(layers(file, assignments))}


def test_every_key_is_in_the_table_once():
    sections = {key.partition(".")[0] for key in keys_of(Config) if "." in key}
    assert [key for key in keys_of(Config) if key not in sections] == list(table())


def test_values_come_from_the_place_that_set_them_last(tmp_path, monkeypatch):
    file = tmp_path / "c.toml"
    file.write_text("[train]\nsteps = 90\nbatch_size = 5\n")
    own = user_config()
    own.parent.mkdir(parents=True)
    own.write_text("[train]\nsteps = 70\nslots = 2\n")
    monkeypatch.setenv("SPOT_DATA_DIR", "rows")
    found = table("train.batch_size=6", file=file)
    origins = {key: each.origin for key, each in found.items()}
    assert origins["train.batch_size"] == "--set" and found["train.batch_size"].value == 6
    assert origins["train.steps"] == str(file) and found["train.steps"].value == 90
    assert origins["train.slots"] == str(own) and found["train.slots"].value == 2
    assert origins["prompt.init"] == "default of spot-nano"
    assert origins["train.optimizer"] == "default"
    assert found["train.batch_size"].default == Config().train.batch_size
    folder = found["data.dir"]
    assert (folder.value, folder.default) == ("rows", None)
    assert folder.origin == "environment (SPOT_DATA_DIR)"
    assert table("data.dir=other")["data.dir"].origin == "--set"


def test_defaults_are_those_of_the_model_that_is_named():
    assert table()["search.similarity"].default == "task-vector"
    other = table("model=somewhere/else", "search.similarity=centered")
    assert other["search.similarity"].default == "average"
    assert other["prompt.init"].origin == "default"
    assert table("prompt.init=vocab")["search.similarity"].origin == "other settings"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("train.steps", "a whole number, at least 1"),
        ("train.learning_rate", "a number, more than 0; or not set"),
        ("model.dropout", "a number, at least 0 and less than 1"),
        ("model.precision", "bfloat16, float32"),
        ("data.dir", "a path; or not set"),
        ("bank.seeds", "a list of whole numbers"),
        ("data.templates", "a table of texts"),
        ("search.unlearned", "true or false"),
    ],
)
def test_what_a_key_takes_is_said_in_words(key, text):
    assert table()[key].expected == text


@pytest.mark.parametrize("key", [key for key, _ in fields()])
def test_a_setting_is_described_and_its_example_works(key):
    each = table()[key]
    assert each.description.endswith(".") and "\n" not in each.description
    option, assignment = shlex.split(each.example)
    assert option == "--set" and assignment.startswith(f"{key}=")
    more = ["train.steps=1000"] if key == "train.key_step" else []
    load_config(None, [*more, assignment])
    if key in TABLES:
        assert set(each.choices) == set(TABLES[key]())


def test_a_section_is_explained_key_by_key():
    keys = [each.key for each in explained("search", layers(None))]
    assert keys == [key for key, _ in fields() if key.startswith("search.")]
    for wrong, near in ("train.stps", "train.steps"), ("similarity", "search.similarity"):
        with pytest.raises(SpotError, match=f'unknown config key "{wrong}".*'):
            explained(wrong, layers(None))
        with pytest.raises(SpotError, match=f'Did you mean "{near.rpartition(".")[0]}|{wrong}'):
            explained(wrong, layers(None))


@pytest.mark.parametrize(
    "assignments",
    [
        (),
        ("model=smollm2-135m", "train.steps=99", "data.dir=some/where"),
        ('data.templates={sst2 = "gpt3"}', 'prompt.text="a \\"b\\" \\\\ ü"', "bank.seeds=[3, 1]"),
        ("train.learning_rate=0.25", "train.patience=3", 'data.tasks=["a", "b.toml"]'),
    ],
)
def test_the_file_of_all_settings_gives_the_same_config(assignments, tmp_path):
    file = tmp_path / "all.toml"
    file.write_text(to_toml(settings(layers(None, assignments))), encoding="utf-8")
    assert load_config(file) == load_config(None, assignments)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_written_as_toml(text):
    assert tomllib.loads(f"value = {toml({text: [text]})}")["value"] == {text: [text]}


def test_the_command_shows_value_default_and_origin():
    shown = invoke("config", "--set", "train.steps=99").stdout.splitlines()
    assert shown[0] == "key\tvalue\tdefault\tfrom"
    assert f"train.steps\t99\t{Config().train.steps}\t--set" in shown
    assert "data.dir\tnot set\tsame\tdefault" in shown
    assert shown[-1].startswith(f"your own defaults: {user_config()} (absent); cache: ")
    rows = lines(invoke("config", "--json").stdout)
    assert [row["key"] for row in rows] == [key for key, _ in fields()]


def test_the_command_explains_a_key():
    done = invoke("config", "--explain", "transfer.strategy", "--set", "transfer.strategy=oracle")
    first, *rest = done.stdout.splitlines()
    assert first == 'transfer.strategy = "oracle"  (from: --set)'
    assert "  expected: a text: best, average, average-matched, mixture, oracle" in rest
    assert '  default: "best"' in rest and "  example: --set transfer.strategy=best" in rest
    (row,) = lines(invoke("config", "--explain", "transfer.strategy", "--json").stdout)
    assert row["choices"] == ["best", "average", "average-matched", "mixture", "oracle"]
    wrong = invoke("config", "--explain", "train.key_ste")
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert 'unknown config key "train.key_ste". Did you mean "train.key_step"?' in wrong.stderr
    assert "hint: spot config lists all keys" in wrong.stderr


def test_the_command_writes_a_file(tmp_path):
    done = invoke("config", "--toml", "--set", "train.steps=99")
    assert tomllib.loads(done.stdout)["train"]["steps"] == 99
    assert lines(invoke("config", "--toml", "--json").stdout)[0]["toml"].startswith(
        "# The folder of results"
    )

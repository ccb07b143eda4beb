"""Settings: defaults, files, assignments, and what is said about mistakes."""

from __future__ import annotations

import os
import re
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import platformdirs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import spot
from pretraining.headers import MARKS
from spot.commands.options import assignment
from spot.config import Config, dump, load_config, user_config
from spot.errors import SpotError
from spot.models.defaults import DEFAULTS, defaults_of
from spot.models.model import vocabulary
from spot.prompts.settings import PromptSettings
from spot.settings import LAST_SEED, cache_dir, check_seed
from spot.strategies.settings import TransferSettings


def key_recipe(config):
    """The part of a config's recipe that makes keys comparable."""
    return config.recipe().key_facts(config.model.precision, {})


CONFIGS = sorted((Path(__file__).resolve().parents[1] / "configs").glob("*.toml"))
STEPS = Config().train.steps
PRETRAINING = {"nano.toml"}  # read by pretraining.pretrain


def test_a_known_model_has_a_start_of_its_own():
    own = load_config(None).prompt
    assert (own.init, own.text) == ("words", DEFAULTS["spot-nano"].text)
    assert (
        load_config(None, ["model=spot-nano", "prompt.length=7"]).prompt.text
        == DEFAULTS["spot-nano"].text
    )
    assert load_config(None, ["model=somewhere/else"]).prompt == PromptSettings()
    assert load_config(None, ["model.precision=float32"]).prompt.init == "words"
    for named in ("prompt.init=vocab", "prompt.init=labels"):
        chosen = load_config(None, [named]).prompt
        assert (f"prompt.init={chosen.init}", chosen.text) == (named, "")
    worded = load_config(None, ["prompt.init=text", "prompt.text=is it true"]).prompt
    assert worded.text == "is it true"


def test_a_known_model_has_a_recipe_of_its_own():
    small = load_config(None, ["model=smollm2-135m"])
    recipe = small.recipe()
    assert recipe.init == "text" and recipe.text.startswith("Read the text")
    assert (recipe.length, recipe.batch_size, recipe.learning_rate) == (11, 16, 0.006)
    assert small.transfer.steps == recipe.steps
    papers = load_config(None, ["model=google/t5-base-lm-adapt"])
    assert (papers.prompt.length, papers.train.batch_size, papers.train.warmup_steps) == (
        100,
        32,
        0,
    )
    assert (papers.train.steps, papers.train.key_step) == (30_000, 10_000)
    assert papers.train.learning_rate is None  # 0.3 by spot.prompts.inits.default_rate
    other = load_config(None, ["model=somewhere/else"])
    assert other.recipe() == spot.Recipe()


def test_a_known_model_has_a_template_for_the_tasks_that_have_it():
    def template(task: str, *assignments: str) -> str:
        settings = load_config(None, assignments).data_settings()
        return settings.templates.get(task, settings.template)

    assert template("sst2") == template("sst2", "model=somewhere/else") == "t5"
    assert template("sst2", "model=google/flan-t5-base") == "flan"
    small = "model=smollm2-135m"
    assert (template("sst2", small), template("copa", small)) == ("gpt3", "t5")
    assert template("copa", small, "data.template=gpt3") == "gpt3"  # an error, told when it is used
    assert template("sst2", small, "data.template=t5") == "t5"
    assert template("sst2", small, 'data.templates={sst2 = "flan"}') == "flan"


def test_the_python_api_and_the_commands_have_the_same_defaults():
    for name in (
        "spot-nano",
        "smollm2-135m",
        "google/byt5-small",
        "Qwen/Qwen2.5-0.5B",
        "some/folder",
    ):
        config = load_config(None, [f"model={name}"])
        model = SimpleNamespace(defaults=defaults_of(name))
        assert config.recipe().on(model) == spot.Recipe().on(model)
        assert config.transfer == TransferSettings().on(model)


def test_what_is_set_comes_before_the_models_own():
    settings = [
        "prompt.length=20", "train.steps=80", "train.learning_rate=0.3", "train.batch_size=16",
        "data.list_labels=false", "transfer.steps=60", "search.similarity=delta",
    ]  # fmt: skip
    config = load_config(None, ["model=smollm2-135m", *settings])
    assert (config.prompt.length, config.train.steps, config.train.learning_rate) == (20, 80, 0.3)
    assert config.data.list_labels is False and load_config(None).data.list_labels is None
    assert (config.transfer.steps, config.search.similarity) == (60, "delta")
    assert (
        TransferSettings(steps=60).on(SimpleNamespace(defaults=DEFAULTS["smollm2-135m"])).steps
        == 60
    )
    named = load_config(None, ["model=google/t5-base-lm-adapt", "prompt.init=labels"])
    assert (named.prompt.init, named.prompt.length) == ("labels", 100)


def test_a_key_step_that_is_not_set_is_no_later_than_the_steps_that_are():
    for name, steps, key_step in (
        ("spot-nano", 20, 20),
        ("spot-nano", 4000, 60),
        ("google/t5-base-lm-adapt", 500, 500),
        ("somewhere/else", 7, 7),
    ):
        config = load_config(None, [f"model={name}", f"train.steps={steps}"])
        assert config.train.key_step == key_step, (name, steps)


def test_the_similarity_of_the_embedded_model_is_that_of_its_start():
    def similarity(*assignments: str) -> str:
        return load_config(None, assignments).search.similarity

    assert similarity() == similarity("search.k=2", "prompt.length=7") == "task-vector"
    assert similarity("search.similarity=centered") == "centered"
    assert similarity("prompt.init=labels") == similarity("model=somewhere/else") == "average"


def test_the_start_of_the_embedded_model_names_every_kind_of_task_once_a_token():
    config = load_config(None)
    tokens = vocabulary(config.model).encode(config.prompt.text)
    words = config.prompt.text.split()
    assert len(tokens) == len(words) == config.prompt.length
    kinds = {mark: kind for kind, marks in MARKS.items() for mark in marks}
    assert [kinds[word] for word in words[:9]] == [kinds[word] for word in words[9:18]]
    assert {kinds[word] for word in words[:9]} == set(MARKS)


def test_the_defaults_are_valid_and_offline():
    config = load_config(None)
    assert config == Config()
    assert (config.model.name, config.bank.sources) == ("spot-nano", ("mini",))
    assert config.train.key_step <= config.train.steps


def test_assignments_come_after_the_file_and_are_typed(tmp_path):
    file = tmp_path / "c.toml"
    file.write_text('[train]\nsteps = 300\nlearning_rate = 0.1\n[bank]\nsources = ["a"]\n')
    assert load_config(file).train.steps == 300
    config = load_config(
        file,
        ["train.steps=400", 'bank.seeds=[3, 1]', " model.name = here ", "train.patience=2",
         'prompt.text="1"', "data.dir=some/where", "bank.sources=[]"],
    )  # fmt: skip
    assert (config.train.steps, config.train.learning_rate, config.train.patience) == (400, 0.1, 2)
    assert (config.bank.seeds, config.bank.sources) == ((3, 1), ())
    assert (config.model.name, config.prompt.text) == ("here", "1")
    assert config.data.dir == Path("some/where")
    assert load_config(None, ["train.steps=400", "train.steps=500"]).train.steps == 500


@pytest.mark.parametrize(
    ("sets", "steps"),
    [
        ([], (300, 80)),
        (["train.steps=70"], (70, 70)),
        (["bank.steps=70"], (300, 70)),
        (["train.steps=90", "bank.steps=70"], (90, 70)),
    ],
)
def test_sources_have_the_steps_of_training_where_only_those_are_set(sets, steps):
    config = load_config(None, sets)
    assert (config.train.steps, config.bank.steps) == steps


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_any_path_or_name_comes_through_an_option(text):
    assert load_config(None, [assignment("model.name", text)]).model.name == text


@pytest.mark.parametrize(
    ("assignment", "message", "hint"),
    [
        ("train.stps=1", r'unknown config key "train.stps".* Did you mean "train.steps"', "train.steps,"),
        ("trian.steps=1", r'unknown config key "trian".* Did you mean "train"', "model, data"),
        ("steps=1", r'unknown config key "steps".* Did you mean "train.steps"', "model, data"),
        ("train.steps.more=1", r'train.steps: .*whole number, found {"more": 1}', f"default is {STEPS}"),
        ("train.steps=many", 'train.steps: expected a whole number, found "many"', f"default is {STEPS}"),
        ("train.steps=0", "train.steps: expected a number of at least 1, found 0", f"default is {STEPS}"),
        ("train.learning_rate=inf", "train.learning_rate: expected a finite number, found Infinity", "none"),
        ("train.optimizer=sgd", 'train.optimizer: expected "adafactor" or "adamw", found "sgd"', "adafactor"),
        ("transfer.strategy=bset", 'transfer.strategy: .*or oracle, found "bset"', "best"),
        ("transfer.labels=swop", 'transfer.labels: expected "keep" or "swap", found "swop"', "keep"),
        ("bank.sources=mini", 'bank.sources: expected a list, found "mini"', r'\["mini"\]'),
        ('bank.seeds=["x"]', 'bank.seeds.0: expected a whole number, found "x"', r"\[0\]"),
        ("train=3", "--set: train: expected a table, found 3", "default is {"),
        ("prompt.text=3", "prompt.text: expected a text, found 3", 'the default is "'),
        ("train.trackers=wand", 'train.trackers: expected tensorboard, .* "wand".*"wandb"', r"\[\]"),
        ('train.trackers=["mlflow", "x"]', 'trackers: .* mlflow or trackio, found "x"', r"\[\]"),
        ("train.trackers=true", "train.trackers: expected a list, found true", r"\[\]"),
        ("train.dropout=1", "train.dropout: expected a number less than 1, found 1", "none"),
        ("train.learning_rate=0", "learning_rate: expected a number greater than 0, found 0", "none"),
        ("train.learning_rate=x", 'learning_rate: expected a number, found "x"', "none"),
        ("data.templates=3", "data.templates: expected a table, found 3", "{}"),
        ("runs=3", "runs: expected a path, found 3", "spot-runs"),
        ("model.vocabulary=3", "--set: model.vocabulary: expected a text, found 3", "none"),
        ("train", 'expected --set key=value, found "train"', "for example"),
        ("train.key_step=301", rf"key_step \(301\) must not be after train.steps \({STEPS}\)", "key is"),
        ("bank.steps=59", r"train.key_step \(60\) must not be after bank.steps \(59\)", "key is"),
        ("bank.seeds=[1, 1]", r"bank.seeds: expected distinct seeds ≥ 0, found \[1, 1\]", "e.g."),
        ("bank.seeds=[]", r"bank.seeds: expected distinct seeds", "e.g."),
        ("train.tensorboard=true", "it is \"train.trackers\" now", "--set train.trackers=tensorboard"),
        ("model.devices=4", '"model.devices": it is "devices.model" now', "--set devices.model=4"),
        ("devices=4", "--set: devices: expected a table, found 4", "default is {"),
        ("devices.model=0", "devices.model: expected a number of at least 1, found 0", "default is 1"),
        ("devices.data=32", r"batch_size \(16\) must be a multiple of devices.data", "batch_size=32,"),
        ("transfer.seeds=[-1]", r"transfer.seeds: expected distinct seeds", "e.g."),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_key_value_and_a_way_out(assignment, message, hint):
    with pytest.raises(SpotError, match=message) as caught:
        load_config(None, [assignment])
    assert re.search(hint, caught.value.hint)


def test_prompts_that_devices_cannot_share_are_named():
    assert load_config(None, ["devices.slot=3"]).train.slots is None
    message = r"train.slots \(4\) must be a multiple of devices.slot \(3\)"
    with pytest.raises(SpotError, match=message) as caught:
        load_config(None, ["train.slots=4", "devices.slot=3"])
    assert "train.slots=6," in caught.value.hint


def test_a_section_below_a_value_is_refused(tmp_path):
    file = tmp_path / "c.toml"
    file.write_text('runs = "here"\n')
    with pytest.raises(SpotError, match='"runs" is a value, not a section'):
        load_config(file, ["runs.more=1"])


def test_a_key_step_may_be_the_last_step():
    assert load_config(None, ["train.steps=7", "train.key_step=7"]).train.key_step == 7


def test_files_that_cannot_be_used_are_named(tmp_path):
    bad = tmp_path / "bad.toml"
    bad.write_text("[train]\nsteps = = 3\n")
    with pytest.raises(SpotError, match=r"bad.toml: not valid TOML .*line 2"):
        load_config(bad)
    bad.write_bytes(b'runs = "\xff"\n')
    with pytest.raises(SpotError, match=r"bad.toml: not valid TOML"):
        load_config(bad)
    with pytest.raises(SpotError, match=r"none.toml cannot be read \(No such file"):
        load_config(tmp_path / "none.toml")
    bad.write_text("[train]\nstep = 3\n")
    with pytest.raises(SpotError, match=r'bad.toml: unknown config key "train.step"'):
        load_config(bad)


def test_what_is_dumped_is_read_back(tmp_path):
    config = load_config(None, ["train.steps=7", "train.key_step=3", 'data.tasks=["a", "b"]'])
    assert Config.model_validate_json(dump(config)) == config


def test_a_config_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        Config().train.steps = 3


def test_the_keys_recipe_holds_what_makes_a_key_and_no_budget():
    base = load_config(None)
    for same in ("train.steps=300", "train.check_every=7", "train.slots=1", "bank.seeds=[4]"):
        assert key_recipe(load_config(None, [same])) == key_recipe(base)
    for other in (
        "prompt.init=random", "prompt.length=3", "train.learning_rate=0.2", "train.batch_size=3",
        "train.optimizer=adamw", "train.dropout=0.2", "model.precision=float32",
        "train.warmup_steps=1", "train.weight_decay=0", "data.input_length=9",
    ):  # fmt: skip
        assert key_recipe(load_config(None, [other])) != key_recipe(base)
    texts = [load_config(None, ["prompt.init=text", f"prompt.text={one}"]) for one in ("a b", "c")]
    assert key_recipe(texts[0]) != key_recipe(texts[1])
    for init, told in (("labels", True), ("text", True), ("vocab", False)):
        kinds = [
            key_recipe(load_config(None, [f"prompt.init={init}", f"prompt.filler={filler}"]))
            for filler in ("vocab", "random")
        ]
        assert (kinds[0] != kinds[1]) is told, init


def test_the_cache_folder_can_be_named(monkeypatch, tmp_path):
    monkeypatch.setenv("SPOT_CACHE_DIR", str(tmp_path))
    assert cache_dir() == tmp_path
    monkeypatch.delenv("SPOT_CACHE_DIR")
    assert cache_dir() == platformdirs.user_cache_path("spot", appauthor=False)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other folders")
def test_a_cache_of_earlier_versions_stays_in_use(monkeypatch, tmp_path):
    monkeypatch.delenv("SPOT_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_dir() == tmp_path / "spot"
    (Path.home() / ".cache" / "spot").mkdir(parents=True)
    assert cache_dir() == Path.home() / ".cache" / "spot"


def test_the_users_own_file_comes_before_all_others(tmp_path):
    own = user_config()
    assert own == Path.home() / ".config" / "spot" / "config.toml" or sys.platform != "linux"
    own.parent.mkdir(parents=True)
    own.write_text('model = "smollm2-135m"\n[train]\nsteps = 70\n[search]\nk = 9\n')
    file = tmp_path / "c.toml"
    file.write_text('[model]\nprecision = "float32"\n[train]\nsteps = 71\n')
    config = load_config(file, ["search.k=8"])
    assert (config.model.name, config.model.precision) == ("smollm2-135m", "float32")
    assert (config.train.steps, config.search.k) == (71, 8)
    own.write_text("[train]\nstps = 3\n")
    with pytest.raises(SpotError, match=rf'{own}: unknown config key "train.stps"'):
        load_config(file, ["train.steps=5"])


def test_a_mistake_is_blamed_on_the_place_that_made_it(tmp_path):
    file = tmp_path / "c.toml"
    file.write_text("[train]\nsteps = 0\n")
    with pytest.raises(SpotError, match=r"c.toml: train.steps: "):
        load_config(file, ["search.k=8"])
    with pytest.raises(SpotError, match=r"--set: search.k: "):
        load_config(file, ["search.k=many", "train.steps=1", "train.key_step=1"])


# What the configs state: start, tokens, rate, warm-up, batch, steps, key's step, check; then the steps of
# a transfer, the similarity, the template of sst2, and whether label words are listed.
STATED = {
    "defaults-smollm2.toml": (
        ("text", 11, 0.002, 10, 16, 200, 60, 20), (200, "average", "gpt3", None)
    ),
    "domain-shift-paper.toml": (
        ("words", 100, 0.3, 0, 32, 30_000, 10_000, 500), (300, "task-vector", "t5", None)
    ),
    "domain-shift-smollm2.toml": (
        ("text", 11, 0.006, 10, 8, 60, 30, 30), (200, "average", "gpt3", False)
    ),
    "ensembles-smollm2.toml": (
        ("text", 11, 0.006, 10, 8, 60, 30, 30), (200, "average", "gpt3", False)
    ),
    "ensembles.toml": (("words", 20, None, 10, 16, 80, 60, 20), (300, "task-vector", "t5", None)),
    "mini.toml": (("words", 18, None, 10, 16, 80, 60, 40), (5, "per-token", "t5", None)),
    "paper-base.toml": (
        ("words", 100, 0.3, 0, 32, 262_144, 10_000, 500), (100_000, "task-vector", "t5", None)
    ),
    "real-nano.toml": (("words", 20, None, 10, 16, 80, 60, 40), (20, "per-token", "t5", True)),
    "smollm2.toml": (("text", 11, 0.006, 10, 16, 80, 40, 40), (10, "average", "gpt3", False)),
}  # fmt: skip


@pytest.mark.parametrize("name", STATED)
def test_a_config_states_its_own_numbers(name):
    """The defaults of a model may change; what a config in the repository means may not."""
    config = load_config(CONFIGS[0].parent / name)
    recipe, settings = config.recipe(), config.data_settings()
    assert STATED[name] == (
        (
            recipe.init, recipe.length, recipe.learning_rate, recipe.warmup_steps,
            recipe.batch_size, recipe.steps, recipe.key_step, recipe.check_every,
        ),
        (
            config.transfer.steps, config.search.similarity,
            settings.templates.get("sst2", settings.template), settings.list_labels,
        ),
    )  # fmt: skip


def test_there_are_configs_to_check():
    assert {path.name for path in CONFIGS} == {*STATED, *PRETRAINING}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_config_in_the_repository_is_read(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("#"), "a config begins with its command and what to expect of it"
    if path.name in PRETRAINING:
        from pretraining.config import PretrainConfig

        assert PretrainConfig.model_validate(tomllib.loads(text)).steps > 0
    else:
        assert load_config(path) != Config()


def test_true_is_not_the_number_one():
    for key, kind in {
        "train.steps": "a whole number", "train.patience": "a whole number", "train.dropout": "a number",
        "model.name": "a text", "bank.seeds": "a list", "runs": "a path", "train": "another value",
    }.items():  # fmt: skip
        with pytest.raises(SpotError, match=f"--set: {key}: expected {kind}, found true"):
            load_config(None, [f"{key}=true"])


def test_a_text_in_the_models_place_is_its_name(tmp_path):
    found = load_config(None, ["model=smollm2-135m", "model.precision=float32"]).model
    assert (found.name, found.precision) == ("smollm2-135m", "float32")
    (tmp_path / "c.toml").write_text('model = "some/folder"\n')
    assert load_config(tmp_path / "c.toml").model.name == "some/folder"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("a = " + "[" * 100_000, "not valid TOML .lists and objects are nested in more than 64"),
        ("a" + ".b" * 100_000 + " = 1", "not valid TOML .lists and objects are nested in more"),
        ("runs = " + "7" * 4400, "not valid TOML"),
        ("train.steps = " + "7" * 200, "not valid TOML .a whole number of more than 100 digits"),
        ("train.steps = 1e999", "train.steps: expected a finite number, found Infinity"),
        ("train.learning_rate = 1e999", "train.learning_rate: expected a finite number"),
        ('runs = "\\ud800"', "not valid TOML"),
        ('model.name = "a\\u0000b"', None),
        (
            "bank.seeds = [99999999999]",
            r"bank.seeds: expected distinct seeds ≥ 0, found \[99999999999",
        ),
        (f'data.source = "{"x" * 10_000}"', "data.source: expected local, .*…"),
    ],
)
def test_a_file_that_no_honest_one_is(content, found, tmp_path):
    file = tmp_path / "own.toml"
    file.write_text(content)
    if found is None:
        assert load_config(file).model.name == "a\0b"
        return
    with pytest.raises(SpotError, match=found) as caught:
        load_config(file)
    assert len(caught.value.message) < 600


@pytest.mark.parametrize(
    ("assignment", "found"),
    [
        (
            "train.steps=" + "[" * 100_000,
            r"--set: expected a value, found .*nested in more than 64",
        ),
        ("train.steps=" + "7" * 200, "--set: expected a value, found .*more than 100 digits"),
        ("train.steps=" + "7" * 4400, "--set: expected a value, found"),
        ("train.steps={a" + ".b" * 100 + " = 1}", "nested in more than 64"),
        ("runs=\udcff", r"runs: expected a path in UTF-8, as checkpoints need, found .udcff"),
        ("bank.path=a/\udcff", "bank.path: expected a path in UTF-8"),
    ],
)
def test_a_value_that_no_honest_one_is(assignment, found):
    with pytest.raises(SpotError, match=found) as caught:
        load_config(None, [assignment])
    assert len(caught.value.message) < 400 and caught.value.message.encode()


def test_pipes_and_devices_are_no_configs(tmp_path):
    os.mkfifo(tmp_path / "pipe.toml")
    for file, found in ((tmp_path / "pipe.toml", "it is a pipe"), (Path("/dev/zero"), "a device")):
        with pytest.raises(SpotError, match=f"config {file} cannot be read .*{found}"):
            load_config(file)


@pytest.mark.parametrize("seed", [-1, 2**32, 10**30, 1.5, "1", None])
def test_a_seed_that_python_gives_is_checked(seed):
    with pytest.raises(SpotError, match="expected a seed from 0 to 4294967295, found"):
        check_seed(seed)
    for right in (0, 7, LAST_SEED, np.int64(3)):
        check_seed(right)

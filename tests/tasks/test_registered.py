"""seqio Tasks and Mixtures that a user's module registers."""

from __future__ import annotations

import textwrap

import pytest

from spot.errors import SpotError
from spot.tasks.catalog import DataSettings, find_mixture, find_task, task, task_names
from spot.tasks.registered import checked_task, load_modules, registered_task
from spot.tasks.task import listing_labels, with_wording
from spot.tasks.text import Example
from spot.tasks.tokenizer import TokenizerVocabulary
from spot.tasks.tokens import Lengths, tokens
from spot.tasks.user import user_task
from spot.tasks.vocabulary import VocabularyFile

MODULE = """
    import functools
    import seqio
    import tensorflow as tf

    WORDS = seqio.SentencePieceVocabulary({path!r}, extra_ids=2)
    FEATURES = {{f: seqio.Feature(WORDS, add_eos=True) for f in ("inputs", "targets")}}
    EOS = seqio.preprocessors.append_eos_after_trim

    def dataset(split, shuffle_files=False, seed=None, n=60):
        n = n if split == "train" else 20
        answers = ["yes" if i % 3 else "no" for i in range(n)]
        names = [chr(97 + i % 26) + chr(97 + i // 26) for i in range(n)]
        rows = {{"inputs": [f"is {{x}} good" for x in names], "targets": answers}}
        return tf.data.Dataset.from_tensor_slices(rows)

    def add(name, features=FEATURES, keep=True, steps=(), splits=("train", "validation"), n=60):
        source = seqio.FunctionDataSource(functools.partial(dataset, n=n), splits=splits)
        tokenize = functools.partial(seqio.preprocessors.tokenize, copy_pretokenized=keep)
        pipeline = [*steps, tokenize, EOS]
        seqio.TaskRegistry.add(name, source, output_features=features, preprocessors=pipeline)

    add("own_yes", splits=("train", "validation", "test", "extra"))
    add("own_cut", keep=False)
    add("own_big", n=180)
    add("own_eval", splits=("validation",))
    add("own_bytes", {{f: seqio.Feature(seqio.ByteVocabulary()) for f in FEATURES}})
    OTHER = seqio.SentencePieceVocabulary({path!r}, extra_ids=7)
    add("own_other", {{f: seqio.Feature(OTHER) for f in FEATURES}})
    add("own_onlyinputs", {{"inputs": FEATURES["inputs"]}})
    add("own_broken", steps=(lambda ds: 1 / 0,))
    seqio.MixtureRegistry.add("own_mix", [("own_yes", 1), ("own_cut", 3)])
    add("boolq")
    seqio.MixtureRegistry.add("own_taken", [("own_yes", 1), ("boolq", 3)])
"""
LONG = Lengths(64, 8)


@pytest.fixture(scope="module")
def module(words, tmp_path_factory):
    path = tmp_path_factory.mktemp("module") / "own_tasks.py"
    path.write_text(textwrap.dedent(MODULE.format(path=str(words.path))))
    load_modules((str(path),))
    return str(path)


def test_rows_as_registered(module, words, tmp_path):
    settings = DataSettings(modules=(module, module))  # naming it twice loads it once
    found = task("own_yes", settings)
    assert (found.metrics, found.scoring, found.labels) == (("exact_match",), "generate", ())
    assert found.splits == ("train", "validation", "test", "extra")
    assert next(found.read("test")) == Example("is aa good", "no", -1, ("no",))
    assert found.rows("train") == 60
    split = tokens(found, "train", words, LONG, tmp_path)
    pieces = words.processor()
    assert split.inputs[0].tolist() == [*pieces.EncodeAsIds("is aa good"), 1]
    assert split.targets[1].tolist() == [*pieces.EncodeAsIds("yes"), 1]
    assert "own_yes" in task_names(settings)


def test_lacking_test_split_is_cut_and_text_is_decoded(module, words, tmp_path):
    found = registered_task("own_cut")
    assert found.splits == ("train", "validation", "test")
    sides = [{e.inputs for e in found.read(split)} for split in ("validation", "test")]
    assert not sides[0] & sides[1]
    assert sum(map(len, sides)) == 20
    assert next(found.read("train")).inputs == "is aa good"
    split = tokens(found, "test", words, LONG, tmp_path)
    assert len(split) == len(sides[1])


def test_fingerprint_follows_the_rows(module):
    prints = [registered_task(n).fingerprint() for n in ("own_yes", "own_cut", "own_big")]
    assert len(set(prints)) == 3
    assert registered_task("own_yes").fingerprint() == prints[0]
    assert registered_task("own_yes", labels=("no", "yes")).fingerprint() != prints[0]


def test_task_without_train_keeps_its_splits(module):
    assert registered_task("own_eval").splits == ("validation",)


def test_label_words_in_toml(module, tmp_path):
    toml = 'name = "mine"\nseqio = "own_yes"\nlabels = {no = "no", yes = "yes"}\nmetrics = ["f1"]\n'
    (tmp_path / "mine.toml").write_text(toml)
    settings = DataSettings(tasks=(tmp_path,), modules=(module,))
    found = task("mine", settings)
    assert (found.labels, found.scoring, found.metrics) == (("no", "yes"), "rank", ("f1",))
    assert [e.label for e in found.read("train")][:3] == [0, 1, 1]
    wrong = registered_task("own_yes", labels=("nope", "yes"))
    with pytest.raises(SpotError, match='train row 0: expected .* nope, yes, found "no"'):
        list(wrong.read("train"))
    numbers = registered_task("own_yes", metrics=("pearson",))
    assert next(numbers.read("train")).reference == -1.0


def test_mixture_keeps_its_rates(module):
    mixture = find_mixture("own_mix", DataSettings(modules=(module,)))
    names = [member.name for member in mixture.members]
    assert dict(zip(names, mixture.rates, strict=True)) == {"own_yes": 0.25, "own_cut": 0.75}
    with pytest.raises(SpotError, match='found the mixture "own_mix"'):
        task("own_mix", DataSettings(modules=(module,)))
    with pytest.raises(SpotError, match='found "boolq", which is also another task'):
        find_mixture("own_taken", DataSettings(modules=(module,)))


@pytest.mark.parametrize("name", ["own_bytes", "own_other"])
def test_other_vocabulary_is_refused(name, module, words, tmp_path):
    with pytest.raises(SpotError, match="expected the backbone's vocabulary .*letters.model"):
        tokens(registered_task(name), "train", words, LONG, tmp_path)


def test_other_file_is_refused(module, words, tmp_path):
    copy = tmp_path / "copy.model"
    copy.write_bytes(words.path.read_bytes() + b"\x10\x00")
    with pytest.raises(SpotError, match="expected the backbone's vocabulary .*copy.model"):
        tokens(registered_task("own_yes"), "train", VocabularyFile(copy, 2), LONG, tmp_path)
    decoder = TokenizerVocabulary("toy.json", "{}", "</s>")
    with pytest.raises(SpotError, match="vocabulary toy.json .0 extra ids") as caught:
        checked_task("own_yes", decoder)
    assert "describe the task in TOML" in caught.value.hint


def test_nothing_can_be_put_in_front_of_its_tokens(module):
    settings = DataSettings(modules=(module,), shots=1)
    with pytest.raises(SpotError, match='registered seqio Task "own_yes", which makes its own'):
        find_task("own_yes", settings)
    words = registered_task("own_yes", labels=("no", "yes"))
    for change in (listing_labels, lambda task: with_wording(task, text="Judge.")):
        with pytest.raises(SpotError, match="makes its own tokens"):
            change(words)


def test_other_errors(module, tmp_path):
    with pytest.raises(SpotError, match="output features inputs and targets, found inputs"):
        registered_task("own_onlyinputs")
    with pytest.raises(SpotError, match='found "own_yess". Did you mean "own_yes"'):
        registered_task("own_yess")
    with pytest.raises(SpotError, match="own_broken.*ZeroDivisionError"):
        list(registered_task("own_broken").read("train"))
    with pytest.raises(SpotError, match='Did you mean "train"'):
        list(registered_task("own_yes").read("trian"))
    (tmp_path / "a.toml").write_text('name = "mine"\nseqio = "own_none"\n')
    with pytest.raises(SpotError, match='expected a registered seqio Task, found "own_none"'):
        user_task(tmp_path / "a.toml", None, (module,))


@pytest.mark.parametrize(
    ("content", "message"), [(None, "found no file"), ("1 / 0", "ZeroDivisionError: division")]
)
def test_module_that_cannot_be_loaded(content, message, tmp_path):
    path = tmp_path / "bad.py"
    if content:
        path.write_text(content)
    with pytest.raises(SpotError, match=message):
        load_modules((str(path),))
    with pytest.raises(SpotError, match='import the module "no_such_module".*ModuleNotFound'):
        load_modules(("no_such_module",))

"""The forms of the published tasks, on invented rows written out by hand and on real rows."""

from __future__ import annotations

import json
import os

import pytest

from spot.errors import SpotError
from spot.tasks.published import catalog
from spot.tasks.published.catalog import TASKS, local_task
from spot.tasks.published.mixtures import MIXTURES
from spot.tasks.sources.local import HINT
from spot.tasks.splits import SPLITS, in_test
from spot.tasks.text import Example
from spot.tasks.vocabulary import VocabularyFile, label_tokens

PAIR = {"sentence1": "Ice melts.", "sentence2": "Ice thaws."}
BOTH = {"premise": "It rained.", "hypothesis": "It was wet."}
BOTH_TEXT = "hypothesis: It was wet. premise: It rained."

# task -> row, example: everything invented
CASES = {
    "cola": ({"sentence": "Cats naps."}, Example("cola sentence: Cats naps.", "acceptable", 1)),
    "sst2": ({"sentence": "fine"}, Example("sst2 sentence: fine", "positive", 1)),
    "mrpc": (
        PAIR,
        Example("mrpc sentence1: Ice melts. sentence2: Ice thaws.", "equivalent", 1),
    ),
    "qqp": (
        {"question2": "Why not?", "question1": "Why?"},
        Example("qqp question1: Why? question2: Why not?", "duplicate", 1),
    ),
    "stsb": (
        {**PAIR, "label": 2.5},
        Example("stsb sentence1: Ice melts. sentence2: Ice thaws.", "2.4", reference=2.5),
    ),
    "cxc": (
        {**PAIR, "label": 3.31},
        Example("cxc sentence1: Ice melts. sentence2: Ice thaws.", "3.4", reference=3.31),
    ),
    "mnli": (BOTH, Example(f"mnli {BOTH_TEXT}", "neutral", 1)),
    "snli": (BOTH, Example(f"snli {BOTH_TEXT}", "neutral", 1)),
    "rte": (BOTH, Example(f"rte {BOTH_TEXT}", "not_entailment", 1)),
    "cb": (BOTH, Example(f"cb {BOTH_TEXT}", "contradiction", 1)),
    "qnli": (
        {"sentence": "Ann did.", "question": "Who won?"},
        Example("qnli question: Who won? sentence: Ann did.", "not_entailment", 1),
    ),
    "boolq": (
        {"question": "is it cold", "passage": "Ice -- It is cold."},
        Example("boolq passage: Ice -- It is cold. question: is it cold", "True", 1),
    ),
    "copa": (
        {
            "premise": "It fell.",
            "choice1": "It broke.",
            "choice2": "It flew.",
            "question": "effect",
        },
        Example(
            "copa choice1: It broke. choice2: It flew. premise: It fell. question: effect",
            "choice2",
            1,
        ),
    ),
    "multirc": (
        {
            "paragraph": "<b>Sent 1: </b>Ann won.<br><b>Sent 2: </b>Bo lost.<br>",
            "question": "Who won?",
            "answer": "Ann",
            "idx": {"paragraph": 3, "question": 7, "answer": 9},
        },
        Example(
            "multirc question: Who won? answer: Ann paragraph: Sent 1: Ann won. Sent 2: Bo lost. ",
            "True",
            1,
            group="3-7",
        ),
    ),
    "record": (
        {
            "passage": "Ann met Bo.\n@highlight\nBo waved\n@highlight\nAnn left",
            "query": "@placeholder waved",
            "entities": ["Ann", "Bo"],
            "answers": ["Bo", "Bo"],
            "idx": {"passage": 1, "query": 2},
        },
        Example(
            "record query: @placeholder waved entities: Ann, Bo "
            "passage: Ann met Bo. Bo waved. Ann left",
            "Bo",
            reference=("Bo",),
            group="1-2",
        ),
    ),
    "wic": (
        {**PAIR, "word": "ice"},
        Example("wic sentence1: Ice melts. sentence2: Ice thaws. word: ice", "True", 1),
    ),
    "wsc": (
        {
            "text": "Ann told Bo that she saw her, and she ran.",
            "span1_text": "Ann",
            "span2_text": "she",
            "span1_index": 0,
            "span2_index": 8,
        },
        Example(
            "wsc span1_text: Ann span2_text: she "
            "text: Ann told Bo that she saw her, and *she* ran.",
            "True",
            1,
        ),
    ),
    "imdb": ({"text": "Fine film."}, Example("imdb text: Fine film.", "positive", 1)),
    "absa_laptop": (
        {"sentence": "Good screen .", "aspect": "screen"},
        Example("absa_laptop aspect: screen sentence: Good screen .", "neutral", 1),
    ),
    "ag_news": ({"text": "They won."}, Example("ag_news text: They won.", "Sports", 1)),
    "trec": ({"text": "Which fish ?"}, Example("trec text: Which fish ?", "entity", 1)),
    "banking77": ({"text": "Lost it!"}, Example("banking77 text: Lost it!", "lost_card", 1)),
    "tweet_eval_emotion": ({"text": "hi"}, Example("tweet_eval_emotion text: hi", "joy", 1)),
    "tweet_eval_irony": ({"text": "hi"}, Example("tweet_eval_irony text: hi", "irony", 1)),
    "tweet_eval_stance": (
        {"text": "hi", "target": "ice"},
        Example("tweet_eval_stance target: ice text: hi", "against", 1),
    ),
    "arc_easy": (
        {"question": "Which is cold?", "choices": ["fire", "ice", "sand", "wood"]},
        Example(
            "arc_easy A: fire B: ice C: sand D: wood question: Which is cold?",
            "B",
            1,
        ),
    ),
    "squad_xquad_en": (
        {
            "context": "Ann won.",
            "question": "Who won?",
            "answers": {"text": ["Ann", "Ann", "Ann won"], "answer_start": [0, 0, 0]},
        },
        Example("squad context: Ann won. question: Who won?", "Ann", reference=("Ann", "Ann won")),
    ),
    "glue_rte": (
        PAIR,
        Example("rte sentence1: Ice melts. sentence2: Ice thaws.", "not_entailment", 1),
    ),
    "wnli": (PAIR, Example("wnli sentence1: Ice melts. sentence2: Ice thaws.", "entailment", 1)),
    "mnli_mismatched": (BOTH, Example(f"mnli {BOTH_TEXT}", "neutral", 1)),
    "docnli": (BOTH, Example(f"docnli {BOTH_TEXT}", "entailment", 1)),
    **{
        f"anli_r{n}": (
            {"context": "It rained.", "hypothesis": "It was wet."},
            Example(f"anli {BOTH_TEXT}", "neutral", 1),
        )
        for n in (1, 2, 3)
    },
    "paws": (PAIR, Example("paws sentence1: Ice melts. sentence2: Ice thaws.", "equivalent", 1)),
    "axb": (
        {"sentence1": "It rained.", "sentence2": "It was wet."},
        Example(f"rte {BOTH_TEXT}", "not_entailment", 1),
    ),
    "axg": (BOTH, Example(f"rte {BOTH_TEXT}", "not_entailment", 1)),
    "wsc_referent": (
        {"text": "Ann told Bo that she ran.", "span1_text": "Ann", "span2_text": "she",
         "span1_index": 0, "span2_index": 4},
        Example("wsc: Ann told Bo that *she* ran.", "Ann", 1, reference=("Ann",)),
    ),
    "yelp2": ({"text": "Warm soup."}, Example("yelp2 text: Warm soup.", "positive", 1)),
    "cr": ({"text": "It hums ."}, Example("cr text: It hums .", "positive", 1)),
    "race": (
        {
            "article": "Ann won.",
            "questions": ["Who won?"],
            "options": [["Ann", "Bo", "Cy", "Di"]],
            "answers": ["A"],
        },
        Example("race A: Ann B: Bo C: Cy D: Di article: Ann won. question: Who won?", "A", 0),
    ),
    "cosmos_qa": (
        {"context": "It fell.", "question": "Why?", "answer0": "a", "answer1": "b",
         "answer2": "c", "answer3": "d"},
        Example(
            "cosmos_qa answer0: a answer1: b answer2: c answer3: d context: It fell. question: Why?",
            "answer1", 1,
        ),
    ),
    "squad": (
        {"context": "Ann won.", "question": "Who won?",
         "answers": {"text": ["Ann"], "answer_start": [0]}},
        Example("squad context: Ann won. question: Who won?", "Ann", reference=("Ann",)),
    ),
    "drop": (
        {"passage": "Two and three fell.", "question": "How many fell?", "answer": "5",
         "validated_answers": ["5", "five"]},
        Example("drop passage: Two and three fell. question: How many fell?", "5",
                reference=("5", "five")),
    ),
    **{
        f"mrqa_{name}": (
            {"context": "Ann won.", "question": "Who won?", "answers": ["Ann", "she"]},
            Example("squad context: Ann won. question: Who won?", "Ann", reference=("Ann", "she")),
        )
        for name in (
            "bio_asq", "drop", "duo_rc", "race", "relation_extraction", "textbook_qa",
            "hotpot_qa", "natural_questions", "news_qa", "search_qa", "trivia_qa",
        )
    },
    "alpha_nli": (
        {"observation_1": "It rained.", "observation_2": "Ann was wet.",
         "hypothesis_1": "She stayed in.", "hypothesis_2": "She went out."},
        Example(
            "alpha_nli hypothesis_1: She stayed in. hypothesis_2: She went out. "
            "observation_1: It rained. observation_2: Ann was wet.",
            "hypothesis_2", 1,
        ),
    ),
    "piqa": (
        {"goal": "Boil an egg.", "sol1": "Use ice.", "sol2": "Use hot water."},
        Example("piqa goal: Boil an egg. sol1: Use ice. sol2: Use hot water.", "sol2", 1),
    ),
    "social_iqa": (
        {"context": "Ann won.", "question": "How does she feel?", "answerA": "sad",
         "answerB": "glad", "answerC": "cold"},
        Example(
            "social_iqa answerA: sad answerB: glad answerC: cold context: Ann won. "
            "question: How does she feel?",
            "answerB", 1,
        ),
    ),
    "winogrande": (
        {"sentence": "The cup fell off the desk for the _ was full.", "option1": "cup",
         "option2": "desk"},
        Example(
            "winogrande option1: cup option2: desk sentence: The cup fell off the desk for the _ "
            "was full.",
            "option2", 1,
        ),
    ),
    "hellaswag": (
        {"context": "Ann lifts the pan.", "endings": ["She sings.", "She pours.", "No.", "So."]},
        Example(
            "hellaswag A: She sings. B: She pours. C: No. D: So. context: Ann lifts the pan.",
            "B", 1,
        ),
    ),
    # sha256("spot-prefix-v1:one two three") is even, so the place is 1.
    "c4": ({"text": "one two\nthree"}, Example("one", "two three", reference=("two three",))),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path, write_rows):
    """A data folder; call it with a task and its train rows (validation holds 40 copies)."""

    def make(name, rows, test=None):
        write_rows(tmp_path / name / "train.jsonl", rows)
        write_rows(tmp_path / name / "validation.jsonl", rows)
        if test is not None:
            write_rows(tmp_path / name / "test.jsonl", test)
        meta = {"label_names": ["card_arrival", "lost_card"], "licence": "CC0"}
        (tmp_path / name / "meta.json").write_text(json.dumps(meta))
        return tmp_path

    return make


def test_every_task_has_a_case():
    assert set(CASES) == set(TASKS)
    assert len(TASKS) > 50


@pytest.mark.parametrize("name", CASES)
def test_form_written_out_by_hand(name, folder):
    row, expected = CASES[name]
    rows = [{"label": 1, **row}]
    task = local_task(name, folder(name, rows, test=rows if TASKS[name].only_test else None))
    assert list(task.read(task.splits[0])) == [expected]
    assert task.splits == (("test",) if TASKS[name].only_test else SPLITS)
    assert task.license == "CC0"


@pytest.mark.parametrize("name", TASKS)
def test_real_rows(name, shared_data):
    folder = shared_data / "tasks"
    if not (folder / name).exists():
        pytest.skip(f"no real rows of {name}")
    index = {t["task"]: t for t in json.loads((folder / "index.json").read_text())}
    task = local_task(name, folder)
    assert task.available() == ""
    published = index[name]["rows"]
    examples = {split: list(task.read(split)) for split in SPLITS}
    assert {s: task.rows(s) for s in SPLITS} == {s: len(e) for s, e in examples.items()}
    if name != "record":  # there one row makes an example an answer
        assert len(examples["train"]) == published["train"]
        together = published["validation"] + published.get("test", 0)
        assert len(examples["validation"]) + len(examples["test"]) == together
    prefix = CASES[name][1].inputs.split(":")[0] + ": "  # the task and its first key
    for rows in examples.values():
        assert all(e.inputs.startswith(prefix) for e in rows)
        for e in rows:
            assert e.targets == task.labels[e.label] if task.labels else e.reference is not None
    validation, test = ({e.inputs for e in examples[s]} for s in ("validation", "test"))
    assert not validation & test
    assert ("sha256" in task.split_rule) == ("test" not in published)


CUT = [n for n in TASKS if TASKS[n].shared and n != "tweet_eval_stance"]  # it has a test file


@pytest.mark.parametrize("name", CUT)
def test_shared_passages_stay_on_one_side(name, shared_data):
    if not (shared_data / "tasks" / name).exists():
        pytest.skip(f"no real rows of {name}")
    task = local_task(name, shared_data / "tasks")
    field = TASKS[name].shared
    with open(shared_data / "tasks" / name / "validation.jsonl", encoding="utf-8") as file:
        passages = {json.loads(line)[field] for line in file}
    sides = {in_test(passage) for passage in passages}
    assert sides == {True, False}
    assert f'"spot-test-v1:" + {field}' in task.split_rule


def test_label_words_of_real_tasks_fit_the_targets(shared_data, t5_vocabulary_file):
    words = VocabularyFile(t5_vocabulary_file, 100)
    for name in TASKS:
        if name == "banking77" or not TASKS[name].labels:
            continue
        ids = label_tokens(local_task(name, shared_data / "tasks"), words)
        assert all(2 <= len(word) <= 6 and word[-1] == 1 for word in ids)
    rte = local_task("rte", shared_data / "tasks")
    assert len(label_tokens(rte, words)[1]) == 6  # not_entailment


def test_banking77_reads_its_words(shared_data, folder):
    task = local_task("banking77", shared_data / "tasks")
    assert len(task.labels) == 77
    broken = folder("banking77", [{"text": "x", "label": 0}])
    (broken / "banking77" / "meta.json").write_text("{}")
    with pytest.raises(SpotError, match='list of texts in "label_names"'):
        local_task("banking77", broken)
    (broken / "banking77" / "meta.json").write_text("{")
    with pytest.raises(SpotError, match="expected JSON in"):
        local_task("banking77", broken)
    (broken / "banking77" / "meta.json").write_text("[]")
    with pytest.raises(SpotError, match="expected a JSON object in"):
        local_task("banking77", broken)


@pytest.mark.parametrize("missing", [None, "nowhere"])
def test_missing_data_says_what_to_set(missing, tmp_path):
    task = local_task("banking77", missing and tmp_path / missing)
    assert HINT in task.available()
    for call in (lambda: next(task.read("train")), task.fingerprint, lambda: task.rows("train")):
        with pytest.raises(SpotError, match="SPOT_DATA_DIR"):
            call()


def test_empty_and_unknown_split(folder):
    task = local_task("sst2", folder("sst2", []))
    for split in SPLITS:
        with pytest.raises(SpotError, match=f'rows in the split "{split}", found none'):
            list(task.read(split))
    with pytest.raises(SpotError, match='Did you mean "validation"'):
        list(task.read("validatoin"))


def test_unlabelled_test_file_is_not_used(folder):
    rows = [{"sentence": f"text {i}", "label": 1} for i in range(20)]
    labelled = local_task("sst2", folder("sst2", rows, test=rows[:3]))
    assert labelled.rows("test") == 3
    assert labelled.split_rule == "train, validation and test as given"
    unlabelled = local_task("sst2", folder("sst2", rows, test=[{"sentence": "x", "label": -1}]))
    assert 3 < unlabelled.rows("test") < 17
    assert unlabelled.rows("test") + unlabelled.rows("validation") == 20


def test_fingerprint_follows_the_data(folder):
    row = {"sentence": "x", "label": 1}
    first = local_task("sst2", folder("sst2", [row]))
    digest = first.fingerprint()
    assert local_task("sst2", folder("sst2", [row])).fingerprint() == digest
    assert local_task("sst2", folder("sst2", [{**row, "label": 0}])).fingerprint() != digest
    assert local_task("cola", folder("cola", [row])).fingerprint() != digest


def test_the_fingerprint_of_local_files_is_the_one_that_banks_hold(folder):
    place = folder("sst2", [])
    for split in ("train", "validation"):  # bytes as fixed as the digest
        text = '{"sentence": "fine", "label": 1}\n'
        (place / "sst2" / f"{split}.jsonl").write_bytes(text.encode())
    saved = "118282f83e52fb5e7aca21f2334443eaa86a460ec8428f0fef870ae2ec6c2298"
    assert local_task("sst2", place).fingerprint() == saved


def test_mixtures_name_tasks():
    assert {m for members in MIXTURES.values() for m in members} <= set(TASKS)


def test_wsc_in_t5s_form_trains_on_true_referents_only(folder):
    row = {"text": "Ann told Bo that she ran.", "span2_text": "she", "span2_index": 4}
    rows = [
        {**row, "span1_text": "Ann", "label": 1},
        {**row, "span1_text": "Bo", "label": 0},
    ]
    task = local_task("wsc_referent", folder("wsc_referent", rows, test=rows))
    assert [e.targets for e in task.read("train")] == ["Ann"]
    assert [(e.targets, e.label) for e in task.read("test")] == [("Ann", 1), ("Bo", 0)]


def test_a_race_row_makes_an_example_a_question_and_bad_ones_are_named(folder):
    row = {
        "article": "Ann won.",
        "questions": ["Who?", "Who not?"],
        "options": [list("abcd"), list("efgh")],
        "answers": ["D", "A"],
    }
    task = local_task("race", folder("race", [row]))
    assert [e.label for e in task.read("train")] == [3, 0]
    for wrong, message in (
        ({"answers": ["D", "E"]}, 'one of A, B, C, D in "answers", found "E"'),
        ({"options": [list("abcd")]}, "as many options and answers as questions"),
        ({"options": [list("abcd"), ["a"]]}, 'lists of 4 texts in "options"'),
    ):
        with pytest.raises(SpotError, match=message):
            list(local_task("race", folder("race", [{**row, **wrong}])).read("train"))


def test_a_c4_text_is_cut_once_short_enough_and_never_at_an_end(folder):
    texts = [" ".join(f"w{i}" for i in range(n)) for n in (1, 2, 3, 400)]
    task = local_task("c4", folder("c4", [{"text": text} for text in texts]))
    examples = list(task.read("train"))
    assert len(examples) == 3  # one word alone cannot be cut
    for text, example in zip(texts[1:], examples, strict=True):
        assert f"{example.inputs} {example.targets}" == " ".join(text.split()[:128])


def test_a_task_that_is_only_scored_says_that_it_has_no_training_rows(folder):
    rows = [{**BOTH, "label": 1}]
    task = local_task("axg", folder("axg", rows, test=rows))
    with pytest.raises(SpotError, match='one of the splits test, found "train"'):
        list(task.read("train"))


@pytest.mark.parametrize(
    "names", [["a", " a "], ["a", ""], [], ["a", 3], {"a": 1}, "ab", [None], [["a"]], 7]
)
def test_label_names_of_no_use_are_refused(names, folder):
    place = folder("banking77", [{"text": "x", "label": 0}])
    (place / "banking77" / "meta.json").write_text(json.dumps({"label_names": names}))
    with pytest.raises(
        SpotError, match='list of texts in "label_names" of its meta.json, all diff'
    ):
        local_task("banking77", place)


def test_label_names_lose_their_outer_space(folder):
    place = folder("banking77", [{"text": "x", "label": 0}, {"text": "y", "label": 1}])
    (place / "banking77" / "meta.json").write_text(json.dumps({"label_names": [" lost", "found "]}))
    task = local_task("banking77", place)
    assert task.labels == ("lost", "found")
    assert {e.targets for e in task.read("train")} <= {"lost", "found"}


def test_meta_json_that_no_honest_file_has(folder):
    place = folder("sst2", [{"sentence": "x", "label": 0}])
    meta = place / "sst2" / "meta.json"
    for content, found in (
        ("[" * 100_000, "nested"),
        ('{"a": NaN}', "no NaN"),
        ("9" * 5000, "digits"),
    ):
        meta.write_text(content)
        with pytest.raises(SpotError, match=f"expected JSON in .*meta.json, found: .*{found}"):
            local_task("sst2", place)
    meta.unlink()
    os.mkfifo(meta)
    with pytest.raises(SpotError, match="expected JSON in .*meta.json, found: it is a pipe"):
        local_task("sst2", place)


def test_splits_of_one_class_or_of_the_same_rows_are_said_once(tmp_path, write_rows, caplog):
    rows = [{"sentence": f"film {i}", "label": i % 2} for i in range(20)]
    write_rows(tmp_path / "sst2" / "train.jsonl", rows)
    write_rows(tmp_path / "sst2" / "test.jsonl", rows)
    one = [{"sentence": f"play {i}", "label": 1} for i in range(20)]
    write_rows(tmp_path / "sst2" / "validation.jsonl", one)
    catalog._warn.cache_clear()
    for _ in range(2):
        task = local_task("sst2", tmp_path)
        task.fingerprint()
        assert [len(list(task.read(split))) for split in task.splits] == [20, 20, 20]
    assert [record.getMessage() for record in caplog.records] == [
        'task "sst2": train and test hold the same texts: the test score says nothing about new ones',
        'task "sst2": every row of validation has the label "positive": its score says nothing',
    ]

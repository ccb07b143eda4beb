"""The pretraining mixture: repeatable, varied, and free of the suite's tasks."""

from __future__ import annotations

import re
from random import Random

import pytest

from pretraining import examples, headers, wording
from pretraining.examples import (
    fixed_examples,
    keyword_examples,
    plain_text,
    pretraining_examples,
    pretraining_tasks,
    prompted_examples,
)
from pretraining.headers import headed_examples
from pretraining.mini import generate
from pretraining.mini.lexicon import people, things
from pretraining.mini.lexicon.reviews import PRETRAINING_REVIEWS
from pretraining.mini.lexicon.topics import TOPICS
from pretraining.mini.words import PRETRAIN, part
from spot.tasks.mini.suite import SPECS, mini_task, mini_task_names

DRAWS = 400
KEYED = re.compile(rf" (?:{'|'.join(key for (key,) in wording.KEYS['pick'])}): ")


@pytest.fixture(scope="module")
def drawn() -> list[tuple[str, str, str]]:
    return [
        (task.family, *example)
        for task in pretraining_tasks()
        for i in range(DRAWS // 2)
        for example in pretraining_examples(task, Random(f"{task.name} {i}"))
    ]


@pytest.fixture(scope="module")
def suite_texts() -> list[tuple[str, str]]:
    """(family, normalised text) of every input and main text of the suite."""
    return sorted(
        {
            (spec.family, text)
            for spec in SPECS
            for split in ("train", "validation", "test")
            for item in generate.items(spec, split)
            for text in generate.owned_texts(item)
        }
    )


def test_tasks_have_unique_names_and_weights_that_sum_to_one():
    tasks = pretraining_tasks()
    assert len({task.name for task in tasks}) == len(tasks)
    assert sum(task.weight for task in tasks) == pytest.approx(1)
    assert {task.family for task in tasks} == {spec.family for spec in SPECS} | {"pick", "likeness"}


def test_the_same_generator_gives_the_same_example():
    for task in pretraining_tasks():
        assert pretraining_examples(task, Random("x")) == pretraining_examples(task, Random("x"))
    assert plain_text(Random("x")) == plain_text(Random("x"))


def test_the_instruction_names_the_target(drawn):
    for _, inputs, targets in drawn:
        assert f" {targets}" in inputs


def test_two_texts_of_one_instruction_have_different_answers():
    for task in pretraining_tasks():
        for i in range(50):
            (one, first), (other, second) = pretraining_examples(task, Random(f"{task.name} {i}"))
            assert one != other and first != second, task.name
            assert one.split(": ")[0] == other.split(": ")[0], task.name


def test_fixed_label_words_are_the_familys_first_in_their_order():
    for task in pretraining_tasks():
        family = examples.words_of_task(task)
        for i in range(30):
            for inputs, answer in fixed_examples(task, Random(f"{task.name} {i}")):
                listed = inputs.removeprefix("Answer ").split(". ", 1)[0]
                named = re.split(", | or ", listed)
                assert answer in named, inputs
                if family in wording.LABELS:
                    assert tuple(named) == wording.LABELS[family][0]


def test_keywords_name_the_family_and_label_words_are_among_them():
    for task in pretraining_tasks():
        named = examples.wording_of(task)
        keywords = set(wording.KEYWORDS[named])
        others = {w for f, ws in wording.KEYWORDS.items() if f != named for w in ws}
        for i in range(60):
            (one, first), (other, second) = keyword_examples(task, Random(f"{task.name} {i}"))
            header = one.split(". ", 1)[0]
            assert other.startswith(f"{header}. ") and first != second
            words = header.split(" ")
            assert {first, second} <= set(words) and len(keywords & set(words)) >= 2
            if task.family != "pick":  # its label words come from any text
                assert others.isdisjoint(words)


def test_the_place_of_a_keyword_label_is_its_class():
    task = next(t for t in pretraining_tasks() if t.kind == "two-way")
    for i in range(60):
        # The same draws as the example's own: the label of its first text.
        rng = Random(f"place {i}")
        made = keyword_examples(task, Random(f"place {i}"))
        items, _ = examples.draw_items(task, rng)
        by_text = {item.fields[0][1] + item.fields[1][1]: item.label for item in items}
        for inputs, answer in made:
            header, text = inputs.split(". ", 1)
            labels = [w for w in header.split(" ") if w not in wording.KEYWORDS["inference"]]
            shown = [label for whole, label in by_text.items() if _same(whole, text)]
            assert shown and labels[shown[0]] == answer


def _same(whole: str, text: str) -> bool:
    """True if the text is those fields under some keys."""
    return any(
        whole == "".join(re.split(rf"(?:^| ){one}: | {two}: ", text))
        for one, two in wording.KEYS["inference"]
    )


FREE = tuple(f"free{i}" for i in range(50))


def test_the_better_a_header_names_the_family_the_more_of_its_answers_are_right():
    """Answers of a pair differ if both are right, or by chance."""
    task = next(t for t in pretraining_tasks() if t.kind == "two-way")
    mine = set(wording.KEYWORDS["inference"])
    differ: dict[int, list[bool]] = {}
    for i in range(12_000):
        header, ((one, first), (other, second)) = prompted_examples(task, Random(f"h {i}"), FREE)
        assert {first, second} <= set(header) and one != other
        named = sum(word in mine for word in header)
        if named or not _others(header):
            differ.setdefault(named, []).append(first != second)
    share = {named: sum(pairs) / len(pairs) for named, pairs in differ.items()}
    # Right with probability r, else drawn from two: both right, or by chance two different ones.
    for named, r in ((0, 0.25), (1, 0.6), (2, 0.8)):
        assert share[named] == pytest.approx(0.5 + r * r / 2, abs=0.05)
    assert share[3] == share[4] == 1


def test_headers_that_name_only_another_family_have_drawn_answers():
    task = next(t for t in pretraining_tasks() if t.kind == "two-way")
    mine = set(wording.KEYWORDS["inference"])
    drawn = [prompted_examples(task, Random(f"o {i}"), FREE) for i in range(3000)]
    differ = [
        first != second
        for header, ((_, first), (_, second)) in drawn
        if mine.isdisjoint(header) and _others(header)
    ]
    both = [header for header, _ in drawn if not mine.isdisjoint(header) and _others(header)]
    assert len(differ) > 100 and sum(differ) / len(differ) == pytest.approx(0.5, abs=0.1)
    assert len(both) > 300


def _others(header: tuple[str, ...]) -> bool:
    """True if a header names a family other than inference."""
    return any(
        word in words
        for family, words in wording.KEYWORDS.items()
        if family != "inference"
        for word in header
    )


def test_free_words_stand_for_classes_and_keys():
    task = next(t for t in pretraining_tasks() if t.kind == "two-way")
    answers, keys = set(), set()
    for i in range(400):
        _, pairs = prompted_examples(task, Random(f"free {i}"), FREE)
        answers |= {answer for _, answer in pairs}
        keys |= {text.split(": ")[0] for text, _ in pairs}
    assert len(answers & set(FREE)) > 40 and len(keys & set(FREE)) > 40
    assert answers - set(FREE) and keys - set(FREE)


def test_a_header_explains_the_label_word_of_a_topic():
    task = next(t for t in pretraining_tasks() if t.kind == "statements" and t.family == "topic")
    for i in range(60):
        header, pairs = prompted_examples(task, Random(f"topic {i}"), FREE)
        words = [word for word in header if word not in wording.KEYWORDS["topic"]]
        told = dict(zip(words, words[1:], strict=False))
        assert all(answer in FREE and told[answer] not in FREE for _, answer in pairs)


@pytest.mark.parametrize("naming", [wording.KEYWORDS, headers.MARKS])
def test_no_word_names_two_families_or_is_of_the_suite(naming):
    words = [word for group in naming.values() for word in group]
    suite = {label for name in mini_task_names() for label in mini_task(name).labels}
    suite |= {key for spec in SPECS for key in spec.keys}
    assert len(words) == len(set(words)) and suite.isdisjoint(words)


def test_the_more_marks_a_header_has_the_more_of_its_answers_are_right():
    task = next(t for t in pretraining_tasks() if t.kind == "two-way")
    differ: dict[int, list[bool]] = {}
    alone = []
    for i in range(12_000):
        header, ((one, first), (other, second)) = headed_examples(task, Random(f"m {i}"), FREE)
        assert one != other and set(header.marks) <= set(headers.MARKS["inference"])
        if header.marks or not header.others:
            differ.setdefault(len(header.marks), []).append(first != second)
        else:
            alone.append(first != second)
    share = {marks: sum(pairs) / len(pairs) for marks, pairs in differ.items()}
    for marks, r in enumerate(headers.RIGHT):
        assert share[marks] == pytest.approx(0.5 + r * r / 2, abs=0.05)
    assert sum(alone) / len(alone) == pytest.approx(0.5, abs=0.1)  # only others are named


def test_label_words_are_in_the_header_or_listed_in_class_order_in_the_text():
    task = next(t for t in pretraining_tasks() if t.kind == "two-way")
    in_front = set()
    ordered = 0
    for i in range(400):
        items = examples.draw_items(task, Random(f"l {i}"))[0]
        header, pairs = headed_examples(task, Random(f"l {i}"), FREE)
        answers: dict[int, str] = {}
        for text, answer in pairs:
            (item,) = [one for one in items if all(field in text for _, field in one.fields)]
            answers[item.label] = answer
            if header.labels:
                assert answer in header.labels
                continue
            rest = text
            for _, field in item.fields:
                rest = rest.replace(field, "#")
            place = re.search(rf"\b{answer}\b", rest)
            assert place
            in_front.add(place.start() < rest.index("#"))
        if not header.labels and len(header.marks) >= 3 and len(answers) == 2:
            assert re.search(rf"\b{answers[0]}\b.*\b{answers[1]}\b", rest)
            ordered += 1
    assert in_front == {True, False} and ordered > 20


def test_a_topic_is_explained_by_words_of_its_texts_or_has_its_name():
    task = next(t for t in pretraining_tasks() if t.kind == "statements" and t.family == "topic")
    told, named = 0, 0
    for i in range(300):
        header, pairs = headed_examples(task, Random(f"t {i}"), FREE)
        named += all(answer in examples.TOPICS for _, answer in pairs)
        for words in header.telling:
            told += 1
            assert 1 <= len(words) <= 4
            assert any(all(word in " ".join(parts) for word in words) for parts in TOPICS.values())
        if not header.telling:
            assert all(answer in examples.TOPICS for _, answer in pairs)
    assert told > 300 and 100 < named < 200


def test_the_replacement_of_a_premise_has_its_schema():
    task = next(t for t in pretraining_tasks() if t.family == "likeness")
    for i in range(300):
        for item in examples.draw_items(task, Random(f"a {i}"))[0]:
            fields = dict(item.fields)
            schema, side, *options = item.facts[0]
            assert options[item.label] == (schema, side) and options[1 - item.label][0] != schema
            assert fields["premise"] not in (fields["one"], fields["two"])


def test_the_picked_word_is_in_the_text_and_the_other_is_not():
    listed = next(task for task in pretraining_tasks() if task.kind == "listed")
    for i in range(200):
        (one, first), (other, second) = pretraining_examples(listed, Random(i))
        for inputs, right, wrong in ((one, first, second), (other, second, first)):
            words = re.findall(r"[A-Za-z']+", KEYED.split(inputs, 1)[1])
            assert right in words and wrong not in words, inputs


def test_a_rule_decides_the_answer():
    rule = next(task for task in pretraining_tasks() if task.kind == "rule")
    for i in range(200):
        for inputs, answer in pretraining_examples(rule, Random(i)):
            asked, text = KEYED.split(inputs, 1)
            cases = re.findall(r"(\w+) if it has the word ([A-Za-z']+)", asked)
            held = [label for label, word in cases if word in re.findall(r"[A-Za-z']+", text)]
            assert len(cases) == 2 and held == [answer], inputs


def test_every_label_is_drawn_about_equally_often(drawn):
    for family, pairs in wording.LABELS.items():
        if family == "inference3":
            continue
        hits = [0, 0]
        named = {"plausible": {"alternatives"}, "alternatives": {"alternatives", "likeness"}}
        for drawn_family, inputs, targets in drawn:
            for pair in pairs if drawn_family in named.get(family, {family}) else ():
                if targets in pair and all(word in inputs for word in pair):
                    hits[pair.index(targets)] += 1
        assert abs(hits[0] - hits[1]) < 0.25 * sum(hits), family


def test_every_family_has_enough_questions_and_label_words():
    assert all(len(questions) >= 8 for questions in wording.QUESTIONS.values())
    assert all(len(pairs) >= 10 for pairs in wording.LABELS.values())


def test_no_label_words_of_the_suite_are_answers_in_pretraining():
    suite = {word for name in mini_task_names() for word in mini_task(name).labels}
    used = {word for pairs in wording.LABELS.values() for pair in pairs for word in pair}
    assert suite.isdisjoint(used | set(examples.TOPICS) | set(examples.answer_words()))


def test_explained_label_words_are_drawn_from_hundreds(drawn):
    assert len(examples.answer_words()) > 800
    explained = [(text, answer) for _, text, answer in drawn if f"{answer} if " in text]
    assert len({answer for _, answer in explained}) > 600


def test_no_keys_of_the_suite_are_keys_in_pretraining():
    suite = {key for spec in SPECS for key in spec.keys}
    used = {key for formats in wording.KEYS.values() for keys in formats for key in keys}
    assert suite.isdisjoint(used)


def test_keys_and_meanings_fit_the_families():
    for family, formats in wording.KEYS.items():
        assert len({len(keys) for keys in formats}) == 1, family
    for family, meanings in wording.MEANINGS.items():
        classes = 3 if family == "inference3" else 2
        assert all(len(meaning) == classes for meaning in meanings)
        assert all(len(pair) == classes for pair in wording.LABELS[family])


def test_word_slices_of_pretraining_and_tasks_are_disjoint():
    pools = [people.FEMALE, people.MALE, people.JOBS, people.TOWNS, things.ROOMS, things.SITES]
    for pool in [*pools, *things.KINDS.values()]:
        assert len(set(pool)) == len(pool)
        for spec in SPECS:
            assert set(part(pool, PRETRAIN)).isdisjoint(part(pool, spec.name))


def test_domains_and_topics_of_pretraining_are_in_no_task():
    kinds = {spec.kind for spec in SPECS}
    labels = {label for spec in SPECS for label in spec.labels}
    assert kinds.isdisjoint(PRETRAINING_REVIEWS)
    assert labels.isdisjoint(examples.TOPICS)


def test_pretraining_never_draws_a_text_of_the_suite(suite_texts):
    owned = set(suite_texts)
    for task in pretraining_tasks():
        for i in range(DRAWS):
            items, _ = examples.draw_items(task, Random(f"draw {task.name} {i}"))
            for item in items:
                for text in generate.owned_texts(item):
                    assert (task.family, text) not in owned, text


def test_written_pretraining_text_holds_no_text_of_the_targets(drawn, suite_texts):
    targets = {
        text
        for spec in SPECS
        if spec.role == "target"
        for item in generate.items(spec, "test")
        for text in generate.owned_texts(item)[1:]
    }
    written = [generate.normalised(inputs) for _, inputs, _ in drawn]
    written += [generate.normalised(plain_text(Random(i))) for i in range(1500)]
    everything = " # ".join(f" {text} " for text in written)
    assert len(targets) > 1000
    for text in sorted(targets)[::3]:
        assert f" {text} " not in everything, text


def test_plain_text_is_running_english_of_many_words():
    texts = [plain_text(Random(i)) for i in range(2000)]
    assert all(text[0].isupper() or text[0] in '"' for text in texts)
    assert all(text[-1] in ".?" and "{" not in text and "  " not in text for text in texts)
    assert len({word for text in texts for word in text.lower().split()}) > 2500
    assert len(set(texts)) > 1900

"""TF-IDF with logistic regression: it finds what words tell, and every odd input has an answer."""

from __future__ import annotations

import time

import numpy as np

from spot.tasks import tfidf
from spot.tasks.tfidf import tfidf_classes

TEXTS = ["my invoice is wrong", "the app crashes", "charged twice", "an error on start"]
LABELS = [0, 1, 0, 1]


def test_words_tell_classes():
    assert tfidf_classes(TEXTS, LABELS, ["invoice charged", "crashes on start"]) == [0, 1]


def test_pairs_of_words_tell_classes():
    texts = ["good not bad", "bad not good"]  # the same words
    assert tfidf_classes(texts * 10, [0, 1] * 10, texts) == [0, 1]


def test_one_class_or_no_words_give_the_most_frequent_class():
    assert tfidf_classes(["a", "b"], [2, 2], ["c"]) == [2]
    assert tfidf_classes(["?", "!", "…"], [0, 1, 1], ["??", "word"]) == [1, 1]


def test_many_rows_are_cut_to_a_sample_of_a_second(monkeypatch):
    rng = np.random.default_rng(0)
    words = np.array([f"w{number}" for number in range(2000)])
    texts = [" ".join(rng.choice(words, 30)) for _ in range(12_000)]
    labels = [int("w7 " in text + " ") for text in texts]
    seen = []
    real = tfidf.np.random.default_rng
    monkeypatch.setattr(
        tfidf.np.random, "default_rng", lambda seed: seen.append(seed) or real(seed)
    )
    begin = time.process_time()
    first = tfidf_classes(texts, labels, texts[:50])
    assert time.process_time() - begin < 20  # about 2 s on a machine that does nothing else
    assert seen == [0] and first == tfidf_classes(texts, labels, texts[:50])

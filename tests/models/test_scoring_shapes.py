"""Texts and label words are scored in few shapes, whose padding changes no order of rows."""

from __future__ import annotations

import numpy as np

from spot.models.padding import FEW_BUCKETS
from spot.models.scoring import MANY, ROWS, batches, label_words
from spot.tasks.examples import Ragged


def test_label_words_have_few_shapes_and_come_first():
    labels = [[5, 1], [6, 7, 1], [8, 1]]
    words = label_words(labels)
    assert words.shape == (4, 4)
    for row, word in zip(words, [*labels, labels[0]], strict=True):
        np.testing.assert_array_equal(row, [*word, *[0] * (4 - len(word))])
    assert label_words([[5], [6]]).shape == (2, 1)  # a decoder's
    assert label_words([[5] * 5] * 77).shape == (80, 8)


def widths(lengths, backbone):
    inputs = Ragged.of([np.full(length, 3, np.int32) for length in lengths])
    seen, shapes = [], set()
    for rows, batch in batches(backbone.network, inputs):
        array = np.asarray(batch)
        assert len(array) == ROWS
        np.testing.assert_array_equal((array[: len(rows)] > 0).sum(1), inputs.lengths()[rows])
        seen += rows.tolist()
        shapes.add(array.shape[1])
    assert sorted(seen) == list(range(len(lengths)))
    return shapes


def test_few_rows_have_few_widths_and_many_rows_little_padding(tiny_backbone):
    lengths = np.random.default_rng(0).integers(1, 100, MANY).tolist()
    assert widths(lengths[:-1], tiny_backbone) <= set(FEW_BUCKETS)
    assert {48, 80, 96} <= widths(lengths, tiny_backbone)

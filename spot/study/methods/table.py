"""The methods by name, in the order in which they run and are shown."""

from __future__ import annotations

from collections.abc import Callable

from spot.study.methods.design import few_shot, zero_shot
from spot.study.methods.features import class_mean, knn_lm, nearest_neighbours, probe
from spot.study.methods.method import PROMPT_TUNING, TFIDF, Lines, Refused, Runner
from spot.study.methods.tuning import model_tuning, prompt_tuning
from spot.study.methods.words import tfidf

METHODS: dict[str, Callable[[Runner], Lines | Refused]] = {
    "zero-shot": zero_shot,
    "few-shot": few_shot,
    PROMPT_TUNING: prompt_tuning,
    "model-tuning": model_tuning,
    "nearest-neighbours": nearest_neighbours,
    "class-mean": class_mean,
    "probe": probe,
    "knn-lm": knn_lm,
    TFIDF: tfidf,
}

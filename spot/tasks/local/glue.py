"""GLUE (Wang et al. 2019) and its relatives of one or two sentences: SNLI and CxC."""

from __future__ import annotations

from collections.abc import Mapping

from spot.tasks.local.form import LocalTask, classified, rated

_THREE_WAY = ("entailment", "neutral", "contradiction")

TASKS: Mapping[str, LocalTask] = {
    "cola": LocalTask(
        "acceptability",
        ("unacceptable", "acceptable"),
        ("matthews",),
        classified("cola", "sentence"),
        "Is the sentence grammatical English? (CoLA)",
    ),
    "sst2": LocalTask(
        "sentiment",
        ("negative", "positive"),
        ("accuracy",),
        classified("sst2", "sentence"),
        "Sentiment of a phrase from a film review (SST-2)",
    ),
    "mrpc": LocalTask(
        "paraphrase",
        ("not_equivalent", "equivalent"),
        ("f1", "accuracy"),
        classified("mrpc", "sentence1", "sentence2"),
        "Do two news sentences say the same? (MRPC)",
    ),
    "qqp": LocalTask(
        "paraphrase",
        ("not_duplicate", "duplicate"),
        ("f1", "accuracy"),
        classified("qqp", "question1", "question2"),
        "Do two questions ask the same? (QQP)",
    ),
    "stsb": LocalTask(
        "similarity",
        (),
        ("pearson", "spearman"),
        rated("stsb"),
        "How alike are two sentences, 0 to 5? (STS-B)",
        scoring="generate",
    ),
    "cxc": LocalTask(
        "similarity",
        (),
        ("pearson", "spearman"),
        rated("cxc"),
        "How alike are two image captions, 0 to 5? (Crisscrossed Captions)",
        scoring="generate",
    ),
    "mnli": LocalTask(
        "inference",
        _THREE_WAY,
        ("accuracy",),
        classified("mnli", "hypothesis", "premise"),
        "Does the premise entail the hypothesis? Many genres (MultiNLI)",
        shared="premise",
    ),
    "snli": LocalTask(
        "inference",
        _THREE_WAY,
        ("accuracy",),
        classified("snli", "hypothesis", "premise"),
        "Does the premise entail the hypothesis? Image captions (SNLI)",
        shared="premise",
    ),
    "qnli": LocalTask(
        "inference",
        ("entailment", "not_entailment"),
        ("accuracy",),
        classified("qnli", "question", "sentence"),
        "Does the sentence answer the question? (QNLI)",
        shared="sentence",
    ),
    "rte": LocalTask(
        "inference",
        ("entailment", "not_entailment"),
        ("accuracy",),
        classified("rte", "hypothesis", "premise"),
        "Does the premise entail the hypothesis? News (RTE)",
        shared="premise",
    ),
}

"""GLUE (Wang et al. 2019) and its relatives of one or two sentences: SNLI, ANLI, DocNLI, PAWS, CxC."""

from __future__ import annotations

from collections.abc import Mapping

from spot.tasks.files import Row
from spot.tasks.published.form import Examples, Labels, LocalTask, classified, form, rated
from spot.tasks.task import Example

_THREE_WAY = ("entailment", "neutral", "contradiction")


def _anli(row: Row, labels: Labels) -> list[Example]:
    """TFDS calls the premise "context"; the text calls it what the other tasks do."""
    label = row.label(labels)
    pair = {"premise": row.text("context"), "hypothesis": row.text("hypothesis")}
    return [Example(form("anli", pair), labels[label], label)]


def _anli_round(number: int) -> LocalTask:
    return LocalTask(
        "inference",
        _THREE_WAY,
        ("accuracy",),
        Examples(_anli, ("context", "hypothesis")),
        f"Hypotheses written to fool a model, round {number} (ANLI)",
        shared="context",
    )


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
    "glue_rte": LocalTask(
        "inference",
        ("entailment", "not_entailment"),
        ("accuracy",),
        classified("rte", "sentence1", "sentence2"),
        "Does the first sentence entail the second? News (RTE under GLUE's names)",
        shared="sentence1",
    ),
    "wnli": LocalTask(
        "coreference",
        ("not_entailment", "entailment"),
        ("accuracy",),
        classified("wnli", "sentence1", "sentence2"),
        "Is the sentence with the pronoun replaced entailed? (WNLI)",
        shared="sentence1",
    ),
    "mnli_mismatched": LocalTask(
        "inference",
        _THREE_WAY,
        ("accuracy",),
        classified("mnli", "hypothesis", "premise"),
        "MultiNLI in genres that its training rows lack",
        only_test=True,
    ),
    "docnli": LocalTask(
        "inference",
        ("not_entailment", "entailment"),
        ("f1", "accuracy"),
        classified("docnli", "hypothesis", "premise"),
        "Does a document entail the hypothesis? (DocNLI)",
        shared="premise",
    ),
    "anli_r1": _anli_round(1),
    "anli_r2": _anli_round(2),
    "anli_r3": _anli_round(3),
    "paws": LocalTask(
        "paraphrase",
        ("not_equivalent", "equivalent"),
        ("f1", "accuracy"),
        classified("paws", "sentence1", "sentence2"),
        "Do two sentences of nearly the same words say the same? (PAWS-Wiki)",
    ),
}

"""GLUE (Wang et al. 2019) and its relatives of one or two sentences: SNLI, ANLI, DocNLI, PAWS, CxC."""

from __future__ import annotations

from collections.abc import Mapping

from spot.tasks.files import Row
from spot.tasks.published.form import Labels, classified, form, formed, rated
from spot.tasks.published.record import PublishedTask
from spot.tasks.published.templates import Template
from spot.tasks.sources.adapters import labelled, renamed
from spot.tasks.sources.hub import Hub, converted, parquet_files
from spot.tasks.sources.tfds import WITH_TEST, Tfds
from spot.tasks.text import Example

_THREE_WAY = ("entailment", "neutral", "contradiction")


def _anli(row: Row, labels: Labels) -> list[Example]:
    """TFDS calls the premise "context"; the text calls it what the other tasks do."""
    label = row.label(labels)
    pair = {"premise": row.text("context"), "hypothesis": row.text("hypothesis")}
    return [Example(form("anli", pair), labels[label], label)]


def _anli_round(number: int) -> PublishedTask:
    return PublishedTask(
        family="inference",
        labels=_THREE_WAY,
        metrics=("accuracy",),
        examples=formed(_anli, "anli", premise="context", hypothesis="hypothesis"),
        description=f"Hypotheses written to fool a model, round {number} (ANLI)",
        shared="context",
        tfds=Tfds(f"anli/r{number}", WITH_TEST),
        hf=converted(
            "facebook/anli",
            "plain_text",
            renamed(context="premise"),
            train=f"train_r{number}",
            validation=f"dev_r{number}",
            test=f"test_r{number}",
        ),
    )


def _on_hub(config: str, **files: str) -> Hub:
    """GLUE on the hub; `files` are patterns by split where they are not named by split."""
    patterns = {split: f"{config}/{pattern}" for split, pattern in files.items()}
    return Hub(
        "nyu-mll/glue",
        "bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c",
        patterns or parquet_files(f"{config}/", "train", "validation"),
    )


TASKS: Mapping[str, PublishedTask] = {
    "cola": PublishedTask(
        family="acceptability",
        labels=("unacceptable", "acceptable"),
        metrics=("matthews",),
        examples=classified("cola", "sentence"),
        description="Is the sentence grammatical English? (CoLA)",
        tfds=Tfds("glue/cola"),
        hf=_on_hub("cola"),
        templates={
            "flan": Template(
                "{sentence}\n"
                "Would a careful speaker of English accept this sentence?\n"
                "OPTIONS:{options}",
                labels=("no", "yes"),
            ),
            "gpt3": Template(
                "Sentence: {sentence}\nGrammatical:",
                labels=("no", "yes"),
            ),
        },
    ),
    "sst2": PublishedTask(
        family="sentiment",
        labels=("negative", "positive"),
        metrics=("accuracy",),
        examples=classified("sst2", "sentence"),
        description="Sentiment of a phrase from a film review (SST-2)",
        tfds=Tfds("glue/sst2"),
        hf=_on_hub("sst2"),
        templates={
            "flan": Template(
                "Here is a phrase from a film review:\n"
                "{sentence}\n"
                "What does its writer think of the film?\n"
                "OPTIONS:{options}",
                labels=("negative", "positive"),
                clean={"sentence": ("strip", "untokenized")},
            ),
            "gpt3": Template(
                "Review: {sentence}\nSentiment:",
                labels=("negative", "positive"),
                clean={"sentence": ("strip", "untokenized")},
            ),
        },
    ),
    "mrpc": PublishedTask(
        family="paraphrase",
        labels=("not_equivalent", "equivalent"),
        metrics=("f1", "accuracy"),
        examples=classified("mrpc", "sentence1", "sentence2"),
        description="Do two news sentences say the same? (MRPC)",
        tfds=Tfds("glue/mrpc"),
        hf=_on_hub("mrpc"),
        templates={
            "flan": Template(
                "First: {sentence1}\n"
                "Second: {sentence2}\n"
                "Do the two sentences say the same?\n"
                "OPTIONS:{options}",
                labels=("no", "yes"),
            ),
            "gpt3": Template(
                "{sentence1}\n{sentence2}\nSame meaning:",
                labels=("no", "yes"),
            ),
        },
    ),
    "qqp": PublishedTask(
        family="paraphrase",
        labels=("not_duplicate", "duplicate"),
        metrics=("f1", "accuracy"),
        examples=classified("qqp", "question1", "question2"),
        description="Do two questions ask the same? (QQP)",
        tfds=Tfds("glue/qqp"),
        hf=_on_hub("qqp"),
        templates={
            "flan": Template(
                "First: {question1}\n"
                "Second: {question2}\n"
                "Do the two questions ask for the same?\n"
                "OPTIONS:{options}",
                labels=("no", "yes"),
            ),
            "gpt3": Template(
                "{question1}\n{question2}\nSame question:",
                labels=("no", "yes"),
            ),
        },
    ),
    "stsb": PublishedTask(
        family="similarity",
        labels=(),
        metrics=("pearson", "spearman"),
        examples=rated("stsb"),
        description="How alike are two sentences, 0 to 5? (STS-B)",
        scoring="generate",
        tfds=Tfds("glue/stsb"),
        hf=_on_hub("stsb"),
        templates={
            "flan": Template(
                "First: {sentence1}\n"
                "Second: {sentence2}\n"
                "How alike are the two in meaning, from 0 (not at all) to 5 (the same)?",
            )
        },
    ),
    "cxc": PublishedTask(
        family="similarity",
        labels=(),
        metrics=("pearson", "spearman"),
        examples=rated("cxc"),
        description="How alike are two image captions, 0 to 5? (Crisscrossed Captions)",
        scoring="generate",
    ),
    "mnli": PublishedTask(
        family="inference",
        labels=_THREE_WAY,
        metrics=("accuracy",),
        examples=classified("mnli", "hypothesis", "premise"),
        description="Does the premise entail the hypothesis? Many genres (MultiNLI)",
        shared="premise",
        tfds=Tfds("glue/mnli", {"train": "train", "validation": "validation_matched"}),
        hf=_on_hub("mnli", train="train-*.parquet", validation="validation_matched-*.parquet"),
        templates={
            "flan": Template(
                "{premise}\nIf that is true, is it also true that {hypothesis}\nOPTIONS:{options}",
                labels=("yes", "maybe", "no"),
            ),
            "gpt3": Template(
                "{premise}\nQuestion: {hypothesis} True, False, or Neither?\nAnswer:",
                labels=("True", "Neither", "False"),
            ),
        },
    ),
    "snli": PublishedTask(
        family="inference",
        labels=_THREE_WAY,
        metrics=("accuracy",),
        examples=classified("snli", "hypothesis", "premise"),
        description="Does the premise entail the hypothesis? Image captions (SNLI)",
        shared="premise",
        tfds=Tfds("snli", WITH_TEST, labelled),
        hf=Hub(
            "stanfordnlp/snli",
            "cdb5c3d5eed6ead6e5a341c8e56e669bb666725b",
            parquet_files("plain_text/", "train", "validation", "test"),
            labelled,
        ),
        templates={
            "flan": Template(
                "{premise}\nIf that is true, is it also true that {hypothesis}\nOPTIONS:{options}",
                labels=("yes", "maybe", "no"),
            ),
            "gpt3": Template(
                "{premise}\nQuestion: {hypothesis} True, False, or Neither?\nAnswer:",
                labels=("True", "Neither", "False"),
            ),
        },
    ),
    "qnli": PublishedTask(
        family="inference",
        labels=("entailment", "not_entailment"),
        metrics=("accuracy",),
        examples=classified("qnli", "question", "sentence"),
        description="Does the sentence answer the question? (QNLI)",
        shared="sentence",
        tfds=Tfds("glue/qnli"),
        hf=_on_hub("qnli"),
        templates={
            "flan": Template(
                "Question: {question}\n"
                "Sentence: {sentence}\n"
                "Does the sentence hold the answer to the question?\n"
                "OPTIONS:{options}",
                labels=("yes", "no"),
            ),
            "gpt3": Template(
                "{sentence}\nQuestion: {question}\nAnswered above:",
                labels=("yes", "no"),
            ),
        },
    ),
    "glue_rte": PublishedTask(
        family="inference",
        labels=("entailment", "not_entailment"),
        metrics=("accuracy",),
        examples=classified("rte", "sentence1", "sentence2"),
        description="Does the first sentence entail the second? News (RTE under GLUE's names)",
        shared="sentence1",
        tfds=Tfds("glue/rte"),
        hf=_on_hub("rte"),
    ),
    "wnli": PublishedTask(
        family="coreference",
        labels=("not_entailment", "entailment"),
        metrics=("accuracy",),
        examples=classified("wnli", "sentence1", "sentence2"),
        description="Is the sentence with the pronoun replaced entailed? (WNLI)",
        shared="sentence1",
        tfds=Tfds("glue/wnli"),
        hf=_on_hub("wnli"),
    ),
    "mnli_mismatched": PublishedTask(
        family="inference",
        labels=_THREE_WAY,
        metrics=("accuracy",),
        examples=classified("mnli", "hypothesis", "premise"),
        description="MultiNLI in genres that its training rows lack",
        only_test=True,
        tfds=Tfds("glue/mnli", {"test": "validation_mismatched"}),
        hf=_on_hub("mnli", test="validation_mismatched-*.parquet"),
    ),
    "docnli": PublishedTask(
        family="inference",
        labels=("not_entailment", "entailment"),
        metrics=("f1", "accuracy"),
        examples=classified("docnli", "hypothesis", "premise"),
        description="Does a document entail the hypothesis? (DocNLI)",
        shared="premise",
        tfds=Tfds("docnli", WITH_TEST),
    ),
    "anli_r1": _anli_round(1),
    "anli_r2": _anli_round(2),
    "anli_r3": _anli_round(3),
    "paws": PublishedTask(
        family="paraphrase",
        labels=("not_equivalent", "equivalent"),
        metrics=("f1", "accuracy"),
        examples=classified("paws", "sentence1", "sentence2"),
        description="Do two sentences of nearly the same words say the same? (PAWS-Wiki)",
        tfds=Tfds("paws_wiki/labeled_final_tokenized", WITH_TEST),
        hf=Hub(
            "google-research-datasets/paws",
            "161ece9501cf0a11f3e48bd356eaa82de46d6a09",
            parquet_files("labeled_final/", "train", "validation", "test"),
        ),
        templates={
            "flan": Template(
                "First: {sentence1}\n"
                "Second: {sentence2}\n"
                "Do the two sentences say the same?\n"
                "OPTIONS:{options}",
                labels=("no", "yes"),
            ),
            "gpt3": Template(
                "{sentence1}\n{sentence2}\nSame meaning:",
                labels=("no", "yes"),
            ),
        },
    ),
}

"""Published tasks on the Hugging Face hub: repository, revision, files, and what differs from TFDS.

Revisions are commits, but where `CONVERTED` names the branch of the hub's own parquet copies.
"""

from __future__ import annotations

from collections.abc import Mapping

from spot.tasks.sources.hub import CONVERTED, Hub
from spot.tasks.sources.store import Adapt, Fields, labelled, relabelled, renamed

_GLUE = "bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c"
_SUPERGLUE = "3de24cf8022e94f4ee4b9d55a6f539891524d646"
_DIGITS = {str(digit): digit for digit in range(4)}
_LETTERS = ("A", "B", "C", "D")
# What the sets of MRQA are called there, those to train on and those out of domain.
_IN = {
    "hotpot_qa": "HotpotQA",
    "natural_questions": "NaturalQuestionsShort",
    "news_qa": "NewsQA",
    "search_qa": "SearchQA",
    "trivia_qa": "TriviaQA-web",
}
_OUT = {
    "bio_asq": "BioASQ",
    "drop": "DROP",
    "duo_rc": "DuoRC.ParaphraseRC",
    "race": "RACE",
    "relation_extraction": "RelationExtraction",
    "textbook_qa": "TextbookQA",
}


def _splits(prefix: str, *splits: str) -> dict[str, str]:
    return {split: f"{prefix}{split}-*.parquet" for split in splits}


def _glue(config: str, **files: str) -> Hub:
    named = {split: f"{config}/{pattern}" for split, pattern in files.items()}
    return Hub("nyu-mll/glue", _GLUE, named or _splits(f"{config}/", "train", "validation"))


def _superglue(config: str, *splits: str) -> Hub:
    named = _splits(f"{config}/", *(splits or ("train", "validation")))
    return Hub("aps/super_glue", _SUPERGLUE, named)


def _converted(repo: str, config: str, adapt: Adapt | None = None, **splits: str) -> Hub:
    files = {split: f"{config}/{theirs}/*.parquet" for split, theirs in splits.items()}
    return Hub(repo, CONVERTED, files, adapt) if adapt else Hub(repo, CONVERTED, files)


def _mrqa(subset: str, *splits: str) -> Hub:
    def adapt(fields: Fields) -> Fields | None:
        return fields if fields.get("subset") == subset else None

    commit = "f3178d9888471dfb2b67c93de14f0ddf499a8d9f"
    return Hub("mrqa-workshop/mrqa", commit, _splits("plain_text/", *splits), adapt)


def _hellaswag(fields: Fields) -> Fields:
    """Labels are digits as text there, and the context is called ctx."""
    return {
        **fields,
        "context": fields.get("ctx"),
        "label": _DIGITS.get(str(fields.get("label")), -2),
    }


def _race(fields: Fields) -> Fields:
    """One row a question there, one an article in TFDS."""
    lists = {"questions": "question", "options": "options", "answers": "answer"}
    return {"article": fields.get("article"), **{k: [fields.get(v)] for k, v in lists.items()}}


def _drop(fields: Fields) -> Fields | None:
    """Spans there: the first is the answer, all are accepted."""
    spans = fields.get("answers_spans")
    texts = spans.get("spans") if isinstance(spans, dict) else None
    return {**fields, "answer": texts[0], "validated_answers": texts} if texts else None


def arc(fields: Fields) -> Fields | None:
    """Choices as a list of texts and the answer as a class; a few questions have not four choices."""
    choices = fields.get("choices")
    texts = choices.get("text") if isinstance(choices, dict) else None
    marks = choices.get("label") if isinstance(choices, dict) else None
    if not isinstance(texts, list) or not isinstance(marks, list) or len(texts) != len(_LETTERS):
        return None
    return relabelled("answerKey", *marks)({**fields, "choices": texts})


HUB: Mapping[str, Hub] = {
    **{name: _glue(name) for name in ("cola", "sst2", "mrpc", "qqp", "stsb", "qnli", "wnli")},
    "glue_rte": _glue("rte"),
    "mnli": _glue("mnli", train="train-*.parquet", validation="validation_matched-*.parquet"),
    "mnli_mismatched": _glue("mnli", test="validation_mismatched-*.parquet"),
    **{n: _superglue(n) for n in ("boolq", "cb", "copa", "multirc", "record", "rte", "wic")},
    "wsc": _superglue("wsc.fixed"),
    "wsc_referent": _superglue("wsc.fixed"),
    "axb": _superglue("axb", "test"),
    "axg": _superglue("axg", "test"),
    "snli": Hub(
        "stanfordnlp/snli",
        "cdb5c3d5eed6ead6e5a341c8e56e669bb666725b",
        _splits("plain_text/", "train", "validation", "test"),
        labelled,
    ),
    **{
        f"anli_r{n}": _converted(
            "facebook/anli", "plain_text", renamed(context="premise"),
            train=f"train_r{n}", validation=f"dev_r{n}", test=f"test_r{n}",
        )
        for n in (1, 2, 3)
    },
    "paws": Hub(
        "google-research-datasets/paws",
        "161ece9501cf0a11f3e48bd356eaa82de46d6a09",
        _splits("labeled_final/", "train", "validation", "test"),
    ),
    "imdb": Hub(
        "stanfordnlp/imdb",
        "e6281661ce1c48d982bc483cf8a173c1bbeb5d31",
        _splits("plain_text/", "train", "test"),
    ),
    "yelp2": _converted("fancyzhx/yelp_polarity", "plain_text", train="train", test="test"),
    "cr": _converted("SetFit/CR", "default", train="train", test="test"),
    "ag_news": Hub(
        "fancyzhx/ag_news",
        "eb185aade064a813bc0b7f42de02595523103ca4",
        _splits("data/", "train", "test"),
    ),
    # Classes there: ABBR, ENTY, DESC, HUM, LOC, NUM; here description comes first, number fifth.
    "trec": _converted(
        "CogComp/trec", "default", relabelled("coarse_label", 2, 1, 0, 3, 5, 4),
        train="train", test="test",
    ),
    "arc_easy": Hub(
        "allenai/ai2_arc",
        "210d026faf9955653af8916fad021475a3f00453",
        _splits("ARC-Easy/", "train", "validation", "test"),
        arc,
    ),
    "squad": Hub(
        "rajpurkar/squad",
        "7b6d24c440a36b6815f21b70d25016731768db1f",
        _splits("plain_text/", "train", "validation"),
    ),
    "drop": Hub(
        "ucinlp/drop",
        "95cda593fae71b60b5b19f82de3fcf3298c1239c",
        _splits("data/", "train", "validation"),
        _drop,
    ),
    "race": Hub(
        "ehovy/race",
        "2fec9fd81f1dc971569a9b729c43f2f0e6436637",
        _splits("high/", "train", "validation", "test"),
        _race,
    ),
    "cosmos_qa": _converted("allenai/cosmos_qa", "default", train="train", validation="validation"),
    "winogrande": Hub(
        "allenai/winogrande",
        "01e74176c63542e6b0bcb004dcdea22d94fb67b5",
        _splits("winogrande_xl/", "train", "validation"),
        relabelled("answer", "1", "2"),
    ),
    "hellaswag": Hub(
        "Rowan/hellaswag",
        "218ec52e09a7e7462a5400043bb9a69a41d06b76",
        _splits("data/", "train", "validation"),
        _hellaswag,
    ),
    "alpha_nli": _converted(
        "allenai/art", "anli", relabelled("label", 1, 2), train="train", validation="validation"
    ),
    "piqa": _converted("ybisk/piqa", "plain_text", train="train", validation="validation"),
    "social_iqa": _converted(
        "allenai/social_i_qa", "default", relabelled("label", "1", "2", "3"),
        train="train", validation="validation",
    ),
    **{f"mrqa_{name}": _mrqa(subset, "train", "validation") for name, subset in _IN.items()},
    **{f"mrqa_{name}": _mrqa(subset, "test") for name, subset in _OUT.items()},
}  # fmt: skip

"""Published tasks in TFDS: the data set, its splits with answers, and where its fields differ."""

from __future__ import annotations

from collections.abc import Mapping

from spot.tasks.sources.hub_tasks import arc
from spot.tasks.sources.store import Fields, labelled, relabelled, renamed
from spot.tasks.sources.tfds import Tfds

_TWO = {"train": "train", "validation": "validation"}
_THREE = {**_TWO, "test": "test"}
_NO_VALIDATION = {"train": "train", "test": "test"}
_TEST = {"test": "test"}


def _news(fields: Fields) -> Fields:
    """Title and description, which other copies of the set hold as one text."""
    return {**fields, "text": f"{fields.get('title')} {fields.get('description')}"}


def _arc(fields: Fields) -> Fields | None:
    """TFDS gives the answer as a class A, B, C, D or E, also where choices are numbered."""
    key = fields.get("answerKey")
    return arc({**fields, "answerKey": "ABCDE"[key] if isinstance(key, int) else key})


TFDS: Mapping[str, Tfds] = {
    **{
        name: Tfds(f"glue/{name}", _TWO)
        for name in ("cola", "sst2", "mrpc", "qqp", "stsb", "qnli", "wnli")
    },
    "glue_rte": Tfds("glue/rte", _TWO),
    "mnli": Tfds("glue/mnli", {"train": "train", "validation": "validation_matched"}),
    "mnli_mismatched": Tfds("glue/mnli", {"test": "validation_mismatched"}),
    **{
        name: Tfds(f"super_glue/{name}", _TWO)
        for name in ("boolq", "cb", "copa", "multirc", "record", "rte", "wic")
    },
    "wsc": Tfds("super_glue/wsc.fixed", _TWO),
    "wsc_referent": Tfds("super_glue/wsc.fixed", _TWO),
    "axb": Tfds("super_glue/axb", _TEST),
    "axg": Tfds("super_glue/axg", _TEST),
    "snli": Tfds("snli", _THREE, labelled),
    **{f"anli_r{n}": Tfds(f"anli/r{n}", _THREE) for n in (1, 2, 3)},
    "docnli": Tfds("docnli", _THREE),
    "paws": Tfds("paws_wiki/labeled_final_tokenized", _THREE),
    "imdb": Tfds("imdb_reviews/plain_text", _NO_VALIDATION),
    "yelp2": Tfds("yelp_polarity_reviews", _NO_VALIDATION),
    "ag_news": Tfds("ag_news_subset", _NO_VALIDATION, _news),
    "trec": Tfds("trec", _NO_VALIDATION, renamed(label="label-coarse")),
    "arc_easy": Tfds("ai2_arc/ARC-Easy", _THREE, _arc),
    "squad": Tfds("squad/v1.1", _TWO),
    "drop": Tfds("drop", {"train": "train", "validation": "dev"}),
    "race": Tfds("race/high", {"train": "train", "validation": "dev", "test": "test"}),
    "cosmos_qa": Tfds("cosmos_qa", _TWO),
    "winogrande": Tfds("winogrande", {"train": "train_xl", "validation": "validation"}),
    "hellaswag": Tfds("hellaswag", _TWO),
    "alpha_nli": Tfds("art", _TWO, relabelled("label", 1, 2)),
    "piqa": Tfds("piqa", _TWO),
    "c4": Tfds("c4/en", _TWO),
    **{
        f"mrqa_{name}": Tfds(f"mrqa/{name}", _TWO)
        for name in ("hotpot_qa", "natural_questions", "news_qa", "search_qa", "trivia_qa")
    },
    **{
        f"mrqa_{name}": Tfds(f"mrqa/{name}", _TEST)
        for name in ("bio_asq", "drop", "duo_rc", "race", "relation_extraction", "textbook_qa")
    },
}

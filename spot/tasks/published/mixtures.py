"""The mixtures that are always there, by name. Imports nothing: whoever names a task looks here first."""

from __future__ import annotations

from collections.abc import Mapping

_MRQA = ("hotpot_qa", "natural_questions", "news_qa", "search_qa", "trivia_qa")
# The families that the paper mixes (Vu et al. 2022, section 2.2), of the tasks that are here. RTE is
# in superglue alone, for the same texts must not be a source and a target.
MIXTURES: Mapping[str, tuple[str, ...]] = {
    "glue": ("cola", "sst2", "mrpc", "qqp", "stsb", "mnli", "qnli"),
    "superglue": ("boolq", "cb", "copa", "multirc", "record", "rte", "wic", "wsc"),
    "nli": ("anli_r1", "anli_r2", "anli_r3", "docnli", "mnli", "qnli", "snli"),
    "mrqa": (*(f"mrqa_{name}" for name in _MRQA), "squad"),
    "paraphrase": ("cxc", "mrpc", "paws", "qqp", "stsb"),
    "rainbow": ("alpha_nli", "cosmos_qa", "hellaswag", "piqa", "social_iqa", "winogrande"),
    "sentiment": ("cr", "imdb", "sst2", "yelp2"),
    "tweet_eval": ("tweet_eval_emotion", "tweet_eval_irony", "tweet_eval_stance"),
}
BUILT_IN = frozenset({"mini", *MIXTURES})
"""The names of these mixtures and of the mini suite's: no task can have them, for a name is looked up as
a mixture first."""

"""Tasks: their rows from all sources, their text, and the token arrays of that text.

The only package that imports seqio and TensorFlow, and only inside functions.
"""

from bank.lazy import attach

__getattr__, __dir__, __all__ = attach(
    globals(),
    {
        "DataSettings": "spot.tasks.catalog",
        "load_task": "spot.tasks.catalog",
        "Ragged": "spot.tasks.examples",
        "TokenizedSplit": "spot.tasks.examples",
        "TableReport": "spot.tasks.inspection",
        "inspect_table": "spot.tasks.inspection",
        "write_task": "spot.tasks.inspection",
        "METRICS": "spot.tasks.metrics",
        "mini_target_names": "spot.tasks.mini.suite:target_names",
        "mini_task_names": "spot.tasks.mini.suite",
        "Mixture": "spot.tasks.task",
        "Task": "spot.tasks.task",
        "mixture_of": "spot.tasks.task",
        "Example": "spot.tasks.text",
        "TokenizerVocabulary": "spot.tasks.tokenizer",
        "Lengths": "spot.tasks.tokens",
        "tokenized": "spot.tasks.tokens:tokens",
        "Vocabulary": "spot.tasks.vocabulary",
        "label_tokens": "spot.tasks.vocabulary",
    },
)

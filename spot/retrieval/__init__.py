"""Search for a target: its query prompt and the nearest keys."""

from bank.lazy import attach

__getattr__, __dir__, __all__ = attach(
    globals(),
    {
        "ESTIMATORS": "spot.retrieval.estimators",
        "zero_shot_losses": "spot.retrieval.estimators",
        "SearchSettings": "spot.retrieval.settings",
        "Answer": "spot.retrieval.target",
        "search": "spot.retrieval.target",
    },
)

"""Transfer: the strategies, and the comparison with training from scratch."""

from bank.lazy import attach

__getattr__, __dir__, __all__ = attach(
    globals(),
    {
        "TransferSettings": "spot.strategies.settings",
        "Situation": "spot.strategies.start",
        "Start": "spot.strategies.start",
        "Strategy": "spot.strategies.start",
        "STRATEGIES": "spot.strategies.table",
        "Candidate": "spot.strategies.transfer",
        "Run": "spot.strategies.transfer",
        "TransferReport": "spot.strategies.transfer",
    },
)

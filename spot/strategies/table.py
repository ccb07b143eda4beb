"""The table of strategies. A new one is one file and one line here."""

from __future__ import annotations

from spot.errors import SpotError, did_you_mean
from spot.strategies.average import AVERAGE
from spot.strategies.mixture import MIXTURE
from spot.strategies.single import BEST, ORACLE
from spot.strategies.start import Strategy

STRATEGIES: dict[str, Strategy] = {
    strategy.name: strategy for strategy in (BEST, AVERAGE, MIXTURE, ORACLE)
}


def find_strategy(name: str) -> Strategy:
    """The strategy of this name; SpotError with the nearest one if there is none."""
    if name not in STRATEGIES:
        raise SpotError(
            f'unknown strategy "{name}".{did_you_mean(name, STRATEGIES)}',
            f"transfer.strategy is one of {', '.join(STRATEGIES)}",
        )
    return STRATEGIES[name]

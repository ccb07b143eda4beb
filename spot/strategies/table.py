"""The table of strategies. A new one is one file and one line here."""

from __future__ import annotations

from spot.errors import look_up
from spot.strategies.average import AVERAGE, MATCHED
from spot.strategies.mixture import MIXTURE
from spot.strategies.single import BEST, ORACLE
from spot.strategies.start import Strategy

STRATEGIES: dict[str, Strategy] = {
    strategy.name: strategy for strategy in (BEST, AVERAGE, MATCHED, MIXTURE, ORACLE)
}


def find_strategy(name: str) -> Strategy:
    """The strategy of this name; SpotError with the nearest one if there is none."""
    return look_up(STRATEGIES, name, "strategy", "transfer.strategy")

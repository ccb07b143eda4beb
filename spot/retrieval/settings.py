"""The settings of a search."""

from __future__ import annotations

from pydantic import Field

from spot.settings import Stage


class SearchSettings(Stage):
    """The comparison of keys with the query, and the number of hits.

    Without `similarity` a known model may have its own (`spot.models.defaults`).
    """

    similarity: str = "average"
    k: int = 3
    seeds: tuple[int, ...] = (0,)  # of the query prompts, whose similarities are averaged
    rerank_examples: int = Field(0, ge=0)  # > 0: order the top k by zero-shot loss on so many rows
    unlearned: bool = False  # also search entries that are no better than one answer for every row

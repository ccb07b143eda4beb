"""The settings of a search."""

from __future__ import annotations

from pydantic import Field

from spot.settings import Stage


class SearchSettings(Stage):
    """The comparison of keys with the query, and the number of hits.

    Without `similarity` a known model may have its own (`spot.models.defaults`).
    """

    similarity: str = "average"
    """How keys are compared with the query; a known model may have its own default."""
    k: int = 3
    """Tasks that a search lists."""
    seeds: tuple[int, ...] = (0,)
    """Seeds of the query prompts, whose similarities are averaged."""
    rerank_examples: int = Field(0, ge=0)
    """If more than 0: order the first k by their zero-shot loss on so many rows of the target."""
    unlearned: bool = False
    """Also search entries that are no better than one answer for every row."""

"""The rows of one task in one source: its splits, their rows, and a digest of their content."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from spot.errors import SpotError
from spot.tasks.files import Row


@dataclass(frozen=True)
class Store:
    """The rows of one task in one source.

    `files` maps a split to the argument of `rows`; a missing split is cut from another (see
    `spot.tasks.splits`). `hashes()` is a digest of each split's content. `available()` is "" or the
    reason why the data is missing, and never uses a network; `fetch()` downloads or prepares
    missing data, and raises SpotError where it cannot. `about` is the content of meta.json.
    """

    source: str
    files: Mapping[str, Path]
    rows: Callable[[Path], Iterator[Row]]
    hashes: Callable[[], dict[str, str]]
    available: Callable[[], str]
    fetch: Callable[[], None]
    hint: str
    about: Mapping[str, object] = field(default_factory=dict)


def absent_store(source: str, splits: tuple[str, ...], reason: str, near: str) -> Store:
    """The store of a task that the source does not have: every access raises SpotError.

    `near` is a "did you mean" behind the `reason` where the data is fetched.
    """
    hint = "choose data.source=local and put its rows there as JSONL"

    def fetch() -> None:
        raise SpotError(f"{reason}.{near}", hint)

    def rows(split: Path) -> Iterator[Row]:
        raise SpotError(reason, hint)

    def hashes() -> dict[str, str]:
        raise SpotError(reason, hint)

    files = {split: Path(split) for split in splits}
    return Store(source, files, rows, hashes, lambda: reason, fetch, hint)

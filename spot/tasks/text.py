"""One row of a task as text."""

from __future__ import annotations

from dataclasses import dataclass

Reference = tuple[str, ...] | float | None


@dataclass(frozen=True)
class Example:
    """One row as text.

    `inputs` and `targets` are the text that the model reads and the text that it must write.
    `label` is the class index, or -1 when the task has no classes. `reference` is the value that
    metrics compare with where the target text alone is not enough: every accepted answer
    (extraction) or the exact score (regression). `group` names rows that belong together, such as
    the answers to one question; "" when nothing does.
    """

    inputs: str
    targets: str
    label: int = -1
    reference: Reference = None
    group: str = ""

"""The prompt bank: entries on disk, similarity, exact search. Needs neither JAX nor `spot`.

    from bank import Bank, search
    hits = search(Bank.open("my-bank"), query, k=3).hits

Names are loaded on first use, so that `import bank` itself needs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bank.combine import weighted_average
    from bank.entry import Backbone, Entry, Prompts, entry_id
    from bank.errors import BankError, UserError
    from bank.evaluation import Evaluation, evaluate
    from bank.formats import (
        FORMATS,
        Export,
        Format,
        PromptFile,
        export_entry,
        export_prompt,
        read_prefix_file,
        read_prompt_file,
    )
    from bank.importing import ImportReport, import_folder, named_backbone
    from bank.integrity import verify
    from bank.nearest import Hit, SearchResult, rerank, search
    from bank.outcomes import Outcome
    from bank.recipes import recipe_warnings
    from bank.similarities import SIMILARITIES, Similarity, find_similarity
    from bank.store import Bank

_MODULES = {
    "bank.combine": ("weighted_average",),
    "bank.entry": ("Backbone", "Entry", "Prompts", "entry_id"),
    "bank.errors": ("BankError", "UserError"),
    "bank.evaluation": ("Evaluation", "evaluate"),
    "bank.formats": (
        "FORMATS", "Export", "Format", "PromptFile", "export_entry", "export_prompt",
        "read_prefix_file", "read_prompt_file",
    ),
    "bank.importing": ("ImportReport", "import_folder", "named_backbone"),
    "bank.integrity": ("verify",),
    "bank.nearest": ("Hit", "SearchResult", "rerank", "search"),
    "bank.outcomes": ("Outcome",),
    "bank.recipes": ("recipe_warnings",),
    "bank.similarities": ("SIMILARITIES", "Similarity", "find_similarity"),
    "bank.store": ("Bank",),
}  # fmt: skip
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "FORMATS",
    "SIMILARITIES",
    "Backbone",
    "Bank",
    "BankError",
    "Entry",
    "Evaluation",
    "Export",
    "Format",
    "Hit",
    "ImportReport",
    "Outcome",
    "PromptFile",
    "Prompts",
    "SearchResult",
    "Similarity",
    "UserError",
    "entry_id",
    "evaluate",
    "export_entry",
    "export_prompt",
    "find_similarity",
    "import_folder",
    "named_backbone",
    "read_prefix_file",
    "read_prompt_file",
    "recipe_warnings",
    "rerank",
    "search",
    "verify",
    "weighted_average",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""The prompt bank: entries on disk, similarity, exact search. Needs neither JAX nor `spot`.

    from bank import Bank, search
    hits = search(Bank.open("my-bank"), query, k=3).hits

Names are loaded on first use, so that `import bank` itself needs nothing.
"""

from bank.lazy import attach

__getattr__, __dir__, __all__ = attach(
    globals(),
    {
        "weighted_average": "bank.combine",
        "Backbone": "bank.entry",
        "Entry": "bank.entry",
        "Prompts": "bank.entry",
        "entry_id": "bank.entry",
        "BankError": "bank.errors",
        "UserError": "bank.errors",
        "Evaluation": "bank.evaluation",
        "evaluate": "bank.evaluation",
        "FORMATS": "bank.formats",
        "Export": "bank.formats",
        "Facts": "bank.formats",
        "Format": "bank.formats",
        "PromptFile": "bank.formats",
        "export_entry": "bank.formats",
        "export_prompt": "bank.formats",
        "read_prompt_file": "bank.formats",
        "ImportReport": "bank.importing",
        "import_folder": "bank.importing",
        "named_backbone": "bank.importing",
        "read_keys": "bank.index",
        "clean": "bank.integrity",
        "verify": "bank.integrity",
        "Hit": "bank.nearest",
        "SearchResult": "bank.nearest",
        "rerank": "bank.nearest",
        "search": "bank.nearest",
        "Outcome": "bank.outcomes",
        "recipe_warnings": "bank.recipes",
        "SIMILARITIES": "bank.similarities",
        "Similarity": "bank.similarities",
        "find_similarity": "bank.similarities",
        "Bank": "bank.store",
    },
)

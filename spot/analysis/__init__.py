"""Looking inside a prompt: what its rows are near to, what their order and each of them is worth, where it
is attended to. Read-only.
"""

from bank.lazy import attach

__getattr__, __dir__, __all__ = attach(
    globals(),
    {
        "Analysis": "spot.analysis.analysis",
        "analyze": "spot.analysis.analysis",
        "Case": "spot.analysis.case",
        "case_of": "spot.analysis.case",
        "Bars": "spot.analysis.finding",
        "Finding": "spot.analysis.finding",
        "Heat": "spot.analysis.finding",
        "Lines": "spot.analysis.finding",
        "Points": "spot.analysis.finding",
        "Table": "spot.analysis.finding",
        "PARTS": "spot.analysis.parts",
    },
)

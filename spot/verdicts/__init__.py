"""Verdicts: what the scores of a run say in one sentence, with the numbers behind it.

Pure functions of numbers: they know no model, no task and no file.
"""

from bank.lazy import attach

__getattr__, __dir__, __all__ = attach(
    globals(),
    {
        "mean_curve": "spot.verdicts.curves",
        "steps_to_reach": "spot.verdicts.curves",
        "difference_verdict": "spot.verdicts.differences",
        "judge_study": "spot.verdicts.gains",
        "judge_transfer": "spot.verdicts.gains",
        "judge_nearness": "spot.verdicts.nearness",
        "PHASES": "spot.verdicts.phases",
        "phase_curve": "spot.verdicts.phases",
        "phase_of": "spot.verdicts.phases",
        "rows_needed": "spot.verdicts.power",
        "Sample": "spot.verdicts.sample",
        "Reference": "spot.verdicts.scores",
        "judge_score": "spot.verdicts.scores",
        "KINDS": "spot.verdicts.verdict",
        "Verdict": "spot.verdicts.verdict",
    },
)

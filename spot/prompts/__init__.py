"""Soft prompts: their kinds and their inits."""

from bank.lazy import attach

__getattr__, __dir__, __all__ = attach(
    globals(),
    {
        "as_plain": "spot.prompts.convert",
        "as_prefix_tuning": "spot.prompts.convert",
        "trained_task": "spot.prompts.facts",
        "find_prompt": "spot.prompts.files",
        "find_start": "spot.prompts.files",
        "read_prompt": "spot.prompts.files",
        "write_prompt": "spot.prompts.files",
        "INITS": "spot.prompts.inits",
        "Init": "spot.prompts.inits",
        "init_prompt": "spot.prompts.inits",
        "Kind": "spot.prompts.kind",
        "KINDS": "spot.prompts.kinds",
        "find_kind": "spot.prompts.kinds",
        "SoftPrompt": "spot.prompts.prompt",
        "PromptSettings": "spot.prompts.settings",
        "SoftPrompts": "spot.prompts.stacked",
        "stack": "spot.prompts.stacked",
        "unstack": "spot.prompts.stacked",
    },
)

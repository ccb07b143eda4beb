"""Soft prompts: their kinds and their inits."""

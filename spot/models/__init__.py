"""Frozen models: loading, forward pass with prompts, scoring and decoding."""

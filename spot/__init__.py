"""SPoT: train soft prompts, keep them in a bank, find the one a new task should start from."""

__version__ = "0.1.0"

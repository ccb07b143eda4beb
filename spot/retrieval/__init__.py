"""Search for a target: its query prompt and the nearest keys."""

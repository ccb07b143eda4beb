"""Trackers: tools that draw the numbers of a training while it runs. metrics.jsonl holds the same."""

"""Using prompts: scores, predictions, export for servers."""

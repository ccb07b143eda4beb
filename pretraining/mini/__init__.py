"""The generator of the mini suite: word lists, and an engine for each family of tasks."""

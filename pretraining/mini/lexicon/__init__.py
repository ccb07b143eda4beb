"""Word lists of the mini suite, one file a topic; data only, no logic."""

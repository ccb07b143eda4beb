"""A server that answers with the prompts of a bank: HTTP on one side, one model on the other."""

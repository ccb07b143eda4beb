"""Starts that are learned: a prompt from which a few steps on any task of a kind do well."""

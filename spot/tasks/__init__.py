"""Tasks: their rows from all sources, their text, and the token arrays of that text.

The only package that imports seqio and TensorFlow, and only inside functions.
"""

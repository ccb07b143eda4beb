"""Tasks: where examples come from, how they read as text, and how text becomes token arrays.

The only part of the toolkit that imports seqio and TensorFlow, and only inside functions.
"""

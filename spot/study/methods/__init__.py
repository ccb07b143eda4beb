"""The methods that `spot.baselines` compares on one target.

A method is a function from a `Runner` to its lines, in a file of its family, and a line in `table.py`.
"""

"""Readers of weight files: each returns arrays by T5X parameter name, and nothing is ever filled
in.
"""

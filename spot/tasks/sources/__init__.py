"""Sources of published tasks: local JSONL, TFDS, Hugging Face parquet.

All give rows in the field names of TFDS, so one function a task makes their text.
"""

"""Where the rows of published tasks come from: local JSONL, TFDS or Hugging Face parquet.

All three give rows in the field names of TFDS, so one function a task makes their text.
"""

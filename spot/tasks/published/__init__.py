"""Published tasks read from local JSONL files in the field names of TFDS; one file a family."""

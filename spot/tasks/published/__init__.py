"""Published tasks, one record each, in the field names of TFDS; one file a family."""

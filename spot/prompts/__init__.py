"""What a soft prompt is and where it starts from."""

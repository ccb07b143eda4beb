"""Training: states, pure steps, evaluation and the loop that alone has side effects."""

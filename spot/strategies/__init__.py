"""Transfer: the strategies, and the comparison with training from scratch."""

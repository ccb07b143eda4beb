"""Training of prompts and of whole models: recipes, pure steps, one loop, evaluation, runs."""

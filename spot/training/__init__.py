"""Training of prompts and of whole models: recipes, pure steps, one loop, evaluation, runs."""

from bank.lazy import attach

__getattr__, __dir__, __all__ = attach(
    globals(),
    {
        "Source": "spot.training.batches",
        "batch_of": "spot.training.batches",
        "new_slot": "spot.training.build",
        "Evaluation": "spot.training.evaluate",
        "floors": "spot.training.evaluate",
        "one_answer_score": "spot.training.evaluate",
        "sample_of": "spot.training.evaluate",
        "FineTuned": "spot.training.fine_tuning",
        "LOSSES": "spot.training.losses",
        "cross_entropy": "spot.training.losses",
        "LAYOUTS": "spot.training.parts",
        "Recipe": "spot.training.recipe",
        "Runs": "spot.training.runs",
        "Check": "spot.training.slots",
        "Reporter": "spot.training.slots",
        "Slot": "spot.training.slots",
        "Trained": "spot.training.slots",
        "source_of": "spot.training.source",
        "PromptState": "spot.training.step",
        "init_state": "spot.training.step",
        "train_step": "spot.training.step",
    },
)

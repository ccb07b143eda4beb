"""Using prompts: scores, predictions, export for servers."""

from bank.lazy import attach

__getattr__, __dir__, __all__ = attach(
    globals(),
    {
        "Disagreement": "spot.serving.ensemble",
        "Ensemble": "spot.serving.ensemble",
        "WAYS": "spot.serving.ensemble",
        "PredictedFile": "spot.serving.files",
        "predict_file": "spot.serving.files",
        "MixedPredictor": "spot.serving.mixed",
        "Prediction": "spot.serving.predicting",
        "Predictor": "spot.serving.predicting",
        "predict": "spot.serving.predicting",
        "row_texts": "spot.serving.predicting",
        "PromptSet": "spot.serving.prompt_set",
        "TemplateSweep": "spot.serving.scoring",
        "evaluate": "spot.serving.scoring",
        "sweep_templates": "spot.serving.scoring",
    },
)

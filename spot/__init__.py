"""SPoT: find the soft prompt that a new task should start from (Vu et al., ACL 2022).

The public names are imported when they are first used.

>>> import spot
>>> recipe = spot.Recipe(length=20, steps=80, key_step=60)
>>> rows = [{"text": "my invoice is wrong", "label": "billing"}, {"text": "it fails", "label": "bug"}]
>>> task = spot.Task.from_rows("tickets", rows, rows, rows, labels=["billing", "bug"])
>>> task.labels
('billing', 'bug')
"""

from bank.lazy import attach

__version__ = "0.2.0"

__getattr__, __dir__, __all__ = attach(
    globals(),
    {
        "Entry": "bank.entry",
        "Outcome": "bank.outcomes",
        "Bank": "bank.store",
        "Analysis": "spot.analysis.analysis",
        "analyze": "spot.analysis.analysis",
        "SpotError": "spot.errors",
        "Model": "spot.models.model",
        "load_model": "spot.models.model",
        "Devices": "spot.models.settings",
        "read_prompt": "spot.prompts.files",
        "write_prompt": "spot.prompts.files",
        "SoftPrompt": "spot.prompts.prompt",
        "bank_heatmap": "spot.report.bank_heatmap",
        "report_page": "spot.report.pages.write",
        "write_figures": "spot.report.pages.write",
        "write_report": "spot.report.pages.write",
        "SearchSettings": "spot.retrieval.settings",
        "Answer": "spot.retrieval.target",
        "search": "spot.retrieval.target",
        "Ensemble": "spot.serving.ensemble",
        "PredictedFile": "spot.serving.files",
        "predict_file": "spot.serving.files",
        "MixedPredictor": "spot.serving.mixed",
        "Prediction": "spot.serving.predicting",
        "Predictor": "spot.serving.predicting",
        "predict": "spot.serving.predicting",
        "evaluate": "spot.serving.scoring",
        "CombinationReport": "spot.strategies.combination",
        "combine": "spot.strategies.combination",
        "LengthReport": "spot.strategies.length",
        "find_length": "spot.strategies.length",
        "TransferSettings": "spot.strategies.settings",
        "TransferReport": "spot.strategies.transfer",
        "transfer": "spot.strategies.transfer",
        "transfer_from": "spot.strategies.transfer",
        "Baselines": "spot.study.baselines",
        "baselines": "spot.study.baselines",
        "matrix": "spot.study.cross_tasks",
        "SourcePrompts": "spot.study.matrix_cells",
        "TaskMatrix": "spot.study.matrix_cells",
        "Distillation": "spot.study.distillation",
        "distil": "spot.study.distillation",
        "compare": "spot.study.cells",
        "Comparison": "spot.study.comparison",
        "Study": "spot.study.result",
        "read_study": "spot.study.result",
        "run_study": "spot.study.run",
        "StartComparison": "spot.study.starts",
        "compare_starts": "spot.study.starts",
        "load_task": "spot.tasks.catalog",
        "Mixture": "spot.tasks.task",
        "Task": "spot.tasks.task",
        "BuildReport": "spot.training.build",
        "build_bank": "spot.training.build",
        "train_prompt": "spot.training.build",
        "train_source": "spot.training.build",
        "Evaluation": "spot.training.evaluate",
        "MetaSettings": "spot.training.meta.settings",
        "LearnedStart": "spot.training.meta.start",
        "learn_start": "spot.training.meta.start",
        "Recipe": "spot.training.recipe",
        "Runs": "spot.training.runs",
        "Reporter": "spot.training.slots",
        "Trained": "spot.training.slots",
        "Teacher": "spot.training.teaching",
        "tune": "spot.training.tune",
    },
)

"""The study of a bank: oracle against retrieval, task similarity, clusters, statistics; baselines;
kinds, losses and starts of prompts beside each other.
"""

from bank.lazy import attach

__getattr__, __dir__, __all__ = attach(
    globals(),
    {
        "Baselines": "spot.study.baselines",
        "Trial": "spot.study.methods.method",
        "compare": "spot.study.cells",
        "Comparison": "spot.study.comparison",
        "Variant": "spot.study.comparison",
        "joined": "spot.study.comparison",
        "store_comparison": "spot.study.comparison",
        "SourcePrompts": "spot.study.matrix_cells",
        "TaskMatrix": "spot.study.matrix_cells",
        "matrix": "spot.study.cross_tasks",
        "store_matrix": "spot.study.cross_tasks",
        "RankQuality": "spot.study.ranking",
        "rank_quality": "spot.study.ranking",
        "TransferRecord": "spot.study.records",
        "Study": "spot.study.result",
        "read_study": "spot.study.result",
        "run_study": "spot.study.run",
        "Significance": "spot.study.significance",
        "TaskSimilarity": "spot.study.similarity",
        "task_similarity": "spot.study.similarity",
        "Interval": "spot.study.statistics",
        "holm": "spot.study.statistics",
        "paired_interval": "spot.study.statistics",
        "permutation_test": "spot.study.statistics",
        "MethodScores": "spot.study.tables",
        "TransferTable": "spot.study.tables",
        "method_scores": "spot.study.tables",
        "to_markdown": "spot.study.tables",
        "transfer_table": "spot.study.tables",
    },
)

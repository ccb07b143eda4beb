"""Pictures and tables on disk. Matplotlib is imported only inside the functions that draw."""

from bank.lazy import attach

__getattr__, __dir__, __all__ = attach(
    globals(),
    {
        "Drawn": "spot.report.bank_heatmap",
        "ConsoleReporter": "spot.report.console",
        "progress": "spot.report.console",
        "write_comparison": "spot.report.comparison",
        "comparison_plot": "spot.report.comparison_figure",
        "Curve": "spot.report.curves",
        "Plot": "spot.report.curves",
        "learning_curves": "spot.report.curves",
        "transfer_plot": "spot.report.curves",
    },
)

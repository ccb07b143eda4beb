from spot.report.bank_heatmap import Drawn as Drawn
from spot.report.comparison import write_comparison as write_comparison
from spot.report.comparison_figure import comparison_plot as comparison_plot
from spot.report.console import ConsoleReporter as ConsoleReporter
from spot.report.console import progress as progress
from spot.report.curves import Curve as Curve
from spot.report.curves import Plot as Plot
from spot.report.curves import learning_curves as learning_curves
from spot.report.curves import transfer_plot as transfer_plot

__all__: list[str]

from spot.analysis.analysis import Analysis as Analysis
from spot.analysis.analysis import analyze as analyze
from spot.analysis.case import Case as Case
from spot.analysis.case import case_of as case_of
from spot.analysis.finding import Bars as Bars
from spot.analysis.finding import Finding as Finding
from spot.analysis.finding import Heat as Heat
from spot.analysis.finding import Lines as Lines
from spot.analysis.finding import Points as Points
from spot.analysis.finding import Table as Table
from spot.analysis.parts import PARTS as PARTS

__all__: list[str]

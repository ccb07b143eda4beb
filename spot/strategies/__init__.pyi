from spot.strategies.settings import TransferSettings as TransferSettings
from spot.strategies.start import Situation as Situation
from spot.strategies.start import Start as Start
from spot.strategies.start import Strategy as Strategy
from spot.strategies.table import STRATEGIES as STRATEGIES
from spot.strategies.transfer import Candidate as Candidate
from spot.strategies.transfer import Run as Run
from spot.strategies.transfer import TransferReport as TransferReport

__all__: list[str]

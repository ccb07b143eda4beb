from spot.retrieval.estimators import ESTIMATORS as ESTIMATORS
from spot.retrieval.estimators import zero_shot_losses as zero_shot_losses
from spot.retrieval.settings import SearchSettings as SearchSettings
from spot.retrieval.target import Answer as Answer
from spot.retrieval.target import search as search

__all__: list[str]

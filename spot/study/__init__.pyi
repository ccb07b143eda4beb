from spot.study.baselines import Baselines as Baselines
from spot.study.cells import compare as compare
from spot.study.comparison import Comparison as Comparison
from spot.study.comparison import Variant as Variant
from spot.study.comparison import joined as joined
from spot.study.comparison import store_comparison as store_comparison
from spot.study.methods.method import Trial as Trial
from spot.study.ranking import RankQuality as RankQuality
from spot.study.ranking import rank_quality as rank_quality
from spot.study.records import TransferRecord as TransferRecord
from spot.study.result import Study as Study
from spot.study.result import read_study as read_study
from spot.study.run import run_study as run_study
from spot.study.significance import Significance as Significance
from spot.study.similarity import TaskSimilarity as TaskSimilarity
from spot.study.similarity import task_similarity as task_similarity
from spot.study.statistics import Interval as Interval
from spot.study.statistics import holm as holm
from spot.study.statistics import paired_interval as paired_interval
from spot.study.statistics import permutation_test as permutation_test
from spot.study.tables import MethodScores as MethodScores
from spot.study.tables import TransferTable as TransferTable
from spot.study.tables import method_scores as method_scores
from spot.study.tables import to_markdown as to_markdown
from spot.study.tables import transfer_table as transfer_table

__all__: list[str]

from spot.training.batches import Source as Source
from spot.training.batches import batch_of as batch_of
from spot.training.build import new_slot as new_slot
from spot.training.evaluate import Evaluation as Evaluation
from spot.training.evaluate import floors as floors
from spot.training.evaluate import one_answer_score as one_answer_score
from spot.training.evaluate import sample_of as sample_of
from spot.training.fine_tuning import FineTuned as FineTuned
from spot.training.losses import LOSSES as LOSSES
from spot.training.losses import cross_entropy as cross_entropy
from spot.training.parts import LAYOUTS as LAYOUTS
from spot.training.recipe import Recipe as Recipe
from spot.training.runs import Runs as Runs
from spot.training.slots import Check as Check
from spot.training.slots import Reporter as Reporter
from spot.training.slots import Slot as Slot
from spot.training.slots import Trained as Trained
from spot.training.source import source_of as source_of
from spot.training.step import PromptState as PromptState
from spot.training.step import init_state as init_state
from spot.training.step import train_step as train_step

__all__: list[str]

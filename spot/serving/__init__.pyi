from spot.serving.ensemble import WAYS as WAYS
from spot.serving.ensemble import Disagreement as Disagreement
from spot.serving.ensemble import Ensemble as Ensemble
from spot.serving.files import PredictedFile as PredictedFile
from spot.serving.files import predict_file as predict_file
from spot.serving.mixed import MixedPredictor as MixedPredictor
from spot.serving.predicting import Prediction as Prediction
from spot.serving.predicting import Predictor as Predictor
from spot.serving.predicting import predict as predict
from spot.serving.predicting import row_texts as row_texts
from spot.serving.prompt_set import PromptSet as PromptSet
from spot.serving.scoring import TemplateSweep as TemplateSweep
from spot.serving.scoring import evaluate as evaluate
from spot.serving.scoring import sweep_templates as sweep_templates

__all__: list[str]

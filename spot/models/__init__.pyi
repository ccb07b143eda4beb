from spot.models.config import DecoderConfig as DecoderConfig
from spot.models.config import T5Config as T5Config
from spot.models.effect import Effect as Effect
from spot.models.known import KnownModel as KnownModel
from spot.models.known import known_models as known_models
from spot.models.model import Model as Model
from spot.models.model import load_model as load_model
from spot.models.model import packaged_file as packaged_file
from spot.models.network import Network as Network
from spot.models.weights.drawn import random_network as random_network

__all__: list[str]

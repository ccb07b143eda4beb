"""Frozen models: loading, forward pass with prompts, scoring and decoding."""

from bank.lazy import attach

__getattr__, __dir__, __all__ = attach(
    globals(),
    {
        "DecoderConfig": "spot.models.config",
        "T5Config": "spot.models.config",
        "Effect": "spot.models.effect",
        "KnownModel": "spot.models.known",
        "known_models": "spot.models.known",
        "Model": "spot.models.model",
        "load_model": "spot.models.model",
        "packaged_file": "spot.models.model",
        "Network": "spot.models.network",
        "random_network": "spot.models.weights.drawn",
    },
)

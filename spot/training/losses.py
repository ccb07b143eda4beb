"""The table of training losses: from what the model makes of a batch to one number a row.

A loss reads the tokens of the target, or compares the label words of the row's task, as scoring does.
Imports JAX only when something is computed, so that settings can name a loss.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from spot.errors import SpotError
from spot.training.choices import Choices
from spot.variants import Option, Options, Value, parse, usage, written

if TYPE_CHECKING:
    import jax

    from spot.models.layers import RandomKeys
    from spot.models.network import Network
    from spot.models.scoring import Normalisation
    from spot.training.slots import Slot

Z_LOSS = 1e-4  # of the reference implementation's loss
DEFAULT = "cross-entropy"

ScoreLoss = Callable[["jax.Array", "jax.Array", Mapping[str, Any]], "jax.Array"]
"""(scores [R, C] of label words, the right class [R], options) -> loss [R]."""


def cross_entropy(logits: jax.Array, targets: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(training loss, cross entropy) of each row [R] in nats, summed over its target tokens.

    logits: [R, T, V]; targets: ids [R, T], 0 is padding. The training loss adds z-loss, which keeps
    the softmax's normaliser near 1, as T5X does.
    """
    from spot.models.likelihood import token_losses

    entropy, normaliser = token_losses(logits, targets)
    return (entropy + _z_loss(normaliser, targets)).sum(-1), entropy.sum(-1)


def _z_loss(normaliser: jax.Array, targets: jax.Array) -> jax.Array:
    import jax.numpy as jnp

    return jnp.where(targets > 0, Z_LOSS * normaliser**2, 0.0)


def label_cross_entropy(
    scores: jax.Array, gold: jax.Array, _options: Mapping[str, Any]
) -> jax.Array:
    """Cross entropy [R] of the softmax over the scores of label words [R, C], of the right ones [R]."""
    import optax

    lost: jax.Array = optax.losses.softmax_cross_entropy_with_integer_labels(scores, gold)
    return lost


def perceptron(scores: jax.Array, gold: jax.Array, options: Mapping[str, Any]) -> jax.Array:
    """How far the best wrong label word scores above the right one, less the margin, or 0 [R].

    That of google-research/prompt-tuning lets the right word be the best, too, and then no margin has a
    gradient; without a margin both are the same.
    """
    import jax
    import jax.numpy as jnp

    from spot.models.layers import MASKED

    right = jax.nn.one_hot(gold, scores.shape[1], dtype=bool)
    wrong = jnp.where(right, MASKED, scores).max(-1)
    return jax.nn.relu(options["margin"] + wrong - _of_class(scores, gold))


def distillation(scores: jax.Array, teacher: jax.Array, temperature: float) -> jax.Array:
    """T² KL(teacher ‖ student) [R] of softmaxes at temperature T over scores [R, C] (Hinton et al. 2015,
    arXiv 1503.02531, section 2); as T grows, half the mean squared difference of centred scores.
    """
    import jax
    import optax

    student, target = (
        jax.nn.log_softmax(each / temperature, axis=-1) for each in (scores, teacher)
    )
    apart: jax.Array = optax.losses.kl_divergence_with_log_targets(student, target)
    return temperature**2 * apart


@dataclass(frozen=True)
class Form:
    """What a loss is, before its options are set. of_scores: None where it reads the target's tokens."""

    options: Options
    of_scores: ScoreLoss | None = None


TAUGHT: Options = {
    "distil": Option(
        0.0, "the share of the loss that compares scores with a teacher's", least=0, most=1
    ),
    "temperature": Option(1.0, "how far the scores of a teacher are softened", least=1e-3),
}
NORMALISED: Options = {
    "normalise": Option(
        "length",
        "length: a label word's log-likelihood is divided by its tokens, sum: it is not",
        choices=("length", "sum"),
    )
}

LOSSES: dict[str, Form] = {
    DEFAULT: Form(TAUGHT),
    "label-cross-entropy": Form({**NORMALISED, **TAUGHT}, label_cross_entropy),
    "perceptron": Form(
        {"margin": Option(0.0, "by how much the right word must lead", least=0)}
        | {**NORMALISED, **TAUGHT},
        perceptron,
    ),
}


@dataclass(frozen=True)
class Loss:
    """A loss with its options, as `train.loss` names it; equal names are equal losses."""

    name: str
    form: str
    values: tuple[tuple[str, Value], ...]

    @property
    def options(self) -> dict[str, Any]:
        """The value of every option."""
        return dict(self.values)

    @property
    def taught(self) -> bool:
        """True if it reads the scores of a teacher."""
        return bool(self.options["distil"] > 0)

    @property
    def chooses(self) -> bool:
        """True if it reads the scores of label words: it needs `Choices` in place of targets."""
        return self.taught or LOSSES[self.form].of_scores is not None

    @property
    def normalisation(self) -> Normalisation:
        """How the scores that it compares are made of log-likelihoods, as `Model.score` takes it."""
        return "mean" if self.options.get("normalise") == "length" else "sum"

    def __call__(
        self, network: Network, encoded: Any, answers: jax.Array | Choices, random: RandomKeys
    ) -> tuple[jax.Array, jax.Array]:
        """(training loss, cross entropy) of each row [R] of encoded texts, in nats; the second is that of
        the right answer's tokens, summed, whatever is trained.

        answers: targets [R, T], or `Choices` where the loss needs them.
        """
        if not isinstance(answers, Choices):
            return cross_entropy(network.decode(encoded, answers, random), answers)
        return self._of_choices(network, encoded, answers, random)

    def _of_choices(
        self, network: Network, encoded: Any, choices: Choices, random: RandomKeys
    ) -> tuple[jax.Array, jax.Array]:
        import jax.numpy as jnp

        from spot.models.layers import MASKED
        from spot.models.likelihood import word_losses

        words, gold, options = choices.words, choices.gold, self.options
        entropy, normaliser = word_losses(network, encoded, words, random)
        summed, lengths = entropy.sum(-1), (words > 0).sum(-1)
        shares = summed / jnp.maximum(lengths, 1) if self.normalisation == "mean" else summed
        scores = jnp.where(lengths > 0, -shares, MASKED)  # [R, C]
        of_scores = LOSSES[self.form].of_scores
        if of_scores is None:
            lost = _of_class((entropy + _z_loss(normaliser, words)).sum(-1), gold)
        else:
            lost = of_scores(scores, gold, options)
        if self.taught:
            if choices.teacher is None:
                raise ValueError(f"{self.name} without the scores of a teacher")
            share, temperature = options["distil"], options["temperature"]
            lost = (1 - share) * lost + share * distillation(scores, choices.teacher, temperature)
        return lost, _of_class(summed, gold)


def _of_class(scores: jax.Array, gold: jax.Array) -> jax.Array:
    """Of scores [R, C] those of one class a row [R]."""
    import jax.numpy as jnp

    return jnp.take_along_axis(scores, gold[:, None], axis=1)[:, 0]


@lru_cache(maxsize=256)
def find_loss(text: str) -> Loss:
    """The loss that this names. Raises SpotError with the nearest name for an unknown one or an unknown
    option, and for a temperature without a share of distillation.

    >>> find_loss("perceptron:normalise=sum,margin=0").name
    'perceptron:normalise=sum'
    """
    table = {name: form.options for name, form in LOSSES.items()}
    name, values = parse(text, table, "loss", "train.loss")
    loss = Loss(written(name, values, table[name]), name, tuple(sorted(values.items())))
    if not loss.taught and values["temperature"] != TAUGHT["temperature"].default:
        raise SpotError(
            f'loss "{text}": expected a temperature with distil above 0, found none of that',
            f"write train.loss={usage(name, table[name])} with distil above 0",
        )
    return loss


def taught(loss: str, share: float, temperature: float) -> str:
    """The loss with this share of distillation; as it is where the share is 0, whatever the temperature.

    Raises SpotError for a loss that has a share already, and for a number out of bounds.

    >>> taught("perceptron", 0.5, 2.0), taught("perceptron", 0.0, 2.0)
    ('perceptron:distil=0.5,temperature=2', 'perceptron')
    """
    base = find_loss(loss)
    if base.taught:
        raise SpotError(
            f"expected a loss without a share of distillation, found {base.name}",
            "set train.loss without distil and temperature; they are given apart",
        )
    told = {"distil": share, "temperature": temperature} if share else {}
    return find_loss(written(base.form, {**base.options, **told}, LOSSES[base.form].options)).name


def check_loss(loss: Loss, slots: Sequence[Slot]) -> None:
    """Raises SpotError for a source whose rows this loss cannot be computed of: the answers of a task are
    generated, a training row has no class, or a teacher is wanted and there is none.
    """
    if not loss.chooses:
        return
    for slot in slots:
        for member in slot.source.members:
            task = member.definition
            if task.scoring != "rank" or not member.labels:
                raise SpotError(
                    f'task "{task.name}": the loss {loss.name} compares label words, but the answers of '
                    "this task are generated",
                    f"use train.loss={DEFAULT}, or a task with label words",
                )
            unlabelled = np.flatnonzero(np.asarray(member.train.labels) < 0)
            if len(unlabelled):
                raise SpotError(
                    f'task "{task.name}": expected a label in every training row for the loss '
                    f"{loss.name}, found none in row {unlabelled[0] + 1}",
                    f"use train.loss={DEFAULT}",
                )
        if loss.taught and slot.teacher is None:
            raise SpotError(
                f"{slot.label}: the loss {loss.name} distils a teacher, and there is none",
                "spot distil trains with a teacher; in Python give each slot its scores: Slot(…, teacher=…)",
            )

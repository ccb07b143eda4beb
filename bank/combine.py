"""Combinations of prompts: weighted averages, sums of what prompts learned, one behind the other.

A prompt P_t that started from P0_t has learned the change P_t - P0_t (task vectors: Ilharco et al., arXiv
2212.04089; of prompts: arXiv 2408.01119). A sum starts from an init of its own: P0 + sum_t w_t (P_t - P0_t).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bank.arrays import Array
from bank.entry import Entry, Prompts, id_of
from bank.errors import BankError
from bank.expression import Expression
from bank.files import canonical_json
from bank.recipes import COMBINATION


def weighted_average(
    prompts: NDArray[Any] | Sequence[NDArray[Any]], weights: Sequence[float] | NDArray[Any]
) -> NDArray[np.float32]:
    """The average of K prompts with weights alpha_r = w_r / sum w, [K, P, H] and [K] -> [P, H].

    SPoT (arXiv 2110.07904) §4.2, "top-k weighted average", with the similarities as weights. The
    sum is done in float64. Raises BankError for other shapes, for weights that are negative (they
    would move away from that prompt) or not finite, and for a sum of zero.
    """
    stacked = np.asarray(prompts)
    alpha = np.asarray(weights, dtype=np.float64)
    if stacked.ndim != 3 or alpha.shape != stacked.shape[:1] or not len(alpha):
        raise BankError(
            f"expected K prompts [K, P, H] and K weights, found {stacked.shape} and {alpha.shape}"
        )
    if not np.isfinite(alpha).all() or (alpha < 0).any() or alpha.sum() <= 0:
        listed = ", ".join(f"{weight:g}" for weight in alpha)
        raise BankError(
            f"expected weights of zero or more with a sum above zero, found {listed}",
            "average only prompts that are similar to the target: choose a smaller k",
        )
    alpha = alpha / alpha.sum()
    mixed = np.einsum("k,kph->ph", alpha, stacked.astype(np.float64))
    return np.asarray(mixed, dtype=np.float32)


def norms(prompt: NDArray[Any]) -> NDArray[np.float64]:
    """The Euclidean norm of every token, [P, H] -> [P].

    Cosine similarity ignores norms, but an average does not: the longer prompt dominates it.
    Raises BankError for another shape.
    """
    array = np.asarray(prompt, dtype=np.float64)
    if array.ndim != 2:
        raise BankError(f"expected a prompt [P, H], found shape {array.shape}")
    return np.asarray(np.linalg.norm(array, axis=1))


@dataclass(frozen=True, eq=False)
class Parts:
    """What an expression is computed from: the entry and the arrays of every name, and the init [P, H] that
    all sums start from; base None: their own, which then has to be one init.
    """

    expression: Expression
    items: Mapping[str, tuple[Entry, Prompts]]
    base: tuple[str, Array] | None = None
    match_norms: bool = False

    def __post_init__(self) -> None:
        """Raises BankError for prompts that cannot be combined, with the reason."""
        _check_alike([entry for entry, _ in self.items.values()])
        for entry, prompts in self.items.values():
            if prompts.arrays:
                raise BankError(
                    f"combining needs prompts that are their rows alone, {entry.id} is a "
                    f"{entry.prompt_kind} prompt with other arrays",
                    "search a bank of plain prompts",
                )
        for terms in self.expression.sums:
            shapes = {term.name: self.items[term.name][1].key.shape for term in terms}
            if self.base is not None:
                shapes[self.base[0]] = self.base[1].shape
            if len(set(shapes.values())) > 1:
                sizes = ", ".join(f"{name} {p} x {h}" for name, (p, h) in shapes.items())
                raise BankError(
                    f"expected prompts of one length and width in a sum, found {sizes}",
                    "a comma in place of the sign puts them one behind the other",
                )
        self.inits()

    def prompts(self, weights: Sequence[float] | None = None) -> Prompts:
        """Init, key and value of the combination, [P, H] each, with other weights than those of the
        expression if given, one a term.
        """
        chosen = self.expression if weights is None else self.expression.with_weights(list(weights))
        keys, values = [], []
        for terms, init in zip(chosen.sums, self.inits(), strict=True):
            own = [self.items[term.name][1] for term in terms]
            factors = [term.weight for term in terms]
            if init is None:  # one prompt as it is, see `inits`
                keys.append(own[0].key)
                values.append(own[0].start)
                continue
            inits = [prompts.init for prompts in own if prompts.init is not None]
            for rows, view in ((keys, "key"), (values, "start")):
                mixed = [getattr(prompts, view) for prompts in own]
                rows.append(sum_of_changes(mixed, inits, factors, init, self.match_norms))
        starts = [init for init in self.inits() if init is not None]
        whole = np.concatenate(starts) if len(starts) == len(keys) else None
        return Prompts(whole, np.concatenate(keys), np.concatenate(values))

    def inits(self) -> list[Array | None]:
        """The init of every sum; None for a prompt that stands alone as it is, whose own is not known."""
        inits: list[Array | None] = []
        for terms in self.expression.sums:
            own = {term.name: self.items[term.name][1].init for term in terms}
            unknown = [name for name, init in own.items() if init is None]
            if unknown and len(terms) == 1 and terms[0].weight == 1 and self.base is None:
                inits.append(None)
                continue
            if unknown:
                raise BankError(
                    f"a sum adds what prompts learned since their init, which is not known of "
                    f"{', '.join(unknown)}",
                    "imported prompts lack theirs; with a comma prompts are put one behind the other as "
                    "they are",
                )
            known = [init for init in own.values() if init is not None]
            if self.base is not None:
                inits.append(self.base[1])
            elif all(np.array_equal(init, known[0]) for init in known):
                inits.append(known[0])
            else:
                raise BankError(
                    f"expected prompts that started from one init, found several among {', '.join(own)}",
                    "name the entry whose init the sum starts from: --base ENTRY, in Python base=; entries "
                    "of one seed share theirs, except with prompt.init=labels",
                )
        return inits


def sum_of_changes(
    prompts: Sequence[NDArray[Any]],
    inits: Sequence[NDArray[Any]],
    weights: Sequence[float],
    base: NDArray[Any],
    match_norms: bool = False,
) -> NDArray[np.float32]:
    """base + sum_t w_t (prompts_t - inits_t), all [P, H]. The sum is done in float64 and is the same in any
    order; w = 1 from the prompt's own init gives the prompt, bit for bit.

    match_norms: every row gets the mean norm of the prompts' rows, weighted by |w|: a mean of two rows of
    cosine c is shorter than they are, by sqrt((1 + c) / 2).
    """
    signed = [*zip(weights, prompts, strict=True)]
    signed += [(-weight, init) for weight, init in zip(weights, inits, strict=True)]
    factors: dict[bytes, list[float]] = {}
    arrays: dict[bytes, NDArray[Any]] = {}
    for factor, array in [*signed, (1.0, base)]:
        content = np.asarray(array, np.float32).tobytes()
        factors.setdefault(content, []).append(factor)
        arrays[content] = np.asarray(array, np.float64)
    # Factors of equal arrays are added before anything is rounded: an init that cancels leaves no trace.
    totals = [(math.fsum(factors[content]), arrays[content]) for content in sorted(arrays)]
    addends = [factor * array for factor, array in totals if factor]
    total = sum(addends[1:], start=addends[0]) if addends else np.zeros(np.shape(base))
    sizes = np.abs(np.asarray(weights, np.float64))
    if match_norms and sizes.any():
        shares = np.stack(
            [size * norms(prompt) for size, prompt in zip(sizes, prompts, strict=True)]
        )
        wanted = np.array([math.fsum(row) for row in shares.T]) / math.fsum(sizes)
        found = norms(total)
        total = total * np.divide(wanted, found, out=np.ones_like(found), where=found > 0)[:, None]
    return np.asarray(total, np.float32)


def combined_entry(parts: Parts, name: str) -> tuple[Entry, Prompts]:
    """The combination as an entry of the kind "combination", as `Bank.add` takes it.

    Its recipe has what the parts' recipes share, and the expression by ids. Its members are the tasks whose
    data its parts have seen, so that a search for one of them leaves it out.
    """
    prompts = parts.prompts()
    entries = [entry for entry, _ in parts.items.values()]
    formula: dict[str, Any] = {
        "sums": [
            sorted([parts.items[term.name][0].id, term.weight] for term in terms)
            for terms in parts.expression.sums
        ]
    }
    if parts.base is not None:
        formula["base"] = parts.base[0]
    if parts.match_norms:
        formula["norms"] = "matched"
    recipe = {**_shared([entry.recipe for entry in entries]), COMBINATION: formula}
    recipe["prompt_length"] = len(prompts.key)
    tasks = {task for entry in entries for task in (entry.members or (entry.task,))}
    families, steps = ({getattr(entry, of) for entry in entries} for of in ("family", "key_step"))
    entry = Entry(
        id="",
        kind="combination",
        task=name,
        members=tuple(sorted(tasks)),
        family=families.pop() if len(families) == 1 else "",
        seed=min(entry.seed for entry in entries),
        backbone=entries[0].backbone,
        recipe=recipe,
        key_step=steps.pop() if len(steps) == 1 else None,
    )
    return replace(entry, id=id_of(entry)), prompts


def _check_alike(entries: Sequence[Entry]) -> None:
    """Raises BankError for entries of several backbones or kinds of prompt."""
    first = entries[0]
    for entry in entries:
        if entry.backbone.fingerprint != first.backbone.fingerprint:
            raise BankError(
                f"{first.id} is a prompt of {first.backbone.name}, {entry.id} of {entry.backbone.name} "
                f"({entry.backbone.fingerprint}): prompts of different models never mix",
                "combine prompts of one bank",
            )
        if entry.prompt_kind != first.prompt_kind:
            raise BankError(
                f"{first.id} is a {first.prompt_kind} prompt, {entry.id} a {entry.prompt_kind} prompt: "
                "their rows mean different things to the model",
                "combine prompts of one kind",
            )


def _shared(recipes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What all recipes say alike."""
    first, *others = recipes
    return {
        name: value
        for name, value in first.items()
        if name != COMBINATION
        and all(
            name in other and canonical_json(other[name]) == canonical_json(value)
            for other in others
        )
    }

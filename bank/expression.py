"""Sums of a bank's prompts as text: `0.5*mini_sst - mini_news + "my task", mini_rooms`.

A term is a name with a weight in front, or none; a comma puts the prompts of two sums one behind the other.
Names may hold `-`, `+` and `/`: a sign stands only in front of a term, so `a-b` is a name and `a - b` is not.
A name with a space, a comma, a star, a quote or a bracket is quoted.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

from bank.errors import BankError

SIGN = re.compile(r"\s*([+-])")
WEIGHT = re.compile(r"\s*((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*\*")
NAME = re.compile(r"""\s*(?:"([^"]+)"|'([^']+)'|([^\s,*"'()]+))""")
COMMA = re.compile(r"\s*,")
PLAIN = re.compile(r"""[^\s,*"'()+-][^\s,*"'()]*""")

HINT = 'for example "0.5*mini_sst - mini_news"; names with spaces are quoted'


@dataclass(frozen=True)
class Term:
    """A name and its weight in a sum."""

    weight: float
    name: str


Sum = tuple[Term, ...]


@dataclass(frozen=True)
class Expression:
    """Sums whose prompts are put one behind the other; no name is twice in one sum."""

    sums: tuple[Sum, ...]

    @property
    def terms(self) -> Sum:
        """The terms of all sums, in order."""
        return tuple(term for terms in self.sums for term in terms)

    def with_weights(self, weights: list[float]) -> Expression:
        """The same names with other weights, one a term."""
        rest = iter(weights)
        return Expression(
            tuple(
                tuple(replace(term, weight=float(next(rest))) for term in terms)
                for terms in self.sums
            )
        )

    def __str__(self) -> str:
        return ", ".join(_written(terms) for terms in self.sums)


def parse(text: str) -> Expression:
    """The expression of a text. Raises BankError that says where it is wrong.

    >>> str(parse("a-b +  .5 * 'my task'-  a-b, c"))
    '0*a-b + 0.5*"my task", c'
    """
    sums: list[dict[str, list[float]]] = [{}]
    place = 0
    while True:
        weight, name, place = _term(text, place)
        sums[-1].setdefault(name, []).append(weight)
        if not text[place:].strip():
            break
        if comma := COMMA.match(text, place):
            sums.append({})
            place = comma.end()
        elif SIGN.match(text, place) is None:
            raise _error("+, - or a comma", text, place)
    return Expression(
        tuple(
            tuple(Term(math.fsum(weights), name) for name, weights in terms.items())
            for terms in sums
        )
    )


def _term(text: str, place: int) -> tuple[float, str, int]:
    """The weight and the name of the term that begins here, and the place behind it."""
    weight = 1.0
    while sign := SIGN.match(text, place):
        weight *= -1.0 if sign[1] == "-" else 1.0
        place = sign.end()
    if number := WEIGHT.match(text, place):
        weight *= float(number[1])
        place = number.end()
        if not math.isfinite(weight):
            raise BankError(f'expected finite weights in "{text}", found {number[1]}', HINT)
    name = NAME.match(text, place)
    if name is None:
        raise _error("the name of an entry", text, place)
    return weight, next(group for group in name.groups() if group), name.end()


def _error(expected: str, text: str, place: int) -> BankError:
    rest = text[place:].strip()
    found = f'"{rest}"' if rest else "its end"
    behind = f' behind "{text[:place].strip()}"' if text[:place].strip() else ""
    return BankError(f'expected {expected}{behind} in "{text}", found {found}', HINT)


def _written(terms: Sum) -> str:
    text = ""
    for term in terms:
        size = abs(term.weight)
        minus = math.copysign(1.0, term.weight) < 0
        sign = (" - " if minus else " + ") if text else ("-" if minus else "")
        text += sign + ("" if size == 1 else f"{size:.6g}*") + _quoted(term.name)
    return text


def _quoted(name: str) -> str:
    if PLAIN.fullmatch(name):
        return name
    return f'"{name}"' if '"' not in name else f"'{name}'"

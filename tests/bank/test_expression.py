"""Expressions of entries: read by hand, written again, and refused with the place of the mistake."""

from __future__ import annotations

import pytest

from bank.errors import BankError
from bank.expression import Expression, Term, parse


def one_sum(*pairs):
    return Expression((tuple(Term(weight, name) for weight, name in pairs),))


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("a", one_sum((1, "a"))),
        ("a - b + c", one_sum((1, "a"), (-1, "b"), (1, "c"))),
        ("-a+b", one_sum((-1, "a+b"))),
        ("a -b", one_sum((1, "a"), (-1, "b"))),
        ("0.5*a + .25 * b - 1e-1*c", one_sum((0.5, "a"), (0.25, "b"), (-0.1, "c"))),
        ("a - -2.*b", one_sum((1, "a"), (2, "b"))),
        ("a + b + a - b", one_sum((2, "a"), (0, "b"))),
        ("news-s0-1a2b - a/b.toml", one_sum((1, "news-s0-1a2b"), (-1, "a/b.toml"))),
        ("'my task' + \"it's\"", one_sum((1, "my task"), (1, "it's"))),
        ("2 - 3*4", one_sum((1, "2"), (-3, "4"))),
        ("a - b, a", Expression(((Term(1, "a"), Term(-1, "b")), (Term(1, "a"),)))),
    ],
)
def test_text_is_read_and_written_again(text, expression):
    assert parse(text) == expression
    assert parse(str(expression)) == expression


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'expected the name of an entry in "", found its end'),
        ("a +", 'expected the name of an entry behind "a +" in "a +", found its end'),
        ("a, ", 'expected the name of an entry behind "a," in "a, ", found its end'),
        ("a b", 'expected +, - or a comma behind "a" in "a b", found "b"'),
        ("a*b", 'expected +, - or a comma behind "a" in "a*b", found "*b"'),
        ("(a - b)", 'expected the name of an entry in "(a - b)", found "(a - b)"'),
        ('"a', 'expected the name of an entry in ""a", found ""a"'),
        ("1e999*a", 'expected finite weights in "1e999*a", found 1e999'),
    ],
)
def test_mistakes_are_named_with_their_place(text, message):
    with pytest.raises(BankError) as error:
        parse(text)
    assert error.value.message == message and '"0.5*mini_sst - mini_news"' in error.value.hint

"""The table of prompt kinds. A new one is one file and one line here."""

from __future__ import annotations

from functools import lru_cache

from spot.prompts import (
    around,
    attempt,
    dept,
    encoders,
    every_layer,
    generator,
    keys_values,
    low_rank,
    masked,
    pool,
    prefix,
    suffix,
    text_map,
)
from spot.prompts.kind import Form, Kind
from spot.variants import parse, written

KINDS: dict[str, Form] = {
    form.name: form
    for form in (
        prefix.FORM,
        suffix.FORM,
        every_layer.FORM,
        keys_values.FORM,
        keys_values.WRITER_FORM,
        around.FORM,
        masked.FORM,
        text_map.FORM,
        dept.FORM,
        generator.FORM,
        pool.FORM,
        attempt.FORM,
        low_rank.FORM,
        encoders.MLP_FORM,
        encoders.LSTM_FORM,
    )
}


def find_kind(text: str) -> Kind:
    """The kind that a text names, with its options: `prefix`, `pool:size=10`; the same object for equal
    ones. SpotError with the nearest name or option if there is none.
    """
    options = {name: form.options for name, form in KINDS.items()}
    name, values = parse(text, options, "prompt kind", "prompt.kind")
    return _made(name, written(name, values, options[name]), tuple(sorted(values.items())))


@lru_cache(maxsize=256)
def _made(form: str, name: str, values: tuple[tuple[str, int | float | str], ...]) -> Kind:
    kind = KINDS[form].kind(**dict(values))
    if kind.name != name:
        raise ValueError(f"expected the kind {name}, found {kind.name}")
    return kind

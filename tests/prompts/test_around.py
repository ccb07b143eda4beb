"""Rows around the text: which stand where, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from spot.errors import SpotError
from spot.prompts.kinds import find_kind
from spot.prompts.prompt import SoftPrompt
from tests.prompts.effects import ROWS, P, begun, seen


@pytest.mark.parametrize("after", range(P + 1))
def test_the_last_rows_stand_behind_the_text_in_their_order(after):
    prompt = begun(f"around:after={after}")
    effect = seen([prompt])
    parts = [effect[name][0] for name in ("before", "after")]
    assert [len(part) for part in parts] == [P - after, after]
    np.testing.assert_array_equal(np.concatenate(parts), ROWS[0])
    assert (prompt.kind.before(P), prompt.kind.after(P)) == (P - after, after)


def test_a_prompt_shorter_than_its_rows_behind_is_refused():
    for make in (
        lambda: begun("around:after=5"),
        lambda: SoftPrompt.of(find_kind("around:after=5"), ROWS[0]).tokens,
        lambda: seen([SoftPrompt.of(find_kind("around:after=5"), ROWS[0])]),
    ):
        with pytest.raises(SpotError, match="at least the 5 rows .* found a prompt of 4") as error:
            make()
        assert "around:after=4" in error.value.hint

"""Colours that people with any colour vision can tell apart, for families and curves."""

from __future__ import annotations

# Okabe and Ito's set (2008) without black and yellow, which vanish on black text and white paper,
# and with a grey-brown; beyond these, hatches or line styles tell equal colours apart.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#7A5C3E", "#5E4FA2")
HATCHES = ("", "////", "....", "xxxx")
LINES = ("-", "--", ":", "-.")
UNKNOWN = "#E3E3E3"
TEXT = "#222222"
MUTED = "#666666"
GRID = "#E8E8E8"


def colour_and_hatch(index: int) -> tuple[str, str]:
    """Colour and hatch of family number `index`; 32 combinations, then they repeat."""
    return COLOURS[index % len(COLOURS)], HATCHES[index // len(COLOURS) % len(HATCHES)]


def colour_and_line(index: int) -> tuple[str, str]:
    """Colour and line style of curve number `index`; 32 combinations, then they repeat."""
    return COLOURS[index % len(COLOURS)], LINES[index // len(COLOURS) % len(LINES)]

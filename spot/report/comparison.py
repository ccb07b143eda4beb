"""The table of a comparison as text and as files: Markdown, LaTeX, CSV and JSON.

COLUMNS says once what a column shows; WRITERS has a function for every format, and the suffix of a path
chooses.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spot.models.counts import short
from spot.report.files import csv_bytes, write_atomic, writer_for
from spot.study.comparison import FACTORS, Comparison, Gap, Reference, Row, Variant
from spot.training.fitting import gigabytes

Line = Row | Reference | Gap
"""What a line of the table shows."""

LEGEND = (
    "±: standard deviation over seeds. 95 %: intervals over test rows and seeds, of the score and of its "
    "difference to the first row with the same model and task, which is paired; two seeds say little, so "
    "theirs may end beyond 100. A mean is that of these tasks and says nothing of others. Of many such "
    "intervals one in twenty misses by chance. Rates and steps are chosen on validation. ms: of a step, by "
    "prompt, as measured here. Memory: predicted, beyond the model's weights."
)


@dataclass(frozen=True)
class Column:
    """A column: its title, and the text of a row and of a reference; a text is aligned left."""

    title: str
    of_row: Callable[[Row], str]
    of_reference: Callable[[Reference], str] = lambda _: "–"
    is_text: bool = False


def target_name(targets: Sequence[str]) -> str:
    """The target, or of how many a row is the mean."""
    return targets[0] if len(targets) == 1 else f"mean of {len(targets)}"


def _interval(bounds: tuple[float, float] | None) -> str:
    return "–" if bounds is None else f"{bounds[0]:.1f} to {bounds[1]:.1f}"


def _rate(row: Row) -> str:
    """The chosen rate; beside it those that failed."""
    if row.learning_rate is None:
        return "–"
    failed = [f"{rate:g}" for rate, score in row.rates.items() if score is None]
    return f"{row.learning_rate:g}" + (f" (not finite: {', '.join(failed)})" if failed else "")


MEASURED: tuple[Column, ...] = (
    Column("rate", _rate),
    Column("validation", lambda row: f"{row.validation:.1f}"),
    Column(
        "test",
        lambda row: f"{row.test:.1f}" + (f" ± {row.deviation:.1f}" if row.deviation else ""),
        lambda reference: f"{reference.test:.1f}",
    ),
    Column(
        "95 %",
        lambda row: _interval(row.interval),
        lambda reference: _interval(reference.interval),
    ),
    Column("difference", lambda row: "–" if row.difference is None else row.difference.signed),
    Column("verdict", lambda row: row.verdict.kind, is_text=True),
    Column("trained", lambda row: short(row.trained)),
    Column("ms", lambda row: f"{1000 * row.seconds:.1f}"),
    Column("memory", lambda row: gigabytes(row.memory)),
    Column("n", lambda row: str(row.n), lambda reference: str(reference.n)),
)
"""The columns behind those of model, task and factors."""


def lines_of(comparison: Comparison, model: str, targets: tuple[str, ...]) -> list[Line]:
    """References, rows and gaps of a group, in this order."""
    references = [
        one for one in comparison.references if (one.model, one.targets) == (model, targets)
    ]
    gaps = [one for one in comparison.gaps if (one.model, (one.target,)) == (model, targets)]
    return [*references, *comparison.of(model, targets), *gaps]


def all_lines(comparison: Comparison) -> list[Line]:
    """The lines of every group; those of one that has gaps alone are its references and gaps."""
    groups = dict.fromkeys(comparison.groups)
    groups |= dict.fromkeys((gap.model, (gap.target,)) for gap in comparison.gaps)
    return [line for model, targets in groups for line in lines_of(comparison, model, targets)]


def table(comparison: Comparison) -> tuple[list[str], list[list[str]], list[bool]]:
    """The titles of the columns, the cells of all lines, and which columns are text; models and tasks have
    a column where there are several.
    """
    lines, factors = all_lines(comparison), comparison.factors
    several = {
        "model": len({line.model for line in lines}) > 1,
        "task": len({_target(line) for line in lines}) > 1,
    }
    front = [name for name, shown in several.items() if shown]
    titles = [*front, *factors, *(column.title for column in MEASURED)]
    texts = [True] * (len(front) + len(factors)) + [column.is_text for column in MEASURED]
    cells = []
    for line in lines:
        places = {"model": line.model, "task": _target(line)}
        cells.append([places[name] for name in front] + line_cells(line, factors))
    return titles, cells, texts


def _target(line: Line) -> str:
    return line.target if isinstance(line, Gap) else target_name(line.targets)


def line_cells(line: Line, factors: Sequence[str]) -> list[str]:
    """The cells of a line: its factors, or the name of a reference, then MEASURED."""
    if isinstance(line, Reference):
        own = [line.name, *[""] * (len(factors) - 1)]
        return own + [column.of_reference(line) for column in MEASURED]
    own = factor_cells(line.variant, factors)
    if isinstance(line, Gap):
        return own + ["gap" if column.title == "verdict" else "–" for column in MEASURED]
    return own + [column.of_row(line) for column in MEASURED]


def factor_cells(variant: Variant, factors: Sequence[str]) -> list[str]:
    """A variant's value of each factor."""
    return [str(getattr(variant, name)) for name in factors]


def gap_sentences(comparison: Comparison) -> list[str]:
    """What could not be measured, a sentence each."""
    several = len({line.model for line in all_lines(comparison)}) > 1
    return [
        f"gap: {gap.variant.label(comparison.varying)} on {gap.target}"
        f"{f' ({gap.model})' if several else ''}: {gap.reason}"
        for gap in comparison.gaps
    ]


def chosen_sentences(comparison: Comparison) -> list[str]:
    """The variant that validation chooses on each model, with its test score."""
    sentences = []
    for row in comparison.chosen:
        over = "" if row.difference is None else f", {row.difference.signed} over the first row"
        where = "" if len(comparison.models) == 1 else f" on {row.model}"
        sentences.append(
            f"validation chooses {row.variant.label(comparison.varying)}{where}: test {row.test:.1f} "
            f"({_interval(row.interval)}) on {target_name(row.targets)}{over}"
        )
    return sentences


def same_sentence(comparison: Comparison) -> str:
    """The factors that are the same in all rows, with their values."""
    same = [name for name in FACTORS if name not in comparison.factors]
    variant = comparison.rows[0].variant
    listed = ", ".join(f"{name} {getattr(variant, name)}" for name in same)
    seeds = ", ".join(str(trial.seed) for trial in comparison.rows[0].trials)
    return f"all rows: {listed}; seeds {seeds}" if same else f"seeds {seeds}"


def write_comparison(comparison: Comparison, path: str | Path) -> Path:
    """Write the table to `path` in the format of its suffix, see WRITERS; returns the path.

    Raises SpotError for another suffix, BankError for a folder that cannot be written.
    """
    write = writer_for(path, WRITERS)
    return write_atomic(path, write(comparison))


def markdown(comparison: Comparison) -> str:
    """The table as GitHub Markdown, with gaps and what the numbers mean below it."""
    titles, cells, texts = table(comparison)
    rule = ["---" if is_text else "---:" for is_text in texts]
    rows = [[text.replace("|", "\\|") for text in row] for row in (titles, rule, *cells)]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    notes = [*gap_sentences(comparison), *chosen_sentences(comparison)]
    return "\n".join([*lines, "", *(f"- {note}" for note in notes), "", _notes(comparison)]) + "\n"


LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{",
    "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "–": "--",
    "<": r"\textless{}", ">": r"\textgreater{}",
}  # fmt: skip
"""What a character is in LaTeX, where it is not itself."""


def latex_text(text: str) -> str:
    """A text as LaTeX sets it.

    >>> latex_text("mini_cb 50 %"), latex_text("1 ± 2")
    ('mini\\\\_cb 50 \\\\%', '1 $\\\\pm$ 2')
    """
    return "".join(LATEX.get(letter, letter) for letter in text)


def latex(comparison: Comparison) -> str:
    """The table as a LaTeX tabular with the rules of booktabs, with gaps and meanings as comments."""
    titles, cells, texts = table(comparison)
    rows = [" & ".join(map(latex_text, row)) + r" \\" for row in (titles, *cells)]
    columns = "".join("l" if is_text else "r" for is_text in texts)
    notes = [*gap_sentences(comparison), *chosen_sentences(comparison), _notes(comparison)]
    comments = [f"% {' '.join(note.splitlines())}" for note in ("needs booktabs", *notes)]
    body = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", rows[0], r"\midrule"]
    return "\n".join([*comments, *body, *rows[1:], r"\bottomrule", r"\end{tabular}"]) + "\n"


def _notes(comparison: Comparison) -> str:
    return f"{same_sentence(comparison)}. {LEGEND}"


CSV = (
    "what", "model", "parameters", "task", *FACTORS, "learning_rate", "validation", "test", "deviation",
    "low", "high", "difference", "difference_low", "difference_high", "verdict", "trained", "seconds",
    "memory", "n", "metric", "prompt", "reason",
)  # fmt: skip
"""The columns of a CSV file."""


def flat(line: Line) -> Mapping[str, Any]:
    """A line as plain values by the columns of CSV; scores with all their digits."""
    if isinstance(line, Gap):
        own = {name: getattr(line.variant, name) for name in FACTORS}
        return {
            "what": "gap",
            "model": line.model,
            "task": line.target,
            "reason": line.reason,
            **own,
        }
    low, high = line.interval or (None, None)
    common = {
        "model": line.model,
        "task": target_name(line.targets),
        "test": line.test,
        "low": low,
        "high": high,
        "n": line.n,
    }
    if isinstance(line, Reference):
        return {"what": line.name, **common}
    content = line.to_json()
    difference = content["difference"] or {}
    return {
        **{name: content[name] for name in CSV if name in content},
        **common,
        "what": "prompt",
        "verdict": line.verdict.kind,
        "difference": difference.get("mean"),
        "difference_low": difference.get("low"),
        "difference_high": difference.get("high"),
    }


def _csv(comparison: Comparison) -> bytes:
    rows = [
        ["" if (value := flat(line).get(name)) is None else value for name in CSV]
        for line in all_lines(comparison)
    ]
    return csv_bytes([CSV, *rows])


def _json(comparison: Comparison) -> bytes:
    return (json.dumps(comparison.to_json(), indent=1, ensure_ascii=False) + "\n").encode()


# The suffix of a file -> the function that makes its bytes.
WRITERS: dict[str, Callable[[Comparison], bytes]] = {
    ".md": lambda comparison: markdown(comparison).encode(),
    ".tex": lambda comparison: latex(comparison).encode(),
    ".csv": _csv,
    ".json": _json,
}

"""A table looked at before anything is trained: its labels, its splits, and what can be told from them.

`spot init` prints a `TableReport` and writes its task's TOML; nothing is changed in the table.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import shlex
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path
from statistics import NormalDist, fmean
from typing import Any, Protocol

from pydantic import ValidationError

from bank.characters import is_writable, seen
from spot.errors import SpotError, did_you_mean
from spot.tasks.files import Row, data_rows
from spot.tasks.own_rows import OwnRows, Source, counted_rows, is_free_text, named
from spot.tasks.row_form import RowForm, explained, label_key
from spot.tasks.splits import SPLITS
from spot.tasks.vocabulary import Vocabulary

TEXT_NAMES = ("text", "body", "message", "sentence", "review", "content", "comment", "question")
LABEL_NAMES = ("label", "class", "category", "labels", "intent", "topic", "sentiment", "target")
FEW_ROWS = 10
"""A class with fewer training rows is pointed out."""

LIKELY = 0.8
"""The accuracy at which the size of the test split is judged."""


class HasVocabulary(Protocol):
    """A model, as far as label words are checked with it."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def vocabulary(self) -> Vocabulary:
        """Its vocabulary."""


@dataclass(frozen=True)
class LabelReport:
    """A label: its value in the table, its word, its rows by split, and the tokens of the word.

    `tokens` is None without a model.
    """

    value: str
    word: str
    rows: Mapping[str, int]
    tokens: int | None = None


@dataclass(frozen=True)
class Conflict:
    """A text that has several labels, and how often each."""

    text: str
    labels: Mapping[str, int]


@dataclass(frozen=True)
class TableReport:
    """A table as a task.

    `text`, `title` ("" for none) and `label` are its columns; `guessed` those of them that nobody
    named, `unused` other columns that look like text, `columns` all columns. `files` are its paths by
    split. `rows` counts the rows of each split, `removed` those that are left out because another
    split has their text. `repeated` counts rows whose text an earlier row of their split has;
    `conflicts` are the texts with several labels, `alike` the labels that differ by case, space or one
    letter, with their rows. `error` and `apart` are in points, see `error_of_accuracy` and
    `smallest_difference`; `most_frequent` is the accuracy of always giving the test split's most
    frequent label. `notes` are sentences about what to mend, the worst first.
    """

    name: str
    files: Mapping[str, Path]
    columns: tuple[str, ...]
    text: str
    title: str
    label: str
    guessed: tuple[str, ...]
    unused: tuple[str, ...]
    labels: tuple[LabelReport, ...]
    rows: Mapping[str, int]
    removed: int
    repeated: int
    conflicts: tuple[Conflict, ...]
    alike: tuple[Mapping[str, int], ...]
    split_rule: str
    error: float
    apart: float
    most_frequent: float
    notes: tuple[str, ...]

    @property
    def total(self) -> int:
        """Rows of all files."""
        return sum(self.rows.values()) + self.removed

    def to_json(self) -> dict[str, Any]:
        """A JSON-serialisable dict."""
        content = asdict(self)
        return {**content, "files": {split: str(path) for split, path in self.files.items()}}

    def toml(self, folder: Path) -> str:
        """The task's TOML file, for a place in `folder`, from which it names its files."""
        lines = [
            "# For --target and --task. May stand here, too: metrics, family, group, description, license.",
            f"name = {_quoted(self.name)}",
            f"inputs = {_quoted(_inputs(self.text, self.title))}",
            f"label = {_quoted(self.label)}",
            _labels_line(self.labels),
            "",
            *textwrap.wrap(
                f"Splits: {self.split_rule}.", 98, initial_indent="# ", subsequent_indent="# "
            ),
            "[files]  # relative to this file",
        ]
        for split, path in self.files.items():
            lines.append(f"{split} = {_quoted(Path(os.path.relpath(path, folder)).as_posix())}")
        return "\n".join(lines) + "\n"


def inspect_table(
    table: Path | str,
    *,
    text: str | None = None,
    label: str | None = None,
    title: str | None = None,
    validation: Path | str | None = None,
    test: Path | str | None = None,
    name: str | None = None,
    model: HasVocabulary | None = None,
) -> TableReport:
    """Look at a .csv, .tsv, .jsonl or .parquet file as a task.

    `text` and `label` are guessed from the columns where only one of each can be meant; `title` is a
    column in front of the text. `validation` and `test` are files of their own; splits without one are
    cut from the table. `name` is the task's (default: the file's). `model` is the one whose vocabulary
    label words are checked with. Raises SpotError for files that cannot be read, columns that are not there
    or ambiguous, rows without text or label, and labels that look like free text.

    >>> inspect_table("tickets.csv", text="body", label="queue").rows  # doctest: +SKIP
    {'train': 120, 'validation': 40, 'test': 40}
    """
    table = Path(table)
    given = {"train": table, "validation": validation, "test": test}
    files = {split: Path(path) for split, path in given.items() if path is not None}
    rows = {split: list(data_rows(path)) for split, path in files.items()}
    if not rows["train"]:
        raise SpotError(
            f"{table}: expected rows below the names of columns, found none", "add rows"
        )
    columns = tuple(dict.fromkeys(key for row in rows["train"] for key in row.fields))
    text, label, title, guessed = _columns(table, columns, rows["train"], text, label, title)
    _check_filled(rows, text, title, label)
    try:
        form = RowForm(
            name=_name(table) if name is None else name, inputs=_inputs(text, title), label=label
        )
    except ValidationError as error:
        raise explained(str(table), error, lambda depth: list(RowForm.model_fields)) from error
    sources = {s: Source(str(path), rows[s].__iter__) for s, path in files.items()}
    return _report(OwnRows(str(table), form, sources), files, columns, text, title, guessed, model)


def error_of_accuracy(n: int, accuracy: float = LIKELY) -> float:
    """Half the width of a 95 % interval of an accuracy p on n rows, in points: 100 · z · √(p(1-p)/n),
    the normal approximation of the binomial, z = 1.96.

    >>> round(error_of_accuracy(40))
    12
    """
    return 100 * _Z * (accuracy * (1 - accuracy) / n) ** 0.5 if n else 100.0


def smallest_difference(n: int, accuracy: float = LIKELY) -> float:
    """The difference of two accuracies near p, on n rows each, beyond which it is told from chance at
    95 %, in points: 100 · z · √(2p(1-p)/n). Prompts that are right on mostly the same rows can be told
    apart a little below it.

    >>> round(smallest_difference(40))
    18
    """
    return 2**0.5 * error_of_accuracy(n, accuracy)


def rows_to_tell(points: float, accuracy: float = LIKELY) -> int:
    """The number of test rows at which `smallest_difference` is `points`.

    >>> rows_to_tell(5)
    492
    """
    return round(2 * accuracy * (1 - accuracy) * (100 * _Z / points) ** 2)


_Z = NormalDist().inv_cdf(0.975)


def labels_alike(counts: Mapping[str, int]) -> tuple[dict[str, int], ...]:
    """Labels that differ by case, white space, punctuation or one letter alone, as groups with their
    rows; numbers in them must agree.

    >>> labels_alike({"Billing": 40, "billing": 3, "biling": 1, "bug": 9, "bugs": 1})
    ({'Billing': 40, 'billing': 3, 'biling': 1},)
    """
    groups: list[set[str]] = []
    for a, b in combinations(counts, 2):
        if _alike(a, b):
            near = [group for group in groups if group & {a, b}]
            groups = [group for group in groups if group not in near] + [{a, b}.union(*near)]
    return tuple({label: counts[label] for label in counts if label in group} for group in groups)


def _alike(a: str, b: str) -> bool:
    a, b = (re.sub(r"[\W_]+", "", label).casefold() for label in (a, b))
    if a == b:
        return bool(a)
    if re.findall(r"\d+", a) != re.findall(r"\d+", b) or min(len(a), len(b)) < 4:
        return False
    changes = [c for c in difflib.SequenceMatcher(None, a, b).get_opcodes() if c[0] != "equal"]
    return len(changes) == 1 and all(max(c[2] - c[1], c[4] - c[3]) == 1 for c in changes)


def word_notes(words: Sequence[str], model: HasVocabulary) -> list[str]:
    """Sentences about label words that a model's vocabulary cannot write, cannot tell apart, or of
    which one is the beginning of another in tokens.
    """
    vocabulary, name = model.vocabulary, model.name
    ids = {word: tuple(vocabulary.encode_target(word)) for word in words}
    notes = []
    for word in words:
        back = vocabulary.decode(ids[word]).strip()
        if " ".join(back.split()) != " ".join(word.split()):
            notes.append(
                f'the vocabulary of {name} cannot write the label word "{word}" (it reads "{back}"): '
                "choose another word for it in labels"
            )
    for a, b in combinations(words, 2):
        short, long = sorted((a, b), key=lambda word: len(ids[word]))
        if ids[short] == ids[long]:
            notes.append(
                f"the label words {named([a, b])} are the same tokens for {name}: no score can tell "
                "them apart"
            )
        elif ids[long][: len(ids[short])] == ids[short]:
            notes.append(
                f'for {name} the label word "{long}" begins with the tokens of "{short}": words that '
                "begin differently are told apart better"
            )
    return notes


def write_task(report: TableReport, path: Path, *, force: bool = False) -> None:
    """Write the report's task as a TOML file. SpotError for a file that is there, unless `force`, and for
    paths that TOML cannot hold.
    """
    from bank.files import replace_file

    if path.exists() and not force:
        raise SpotError(
            f"expected a new file at {path}, found one that is there",
            "choose another with --out, or replace it with --force",
        )
    text = report.toml(path.absolute().parent)
    if not is_writable(text):
        found = ", ".join(map(str, report.files.values()))
        raise SpotError(
            f"expected paths in UTF-8, as TOML has them, found {found}",
            "rename the file or its folder",
        )
    replace_file(path, text.encode())


def _report(
    own: OwnRows,
    files: Mapping[str, Path],
    columns: tuple[str, ...],
    text: str,
    title: str,
    guessed: tuple[str, ...],
    model: HasVocabulary | None,
) -> TableReport:
    """The report of rows whose form is known."""
    cut, form = own.cut(), own.form
    trained = list(own.sources["train"].rows())
    others = [column for column in columns if column not in (text, title, form.label)]
    unused = tuple(c for c in others if _looks_like_text(_values(trained, c)))
    counts: dict[str, Counter[str]] = {split: Counter() for split in SPLITS}
    texts: dict[str, Counter[str]] = defaultdict(Counter)
    first: dict[str, str] = {}
    of_split: Counter[tuple[str, str]] = Counter()
    for given, places in cut.splits.items():
        for row, split in zip(own.sources[given].rows(), places, strict=True):
            key, value = own.reader.identity(row), label_key(row.value(form.label))
            texts[key][value] += 1
            first.setdefault(key, str(row.value(text)))
            if split:
                counts[split][value] += 1
                of_split[split, key] += 1
    totals = Counter({value: sum(c[value] for c in counts.values()) for value in form.labels})
    labels = tuple(
        LabelReport(
            value,
            word,
            {split: counts[split][value] for split in SPLITS},
            len(model.vocabulary.encode_target(word)) if model else None,
        )
        for value, word in form.labels.items()
    )
    conflicts = tuple(Conflict(first[key], dict(c)) for key, c in texts.items() if len(c) > 1)
    sizes = {split: counts[split].total() for split in SPLITS}
    n = sizes["test"]
    report = TableReport(
        name=form.name,
        files=files,
        columns=columns,
        text=text,
        title=title,
        label=form.label,
        guessed=guessed,
        unused=unused,
        labels=labels,
        rows=sizes,
        removed=sum(cut.removed.values()),
        repeated=sum(count - 1 for count in of_split.values()),
        conflicts=conflicts,
        alike=labels_alike(totals),
        split_rule=own.rule,
        error=error_of_accuracy(n),
        apart=smallest_difference(n),
        most_frequent=100 * max(counts["test"].values(), default=0) / max(n, 1),
        notes=cut.notes,
    )
    of_words = word_notes(form.words, model) if model else ()
    return replace(report, notes=(*cut.notes, *_data_notes(report), *of_words))


def _data_notes(report: TableReport) -> Iterable[str]:
    """Sentences about labels that look alike, conflicts, repeats and classes with few rows."""
    looks_apart = [group for group in report.alike if len(set(map(seen, group))) > 1]
    for group in looks_apart:  # others are in the notes of the splits
        counts = ", ".join(f'"{label}" ({counted_rows(n)})' for label, n in group.items())
        yield (
            f"labels that look alike are kept apart: {counts}; correct the table, or give them one "
            "word in labels"
        )
    if report.conflicts:
        first = report.conflicts[0]
        text = first.text if len(first.text) <= 40 else first.text[:39] + "…"
        have = "text has" if len(report.conflicts) == 1 else "texts have"
        yield (
            f'{len(report.conflicts)} {have} several labels: "{text}" is '
            f"{named(list(first.labels))}; no prompt can be right on all of these rows"
        )
    if report.repeated:
        one = report.repeated == 1
        yield (
            f"{counted_rows(report.repeated)} {'repeats' if one else 'repeat'} the text of another row "
            f"in the same split: {'it counts' if one else 'they count'} as often as "
            f"{'it occurs' if one else 'they occur'}"
        )
    few = [label for label in report.labels if 0 < label.rows["train"] < FEW_ROWS]
    if few:
        counts = ", ".join(f'"{label.value}" {label.rows["train"]}' for label in few[:5])
        yield (
            f"few training rows for {'a label' if len(few) == 1 else 'some labels'}: {counts}"
            + (f" and {len(few) - 5} more" if len(few) > 5 else "")
            + f"; {FEW_ROWS} or more each are better"
        )
    if all(re.fullmatch(r"[\d.,+-]+", label.word) for label in report.labels):
        yield (
            "the label words are numbers: words that say what they mean are learned sooner; change "
            'them in labels, as in labels = {"1" = "bad", "5" = "good"}'
        )


def _columns(
    table: Path,
    columns: tuple[str, ...],
    rows: Sequence[Row],
    text: str | None,
    label: str | None,
    title: str | None,
) -> tuple[str, str, str, tuple[str, ...]]:
    """The columns of text, label and title ("" for none), and those that are guessed."""
    for option, column in (("text", text), ("label", label), ("title", title)):
        if column is not None and column not in columns:
            raise SpotError(
                f'{table}: expected a column for --{option}, found no "{column}".'
                f"{did_you_mean(column, columns)}",
                f"its columns: {', '.join(columns)}",
            )
    named_twice = [c for c in (text, label, title) if c is not None]
    if len(set(named_twice)) < len(named_twice):
        raise SpotError(
            f"{table}: expected different columns for text, title and label, found "
            f"{', '.join(named_twice)}",
            f"its columns: {', '.join(columns)}",
        )
    for column in named_twice:
        if set(column) & set(".[]{}:!"):
            raise SpotError(
                f'{table}: expected the name of a column without . [ ] {{ }} : and !, found "{column}"',
                "rename the column: its name stands in braces in the task's text",
            )
    free = [column for column in columns if column not in named_twice]
    filled = {column: _values(rows, column) for column in free}
    texts = [column for column in free if _looks_like_text(filled[column])]
    classes = [column for column in free if _looks_like_classes(filled[column], len(rows))]
    guesses = {"text": _only(texts, TEXT_NAMES), "label": _only(classes, LABEL_NAMES)}
    chosen = {"text": text or guesses["text"], "label": label or guesses["label"]}
    if missing := [option for option, column in chosen.items() if column is None]:
        best_label = chosen["label"] or next(iter(classes or free[::-1]), "label")
        others = [column for column in texts or free if column != best_label]
        longest = max(others, key=lambda column: _length(filled[column]), default="text")
        example = {"text": chosen["text"] or longest, "label": best_label}
        raise SpotError(
            f"{table}: expected to be told the column of the {' and of the '.join(missing)}, found "
            f"the columns {', '.join(columns)}",
            f"for example: spot init {table} --text {shlex.quote(example['text'])} "
            f"--label {shlex.quote(example['label'])}",
        )
    guessed = tuple(o for o, stated in (("text", text), ("label", label)) if stated is None)
    return str(chosen["text"]), str(chosen["label"]), title or "", guessed


def _values(rows: Sequence[Row], column: str) -> list[str]:
    """The values of a column as text, those that are not empty."""
    values = (label_key(row.fields.get(column)) for row in rows)
    return [value for value in values if value]


def _length(values: Sequence[str]) -> float:
    """The mean number of characters."""
    return fmean(map(len, values)) if values else 0.0


def _looks_like_text(values: Sequence[str]) -> bool:
    """True for mostly different values of three words and more."""
    return (
        bool(values)
        and len(set(values)) * 2 > len(values)
        and fmean(len(value.split()) for value in values) >= 3
    )


def _looks_like_classes(values: Sequence[str], rows: int) -> bool:
    """True for two and more short values that every row has and that return often enough."""
    distinct = set(values)
    return (
        len(values) == rows
        and len(distinct) > 1
        and not is_free_text(len(distinct), rows)
        and (len(distinct) * 2 <= rows or rows < 10)
        and fmean(len(value.split()) for value in distinct) < 4
    )


def _only(candidates: Sequence[str], usual: Sequence[str]) -> str | None:
    """The only candidate, else the only one with a usual name, else None."""
    if len(candidates) == 1:
        return candidates[0]
    common = [column for column in candidates if column.casefold() in usual]
    return common[0] if len(common) == 1 else None


def _check_filled(rows: Mapping[str, Sequence[Row]], text: str, title: str, label: str) -> None:
    """Raise SpotError, with the number of such rows and the first, for rows without text or label."""
    for of_split in rows.values():
        for columns, what in (([label], "label"), ([text, *([title] if title else [])], "text")):
            empty = [row for row in of_split if not any(label_key(row.value(c)) for c in columns)]
            if empty:
                first = empty[0]
                raise SpotError(
                    f'{first.file}: expected a {what} in "{columns[0]}" in every row, found '
                    f"{len(empty):,} of {counted_rows(len(of_split))} without (the first: {first.unit} "
                    f"{first.line})",
                    "fill them in, or remove these rows",
                )


def _name(table: Path) -> str:
    """The task's name after its file's."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", table.stem).lstrip("_.-") or "mine"


def _inputs(text: str, title: str) -> str:
    """The text of a row: its column alone, or both columns by their names."""
    return f"{title}: {{{title}}} {text}: {{{text}}}" if title else f"{{{text}}}"


def _labels_line(labels: Sequence[LabelReport]) -> str:
    """Labels as a list where they are words, as a table where they are numbers."""
    if any(re.fullmatch(r"[\d.,+-]+", label.value) for label in labels):
        pairs = ", ".join(f"{_quoted(label.value)} = {_quoted(label.word)}" for label in labels)
        return f"labels = {{{pairs}}}"
    return f"labels = [{', '.join(_quoted(label.word) for label in labels)}]"


def _quoted(text: str) -> str:
    """A text as TOML writes it."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")

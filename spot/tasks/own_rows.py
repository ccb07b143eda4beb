"""A user's own rows, from files or from memory: their labels, their splits, and what is wrong with them.

Splits that are not given are cut by the rule of `spot.tasks.stratified`. A text is in one split only:
rows of train that validation or test have too are left out, and those of validation that test has.
"""

from __future__ import annotations

import functools
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bank.characters import escaped, seen
from spot.errors import SpotError
from spot.tasks.files import Row
from spot.tasks.metrics import check_classes
from spot.tasks.row_form import EXAMPLES, RowForm, RowReader, found_label
from spot.tasks.splits import SAME_TEXTS, SPLITS, check_split, no_rows, one_class_note
from spot.tasks.stratified import FIFTH, HALF, LARGEST, SALT, assigned, identity_hash
from spot.tasks.text import Example

_log = logging.getLogger("spot")


@dataclass(frozen=True)
class Source:
    """The rows that a user gives for a split, and what they are called in messages.

    `stamp()` changes when the rows do.
    """

    place: str
    rows: Callable[[], Iterator[Row]]
    stamp: Callable[[], object] = field(default=lambda: None)


@dataclass(frozen=True)
class Cut:
    """Where every row goes.

    `splits[given][i]` is the split of row i of the rows given for `given`, "" if it is left out.
    `removed` counts the rows left out by the split that they are left out of and the split that has
    them too. `notes` are sentences about what a user should know before training.
    """

    splits: Mapping[str, Sequence[str]]
    removed: Mapping[tuple[str, str], int]
    notes: tuple[str, ...]

    def origin(self, split: str) -> str:
        """The rows given that the split is cut from."""
        if split in self.splits:
            return split
        return "validation" if split == "test" and "validation" in self.splits else "train"


class OwnRows:
    """Rows of a form in train, validation and test; read as a stream each time.

    `origin` names the form in errors.
    """

    def __init__(self, origin: str, form: RowForm, sources: Mapping[str, Source]) -> None:
        self.origin, self.stated, self.sources = origin, form, sources
        self._cut: tuple[object, Cut] | None = None
        self._noted = False

    @functools.cached_property
    def form(self) -> RowForm:
        """The form with its labels: where none are stated, the values of the label field over all
        rows, sorted, as their own words. Raises SpotError when they look like free text, or are one.
        """
        if not self.stated.label or self.stated.labels:
            return self.stated
        labels = _found(self.origin, self.stated.label, self.sources)
        check_classes(self.origin, self.stated.metrics, len(labels))
        return self.stated.model_copy(update={"labels": labels})

    @functools.cached_property
    def reader(self) -> RowReader:
        """What the form makes of a row."""
        return RowReader(self.form, self.origin)

    def read(self, split: str) -> Iterator[Example]:
        """Examples of a split, as `raw` has them."""
        return (example for _, example in self.raw(split))

    def raw(self, split: str) -> Iterator[tuple[Row, Example]]:
        """Examples of a split with their rows, in the order of the rows given, all of which are checked.

        SpotError for a bad row, an unknown or an empty split. What a user should know of the splits is
        logged as a warning, once.
        """
        check_split(self.form.name, split, SPLITS)
        cut = self.cut()
        for note in () if self._noted else cut.notes:
            _log.warning('task "%s": %s', self.form.name, note)
        self._noted = True
        given = cut.origin(split)
        source, places = self.sources[given], cut.splits[given]
        if split not in places:
            raise self._empty(split, cut)
        rows = zip(source.rows(), places, strict=True)
        return ((row, self.reader.example(row)) for row, place in rows if place == split)

    def _empty(self, split: str, cut: Cut) -> SpotError:
        others = [later for of, later in cut.removed if of == split]
        if not others:
            return no_rows(self.form.name, split, self.sources[cut.origin(split)].place)
        return SpotError(
            f'task "{self.form.name}": expected texts in {split} that {joined(others)} '
            f"{'has' if len(others) == 1 else 'have'} not, found none",
            f"give {split} rows of its own",
        )

    def cut(self) -> Cut:
        """Where every row goes; computed again when the rows given have changed."""
        stamp = [source.stamp() for source in self.sources.values()]
        if self._cut is None or self._cut[0] != stamp:
            self._cut = (stamp, self._computed())
        return self._cut[1]

    @property
    def rule(self) -> str:
        """How the splits are made, in words."""
        columns = RowReader(self.stated, self.origin).columns
        key = self.stated.group or ' + " " + '.join(columns)
        order = f'in the order of sha256("{SALT}" + {key})'
        if not self.stated.group:
            order += " of texts in lower case with single spaces"
        alone = "train leaves out texts that validation or test has, validation those of test"
        most = f"{LARGEST:,} rows at most"
        if {"validation", "test"} <= set(self.sources):
            return f"train, validation and test as given; {alone}"
        if "validation" in self.sources:
            return f"test is the first half of each class of validation, {order}; {alone}"
        if "test" in self.sources:
            return f"validation is the first fifth of each class of train, {most}, {order}; {alone}"
        return (
            "test is the first fifth and validation the second fifth of each class of train, "
            f"{most} each, {order}"
        )

    def _computed(self) -> Cut:
        hashes: dict[str, list[bytes]] = {}
        classes: dict[str, list[int]] = {}
        for split, source in self.sources.items():
            hashes[split], classes[split] = [], []
            for row in source.rows():
                classes[split].append(self.reader.example(row).label)
                hashes[split].append(identity_hash(self.reader.identity(row)))
        splits: dict[str, list[str]] = {s: [s] * len(rows) for s, rows in hashes.items()}
        removed, notes = _without_repeats(hashes, splits)
        if "validation" not in splits:
            held_out = ["validation"] if "test" in splits else ["test", "validation"]
            _cut_off(held_out, FIFTH, "train", hashes, classes, splits)
        elif "test" not in splits:
            _cut_off(["test"], HALF, "validation", hashes, classes, splits)
        of_classes = _class_notes(classes, splits, self.form)
        return Cut(splits, removed, (*notes, *of_classes, *_look_notes(list(self.form.labels))))


def _cut_off(
    held_out: Sequence[str],
    share: float,
    given: str,
    hashes: Mapping[str, Sequence[bytes]],
    classes: Mapping[str, Sequence[int]],
    splits: Mapping[str, list[str]],
) -> None:
    """Give rows of `given`, in `splits`, to the splits held out of it; rows left out stay so."""
    rows = [row for row, split in enumerate(splits[given]) if split]
    keys, labels = [hashes[given][row] for row in rows], [classes[given][row] for row in rows]
    for row, split in zip(rows, assigned(keys, labels, held_out, share, given), strict=True):
        splits[given][row] = split


def _without_repeats(
    hashes: Mapping[str, Sequence[bytes]], splits: Mapping[str, list[str]]
) -> tuple[dict[tuple[str, str], int], list[str]]:
    """Leave out, in `splits`, rows whose text a later split is given too; their numbers, and sentences.

    Splits of the very same texts are left as they are: a user who names one file twice means it.
    """
    texts = {split: set(hashes[split]) for split in SPLITS if split in hashes}
    removed: dict[tuple[str, str], int] = {}
    notes = []
    for split, later in (("train", "test"), ("train", "validation"), ("validation", "test")):
        if not (texts.get(split) and texts.get(later)):
            continue
        if texts[split] == texts[later]:
            notes.append(SAME_TEXTS[split, later])
            continue
        places = splits[split]
        again = [
            row for row, key in enumerate(hashes[split]) if places[row] and key in texts[later]
        ]
        for row in again:
            places[row] = ""
        if again:
            removed[split, later] = len(again)
            same = "text" if len(again) == 1 else "texts"
            notes.append(
                f"{counted_rows(len(again))} of {split} left out: {later} has the same {same}"
            )
    return removed, notes


def _class_notes(
    classes: Mapping[str, Sequence[int]], splits: Mapping[str, Sequence[str]], form: RowForm
) -> list[str]:
    """Sentences about classes that a split lacks."""
    if not form.label:
        return []
    counts: dict[str, Counter[int]] = {split: Counter() for split in SPLITS}
    for given, labels in classes.items():
        for label, split in zip(labels, splits[given], strict=True):
            counts[split or given][label] += bool(split)
    notes = []
    lacking: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for split, of_split in counts.items():
        here = [word for label, word in enumerate(form.words) if of_split[label]]
        if len(here) == 1:
            notes.append(one_class_note(split, here[0]))
        elif here:
            lacking[tuple(word for word in form.words if word not in here)].append(split)
    for missing, of in lacking.items():
        if missing:
            verb = "has" if len(of) == 1 else "have"
            notes.append(f"{joined(of)} {verb} no row with the label {named(missing)}")
    return notes


def _look_notes(labels: Sequence[str]) -> list[str]:
    """Sentences about different labels that look the same."""
    looks: dict[str, list[str]] = defaultdict(list)
    for label in labels:
        looks[seen(label)].append(escaped(label))
    return [
        f"the labels {named(alike)} look the same and are different classes: correct the rows, or give "
        "them one word in labels"
        for alike in looks.values()
        if len(alike) > 1
    ]


def joined(words: Sequence[str]) -> str:
    """Words as a sentence lists them.

    >>> joined(["train", "validation", "test"]), joined(["test"])
    ('train, validation and test', 'test')
    """
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def named(words: Sequence[str], most: int = 5) -> str:
    """Words in quotes, as a sentence lists them.

    >>> named(["bug"]), named(["a", "b", "c"], most=2)
    ('"bug"', '"a", "b" and 1 more')
    """
    more = [f"{len(words) - most} more"] if len(words) > most else []
    return joined([f'"{word}"' for word in words[:most]] + more)


def counted_rows(count: int) -> str:
    """A number of rows in words.

    >>> counted_rows(1), counted_rows(2000)
    ('1 row', '2,000 rows')
    """
    return f"{count:,} row{'' if count == 1 else 's'}"


def is_free_text(distinct: int, rows: int) -> bool:
    """True if so many different values in so many rows look like free text rather than classes: more
    than ten, and fewer than three rows each.
    """
    return distinct > 10 and distinct * 3 > rows


def _found(origin: str, label: str, sources: Mapping[str, Source]) -> dict[str, str]:
    """The values of a label field over all rows, sorted, as their own words."""
    counts = Counter(
        found_label(row, label) for source in sources.values() for row in source.rows()
    )
    if is_free_text(len(counts), counts.total()):
        raise SpotError(
            f'{origin}: expected classes in "{label}", found {len(counts):,} different values in '
            f"{counted_rows(counts.total())}: it looks like free text",
            f'name the column of the class as label, or say target = "{label}" for free answers',
        )
    labels = {value: value for value in sorted(counts)}
    if len(labels) == 1:
        raise SpotError(
            f'{origin}: expected two different labels at least in "{label}", found '
            f"{named(list(labels))} alone: with one answer there is nothing to learn",
            f"name the column of the class: {EXAMPLES['label']}",
        )
    return labels

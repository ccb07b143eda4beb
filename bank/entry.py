"""One entry of a bank: a prompt with its provenance, and its two files on disk.

`prompt.safetensors` holds the arrays, `entry.json` the rest, with checksums of both, so that a file
that was cut short or edited is noticed. Entries never change once written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import numpy as np

from bank.arrays import Array, as_floats
from bank.errors import BankError, reason_of, shown
from bank.files import canonical_json, sha256_hex, write_synced
from bank.reading import parse_json, read_bytes, read_json
from bank.task_facts import read_task_facts
from bank.tensors import LIMIT, Tensor, parse_tensors

FORMAT = 1  # of entries of the plain kind of prompt
KINDS_FORMAT = 2  # of entries of other kinds, which a program that reads only 1 would misuse
KINDS = ("source", "mixture", "meta", "combination", "query", "imported")
OF_SEVERAL = ("mixture", "meta", "combination")  # kinds of entries of several tasks, their members
PREFIX = "prefix"  # the plain kind of prompt: rows [P, H] in front of the text
PROMPT_KIND = "prompt_kind"  # recipe key, and metadata key of a .safetensors file; absent: PREFIX
NAMED = "value."  # prefix of the stored names of a value's named arrays
PROMPT_FILE = "prompt.safetensors"
ENTRY_FILE = "entry.json"
TASK_FACTS = "task_facts"  # beside "entry" in the file, so that older programs read the rest

Each = TypeVar("Each")


# The types in which `entry.json` has the fields; what is in them is checked by `_check_fields`.
FIELDS: dict[str, tuple[type, ...]] = {
    "id": (str,),
    "kind": (str,),
    "task": (str,),
    "members": (list,),
    "family": (str,),
    "seed": (int,),
    "backbone": (dict,),
    "recipe": (dict,),
    "key_step": (int, type(None)),
    "value_step": (int, type(None)),
    "scores": (dict,),
    "data": (str,),
    "code": (str,),
}


@dataclass(frozen=True)
class Backbone:
    """The frozen model that prompts belong to; prompts of different fingerprints never mix."""

    name: str
    fingerprint: str


@dataclass(frozen=True)
class Entry:
    """The metadata of one prompt; `Prompts` holds its arrays.

    `recipe` is the training recipe that made the key, `scores` maps a split to
    {"metric", "value" (0 to 100), "n", …}; `key_step` and `value_step` are training steps. `task_facts`
    are those of `bank.task_facts.TASK_FACTS` from which new rows can be answered, {} where they are not
    known; they are part of neither the id nor what makes two entries differ.
    """

    id: str
    kind: str
    task: str
    members: tuple[str, ...]
    family: str
    seed: int
    backbone: Backbone
    recipe: dict[str, Any]
    key_step: int | None = None
    value_step: int | None = None
    scores: dict[str, dict[str, Any]] = field(default_factory=dict)
    data: str = ""
    code: str = ""
    task_facts: dict[str, Any] = field(default_factory=dict)

    @property
    def prompt_kind(self) -> str:
        """The kind of prompt: what it does to the model. Recipes leave out "prefix"."""
        return str(self.recipe.get(PROMPT_KIND, PREFIX))


class Prompts(NamedTuple):
    """An entry's arrays, float32: the init, the early key and the trained value, [P, H] each.

    `init` and `value` are None where they are not known; an imported prompt is both key and value.
    A kind of prompt whose value is more than one [P, H] has the value's parts in `arrays`, of any
    shape by name; `init`, `key` and `value` are then the [P, H] that search and averages use.
    """

    init: Array | None
    key: Array
    value: Array | None
    arrays: Mapping[str, Array] = MappingProxyType({})

    @property
    def start(self) -> Array:
        """The [P, H] that a target starts from: the value, or the key where no value is known."""
        return self.key if self.value is None else self.value

    def views(self) -> dict[str, Array]:
        """Those of "init", "key" and "value" that are known, [P, H] each."""
        views = {"init": self.init, "key": self.key, "value": self.value}
        return {name: array for name, array in views.items() if array is not None}

    def tensors(self) -> dict[str, Array]:
        """All arrays by their stored names: the views, and `value.<name>` for named arrays."""
        return self.views() | {NAMED + name: self.arrays[name] for name in sorted(self.arrays)}


class Record(NamedTuple):
    """An entry as read from its `entry.json`: the metadata, and the facts about the arrays' file.

    checksum: of all but what describes the task, equal for entries that are the same.
    """

    entry: Entry
    sha256: str
    size: int
    shape: tuple[int, int]
    checksum: str
    shapes: Mapping[str, tuple[int, ...]]


class Encoded(NamedTuple):
    """An entry ready to be written: the bytes of both files, its checksum as in a `Record`, its shape."""

    arrays: bytes
    metadata: bytes
    checksum: str
    shape: tuple[int, int]


def entry_id(
    *,
    kind: str,
    task: str,
    members: tuple[str, ...],
    seed: int,
    backbone: str,
    recipe: dict[str, Any],
    data: str,
) -> str:
    """The id of an entry with these facts: readable, and different when any fact differs.

    backbone: the fingerprint. Raises BankError for an unknown kind or a recipe that is not JSON.
    """
    if kind not in KINDS:
        raise BankError(f'expected a kind out of {", ".join(KINDS)}, found "{kind}"')
    digest = sha256_hex(canonical_json([kind, task, list(members), seed, backbone, recipe, data]))
    readable = re.sub(r"[^A-Za-z0-9._+-]", "_", task)[:80]
    return f"{readable.lstrip('.') or '_'}-s{seed}-{digest[:8]}"


def id_of(entry: Entry) -> str:
    """The id computed from an entry's own fields; not `entry.id` when a field was changed."""
    return entry_id(
        kind=entry.kind,
        task=entry.task,
        members=entry.members,
        seed=entry.seed,
        backbone=entry.backbone.fingerprint,
        recipe=entry.recipe,
        data=entry.data,
    )


def encode(entry: Entry, prompts: Prompts) -> Encoded:
    """An entry as the bytes of its two files. Raises BankError as `checked` does, and for facts of the
    task that could not be read again.
    """
    import safetensors.numpy

    prompts = checked(entry, prompts)
    tensors = prompts.tensors()
    plain = entry.prompt_kind == PREFIX
    metadata = None if plain else {PROMPT_KIND: entry.prompt_kind}
    arrays: bytes = safetensors.numpy.save(tensors, metadata=metadata)
    own = asdict(entry)
    described = own.pop(TASK_FACTS)
    content: dict[str, Any] = {
        "format": FORMAT if plain else KINDS_FORMAT,
        "entry": own,
        "prompt": {
            "sha256": sha256_hex(arrays),
            "bytes": len(arrays),
            "tensors": {name: list(array.shape) for name, array in tensors.items()},
        },
    }
    checksum = _checksum(content)
    if described:
        content[TASK_FACTS] = _checked_task_facts(entry.id, described)
    content["checksum"] = _checksum(content)
    text = json.dumps(content, indent=1, ensure_ascii=False)  # ends in }: no cut goes unnoticed
    prompt_length, width = prompts.key.shape
    return Encoded(arrays, text.encode(), checksum, (prompt_length, width))


def _checked_task_facts(id: str, described: dict[str, Any]) -> dict[str, Any]:
    """A task's facts as they can be read again. Raises BankError for others."""
    try:
        return read_task_facts(parse_json(canonical_json(described)))
    except ValueError as error:
        raise BankError(f"{id}: the facts of its task cannot be stored: {error}") from error


def checked(entry: Entry, prompts: Prompts) -> Prompts:
    """The prompts as contiguous float32 arrays that search and training can use.

    Raises BankError, naming the entry and the array: not [P, H], shapes that differ, NaN, infinity,
    an all-zero key or value, a key whose mean token is zero (it has no direction to search by); and
    for a kind of prompt that is not named as `Entry.prompt_kind` expects, or named arrays without one.
    """
    _check_kind(entry, prompts)
    hint = "the training has diverged: lower the learning rate and train this task again"
    views = {
        name: as_floats(array, f"the {name} of {entry.id}", hint=hint)
        for name, array in {**prompts.views(), "key": prompts.key}.items()
    }
    arrays = {
        name: as_floats(array, f"the {NAMED}{name} of {entry.id}", matrix=False, hint=hint)
        for name, array in prompts.arrays.items()
    }
    for name, array in views.items():
        if name != "init" and not array.any():
            raise BankError(f"{entry.id}: the {name} is all zero", "was it trained and saved?")
    if not views["key"].mean(axis=0, dtype=np.float64).any():
        raise BankError(
            f"{entry.id}: the key's mean token is all zero, so it has no direction",
            "was the prompt trained and saved?",
        )
    shapes = {name: array.shape for name, array in views.items()}
    if len(set(shapes.values())) > 1:
        raise BankError(f"{entry.id}: expected arrays of one shape [P, H], found {shapes}")
    return Prompts(views.get("init"), views["key"], views.get("value"), arrays)


def _check_kind(entry: Entry, prompts: Prompts) -> None:
    """Raises BankError unless the recipe names the kind as expected and `arrays` fits it."""
    stated = entry.recipe.get(PROMPT_KIND)
    if PROMPT_KIND in entry.recipe and (not isinstance(stated, str) or stated in ("", PREFIX)):
        raise BankError(
            f'{entry.id}: expected the name of a kind of prompt as "{PROMPT_KIND}" in the recipe, '
            f"found {stated!r}",
            f'leave the key out for the plain kind, "{PREFIX}"',
        )
    if prompts.arrays and stated is None:
        raise BankError(
            f"{entry.id}: expected no named arrays for a prompt of the kind {PREFIX}, "
            f"found {', '.join(sorted(prompts.arrays))}",
            f'name the kind as "{PROMPT_KIND}" in the recipe',
        )
    if prompts.arrays and prompts.value is None:
        raise BankError(
            f"{entry.id}: expected a value [P, H] beside its named arrays, found none",
            "give the [P, H] that stands for the value in search and averages",
        )


def write_files(folder: Path, encoded: Encoded) -> None:
    """Write an entry's two files into an existing folder, `entry.json` last. Raises OSError."""
    write_synced(folder / PROMPT_FILE, encoded.arrays)
    write_synced(folder / ENTRY_FILE, encoded.metadata)


def read_record(folder: Path) -> Record:
    """The content of `entry.json`, checked: complete, not edited, every field of its type, the arrays'
    file of its size.

    The arrays themselves are read and compared with their checksum only by `read_arrays`.
    Raises BankError that names the damage.
    """
    path = folder / ENTRY_FILE
    try:
        content = read_json(path)
    except FileNotFoundError as error:
        raise _damaged(path, "the file is missing") from error
    except (OSError, ValueError) as error:
        raise _damaged(path, f"cannot be read as an entry ({reason_of(error)})") from error
    if not isinstance(content, dict) or not {"format", "checksum"} <= set(content):
        raise _damaged(path, f"cannot be read as an entry (found {shown(content)})")
    if content["format"] not in (FORMAT, KINDS_FORMAT):
        raise _damaged(
            path,
            f"expected format {FORMAT} or {KINDS_FORMAT}, found {shown(content['format'])}",
            "update this program",
        )
    if content["checksum"] != _checksum(content):
        raise _damaged(path, "its content does not match its own checksum: it was changed")
    try:
        record = _record(content)
    except ValueError as error:
        raise _damaged(path, f"a field is missing or not as expected ({error})") from error
    try:
        size = (folder / PROMPT_FILE).stat().st_size
    except FileNotFoundError as error:
        raise _damaged(folder / PROMPT_FILE, "the file is missing") from error
    except OSError as error:
        raise _damaged(folder / PROMPT_FILE, f"cannot be read ({reason_of(error)})") from error
    if size != record.size:
        raise _damaged(folder / PROMPT_FILE, f"expected {record.size} bytes, found {size}")
    return record


def read_prompts(folder: Path, entry: Entry) -> Prompts:
    """An entry's arrays, bit for bit as they were added; the whole file is verified first.

    Raises BankError when the folder holds another entry, or a file is missing or damaged.
    """
    record = read_record(folder)
    if record.entry.id != entry.id:
        raise _damaged(folder, f"expected the entry {entry.id}, found {record.entry.id}")
    return usable_prompts(folder, record)


def usable_prompts(folder: Path, record: Record) -> Prompts:
    """The arrays of a record's entry, as `read_arrays` reads them, with what `checked` asks of numbers.

    Raises BankError as both do, and so for NaN under a right checksum too.
    """
    prompts = read_arrays(folder, record)
    try:
        return checked(record.entry, prompts)
    except BankError as error:
        raise _damaged(folder / PROMPT_FILE, error.message) from error


def read_arrays(folder: Path, record: Record) -> Prompts:
    """The arrays in `prompt.safetensors`: the bytes of the record's checksum, and its names and shapes.

    Whether the numbers can be used is for `checked` to say. Raises BankError.
    """
    path = folder / PROMPT_FILE
    try:
        content = read_bytes(path, LIMIT)
    except OSError as error:
        raise _damaged(path, f"cannot be read ({reason_of(error)})") from error
    if sha256_hex(content) != record.sha256:
        raise _damaged(path, "its content does not match its checksum")
    try:
        tensors = parse_tensors(content)[0]
        shapes = {name: tensor.shape for name, tensor in tensors.items()}
        if shapes != record.shapes:
            raise ValueError(
                f"expected {shown(dict(record.shapes))} as {ENTRY_FILE} says, found {shown(shapes)}"
            )
        arrays = {name: _float32(name, tensor) for name, tensor in tensors.items()}
    except ValueError as error:
        raise _damaged(path, str(error)) from error
    return Prompts(arrays.get("init"), arrays["key"], arrays.get("value"), named(arrays))


def _float32(name: str, tensor: Tensor) -> Array:
    """The numbers of an entry's array, which are written as float32 and nothing else."""
    if tensor.dtype != "F32":
        raise ValueError(f"expected the {name} as F32, found {tensor.dtype}")
    array: Array = tensor.floats()
    return array


def named(tensors: Mapping[str, Each]) -> dict[str, Each]:
    """The value's named arrays among the tensors of a file, sorted by name.

    >>> named({"value": 1, "value.layers": 2})
    {'layers': 2}
    """
    return {
        name.removeprefix(NAMED): tensors[name]
        for name in sorted(tensors)
        if name.startswith(NAMED)
    }


def _record(content: dict[str, Any]) -> Record:
    """The typed form of a parsed `entry.json`. Raises ValueError that begins with the field's name."""
    values = dict(_object(content, "entry"))
    _check_fields(values)
    prompt = _object(content, "prompt")
    tensors = _object(prompt, "tensors")
    for name, shape in tensors.items():
        known = name in ("init", "key", "value") or name.startswith(NAMED)
        if not known or not isinstance(shape, list) or not all(map(_is_count, shape)):
            raise ValueError(f"tensors: {shown(name)} is {shown(shape)}")
    shapes = {name: tuple(shape) for name, shape in tensors.items()}
    key = shapes.get("key", ())
    if len(key) != 2:
        raise ValueError(f"tensors: the key is {shown(tensors.get('key'))}")
    if not isinstance(prompt.get("sha256"), str) or not _is_count(prompt.get("bytes")):
        raise ValueError(f"prompt is {shown(prompt)}")
    values["backbone"] = Backbone(**values["backbone"])
    values["members"] = tuple(values["members"])
    values[TASK_FACTS] = read_task_facts(content.get(TASK_FACTS, {}))
    compared = {name: value for name, value in content.items() if name != TASK_FACTS}
    return Record(
        Entry(**values),
        prompt["sha256"],
        prompt["bytes"],
        (key[0], key[1]),
        _checksum(compared),
        shapes,
    )


def _check_fields(values: dict[str, Any]) -> None:
    """Raises ValueError unless these are an entry's fields, each of what it is said to be."""
    unknown = set(values) - set(FIELDS)
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))[:60]}")
    required = {own.name for own in fields(Entry) if own.default is own.default_factory is MISSING}
    if required - set(values):
        raise ValueError(f"missing: {', '.join(sorted(required - set(values)))}")
    for name, types in FIELDS.items():
        if name in values and type(values[name]) not in types:
            raise ValueError(f"{name} is {shown(values[name])}")
    if values["kind"] not in KINDS:
        raise ValueError(f"kind is {shown(values['kind'])}")
    for name in ("key_step", "value_step"):
        if values.get(name) is not None and not _is_count(values[name]):
            raise ValueError(f"{name} is {values[name]}")
    if not all(isinstance(member, str) for member in values["members"]):
        raise ValueError(f"members are {shown(values['members'])}")
    backbone = values["backbone"]
    if set(backbone) != {"name", "fingerprint"} or not all(
        isinstance(text, str) for text in backbone.values()
    ):
        raise ValueError(f"backbone is {shown(backbone)}")
    for split, score in values.get("scores", {}).items():
        if not isinstance(score, dict) or not _numbers(score):
            raise ValueError(f"scores of {split} are {shown(score)}")


def _object(content: dict[str, Any], name: str) -> dict[str, Any]:
    value = content.get(name)
    if not isinstance(value, dict):
        raise ValueError(f"{name} is {shown(value)}")
    return value


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def _numbers(score: dict[str, Any]) -> bool:
    """True if what is compared in a score is a number, where it is given."""
    compared = [score.get(name) for name in ("value", "majority", "n")]
    numbers = all(value is None or type(value) in (int, float) for value in compared)
    return numbers and (score.get("n") or 0) >= 0


def _checksum(content: dict[str, Any]) -> str:
    """The SHA-256 of an entry.json's content."""
    covered = {name: value for name, value in content.items() if name != "checksum"}
    return sha256_hex(canonical_json(covered))


def _damaged(path: Path, reason: str, hint: str = "") -> BankError:
    return BankError(
        f"{path.parent.name}/{path.name}: {reason}",
        hint or "remove the entry's folder and build or import it again",
    )

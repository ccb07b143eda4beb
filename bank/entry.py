"""One entry of a bank: a prompt with all that is needed to trust it, and its two files on disk.

`prompt.safetensors` holds the arrays; `entry.json` the rest, with checksums of both, so that a file
that was cut short or edited is noticed. Entries never change once written.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bank.errors import BankError
from bank.files import canonical_json, sha256_hex, write_synced

FORMAT = 1
KINDS = ("source", "mixture", "query", "imported")
PROMPT_FILE = "prompt.safetensors"
ENTRY_FILE = "entry.json"

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Backbone:
    """The frozen model that prompts belong to; prompts of different fingerprints never mix."""

    name: str
    fingerprint: str


@dataclass(frozen=True)
class Entry:
    """What is known about one prompt; the arrays are apart, in `Prompts`.

    `recipe` is the training recipe that made the key, `scores` maps a split to
    {"metric", "value" (0 to 100), "n", …}; `key_step` and `value_step` count training steps.
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


class Prompts(NamedTuple):
    """An entry's arrays, float32 [P, H] each: before training, early key, trained value.

    `init` and `value` are None where they are not known; an imported prompt is both key and value.
    """

    init: Array | None
    key: Array
    value: Array | None

    @property
    def start(self) -> Array:
        """What a target starts from [P, H]: the value, or the key where no value is known."""
        return self.key if self.value is None else self.value


class Record(NamedTuple):
    """An entry as its `entry.json` has it: the metadata, and what it says about the arrays."""

    entry: Entry
    sha256: str
    size: int
    shape: tuple[int, int]
    checksum: str


class Encoded(NamedTuple):
    """An entry ready to be written: the bytes of both files, and what tells it from others."""

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
    """The id that these facts give an entry: readable, and different when any fact differs.

    backbone: the fingerprint. Raises BankError for an unknown kind or a recipe that is not JSON.
    """
    if kind not in KINDS:
        raise BankError(f'expected a kind out of {", ".join(KINDS)}, found "{kind}"')
    digest = sha256_hex(canonical_json([kind, task, list(members), seed, backbone, recipe, data]))
    readable = re.sub(r"[^A-Za-z0-9._+-]", "_", task)[:80]
    return f"{readable.lstrip('.') or '_'}-s{seed}-{digest[:8]}"


def id_of(entry: Entry) -> str:
    """The id that an entry's own fields give it; not `entry.id` when a field was changed."""
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
    """An entry as the bytes of its two files. Raises BankError as `checked` does."""
    import safetensors.numpy

    prompts = checked(entry, prompts)
    tensors = {name: array for name, array in prompts._asdict().items() if array is not None}
    arrays: bytes = safetensors.numpy.save(tensors)
    content: dict[str, Any] = {
        "format": FORMAT,
        "entry": asdict(entry),
        "prompt": {
            "sha256": sha256_hex(arrays),
            "bytes": len(arrays),
            "tensors": {name: list(array.shape) for name, array in tensors.items()},
        },
    }
    content["checksum"] = _checksum(content)
    text = json.dumps(content, indent=1, ensure_ascii=False)  # ends in }: no cut goes unnoticed
    prompt_length, width = prompts.key.shape
    return Encoded(arrays, text.encode(), content["checksum"], (prompt_length, width))


def checked(entry: Entry, prompts: Prompts) -> Prompts:
    """The prompts as contiguous float32 [P, H], known to be usable for search and training.

    Raises BankError, naming the entry and the array: not [P, H], shapes that differ, NaN, infinity,
    an all-zero key or value, a key whose mean token is zero (it has no direction to search by).
    """
    arrays: dict[str, Array] = {}
    for name, given in prompts._asdict().items():
        if given is None and name != "key":
            continue
        array = np.asarray(given)
        if array.ndim != 2 or array.size == 0 or array.dtype.kind != "f":
            found = f"shape {array.shape} of {array.dtype}"
            raise BankError(f"{entry.id}: expected the {name} as floats [P, H], found {found}")
        with np.errstate(over="ignore"):  # too large for float32 becomes inf, refused just below
            array = np.ascontiguousarray(array, dtype=np.float32)
        if not np.isfinite(array).all():
            raise BankError(
                f"{entry.id}: the {name} holds NaN or infinity",
                "the training has diverged: lower the learning rate and train this task again",
            )
        if name != "init" and not array.any():
            raise BankError(f"{entry.id}: the {name} is all zero", "was it trained and saved?")
        arrays[name] = array
    if not arrays["key"].mean(axis=0, dtype=np.float64).any():
        raise BankError(
            f"{entry.id}: the key's mean token is all zero, so it has no direction",
            "was the prompt trained and saved?",
        )
    shapes = {name: array.shape for name, array in arrays.items()}
    if len(set(shapes.values())) > 1:
        raise BankError(f"{entry.id}: expected arrays of one shape [P, H], found {shapes}")
    return Prompts(arrays.get("init"), arrays["key"], arrays.get("value"))


def write_entry(folder: Path, entry: Entry, prompts: Prompts) -> None:
    """Writes an entry's two files into an existing folder, `entry.json` last.

    Raises BankError as `checked` does, OSError when the system refuses.
    """
    write_files(folder, encode(entry, prompts))


def write_files(folder: Path, encoded: Encoded) -> None:
    """`write_entry` of an entry that is encoded already. Raises OSError."""
    write_synced(folder / PROMPT_FILE, encoded.arrays)
    write_synced(folder / ENTRY_FILE, encoded.metadata)


def read_entry(folder: Path) -> Entry:
    """The metadata in an entry's folder. Raises BankError as `read_record` does."""
    return read_record(folder).entry


def read_record(folder: Path) -> Record:
    """The content of `entry.json`, checked: complete, not edited, the arrays' file of its size.

    The arrays themselves are read and compared with their checksum only by `read_prompts`.
    Raises BankError that says what is damaged.
    """
    path = folder / ENTRY_FILE
    try:
        content = json.loads(path.read_bytes())
        version, found = content["format"], content["checksum"]
    except FileNotFoundError as error:
        raise _damaged(path, "the file is missing") from error
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise _damaged(path, f"cannot be read as an entry ({error})") from error
    if version != FORMAT:
        raise _damaged(path, f"expected format {FORMAT}, found {version}", "update this program")
    if found != _checksum(content):
        raise _damaged(path, "its content does not match its own checksum: it was changed")
    try:
        record = _record(content)
        size = (folder / PROMPT_FILE).stat().st_size
    except OSError as error:
        raise _damaged(folder / PROMPT_FILE, "the file is missing") from error
    except (TypeError, KeyError, ValueError) as error:
        raise _damaged(path, f"a field is missing or unknown ({error})") from error
    if size != record.size:
        raise _damaged(folder / PROMPT_FILE, f"expected {record.size} bytes, found {size}")
    return record


def read_prompts(folder: Path, entry: Entry) -> Prompts:
    """An entry's arrays, bit for bit as they were added; the whole file is checked first.

    Raises BankError when the folder holds another entry, or a file is missing or damaged.
    """
    import safetensors.numpy

    record = read_record(folder)
    if record.entry.id != entry.id:
        raise _damaged(folder, f"expected the entry {entry.id}, found {record.entry.id}")
    try:
        arrays = (folder / PROMPT_FILE).read_bytes()
    except OSError as error:
        raise _damaged(folder / PROMPT_FILE, f"cannot be read ({error})") from error
    if sha256_hex(arrays) != record.sha256:
        raise _damaged(folder / PROMPT_FILE, "its content does not match its checksum")
    tensors = safetensors.numpy.load(arrays)
    return Prompts(tensors.get("init"), tensors["key"], tensors.get("value"))


def _record(content: dict[str, Any]) -> Record:
    """The typed form of a parsed `entry.json`. Raises KeyError, TypeError, ValueError."""
    given = dict(content["entry"])
    unknown = set(given) - {one.name for one in fields(Entry)}
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    given["backbone"] = Backbone(**given["backbone"])
    given["members"] = tuple(given["members"])
    prompt = content["prompt"]
    prompt_length, width = prompt["tensors"]["key"]
    return Record(
        Entry(**given),
        prompt["sha256"],
        prompt["bytes"],
        (prompt_length, width),
        content["checksum"],
    )


def _checksum(content: dict[str, Any]) -> str:
    """The SHA-256 of an entry.json's content."""
    kept = {name: value for name, value in content.items() if name != "checksum"}
    return sha256_hex(canonical_json(kept))


def _damaged(path: Path, reason: str, hint: str = "") -> BankError:
    return BankError(
        f"{path.parent.name}/{path.name}: {reason}",
        hint or "remove the entry's folder and build or import it again",
    )

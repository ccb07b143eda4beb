"""`bank.json`: the backbone and the shape that all prompts of a bank share."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bank.entry import Backbone
from bank.errors import BankError, reason_of, shown
from bank.files import canonical_json, replace_file, sha256_hex
from bank.reading import read_json

FORMAT = 1
MANIFEST_FILE = "bank.json"


@dataclass(frozen=True)
class Manifest:
    """The backbone, the prompt length P in tokens and the model width H of every prompt.

    sealed: it was read with a checksum, which holds; earlier versions wrote none.
    """

    backbone: Backbone
    prompt_length: int
    width: int
    format: int = FORMAT
    sealed: bool = field(default=True, compare=False)

    def disagreement(self, backbone: Backbone, shape: tuple[int, int]) -> str:
        """The reason why a prompt [P, H] of `backbone` does not belong here; '' if it does."""
        own = self.backbone
        if backbone.fingerprint != own.fingerprint:
            return (
                f'expected the backbone "{own.name}" ({own.fingerprint}), '
                f'found "{backbone.name}" ({backbone.fingerprint})'
            )
        if tuple(shape) != (self.prompt_length, self.width):
            return (
                f"expected prompts of P={self.prompt_length} tokens and width H={self.width}, "
                f"found P={shape[0]} and H={shape[1]}"
            )
        return ""


class DamagedManifest(BankError):
    """The manifest is not as it was written; the bank's entries say what it has to be."""


def read_manifest(root: Path) -> Manifest | None:
    """The manifest of the bank at `root`; None before the first addition.

    Raises DamagedManifest for a damaged file, BankError for one of a newer format and one that may not
    be read.
    """
    path = root / MANIFEST_FILE
    try:
        content = read_json(path)
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise BankError(
            f"cannot read {path}: {reason_of(error)}", "check its owner and permissions"
        ) from error
    except (OSError, ValueError) as error:
        raise damaged(path, reason_of(error)) from error
    version = content.get("format") if isinstance(content, dict) else None
    if type(version) is int and version > FORMAT:
        raise BankError(
            f"{path}: expected format {FORMAT} or older, found {version}",
            "a newer version of this program wrote the bank: update this one",
        )
    try:
        return _manifest(content)
    except ValueError as error:
        raise damaged(path, str(error)) from error


def write_manifest(root: Path, manifest: Manifest) -> None:
    """Write the manifest atomically, with a checksum of it. Raises BankError."""
    content = {name: value for name, value in asdict(manifest).items() if name != "sealed"}
    content["checksum"] = sha256_hex(canonical_json(content))
    replace_file(root / MANIFEST_FILE, (json.dumps(content, indent=1) + "\n").encode())


def damaged(path: Path, reason: str) -> DamagedManifest:
    """The error of a manifest that is not as it was written."""
    return DamagedManifest(
        f"{path} is damaged: {reason}",
        "remove it, or run `spot bank verify --clean`: it is rebuilt from the bank's entries",
    )


def _manifest(content: Any) -> Manifest:
    """The typed form of a parsed bank.json. Raises ValueError."""
    if not isinstance(content, dict):
        raise ValueError(f"expected an object, found {shown(content)}")
    given = {name: value for name, value in content.items() if name != "checksum"}
    checksum = content.get("checksum")  # earlier versions wrote none
    if checksum is not None and checksum != sha256_hex(canonical_json(given)):
        raise ValueError("its content does not match its own checksum: it was changed")
    expected = {"backbone", "prompt_length", "width", "format"}
    if set(given) != expected:
        raise ValueError(f"expected {', '.join(sorted(expected))}, found {shown(sorted(given))}")
    model = given.pop("backbone")
    if not isinstance(model, dict) or set(model) != {"name", "fingerprint"}:
        raise ValueError(f"expected the backbone's name and fingerprint, found {shown(model)}")
    backbone = Backbone(**model)
    manifest = Manifest(backbone, **given, sealed=checksum is not None)
    texts, sizes = (
        (backbone.name, backbone.fingerprint),
        (manifest.prompt_length, manifest.width, manifest.format),
    )
    if not all(isinstance(text, str) for text in texts):
        raise ValueError(f"expected the backbone's name and fingerprint, found {shown(texts)}")
    if not all(type(size) is int and size > 0 for size in sizes):
        raise ValueError(f"expected whole numbers of 1 or more, found {shown(sizes)}")
    return manifest

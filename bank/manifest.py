"""`bank.json`: the backbone and the shape that all prompts of a bank share."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from bank.entry import Backbone
from bank.errors import BankError
from bank.files import replace_file

FORMAT = 1
MANIFEST_FILE = "bank.json"


@dataclass(frozen=True)
class Manifest:
    """The backbone, the prompt length P in tokens and the model width H of every prompt."""

    backbone: Backbone
    prompt_length: int
    width: int
    format: int = FORMAT

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


def read_manifest(root: Path) -> Manifest | None:
    """The manifest of the bank at `root`; None before the first addition.

    Raises BankError when the file is damaged or of a newer format.
    """
    path = root / MANIFEST_FILE
    try:
        content = json.loads(path.read_bytes())
        version = int(content["format"])
        if version <= FORMAT:
            content["backbone"] = Backbone(**content["backbone"])
            return Manifest(**content)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BankError(
            f"{path} is damaged: {error}",
            "remove it: the next addition rebuilds it from the bank's entries",
        ) from error
    raise BankError(
        f"{path}: expected format {FORMAT} or older, found {version}",
        "a newer version of this program wrote the bank: update this one",
    )


def write_manifest(root: Path, manifest: Manifest) -> None:
    """Write the manifest atomically. Raises BankError."""
    replace_file(root / MANIFEST_FILE, (json.dumps(asdict(manifest), indent=1) + "\n").encode())

"""Models by id from the Hugging Face hub: only the needed files, into the hub's own cache.

Cached models need neither the network nor huggingface-hub.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bank.reading import read_bytes
from spot.errors import SpotError
from spot.fields import is_file_name
from spot.models.weights import hf

log = logging.getLogger("spot")

SMALL = (
    "config.json",
    "spiece.model",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "generation_config.json",
)
SAFETENSORS = (hf.SINGLE, hf.INDEX, "model-*.safetensors")
PICKLES = (hf.PICKLE, hf.PICKLE_INDEX, "pytorch_model-*.bin")
# The hub's own account, which adds safetensors to repositories of pickles by pull request. Anyone
# may open one, so those of others are used only when they are named.
CONVERTER = "SFconvertbot"
COMMIT = 1024  # bytes of a file that names a commit


def is_model_id(name: str) -> bool:
    """True for a name of the form owner/name, with or without @revision.

    >>> is_model_id("google/t5-small-lm-adapt@refs/pr/2"), is_model_id("gs://models/t5")
    (True, False)
    """
    part = r"[A-Za-z0-9_][\w.-]*"
    return re.fullmatch(rf"{part}/{part}(@[\w./-]+)?", name) is not None


def fetch(model_id: str) -> Path:
    """The folder of a model `owner/name` or `owner/name@revision` in the hub's cache, downloaded now
    if it is not there; an interrupted download is resumed.

    Without a revision it is `main` or, if that has no safetensors, the pull request of the hub's
    converter. Raises SpotError: no network, no such model, no readable weights, no huggingface-hub to
    download with.
    """
    repository, _, revision = model_id.partition("@")
    present = cached(model_id)
    if present is not None:
        return present
    try:
        import huggingface_hub as hub
    except ImportError:
        raise SpotError(
            f'model "{model_id}" is no folder here and not in the cache {cache()}, and there is no '
            "huggingface-hub to download it with",
            f"pip install 'spot-transfer[hub]', or {_by_hand(repository)}",
        ) from None
    try:
        revision, weights = _choose(hub, repository, revision)
        # The small files first: where the weights are whole, the rest is there, too.
        for patterns in (SMALL, weights):
            folder = hub.snapshot_download(
                repository, revision=revision or None, allow_patterns=list(patterns)
            )
    except SpotError:
        raise
    except Exception as error:  # the client's transport has error classes that differ by release
        raise _explained(model_id, repository, error) from error
    return Path(folder)


def cached(model_id: str) -> Path | None:
    """The folder of a completely downloaded model, or None; looks at local files only."""
    repository, _, revision = model_id.partition("@")
    place = cache() / f"models--{repository.replace('/', '--')}"
    requests = place / "refs" / "refs" / "pr"
    numbers = sorted(
        int(ref.name) for ref in requests.glob("*") if re.fullmatch("[0-9]+", ref.name)
    )
    names = [revision] if revision else ["main", *(f"refs/pr/{number}" for number in numbers)]
    for name in names:
        commit = _commit(place, name)
        if is_file_name(commit) and _is_whole(folder := place / "snapshots" / commit):
            return folder
    return None


def _commit(place: Path, revision: str) -> str:
    """The commit that a revision's file in a repository's cache names, else the revision itself; "" where
    either leads elsewhere or cannot be read.
    """
    if not all(is_file_name(part) for part in revision.split("/")):
        return ""
    ref = place / "refs" / revision
    if not os.path.isfile(ref):
        return revision
    try:
        return read_bytes(ref, limit=COMMIT).decode().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def cache() -> Path:
    """The folder of the hub's cache, by the environment's variables that the hub's client reads."""
    named = os.environ.get("HF_HUB_CACHE")
    if not named:
        general = os.environ.get("XDG_CACHE_HOME", "~/.cache")
        named = f"{os.environ.get('HF_HOME') or f'{general}/huggingface'}/hub"
    return Path(os.path.expanduser(named))  # as it stands where no home folder is known


def _is_whole(folder: Path) -> bool:
    try:
        files = hf.weight_files(folder)
    except SpotError:
        return False
    readable = files[0].suffix == ".safetensors" or _has_torch()
    return readable and os.path.isfile(folder / "config.json")


def _has_torch() -> bool:
    return importlib.util.find_spec("torch") is not None


def _choose(hub: Any, repository: str, revision: str) -> tuple[str, tuple[str, ...]]:
    """The revision ("" for main) to take a model from, and the patterns of its weight files."""
    files = hub.list_repo_files(repository, revision=revision or None)
    if _have(files, SAFETENSORS):
        return revision, SAFETENSORS
    if not revision:
        requests = hub.get_repo_discussions(
            repository, author=CONVERTER, discussion_type="pull_request"
        )
        for number in sorted(request.num for request in requests):
            request = f"refs/pr/{number}"
            if _have(hub.list_repo_files(repository, revision=request), SAFETENSORS):
                log.warning(
                    "%s has no safetensors; taking those of its pull request %d by %s (%s@%s)",
                    repository,
                    number,
                    CONVERTER,
                    repository,
                    request,
                )
                return request, SAFETENSORS
    if _have(files, PICKLES) and _has_torch():
        return revision, PICKLES
    found = ", ".join(sorted(files)) or "no files"
    raise SpotError(
        f"{repository}: expected {hf.SINGLE} or {hf.INDEX}, found {found}",
        f"name a pull request that holds safetensors: --set model.name={repository}@refs/pr/<n>"
        + ("; or install torch, which reads the pickle" if _have(files, PICKLES) else ""),
    )


def _have(files: Iterable[str], patterns: tuple[str, ...]) -> bool:
    """True if a repository has the single weight file or the index, a format's first two names."""
    return bool(set(files) & set(patterns[:2]))


def _explained(model_id: str, repository: str, error: Exception) -> SpotError:
    """The error of the hub's client as a SpotError with a hint."""
    kind = type(error).__name__
    if kind in ("RepositoryNotFoundError", "RevisionNotFoundError", "HFValidationError"):
        return SpotError(
            f'model "{model_id}" is no folder here, and the hub has no such model or revision',
            "check the name; `spot models` lists known ones",
        )
    if kind == "GatedRepoError":
        return SpotError(
            f"{repository}: the hub gives this model only to accounts that were granted access",
            "ask for access on its page, then run `hf auth login`",
        )
    reason = str(error).strip().partition("\n")[0] or kind
    return SpotError(
        f'model "{model_id}" is no folder here and could not be downloaded ({kind}: {reason})',
        "run the command again where the hub can be reached, it goes on where it stopped; "
        f"or {_by_hand(repository)}",
    )


def _by_hand(repository: str) -> str:
    return (
        f"copy config.json, the tokenizer's files and {hf.SINGLE} of {repository} into a folder and "
        "name that with model.name"
    )

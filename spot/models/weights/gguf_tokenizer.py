"""The tokenizer in a GGUF file's metadata, written out as the text of a tokenizer.json.

Two kinds: byte-level BPE (`gpt2`), whose variants split a text differently before merging, and
SentencePiece's BPE with scores (`llama`), as in Llama 2 and its relatives.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from spot.errors import SpotError
from spot.settings import shown

Stated = Callable[..., Any]
"""A metadata value by its key, or the default; see `GgufFile.stated`."""

LONGEST = 1024  # characters of a token; published ones have a tenth
_WORDS = {str: "texts", int: "whole numbers", float: "numbers"}
_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED = 1, 2, 3, 4  # of tokenizer.ggml.token_type
_BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


def _sequence(*parts: dict[str, Any], name: str) -> dict[str, Any]:
    return {"type": "Sequence", name: list(parts)}


def _words(numbers: str) -> dict[str, Any]:
    """The pre-tokenizer of Llama 3 and Qwen2, which differ in how long a run of digits may be."""
    pattern = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
        rf"{numbers}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    split = {
        "type": "Split",
        "pattern": {"Regex": pattern},
        "behavior": "Isolated",
        "invert": False,
    }
    return _sequence(split, {**_BYTES, "use_regex": False}, name="pretokenizers")


_LLAMA3 = ("llama-bpe", "llama3", "llama-v3")
_SPLITS: dict[str, dict[str, Any]] = {  # by tokenizer.ggml.pre
    "gpt-2": _BYTES,
    "smollm": _sequence(
        {"type": "Digits", "individual_digits": True}, _BYTES, name="pretokenizers"
    ),
    "qwen2": _words(r"\p{N}"),
    **dict.fromkeys(_LLAMA3, _words(r"\p{N}{1,3}")),
}


def tokenizer_json(stated: Stated, path: object) -> tuple[str, str]:
    """The tokenizer as the text of a tokenizer.json, and the token that ends a text.

    Written out here, so that it is the same text on every release of `tokenizers`. SpotError, with
    the file's path, for a tokenizer of another kind and for metadata of other types.
    """
    model, split = stated("tokenizer.ggml.model"), stated("tokenizer.ggml.pre", "?")
    if model != "llama" and (model != "gpt2" or split not in list(_SPLITS)):
        raise SpotError(
            f"{path}: expected a tokenizer llama, or a byte-level tokenizer gpt2 split as "
            f"{' or '.join(_SPLITS)}, found {str(model)[:60]} split as {str(split)[:60]}",
            "name the model's tokenizer.json: --set model.vocabulary=PATH",
        )
    tokens = stated_list(stated, path, "tokens", str)
    if (longest := max(map(len, tokens), default=0)) > LONGEST:
        raise SpotError(
            f"{path}: expected tokens of at most {LONGEST:,} characters, found one of {longest:,}",
            "convert the model again",
        )
    kinds = stated_list(stated, path, "token_type", int, len(tokens))
    if model == "llama":
        scores = stated_list(stated, path, "scores", float, len(tokens))
        spaced = bool(stated("tokenizer.ggml.add_space_prefix", True))
        parts = _sentencepiece(tokens, kinds, scores, spaced)
    else:
        parts = _bytes(split, stated_list(stated, path, "merges", str))
    begin = None
    if stated("tokenizer.ggml.add_bos_token", model == "llama" or split in _LLAMA3):
        begin = _beginning(*_named(stated, path, tokens, "bos"))
    content = {  # in this order: the text's digest is part of fingerprints
        "version": "1.0",
        "added_tokens": _added(tokens, kinds),
        "normalizer": parts["normalizer"],
        "pre_tokenizer": parts["pre_tokenizer"],
        "post_processor": begin,
        "decoder": parts["decoder"],
        "model": {
            "type": "BPE",
            "vocab": {token: i for i, token in enumerate(tokens)},
            **parts["model"],
        },
    }
    return json.dumps(content), _named(stated, path, tokens, "eos")[1]


def stated_list(
    stated: Stated, path: object, name: str, kind: type, count: int | None = None
) -> list[Any]:
    """The metadata value tokenizer.ggml.`name`: a list of values of one type, `count` of them. Raises
    SpotError for another value.
    """
    values = stated(f"tokenizer.ggml.{name}")
    whole = values if isinstance(values, list) else [values]
    wrong = next((value for value in whole if type(value) is not kind), None)
    if wrong is not None or not isinstance(values, list):
        raise SpotError(
            f"{path}: expected tokenizer.ggml.{name} to be a list of {_WORDS[kind]}, found "
            f"{shown(values if wrong is None else wrong)}",
            "convert the model again",
        )
    if count is not None and len(values) != count:
        raise SpotError(
            f"{path}: expected tokenizer.ggml.{name} for {count} tokens, found {len(values)}",
            "convert the model again",
        )
    return values


def _named(stated: Stated, path: object, tokens: Sequence[str], name: str) -> tuple[int, str]:
    """Number and text of the token that begins (`bos`) or ends (`eos`) a text."""
    key = f"tokenizer.ggml.{name}_token_id"
    number = stated(key)
    if type(number) is not int or not 0 <= number < len(tokens):
        raise SpotError(
            f"{path}: expected {key} to be one of {len(tokens)} tokens, found {number}",
            "convert the model again",
        )
    return number, tokens[number]


def _added(tokens: Sequence[str], kinds: Sequence[int]) -> list[dict[str, Any]]:
    """The tokens that are matched before a text is split: control tokens and the unknown token, which
    no answer shows, and tokens that the model's authors defined.
    """
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return [
        {"id": i, "content": token, **plain, "special": kind != _USER_DEFINED}
        for i, (token, kind) in enumerate(zip(tokens, kinds, strict=True))
        if kind in (_CONTROL, _UNKNOWN, _USER_DEFINED)
    ]


def _bytes(split: str, merges: Sequence[str]) -> dict[str, Any]:
    """A byte-level tokenizer. In Llama 3, a word that is a token is not split, whatever the merges."""
    return {
        "normalizer": {"type": "NFC"} if split == "qwen2" else None,
        "pre_tokenizer": _SPLITS[split],
        "decoder": _BYTES,
        "model": {
            "merges": [merge.split(" ") for merge in merges],
            **({"ignore_merges": True} if split in _LLAMA3 else {}),
        },
    }


def _sentencepiece(
    tokens: Sequence[str], kinds: Sequence[int], scores: Sequence[float], spaced: bool
) -> dict[str, Any]:
    """SentencePiece's BPE: a text begins with a space if `spaced`, spaces are written "▁", and
    characters without a token become tokens of their bytes.
    """
    front = [{"type": "Prepend", "prepend": "▁"}] if spaced else []
    back = [{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if spaced else []
    unknown = [token for token, kind in zip(tokens, kinds, strict=True) if kind == _UNKNOWN]
    return {
        "normalizer": _sequence(*front, _replaced(" ", "▁"), name="normalizers"),
        "pre_tokenizer": None,
        "decoder": _sequence(
            _replaced("▁", " "), {"type": "ByteFallback"}, {"type": "Fuse"}, *back, name="decoders"
        ),
        "model": {
            "unk_token": unknown[0] if unknown else None,
            "fuse_unk": True,
            "byte_fallback": True,
            "merges": _merges(tokens, kinds, scores),
        },
    }


def _replaced(old: str, new: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": {"String": old}, "content": new}


def _merges(
    tokens: Sequence[str], kinds: Sequence[int], scores: Sequence[float]
) -> list[tuple[str, str]]:
    """Every merge of two tokens into a third, best score first; among merges into the same token, the
    longest left part first, as transformers orders them.
    """
    every = set(tokens)
    merges = [
        (-score, -cut, token[:cut], token[cut:])
        for token, kind, score in zip(tokens, kinds, scores, strict=True)
        if kind == _NORMAL
        for cut in range(1, len(token))
        if token[:cut] in every and token[cut:] in every
    ]
    return [(left, right) for _, _, left, right in sorted(merges)]


def _beginning(number: int, token: str) -> dict[str, Any]:
    """The post-processor that adds a token in front of a text."""
    text = {"Sequence": {"id": "A", "type_id": 0}}
    begin = {"SpecialToken": {"id": token, "type_id": 0}}
    return {
        "type": "TemplateProcessing",
        "single": [begin, text],
        "pair": [begin, text, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {token: {"id": token, "ids": [number], "tokens": [token]}},
    }

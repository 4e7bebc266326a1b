"""JSON Pointers (RFC 6901), compiled: a payload is decoded no further than they ask."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec

Values = Callable[[bytes], Sequence[Any]]
"""Returns what the pointers point at in a payload, None where there is nothing.

Raises what the decoder raises for a payload that is not in its encoding.
"""


_NOTHING = "nothing"
_NO_NAME = re.compile(r'[\x00-\x1f"\\]')
_NO_KEY = "\uffff"
"""A key that no payload has: U+FFFF is no character."""


def tokens_of(pointer: str) -> tuple[str, ...]:
    """Return the reference tokens of a pointer. Raises `ValueError` where it is none."""
    if not pointer.startswith("/"):
        raise ValueError(f"'{pointer}' is no JSON Pointer: it begins with /")
    if re.search("~(?![01])", pointer):
        raise ValueError(f"'{pointer}' is no JSON Pointer: ~ is written ~0, / in a key ~1")
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer[1:].split("/"))


def compiled(pointers: Sequence[tuple[str, ...]], types: Sequence[Any]) -> Values | None:
    """Return what takes the values at all pointers out of JSON, each of its type or None.

    An empty pointer stands for a value that is always None. Raises `msgspec.ValidationError` or
    `AttributeError` for a payload that holds something else there. None: it cannot be compiled.
    """
    tree = _tree([pointer for pointer in pointers if pointer])
    if tree is None or len(pointers) < 2:  # noqa: PLR2004 - else there is no tuple
        return None
    names = [".".join(_path(tree, pointer)) if pointer else _NOTHING for pointer in pointers]
    leaf_types = dict(zip(pointers, types, strict=True))
    decode = msgspec.json.Decoder(_struct(tree, (), leaf_types)).decode
    get = attrgetter(*names)

    def values(payload: bytes) -> Sequence[Any]:
        found: Sequence[Any] = get(decode(payload))
        return found

    return values


def walking(pointers: Sequence[tuple[str, ...]], decode: Callable[[bytes], Any]) -> Values:
    """Return what does the same for any document, whatever stands there; slower."""

    def values(payload: bytes) -> Sequence[Any]:
        document = decode(payload)
        return [at(document, pointer) if pointer else None for pointer in pointers]

    return values


def at(document: Any, tokens: Sequence[str]) -> Any:
    """Return what stands at a pointer; None where nothing does."""
    for token in tokens:
        if isinstance(document, dict):
            document = document.get(token)
        elif isinstance(document, list) and token.isdecimal() and token.isascii():
            index = int(token) if len(token) < 7 else len(document)  # noqa: PLR2004 - no list is so long
            document = document[index] if index < len(document) else None
        else:
            return None
    return document


_Tree = dict[str, Any]
"""Tokens, and below each the tree of what goes on there; an empty one where a pointer ends."""


def _tree(pointers: Sequence[tuple[str, ...]]) -> _Tree | None:
    """Return the tree of pointers; None where it cannot be compiled.

    A list may be meant, one may lead through another, or a key has letters that msgspec takes none
    with.
    """
    tree: _Tree = {}
    ends = set(pointers)
    for pointer in pointers:
        node = tree
        for depth, token in enumerate(pointer, start=1):
            is_end_before = depth < len(pointer) and pointer[:depth] in ends
            if token.isdecimal() or is_end_before or _NO_NAME.search(token):
                return None
            node = node.setdefault(token, {})
    return tree


def _path(tree: _Tree, pointer: Sequence[str]) -> list[str]:
    names = []
    for token in pointer:
        names.append(f"f{list(tree).index(token)}")
        tree = tree[token]
    return names


def _struct(
    tree: _Tree, above: tuple[str, ...], types: Mapping[tuple[str, ...], Any]
) -> type[msgspec.Struct]:
    fields: list[Any] = [(_NOTHING, None, None)]
    for number, (token, below) in enumerate(tree.items()):
        here = (*above, token)
        inner = _struct(below, here, types) if below else types[here]
        fields.append((f"f{number}", inner | None, None))
    rename = {f"f{number}": token for number, token in enumerate(tree)} | {_NOTHING: _NO_KEY}
    return msgspec.defstruct("Read", fields, rename=rename, frozen=True, gc=False)

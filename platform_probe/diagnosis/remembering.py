"""Keeps the latest of what may be without end. No I/O."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

KeptT = TypeVar("KeptT")


def remember(kept: OrderedDict[str, KeptT], key: str, value: KeptT, most: int) -> None:
    """Remember the latest value of a key, and forget the oldest key for each one above `most`."""
    kept[key] = value
    kept.move_to_end(key)  # taking it out first takes twice as long
    if len(kept) > most:
        kept.popitem(last=False)

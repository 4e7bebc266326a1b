"""Keeps the latest entries of an endless series. No I/O."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

KeptT = TypeVar("KeptT")
KeyT = TypeVar("KeyT", bound=Hashable)


def remember(kept: OrderedDict[str, KeptT], key: str, value: KeptT, most: int) -> None:
    """Remember the latest value of a key, and forget the oldest key for each one above `most`."""
    kept[key] = value
    kept.move_to_end(key)  # twice as fast as removing it first
    if len(kept) > most:
        kept.popitem(last=False)


class Latest(Generic[KeyT, KeptT]):
    """Values by key, of which about the older half is forgotten when there are too many.

    Those that were kept longer ago than `within_s` are forgotten before twice that time is over. It
    suits entries of every unlock: keeping them in order costs twice as much.
    """

    __slots__ = ("_half", "_older", "_until_s", "_within_s", "_younger")

    def __init__(self, most: int, *, within_s: float = math.inf) -> None:
        self._half = most // 2
        self._within_s = within_s
        self._until_s = -math.inf
        """When the younger half is full."""
        self._younger: dict[KeyT, KeptT] = {}
        self._older: dict[KeyT, KeptT] = {}

    def get(self, key: KeyT) -> KeptT | None:
        """Return the value of a key; None if there is none, or it is forgotten."""
        value = self._younger.get(key)
        return self._older.get(key) if value is None else value

    def keep(self, key: KeyT, value: KeptT, at_s: float = -math.inf) -> None:
        """Set the value of a key, as the youngest."""
        if at_s >= self._until_s and self._within_s < math.inf:
            self._until_s = at_s + self._within_s
            self._older, self._younger = self._younger, {}
        self._younger[key] = value
        if len(self._younger) >= self._half:
            self._older, self._younger = self._younger, {}

    def forget(self, key: KeyT) -> None:
        """Forget a key."""
        self._younger.pop(key, None)
        self._older.pop(key, None)

"""Tallies that have counted some lines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, TypeVar


class _Tally(Protocol):
    def add(self, line: Any, /) -> None:
        """Count a line."""


TallyT = TypeVar("TallyT", bound=_Tally)


def tallied(tally: TallyT, lines: Iterable[Any]) -> TallyT:
    """Return a tally that has counted lines."""
    for line in lines:
        tally.add(line)
    return tally

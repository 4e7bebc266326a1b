"""Records of which there are several revisions in a file: the highest holds."""

from __future__ import annotations

from typing import Protocol, TypeVar


class Revised(Protocol):
    """A record with a number."""

    revision: int


RevisedT = TypeVar("RevisedT", bound=Revised)


def keep_last(last: dict[str, RevisedT], key: str, record: RevisedT) -> None:
    """Keep a record, unless there is a later revision of it."""
    held = last.get(key)
    if held is None or held.revision <= record.revision:
        last[key] = record

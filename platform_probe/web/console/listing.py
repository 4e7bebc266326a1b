"""Long lists, a page at a time: the address says which one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from platform_probe.tell.support.rows import as_rows
from platform_probe.web.console.snapshot import LISTED, Snapshot

MOST_PAGES: Final = 10_000
"""Nobody reads so far, and each page before it is counted off."""


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page of a list."""

    rows: Sequence[Any]
    number: int
    """From 1 on."""
    has_more: bool
    first: int
    """The place of its first row in the whole list, from 1 on."""

    @property
    def last(self) -> int:
        """The place of its last row."""
        return self.first + len(self.rows) - 1

    @property
    def is_complete(self) -> bool:
        """Whether there is no other page."""
        return self.number == 1 and not self.has_more


def number_in(query: Mapping[str, str]) -> int:
    """Return the page that an address names; the first for what is no page."""
    text = query.get("page", "")
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 1  # noqa: PLR2004
    return min(max(number, 1), MOST_PAGES)


def list_page(snapshot: Snapshot, sql: str, values: Mapping[str, Any], number: int) -> ListPage:
    """Return a page of a query's rows; the query must set the order."""
    before = (number - 1) * LISTED
    found = snapshot.query(f"{sql} LIMIT {LISTED + 1} OFFSET {before}", values, limit=LISTED)
    return ListPage(as_rows(found), number, not found.is_whole, before + 1)


def page_of_rows(all_rows: Sequence[Any], number: int, length: int) -> ListPage:
    """Return a page of known rows."""
    before = (number - 1) * length
    rows = all_rows[before : before + length]
    return ListPage(rows, number, len(all_rows) > before + length, before + 1)

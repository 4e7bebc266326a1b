"""What is typed into the one box, and where it leads."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.consoles import Visitor, looks_in


def test_what_was_searched_for_is_in_the_audit_log(open_console: str, console_audit: Path) -> None:
    """A search that lists names may tell of customers: it is written down."""
    Visitor(open_console).get("/search?q=customer-77")

    last = looks_in(console_audit)[-1]
    assert (last["action"], last["id"], last["user"]) == ("search", "customer-77", "local")

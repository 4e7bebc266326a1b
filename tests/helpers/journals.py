"""Journals that a test writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from platform_probe.journal.entries import Entry
from platform_probe.journal.writer import JournalWriter


def fail(what: object) -> None:
    """Fail the test."""
    raise AssertionError(what)


def journal_writer(directory: Path, **changes: Any) -> JournalWriter:
    """Return a writer that keeps everything; a problem, or a lost entry, fails the test."""
    given: dict[str, Any] = {
        "max_bytes": 2**40, "max_age_s": 1e9, "soon": lambda _: None, "on_lost": fail,
        "on_problem": fail, **changes,
    }  # fmt: skip
    return JournalWriter(directory, **given)


def put(directory: Path, *entries: Entry) -> None:
    """Let a process write a journal, and end."""
    with journal_writer(directory) as writer:
        for entry in entries:
            writer.append(entry)

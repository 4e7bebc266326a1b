"""Pages wait for a thread, and not without end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from threading import Event

import pytest

from platform_probe.web.console import workers
from platform_probe.web.console.workers import BusyError, Workers
from tests.helpers.consoles import Visitor


async def test_who_comes_when_many_wait_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """At once; and who waits gets their page, after which there is room again."""
    monkeypatch.setattr(workers, "MOST_UNDER_WAY", workers.THREADS + 1)
    makers = Workers()
    may_end = Event()
    waiting = [asyncio.create_task(makers.run(may_end.wait)) for _ in range(workers.THREADS + 1)]
    await asyncio.sleep(0)
    with pytest.raises(BusyError):
        await makers.run(may_end.wait)
    may_end.set()
    assert await asyncio.gather(*waiting) == [True] * len(waiting)
    assert await makers.run(lambda: "a page") == "a page"
    makers.close()


def test_a_busy_console_says_when_to_come_again(
    open_console: str, console_audit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It shows nothing of the records, and writes down no look."""
    before = console_audit.read_bytes() if console_audit.exists() else b""
    monkeypatch.setattr(workers, "MOST_UNDER_WAY", 0)
    got = Visitor(open_console).get("/unlock/attempt-33")
    assert (got.status, got.headers["Retry-After"]) == (503, "5")
    assert "at once" in got.text
    assert "attempt-33" not in got.text
    assert (console_audit.read_bytes() if console_audit.exists() else b"") == before

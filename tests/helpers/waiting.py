"""Waiting until something is so, in tests that run in real time.

Timeouts are for what never comes: on a machine with twenty times the work that it can do, a process
needs a minute to start.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

PATIENCE_S: Final = 240.0
"""After so long a test gives up; pytest ends one that runs for 400 s."""


async def eventually(
    predicate: Callable[[], object], timeout_s: float = PATIENCE_S, message: str = ""
) -> None:
    """Wait until `predicate()` is true; fail with `message` when it is not in `timeout_s`."""
    deadline_s = time.monotonic() + timeout_s
    while not predicate():
        if time.monotonic() > deadline_s:
            raise AssertionError(message or f"not true within {timeout_s} s: {predicate}")
        await asyncio.sleep(0.005)


async def eventually_answers(ask: Callable[[], Awaitable[object]]) -> None:
    """Ask again and again until the answer is true; fail after `PATIENCE_S`."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not await ask():
        assert time.monotonic() < deadline_s, f"no such answer within {PATIENCE_S} s: {ask}"
        await asyncio.sleep(0.05)


def wait_for(predicate: Callable[[], object], timeout_s: float = PATIENCE_S) -> None:
    """Wait until `predicate()` is true, where there is no event loop."""
    deadline_s = time.monotonic() + timeout_s
    while not predicate():
        if time.monotonic() > deadline_s:
            raise AssertionError(f"not true within {timeout_s} s: {predicate}")
        time.sleep(0.02)


def whole_lines(path: Path) -> list[bytes]:
    """Return the lines of a file that another process writes, without one that it still writes.

    There are none before the file is there.
    """
    written = path.read_bytes() if path.exists() else b""
    return written[: written.rfind(b"\n") + 1].splitlines()

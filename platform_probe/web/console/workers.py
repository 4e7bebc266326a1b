"""Threads that make pages: a few, and no longer a queue than somebody would wait in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

THREADS: Final = 4
"""The database has threads of its own."""
MOST_UNDER_WAY: Final = 120
"""Pages that are being made or wait for it: forty people who each ask for three at once [E]."""
RETRY_AFTER_S: Final = 5
_T = TypeVar("_T")


class BusyError(Exception):
    """Too many wait already."""


class Workers:
    """The threads."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="page")
        self._under_way = 0

    async def run(self, work: Callable[[], _T]) -> _T:
        """Return what `work` returns in a thread. Raises `BusyError` at once where many wait."""
        if self._under_way >= MOST_UNDER_WAY:
            raise BusyError
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._under_way -= 1

    def close(self) -> None:
        """Cancel tasks that have not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)

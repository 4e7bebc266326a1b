"""Keeps the memory of a worker small: the interpreter looks for old garbage too seldom.

It collects the oldest generation only after a quarter of all objects is new. A worker has so many
that the remains of some hundred tests, a whole fleet each, stay for minutes. And what threads of
DuckDB have freed stays with the process until the C library is told to give it back.
"""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path
from typing import Final

GROWTH_BYTES: Final = 16 * 2**20
_STATM: Final = Path("/proc/self/statm")
_PAGE_BYTES: Final = 4_096
_LIBC: Final = ctypes.CDLL(None)


class WorkerMemory:
    """A plugin of pytest that collects garbage after the test with which the process has grown."""

    def __init__(self) -> None:
        self._at_bytes = 0
        self._file = ""

    def pytest_runtest_logfinish(self, location: tuple[str, int | None, str]) -> None:
        """Look after each test, and give back what was freed after each file."""
        if location[0] != self._file and hasattr(_LIBC, "malloc_trim"):
            _LIBC.malloc_trim(0)
        self._file = location[0]
        if resident_bytes() > self._at_bytes + GROWTH_BYTES:
            gc.collect()
            self._at_bytes = resident_bytes()


def resident_bytes() -> int:
    """Return the memory that this process holds; 0 where the system does not say."""
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE_BYTES
    except OSError:
        return 0

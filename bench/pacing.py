"""A timer that fires at a rate with microseconds of error, where asyncio's own has milliseconds."""

from __future__ import annotations

import asyncio
import ctypes
import os
import time
from collections.abc import Callable

_libc = ctypes.CDLL(None, use_errno=True)
_NANOSECONDS = 1_000_000_000


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class Pacer:
    """Calls `on_due` with how many starts have fallen due; catches up when it was held up.

    The first start is due at `start_s` on the monotonic clock, the others each `1 / rate_per_s`
    after it. Python has `os.timerfd_create` from 3.13 on only.
    """

    def __init__(self, rate_per_s: float, on_due: Callable[[int], None]) -> None:
        interval_ns = max(1, round(_NANOSECONDS / rate_per_s))
        self.interval_s = interval_ns / _NANOSECONDS
        self._on_due = on_due
        self._descriptor = _libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        interval = _Timespec(*divmod(interval_ns, _NANOSECONDS))
        self._setting = _Itimerspec(interval, interval)

    def start(self) -> float:
        """Start the timer and return when the first start is due."""
        asyncio.get_running_loop().add_reader(self._descriptor, self._fired)
        start_s = time.monotonic() + self.interval_s
        if _libc.timerfd_settime(self._descriptor, 0, ctypes.byref(self._setting), None):
            raise OSError(ctypes.get_errno(), "timerfd_settime")
        return start_s

    def stop(self) -> None:
        """Stop for good."""
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)

    def _fired(self) -> None:
        try:
            expirations = int.from_bytes(os.read(self._descriptor, 8), "little")
        except BlockingIOError:
            return
        self._on_due(expirations)

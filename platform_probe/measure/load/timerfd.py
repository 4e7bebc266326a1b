"""Linux's timerfd: a timer with a file descriptor, exact to microseconds.

Event loops on epoll wait in whole milliseconds, which would be in every latency that is measured.
Python offers timerfd from 3.13 on only, hence ctypes.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from functools import partial
from typing import Final

_NANOSECONDS: Final = 1_000_000_000
_ABSOLUTE: Final = 1
"""TFD_TIMER_ABSTIME: the time given is one of the clock, not from now."""


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class TimerDescriptor:
    """One timer on the monotonic clock. Its descriptor is readable when it has expired.

    Raises `OSError` where the system has none.
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        if not hasattr(self._libc, "timerfd_create"):
            raise OSError("this system has no timerfd")
        flags = os.O_NONBLOCK | os.O_CLOEXEC
        self.descriptor: int = self._libc.timerfd_create(time.CLOCK_MONOTONIC, flags)
        if self.descriptor < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._setting = _Itimerspec()
        self._set = partial(
            self._libc.timerfd_settime,
            self.descriptor,
            _ABSOLUTE,
            ctypes.byref(self._setting),
            None,
        )

    def set(self, at_s: float, *, every_ns: int = 0) -> None:
        """Expire at `at_s` on the monotonic clock, at once where that has passed.

        With `every_ns` expire again after each such interval.
        """
        interval, value = self._setting.interval, self._setting.value
        interval.seconds, interval.nanoseconds = divmod(every_ns, _NANOSECONDS)
        value.seconds, value.nanoseconds = divmod(max(1, round(at_s * _NANOSECONDS)), _NANOSECONDS)
        self._set()

    def clear(self) -> int:
        """Make the descriptor unreadable again; return how often the timer has expired."""
        try:
            return int.from_bytes(os.read(self.descriptor, 8), sys.byteorder)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.descriptor)

"""Make each Python process as slow as on a starved machine: tests/README.md says how.

Python imports this module by its name at the start of each process, if its folder is on the path.
"""

from __future__ import annotations

import _thread
import ctypes
import os
import random
import signal
import threading
import time
from types import FrameType
from typing import Any, Final

LONGEST_S: Final = float(os.environ.get("STARVED_S", "0.4"))
"""Longest stall, in seconds. Of a process they come five times as far apart."""
_local = threading.local()
_draws = random.Random()  # noqa: S311 - no secrets
_sleep_with_lock = ctypes.PyDLL(None).usleep
"""Sleeps for microseconds and keeps the interpreter's lock, so that no thread runs meanwhile."""


def stall_process() -> None:
    """Stall the whole process again and again, without any signal of its."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    while True:
        time.sleep(_draws.expovariate(1 / (5 * LONGEST_S)))
        _sleep_with_lock(int(_draws.uniform(0, LONGEST_S) * 1e6))


def stall_thread(_frame: FrameType, _event: str, _argument: Any) -> None:
    """Stall the thread that is being profiled, as if the other threads went first."""
    if time.monotonic() > getattr(_local, "next_s", 0.0):
        time.sleep(_draws.uniform(0, LONGEST_S))
        _local.next_s = time.monotonic() + _draws.uniform(0, LONGEST_S)


def begin() -> None:
    """Begin in a process that has just been started or forked."""
    _draws.seed(os.getpid())
    _thread.start_new_thread(stall_process, ())


begin()
os.register_at_fork(after_in_child=begin)
threading.setprofile(stall_thread)

"""Forks children that end with their parent, and whom no signal finds half made."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

OF_THE_PARENT: Final = (signal.SIGINT, signal.SIGTERM)
"""These are for the parent alone: it says when its children end."""
_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h


@contextmanager
def signals_held() -> Iterator[None]:
    """Hold back signals that end us while the block lasts: `KeyboardInterrupt` comes behind it.

    Within a fork Python would run their handlers where an exception is lost, or in the child.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, OF_THE_PARENT)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def fork(work: Callable[[], object]) -> int:
    """Fork a child that does `work`, and return its process id.

    Call it while signals are held. The child skips its parent's cleanup. When the parent ends the
    child is killed on Linux; elsewhere `work` has to notice.
    """
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        for number in OF_THE_PARENT:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, OF_THE_PARENT)
        _end_with(parent)
        work()
        code = 0
    finally:
        os._exit(code)


def _end_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, if the kernel supports it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
    if os.getppid() != parent:  # it has ended before we could say so
        os._exit(1)

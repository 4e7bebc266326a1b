"""Ends what tests have started and left, as soon as their own process is gone, however it ended.

A worker that is killed stops nothing: brokers, monitors and browsers would run on. They carry a
mark of the worker in their environment, by which a process beside it finds them. Linux only.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

MARKS: Final = "STARTED_BY_TESTS_OF"
"""The variable; the processes of tests within a test carry the marks of both."""
_ROUNDS: Final = 100
"""What starts others amid its end is found by a later look; a process that hangs in the kernel is
not waited for."""


def end_survivors_of_this_process() -> None:
    """Start the process that waits for the end of this one, and mark what starts from now on."""
    if sys.platform != "linux":
        return
    mark = f"{os.getpid()}-{time.time_ns()}"
    os.environ[MARKS] = f"{os.environ.get(MARKS, '')} {mark}".strip()
    os.posix_spawn(
        sys.executable,
        [sys.executable, "-S", __file__, f"{os.getpid()}", mark],
        {name: value for name, value in os.environ.items() if name != MARKS},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0) for stream in range(3)
        ],
        setsid=True,  # Ctrl-C is for the tests
    )


def _survivors(mark: str) -> Iterator[int]:
    """Yield the processes that carry a mark; one that has ended has no environment."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            variables = (folder / "environ").read_bytes().split(b"\0")
            if any(
                one.startswith(f"{MARKS}=".encode()) and mark.encode() in one for one in variables
            ):
                yield int(folder.name)


def _wait_for_end(pid: int) -> None:
    with suppress(ProcessLookupError):
        select.select([os.pidfd_open(pid)], [], [])


def main(pid: int, mark: str) -> None:
    """Wait for the end of a process, then kill what carries its mark."""
    _wait_for_end(pid)
    for _ in range(_ROUNDS):
        found = [*_survivors(mark)]
        for survivor in found:
            with suppress(OSError):
                os.kill(survivor, signal.SIGKILL)
        if not found:
            return
        time.sleep(0.1)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])

"""A monitor in a process of its own, which is forked from one that has its imports done.

Two thirds of the work of a monitor that lives for seconds are its imports. That the command starts
from nothing is seen in `live/`, where it is typed.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["platform_probe.commands.run", "fleet_sim.sweeps.point"])
"""A sweep forks from the same process, whoever comes first."""


class ForkedProbe:
    """The process, with what `asyncio.subprocess.Process` has."""

    def __init__(self, process: ForkServerProcess, stdout: asyncio.StreamReader) -> None:
        self._process = process
        self.stdout = stdout

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit code, the signal that killed it as a negative number; None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens if it has ended."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        """Wait for its end, and return its exit code."""
        while (code := self.returncode) is None:  # noqa: ASYNC110 - another process sets it
            await asyncio.sleep(0.01)
        return code


async def forked_probe(*arguments: str, stderr: Path) -> ForkedProbe:
    """Start `platform-probe` with these arguments; what it says to the user goes to `stderr`."""
    ours, theirs = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_be_it, args=(arguments, theirs, stderr, dict(os.environ)))
    process.start()
    theirs.close()
    stdout = asyncio.StreamReader()
    with ours:
        file = os.fdopen(os.dup(ours.fileno()), "rb")
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdout), file)
    return ForkedProbe(process, stdout)


def _be_it(
    arguments: tuple[str, ...], stdout: Connection, stderr: Path, environment: Mapping[str, str]
) -> None:
    """Be the monitor, with the descriptors and the environment of one that was typed."""
    from platform_probe.__main__ import main  # noqa: PLC0415 - its imports are done where it is forked

    os.environ.clear()
    os.environ.update(environment)
    os.dup2(stdout.fileno(), 1)
    stdout.close()
    with stderr.open("ab", buffering=0) as file:
        os.dup2(file.fileno(), 2)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - until it ends
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.argv[:] = ["platform-probe", *arguments]
    main()

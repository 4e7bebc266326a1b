"""One of our commands in a process of its own, which is forked from one that has its imports done.

Two thirds of the work of a service that lives for seconds are its imports. That commands start from
nothing is seen in `live/`, where they are typed.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import BinaryIO

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([
    "platform_probe.commands.run", "fleet_sim.commands.boxes", "fleet_sim.commands.platform",
    "fleet_sim.sweeps.point",
])  # fmt: skip
"""A sweep forks from the same process, whoever comes first."""


class Forked:
    """The process, as `subprocess.Popen` has it; `stdout` is what it says there."""

    def __init__(self, process: ForkServerProcess, stdout: BinaryIO) -> None:
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

    def wait(self, timeout_s: float) -> int | None:
        """Return its exit code as soon as it has ended; None if that takes longer."""
        self._process.join(timeout_s)
        return self.returncode


@contextmanager
def forked(module: str, *arguments: str, stderr: Path) -> Iterator[Forked]:
    """Start a command; what it says to the user goes to `stderr`. It is killed after the block."""
    ours, theirs = CONTEXT.Pipe(duplex=False)
    order = (module, arguments, theirs, stderr, dict(os.environ))
    process = CONTEXT.Process(target=_be_it, args=order)
    process.start()
    theirs.close()
    with ours:
        stdout = os.fdopen(os.dup(ours.fileno()), "rb")
    command = Forked(process, stdout)
    try:
        yield command
    finally:
        command.kill()
        stdout.close()


def _be_it(
    module: str,
    arguments: tuple[str, ...],
    stdout: Connection,
    stderr: Path,
    environment: Mapping[str, str],
) -> None:
    """Be the command, with the descriptors and the environment of one that was typed."""
    from tests.helpers.own_commands import PROGRAMS  # noqa: PLC0415 - of the command's process only

    # The fork server keeps Ctrl-C from whatever it forks, where a sweep was the first to need it.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(stdout.fileno(), 1)
    stdout.close()
    with stderr.open("ab", buffering=0) as file:
        os.dup2(file.fileno(), 2)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - until it ends
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
    program = module.replace("_", "-")
    sys.argv[:] = [program, *arguments]
    PROGRAMS[program]()

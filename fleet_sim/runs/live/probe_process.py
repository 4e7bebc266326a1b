"""The probe as a child process: starts it, follows its stdout, and ends it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from fleet_sim.broker.process import dies_with_us
from fleet_wire.errors import UnlockpathError
from fleet_wire.private_files import open_to_append

LOG_TAIL_BYTES = 2_000


class ProbeError(UnlockpathError):
    """The probe ended before its work was done."""


class ProbeProcess:
    """`platform-probe run` on a configuration file."""

    def __init__(self, process: asyncio.subprocess.Process, stderr_file: Path) -> None:
        self._process = process
        self._stderr_file = stderr_file
        self.is_told_to_end = False
        """Whether we have told it to."""

    @classmethod
    async def start(cls, config: Path) -> ProbeProcess:
        """Start the probe. Its stderr goes to a file beside `config`."""
        stderr_file = config.with_name("probe.stderr.log")
        with os.fdopen(open_to_append(stderr_file), "ab") as stderr:
            process = await asyncio.create_subprocess_exec(
                *dies_with_us(),
                *(sys.executable, "-m", "platform_probe", "run", "--config", str(config)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,  # Ctrl-C is for us: we tell the probe when to stop
            )
        return cls(process, stderr_file)

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """Yield what the probe reports, until it closes its stdout."""
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 - opened as a pipe
        async for line in stdout:
            with contextlib.suppress(msgspec.MsgspecError):
                event = msgspec.json.decode(line)
                if isinstance(event, dict):
                    yield event

    async def finish(self) -> None:
        """Wait for its end. Raises `ProbeError` with the end of its log where it failed.

        Told to end before it could listen for that, it is ended by the signal, and has not failed.
        """
        code = await self._process.wait()
        if code != 0 and not (self.is_told_to_end and code == -signal.SIGTERM):
            tail = self._stderr_file.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")
            raise ProbeError(f"the probe ended with exit code {code}\n{tail.strip()}")

    def drain(self) -> None:
        """Ask it to end its attempts and stop."""
        self.is_told_to_end = True
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it now. Every attempt that has ended is on disk."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

"""A fleet in a process of its own, seen from outside: its two lines, its CPU time, its end."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from bench.fleets.common import ConnectedLine, StoppedLine

_HERE = Path(__file__).parent
BUILT = _HERE / "build"
"""C programs that were compiled, and results."""
_CONNECT_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 30.0


class FleetFailedError(Exception):
    """The fleet's process did not do what it should."""


class ChildFleet:
    """A running fleet, all of whose boxes are connected."""

    def __init__(self, process: asyncio.subprocess.Process, connected: ConnectedLine) -> None:
        self._process = process
        self.connected = connected

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def stop(self) -> StoppedLine:
        """End the fleet and return its last line. Raises `FleetFailedError`."""
        self._process.send_signal(signal.SIGTERM)
        return msgspec.json.decode(await _line(self._process, _STOP_TIMEOUT_S), type=StoppedLine)


@asynccontextmanager
async def running_fleet(
    kind: str, *, host: str, port: int, count: int, ca_file: Path | None = None
) -> AsyncIterator[ChildFleet]:
    """Start a fleet, wait until it is connected, and see to it that it has gone at the end.

    With `ca_file` it connects by TLS. Raises `FleetFailedError` where the process ends, or does not
    connect in time.
    """
    command = _command(kind, host=host, port=port, count=count)
    if ca_file is not None:
        command += ["--ca-file", str(ca_file)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        line = await _line(process, _CONNECT_TIMEOUT_S)
        yield ChildFleet(process, msgspec.json.decode(line, type=ConnectedLine))
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def c_program(name: str) -> Path:
    """Return a program of bench/c, compiled anew where it is missing or older than its source."""
    source, program = _HERE / "c" / f"{name}.c", BUILT / name
    if not program.exists() or program.stat().st_mtime <= source.stat().st_mtime:
        BUILT.mkdir(exist_ok=True)
        subprocess.run(
            ["gcc", "-O2", "-Wall", "-Wextra", "-o", str(program), str(source)], check=True
        )
    return program


def cpu_s(pid: int) -> float:
    """Return the CPU time that a process has used, to the nanosecond.

    The clock id of another process is made as in `clock_getcpuclockid` (glibc,
    sysdeps/unix/sysv/linux/clock_getcpuclockid.c): the inverted pid, and 2 for scheduler time.
    """
    return time.clock_gettime((~pid << 3) | 2)


def _command(kind: str, *, host: str, port: int, count: int) -> list[str]:
    if kind == "c":
        return [str(c_program("epoll_box")), host, str(port), str(count)]
    options = ["--host", host, "--port", str(port), "--count", str(count)]
    return [sys.executable, "-m", "bench.fleets", kind, *options]


async def _line(process: asyncio.subprocess.Process, timeout_s: float) -> bytes:
    assert process.stdout is not None  # noqa: S101 - we asked for a pipe
    try:
        line = await asyncio.wait_for(process.stdout.readline(), timeout_s)
    except TimeoutError:
        raise FleetFailedError(f"the fleet said nothing for {timeout_s:g} s") from None
    if not line:
        raise FleetFailedError(f"the fleet ended with exit code {await process.wait()}")
    return line

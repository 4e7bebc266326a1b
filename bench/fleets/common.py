"""What every fleet has in common: its arguments, its two lines of JSON, and how it is stopped."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from fleet_sim.runs.memory import rss_bytes
from fleet_wire.contract.signing import DEMO_SECRET

CONNECTS_IN_FLIGHT = 64
BOXES_PER_ADDRESS = 1_000
"""More would exhaust the 28,000 ephemeral ports of one source address."""
KEEPALIVE_S = 600
FLEET_SECRET = DEMO_SECRET
EXECUTED = b'{"command_id":"bench","phase":"executed"}'
"""What a box without a model answers."""


@dataclass(frozen=True, slots=True)
class FleetArguments:
    """Which kind of box, where the broker is, and how many boxes connect to it."""

    kind: str
    host: str
    port: int
    count: int
    ca_file: Path | None = None
    """The authority of a broker's certificate; None: without TLS."""


class ConnectedLine(msgspec.Struct):
    """A fleet's first line: every box is connected and subscribed."""

    connected: int
    seconds: float
    """From the first box made to the last SUBACK."""
    baseline_rss_bytes: int
    """Before the first box was made."""
    rss_bytes: int
    cpu_s: float
    """That the process has used since the first box was made."""


class StoppedLine(msgspec.Struct):
    """A fleet's last line, after SIGTERM."""

    answered: int
    rss_bytes: int
    cpu_s: float


class Reporter:
    """Takes the times of a fleet and prints its two lines."""

    def __init__(self) -> None:
        self.answered = 0
        gc.collect()
        self._baseline_rss_bytes = rss_bytes()
        self._start_s = time.monotonic()
        self._start_cpu_s = time.process_time()

    def all_connected(self, count: int) -> None:
        """Print the first line, and take the boxes out of the garbage collector's sight."""
        seconds = time.monotonic() - self._start_s
        used_s = time.process_time() - self._start_cpu_s
        gc.collect()
        gc.freeze()
        _print(
            ConnectedLine(
                connected=count,
                seconds=seconds,
                baseline_rss_bytes=self._baseline_rss_bytes,
                rss_bytes=rss_bytes(),
                cpu_s=used_s,
            )
        )

    def stopped(self) -> None:
        """Print the last line."""
        _print(
            StoppedLine(answered=self.answered, rss_bytes=rss_bytes(), cpu_s=time.process_time())
        )


def vehicle_id_of(index: int) -> str:
    """Return the id of a box: five digits, so that every topic has the same length."""
    return f"bench-{index:05d}"


def source_address(index: int) -> str:
    """Return the loopback address that a box connects from."""
    return f"127.0.0.{1 + index // BOXES_PER_ADDRESS}"


def stop_event() -> asyncio.Event:
    """Return an event that SIGTERM sets."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    return stop


async def connect_all(count: int, connect: Callable[[int], Awaitable[None]]) -> None:
    """Connect boxes 0 to `count`, always the same number of them at a time."""
    indices = iter(range(count))

    async def worker() -> None:
        for index in indices:
            await connect(index)

    await asyncio.gather(*(worker() for _ in range(min(count, CONNECTS_IN_FLIGHT))))


def _print(line: ConnectedLine | StoppedLine) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
    sys.stdout.buffer.flush()

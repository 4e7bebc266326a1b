"""Notifications of a service to systemd (sd_notify): ready, alive, stopping.

All of it does nothing where systemd has not started the service.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

BEATS: Final = 3
"""Within one WatchdogSec: one that comes late is not the end."""
MICROSECOND_S: Final = 1e-6


@contextmanager
def service_of_systemd() -> Iterator[None]:
    """Report that the service is up, then that its event loop turns, until the block ends.

    Enter it on the event loop. A loop that stands still for WatchdogSec is killed by systemd.
    """
    _notify("READY=1")
    beat = _Beat(_watchdog_s() / BEATS)
    beat.start()
    try:
        yield
    finally:
        beat.stop()
        _notify("STOPPING=1")


class _Beat:
    """Sends a sign of life from the event loop at an interval in seconds; 0: never."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._loop = asyncio.get_running_loop()
        self._next: asyncio.TimerHandle | None = None

    def start(self) -> None:
        if self._every_s > 0:
            _notify("WATCHDOG=1")
            self._next = self._loop.call_later(self._every_s, self.start)

    def stop(self) -> None:
        if self._next is not None:
            self._next.cancel()


def _watchdog_s() -> float:
    """Return the unit's WatchdogSec; 0 where it has none, or it is another process's."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    with suppress(ValueError):
        return int(os.environ.get("WATCHDOG_USEC", "0")) * MICROSECOND_S
    return 0.0


def _notify(state: str) -> None:
    """Send a datagram to systemd. One that cannot be sent must not stop the service."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.settimeout(0)
        sender.connect(address.replace("@", "\0", 1) if address.startswith("@") else address)
        sender.send(state.encode("ascii"))

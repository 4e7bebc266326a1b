"""Parts that the shipped client programs share: presses from stdin, screens to stdout."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from fleet_sim.truth.client import Ask, Line, Through
from fleet_sim.truth.grading import Screen


def show(screen: Screen, *, request: str | None = None, vehicle_id: str | None = None) -> None:
    """Print what the user sees now."""
    _print(Line(request=request, vehicle_id=vehicle_id, shown=screen, at=time.time()))


def vehicle_ids() -> list[str]:
    """Return the cars of this client."""
    return Path(os.environ["UNLOCKPATH_VEHICLES"]).read_text("utf-8").split()


async def serve(through: Through, handle: Callable[[Ask], Awaitable[None]]) -> None:
    """Announce that the client is ready, then handle each press as a task, until the end."""
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    work: set[asyncio.Future[None]] = set()
    reading = asyncio.ensure_future(_read(reader, handle, work))
    loop.add_signal_handler(signal.SIGTERM, reading.cancel)
    _print(Line(ready=through))
    try:
        await reading
    except asyncio.CancelledError:
        for each in work:
            each.cancel()


async def _read(
    reader: asyncio.StreamReader,
    handle: Callable[[Ask], Awaitable[None]],
    work: set[asyncio.Future[None]],
) -> None:
    async for line in reader:
        task = asyncio.ensure_future(handle(msgspec.json.decode(line, type=Ask)))
        work.add(task)
        task.add_done_callback(work.discard)


def _print(line: Line) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
    sys.stdout.buffer.flush()

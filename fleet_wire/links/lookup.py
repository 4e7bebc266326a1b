"""Looks up a host's addresses, without holding up the end of a program."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

Found = list[tuple[socket.AddressFamily, tuple[str | int | bytes, ...]]]
"""Family and address, as `socket.socket` and `connect` take them."""


async def look_up(host: str, port: int) -> Found:
    """Return the addresses of a host. Raises `OSError` where it has none."""
    with suppress(socket.gaierror):  # it is a name
        return _addresses(host, port, socket.AI_NUMERICHOST)
    return await unwaited(f"lookup of {host}", partial(_addresses, host, port, 0))


def _addresses(host: str, port: int, flags: int) -> Found:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, address) for family, _, _, _, address in found]


ResultT = TypeVar("ResultT")


def unwaited(name: str, work: Callable[[], ResultT]) -> asyncio.Future[ResultT]:
    """Return what `work` returns or raises; `name` is the thread's.

    When the event loop has ended, or nobody awaits the future any more, it is dropped.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[ResultT] = loop.create_future()
    threading.Thread(target=_run, args=(loop, done, work), name=name, daemon=True).start()
    return done


def _run(
    loop: asyncio.AbstractEventLoop, done: asyncio.Future[ResultT], work: Callable[[], ResultT]
) -> None:
    how: Callable[[Any], None] = done.set_result
    try:
        value: Any = work()
    except Exception as error:  # noqa: BLE001 - told to who waits
        how, value = done.set_exception, error
    with suppress(RuntimeError):  # the loop is closed: nobody waits
        loop.call_soon_threadsafe(_settle, done, how, value)
    del done, how, value  # an error's traceback leads here: a cycle would keep its sockets open


def _settle(done: asyncio.Future[Any], how: Callable[[Any], None], value: object) -> None:
    if not done.done():
        how(value)

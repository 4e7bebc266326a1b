"""Looks up a host's addresses, without holding up the end of a program.

A resolver may take half a minute for a name that nobody answers for. The threads of an event loop,
asyncio's and uvloop's, are waited for at the end: Ctrl-C would take as long, and two minutes where
many lookups wait. So a lookup has a thread of its own, which nobody waits for.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

Found = list[tuple[socket.AddressFamily, tuple[str | int | bytes, ...]]]
"""Family and address, as `socket.socket` and `connect` take them."""


async def look_up(host: str, port: int) -> Found:
    """Return the addresses of a host. Raises `OSError` where it has none."""
    with suppress(socket.gaierror):  # it is a name
        return _addresses(host, port, socket.AI_NUMERICHOST)
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Found] = loop.create_future()
    threading.Thread(
        target=_resolve, args=(loop, done, host, port), name=f"lookup of {host}", daemon=True
    ).start()
    return await done


def _addresses(host: str, port: int, flags: int = 0) -> Found:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, address) for family, _, _, _, address in found]


def _resolve(
    loop: asyncio.AbstractEventLoop, done: asyncio.Future[Found], host: str, port: int
) -> None:
    how: Callable[[Any], None] = done.set_result
    try:
        value: Any = _addresses(host, port)
    except Exception as error:  # noqa: BLE001 - told to who waits
        how, value = done.set_exception, error
    with suppress(RuntimeError):  # the loop is closed: nobody waits
        loop.call_soon_threadsafe(_settle, done, how, value)
    del done, how, value  # an error's traceback leads here: a cycle would keep its sockets open


def _settle(done: asyncio.Future[Found], how: Callable[[Any], None], value: object) -> None:
    if not done.done():
        how(value)

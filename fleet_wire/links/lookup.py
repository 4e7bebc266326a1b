"""Looks up a host's addresses, in a thread that the end of a program does not wait for.

The resolver may take half a minute for a name that nobody answers for. The threads of an event
loop, asyncio's and uvloop's, are waited for at the end: Ctrl-C would take as long, and two minutes
where many lookups wait.
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
    found: asyncio.Future[Found] = loop.create_future()

    def settle(how: Callable[[Any], None], value: Any) -> None:
        if not found.done():
            how(value)

    def look() -> None:
        how: Callable[[Any], None] = found.set_result
        try:
            value: Any = _addresses(host, port, 0)
        except Exception as error:  # noqa: BLE001 - told to who waits
            how, value = found.set_exception, error
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(settle, how, value)

    threading.Thread(target=look, name=f"lookup of {host}", daemon=True).start()
    return await found


def _addresses(host: str, port: int, flags: int) -> Found:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, address) for family, _, _, _, address in found]

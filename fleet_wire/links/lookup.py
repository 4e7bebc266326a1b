"""Looks up a host's addresses, without holding up the end of a program."""

from __future__ import annotations

import socket
from contextlib import suppress
from functools import partial

from fleet_wire.links.unwaited import unwaited

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

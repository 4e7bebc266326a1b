"""Check whether an address can be listened at, and explain why not."""

from __future__ import annotations

import errno
import socket
from typing import Any

from fleet_wire.errors import LimitError


def listen_error(host: str, port: int, error: OSError) -> LimitError:
    """Return what to say where nobody can listen there."""
    if error.errno == errno.EADDRINUSE:
        return LimitError(
            f"port {port} on {host} is taken by another process",
            f"see which: ss -ltnp 'sport = :{port}'; or choose another: --listen {host}:0",
        )
    return LimitError(
        f"cannot listen on {host}:{port}: {error.strerror or error}",
        "choose an address of this machine and a port from 1024 on: --listen 127.0.0.1:9464",
    )


def check_can_listen(host: str, port: int) -> None:
    """Raise `LimitError` where nobody could listen there now: for who will, a while later.

    A name may have addresses of a family that this machine does not have: those are passed over.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        missing = [error for each in found if (error := _try_to_bind(each[0], each[4])) is not None]
    except OSError as error:
        raise listen_error(host, port, error) from error
    if len(missing) == len(found):
        raise listen_error(host, port, missing[0]) from missing[0]


def _try_to_bind(family: socket.AddressFamily, address: Any) -> OSError | None:
    """Bind and close again; return why the address does not exist here. Raises `OSError` else."""
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            raise
        return error
    return None

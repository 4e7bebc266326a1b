"""Whether an address can be listened at, and what is said where it cannot."""

from __future__ import annotations

import errno
import socket

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
    """Raise `LimitError` where nobody could listen there now: for who will, a while later."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in found:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind(address)
    except OSError as error:
        raise listen_error(host, port, error) from error

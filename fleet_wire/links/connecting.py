"""How connections of a fleet are made: paced, from many source addresses, each as who it is."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import resource
import socket
import ssl
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fleet_wire.links.link import BrokerAddress, LinkHandler
from fleet_wire.links.lookup import look_up

CONNECTS_PER_SOURCE = 1_000
"""Connections from one source address before the next takes its turn."""

_IP_BIND_ADDRESS_NO_PORT = 24
"""Linux, ip(7): choose the port at connect, so that a port serves many destinations."""

_LOOPBACK_SOURCES = tuple(f"127.0.0.{number}" for number in range(2, 252))
_RESOLVED_FOR_S = 5.0

_Target = tuple[socket.AddressFamily, tuple[str | int | bytes, ...], Sequence[str]]
"""An address to connect to, and the local addresses to connect from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A client's identity towards the broker."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None
    """With a certificate of its own; None: the context that all clients share."""


IdentityOf = Callable[[LinkHandler], Identity | None]
"""Says who a client is, asked at each connect; None for one that is who the address says.

May raise `ConfigError`, for a file that cannot be read: then there is no connection.
"""


def identity_in(broker: BrokerAddress) -> Identity:
    """Return who every client is that has no identity of its own."""
    return Identity(username=broker.username, password=broker.password)


class ConnectPace:
    """Lets at most `max_connecting` clients connect at a time, in the order of their requests."""

    def __init__(self, max_connecting: int) -> None:
        self._free = max_connecting
        self._waiting: OrderedDict[Callable[[], None], None] = OrderedDict()

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    def enter(self, start: Callable[[], None]) -> None:
        """Call `start` when it has its turn, maybe at once. Each turn ends with `leave`."""
        if self._free:
            self._free -= 1
            start()
        else:
            self._waiting[start] = None

    def withdraw(self, start: Callable[[], None]) -> None:
        """Withdraw an `enter` whose turn has not come."""
        self._waiting.pop(start, None)

    def leave(self) -> None:
        """End a turn: the next one starts."""
        if self._waiting:
            start, _ = self._waiting.popitem(last=False)
            start()
        else:
            self._free += 1


async def _connect(
    loop: asyncio.AbstractEventLoop, sock: socket.socket, address: tuple[str | int | bytes, ...]
) -> None:
    """Connect a socket that does not block; raises `OSError`.

    uvloop's `sock_connect` looks a numeric address up in a thread first: 30 us a connection.
    """
    error = sock.connect_ex(address)
    if error == errno.EINPROGRESS:
        answered = asyncio.Event()
        loop.add_writer(sock, answered.set)
        try:
            await answered.wait()
        finally:
            loop.remove_writer(sock)
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error:
        raise OSError(error, os.strerror(error))


class Dialer:
    """Makes TCP sockets to one host.

    It takes 127.0.0.2 and up in turn if the host is on loopback: each has its own 28,000 ports.
    The system chooses the local address for other hosts.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        # Processes and brokers of a spread fleet start at addresses of their own: connect(2) takes
        # half of an address's ports quickly, and looks through all of these for each one after.
        self._count = (os.getpid() + port) * CONNECTS_PER_SOURCE
        self._targets: list[_Target] = []
        self._resolved_until_s = 0.0
        self._resolving: asyncio.Task[None] | None = None

    async def dial(self) -> socket.socket:
        """Return a connected socket with TCP_NODELAY.

        Raises `OSError` of the last address where none answers.
        """
        loop = asyncio.get_running_loop()
        failure: OSError | None = None
        for family, address, sources in await self._resolved(loop):
            sock = self._new_socket(family, sources)
            try:
                await _connect(loop, sock, address)
            except OSError as error:
                sock.close()
                failure = error
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        raise failure or OSError(f"{self._host} has no address")

    async def _resolved(self, loop: asyncio.AbstractEventLoop) -> list[_Target]:
        """Return where the host is; all who ask meanwhile wait for the same answer."""
        if loop.time() >= self._resolved_until_s:
            if self._resolving is None:
                self._resolving = loop.create_task(self._resolve(loop))
                self._resolving.add_done_callback(self._note_resolved)
            await asyncio.shield(self._resolving)
        return self._targets

    async def _resolve(self, loop: asyncio.AbstractEventLoop) -> None:
        self._targets = [
            (family, address, _sources_for(family, str(address[0])))
            for family, address in await look_up(self._host, self._port)
        ]
        self._resolved_until_s = loop.time() + _RESOLVED_FOR_S

    def _note_resolved(self, resolving: asyncio.Task[None]) -> None:
        self._resolving = None
        if not resolving.cancelled():
            resolving.exception()  # those who wait have it; there may be none left

    def _new_socket(self, family: socket.AddressFamily, sources: Sequence[str]) -> socket.socket:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(0)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if sources:
                source = sources[self._count // CONNECTS_PER_SOURCE % len(sources)]
                self._count += 1
                sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
                sock.bind((source, 0))
        except BaseException:
            sock.close()
            raise
        return sock


def _sources_for(family: socket.AddressFamily, host: str) -> Sequence[str]:
    is_loopback = family == socket.AF_INET and ipaddress.ip_address(host).is_loopback
    return _LOOPBACK_SOURCES if is_loopback else ()


def describe_os_error(error: OSError) -> str:
    """Return what went wrong; for a limit of the machine also the command that raises it."""
    has_number = error.errno is not None and error.errno > 0
    is_plain = has_number and not isinstance(error, ssl.SSLError)
    text = os.strerror(error.errno or 0) if is_plain else str(error)
    if error.errno == errno.EMFILE:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        return f"{text}: this process may open {soft} (`ulimit -n {hard}` allows {hard})"
    if error.errno == errno.ENFILE:
        return f"{text}: the machine's limit (`sysctl fs.file-max` shows it)"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{text}: no local port is free (`sysctl net.ipv4.ip_local_port_range` shows them)"
    return text

"""How connections are made, and how their errors read."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fleet_wire.links.connecting import CONNECTS_PER_SOURCE, ConnectPace, Dialer, describe_os_error
from fleet_wire.links.lean.link import LeanLinkFactory
from fleet_wire.links.link import BrokerAddress, EndReason, Session
from tests.helpers.recorder import Recorder
from tests.helpers.waiting import eventually


@contextmanager
def _listener() -> Iterator[tuple[socket.socket, int]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server, server.getsockname()[1]


def test_pace_is_first_come_first_served() -> None:
    """Turns come in order; one that is taken back does not come."""
    pace, started = ConnectPace(2), []
    starts = [lambda number=number: started.append(number) for number in range(6)]
    for start in starts:
        pace.enter(start)
    assert started == [0, 1]
    pace.withdraw(starts[2])
    pace.leave()
    pace.leave()
    assert started == [0, 1, 3, 4]
    for _ in range(3):
        pace.leave()
    pace.enter(starts[2])
    assert started == [0, 1, 3, 4, 5, 2]


async def test_many_wait_for_one_lookup_of_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has had enough of it takes it from nobody; the next one looks anew."""
    asked: list[str] = []
    answered = threading.Event()

    def resolver(host: str, port: int, **options: Any) -> list[Any]:
        if options["flags"] == socket.AI_NUMERICHOST:
            raise socket.gaierror
        asked.append(host)
        answered.wait()
        raise socket.gaierror(socket.EAI_NONAME, f"nobody knows {host}:{port}")

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    dialer = Dialer("broker.example", 1883)
    dials = [asyncio.ensure_future(dialer.dial()) for _ in range(3)]
    await eventually(lambda: asked)
    dials.pop().cancel()
    await asyncio.sleep(0)
    answered.set()
    for dial in dials:
        with pytest.raises(OSError, match="nobody knows"):
            await dial
    assert asked == ["broker.example"]
    with pytest.raises(OSError, match="nobody knows"):
        await dialer.dial()
    assert len(asked) == 2


def test_a_program_ends_before_the_resolver_answers() -> None:
    """It may take minutes, and Ctrl-C would."""
    text = (
        "import asyncio, socket, threading, uvloop\n"
        "from fleet_wire.links.lean.link import LeanLinkFactory\n"
        "from fleet_wire.links.link import BrokerAddress, Session\n"
        "from tests.helpers.recorder import Recorder\n"
        "def never(host, port, *_, **options):\n"
        "    if options.get('flags'):\n"
        "        raise socket.gaierror\n"
        "    began.set()\n"
        "    threading.Event().wait()\n"
        "began, socket.getaddrinfo = threading.Event(), never\n"
        "async def main():\n"
        "    broker = BrokerAddress('mqtt', 'broker.example', 1883)\n"
        "    links = LeanLinkFactory(broker)\n"
        "    Recorder(links, Session('unheard')).link.connect()\n"
        "    while not began.is_set():\n"
        "        await asyncio.sleep(0.01)\n"
        "uvloop.run(main())\n"
        "print('ended')\n"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("ended\n", "", 0)


async def test_loopback_sources_take_turns() -> None:
    """Each loopback source address makes a thousand connections before the next."""
    with _listener() as (server, port):
        dialer = Dialer("localhost", port)
        dialer._count = CONNECTS_PER_SOURCE - 1
        connections = [await dialer.dial() for _ in range(2)]
        peers = [server.accept() for _ in connections]
        assert [peer[1][0] for peer in peers] == ["127.0.0.2", "127.0.0.3"]
        for connection in connections:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            connection.close()
        for peer, _ in peers:
            peer.close()


async def test_processes_begin_at_addresses_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes that connect to one broker take ports of two addresses from the first on."""
    with _listener() as (server, port):
        seen = set()
        for pid in (4_000, 4_001):
            monkeypatch.setattr(os, "getpid", lambda pid=pid: pid)
            connection = await Dialer("127.0.0.1", port).dial()
            peer, address = server.accept()
            seen.add(address[0])
            connection.close()
            peer.close()
        assert len(seen) == 2


@pytest.mark.parametrize(
    ("number", "cure"),
    [
        (errno.ENFILE, "sysctl fs.file-max"),
        (errno.EADDRNOTAVAIL, "ip_local_port_range"),
        (errno.ECONNREFUSED, "Connection refused"),
    ],
)
def test_limits_name_their_cure(number: int, cure: str) -> None:
    """A limit of the machine comes with the command that shows or raises it."""
    assert cure in describe_os_error(OSError(number, "text of the library"))


async def test_too_few_descriptors_end_a_connection() -> None:
    """Without a free descriptor the broker is unreachable, and the reason names the cure."""
    nobody = BrokerAddress.parse("mqtt://127.0.0.1:1")
    client = Recorder(LeanLinkFactory(nobody), Session("client"))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        client.link.connect()
        await eventually(lambda: client.ends)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert client.ends[0].why is EndReason.UNREACHABLE
    assert "ulimit -n" in client.ends[0].detail

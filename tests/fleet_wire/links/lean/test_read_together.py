"""A link that hears many waits for what follows several packets; for a lone one it does not."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from fleet_wire.links.lean.link import LeanLink
from fleet_wire.links.link import LinkLimits
from tests.helpers.fake_transport import CONNACK, FakeNetwork, publish_from_broker
from tests.helpers.waiting import eventually

NEVER_S = 3_600.0
TWO = publish_from_broker(b"1", 1) + publish_from_broker(b"2", 2)


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    """Return a socket that the kernel is told about."""
    with socket.socket() as sock:
        yield sock


def _link(sock: socket.socket, read_together_s: float) -> LeanLink:
    """Return a connected link that has this socket."""
    network = FakeNetwork(LinkLimits(read_together_s=read_together_s))
    _, link = network.client()
    link.connect()
    network.openings[0].sock = sock
    network.accept()
    link.data_received(CONNACK)
    return link


def _worth_waking_bytes(sock: socket.socket) -> int:
    """Return how much must have come for the event loop to wake."""
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT)


async def test_what_follows_several_packets_gathers_for_a_while(sock: socket.socket) -> None:
    """After that each packet is read as it comes, until several come at once again."""
    link = _link(sock, 0.005)
    link.data_received(TWO)
    assert _worth_waking_bytes(sock) > len(TWO)
    await eventually(lambda: _worth_waking_bytes(sock) == 1)
    link.data_received(publish_from_broker(b"3", 3))
    assert _worth_waking_bytes(sock) == 1
    link.data_received(TWO)
    assert _worth_waking_bytes(sock) > len(TWO)


@pytest.mark.parametrize(
    ("read_together_s", "reads"),
    [(NEVER_S, [publish_from_broker(b"", number) for number in range(1, 4)]), (0.0, [TWO])],
    ids=["behind a lone packet", "unless it is asked for"],
)
async def test_nothing_gathers(
    sock: socket.socket, read_together_s: float, reads: list[bytes]
) -> None:
    """A lone packet may be all that the broker sends before it is acknowledged: ejabberd does so.

    A link that times each message reads each as it comes.
    """
    link = _link(sock, read_together_s)
    for read in reads:
        link.data_received(read)
        assert _worth_waking_bytes(sock) == 1


async def test_a_wait_that_ends_after_its_connection_changes_no_other(sock: socket.socket) -> None:
    """The next connection has a socket of its own, and waits by itself."""
    network = FakeNetwork(LinkLimits(read_together_s=0.005))
    _, link = network.client()
    with socket.socket() as first:
        for each in (first, sock):
            link.connect()
            network.openings[0].sock = each
            network.accept()
            link.data_received(CONNACK)
            link.data_received(TWO)
            if each is first:
                link.abort()
    await eventually(lambda: _worth_waking_bytes(sock) == 1)

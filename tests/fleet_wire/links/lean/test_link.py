"""The lean link against a broker that the test plays: every order of events that it may meet."""

from __future__ import annotations

import socket

import mqtt5
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_wire.errors import LocalProtocolError
from fleet_wire.links.link import EndReason, LinkLimits, PublishProperties
from tests.helpers.fake_transport import (
    CONNACK,
    SUBACK,
    FakeNetwork,
    publish_from_broker,
    turn,
)


async def test_a_socket_that_has_just_closed_stops_no_other_link() -> None:
    """The event loop may have closed a socket before it says so: the others write all the same."""
    network = FakeNetwork(LinkLimits(pubacks_together=3))
    _, closing = network.client()
    _, other = network.client()
    closing.connect()
    other.connect()
    network.openings[0].sock = sock = socket.socket()
    first, second = network.accept(), network.accept()
    for link, transport in ((closing, first), (other, second)):
        link.data_received(CONNACK)
        await turn()
        transport.writes.clear()
    sock.close()
    for link in (closing, other):
        link.publish("one", b"")
        link.publish("two", b"")
    await turn()
    assert second.names() == ["Publish", "Publish"]


async def test_packets_may_come_in_any_pieces() -> None:
    """However the stream is cut, the same messages come."""
    stream = (
        CONNACK
        + publish_from_broker(b"held", 7)
        + SUBACK
        + publish_from_broker(b"x" * 300, 8)
        + publish_from_broker(b"last")
    )
    for cut in range(1, len(stream)):
        for again in (cut, min(cut + 1, len(stream)), len(stream)):
            client, link = (network := FakeNetwork()).client("topic")
            link.connect()
            transport = network.accept()
            for piece in (stream[:cut], stream[cut:again], stream[again:]):
                link.data_received(piece)
            assert client.payloads == [b"held", b"x" * 300, b"last"]
            assert client.sessions_present == [False]
            assert transport.how_closed == ""


PANICS = pytest.mark.filterwarnings(
    # The codec panics on text that is not UTF-8, and Python tells of the error below it.
    "ignore::pytest.PytestUnraisableExceptionWarning"
)


@PANICS
@given(junk=st.binary(min_size=1, max_size=60))
async def test_random_bytes_never_raise(junk: bytes) -> None:
    """Whatever a broker sends, the link goes on, or ends once with a reason."""
    client, link, transport = FakeNetwork().connected_client("topic")
    transport.deliver(junk)
    transport.deliver(junk)
    assert len(client.ends) == (0 if link.is_connected else 1)
    if client.ends:
        assert client.ends[0].why in (EndReason.PROTOCOL_ERROR, EndReason.BROKER_CLOSED)
        assert transport.how_closed


@PANICS
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x30\xff\xff\xff\x7f", 149),  # 256 MB declared
        (b"\x30\x80\xad\xe2\x04", 149),  # 10 MB declared
        (b"\x30\xff\xff\xff\xff", 129),  # a length that does not end
        (b"\x00\x00", 129),
        (b"\x30\x05\x00\x02\xff\xfe\x00", 129),  # topic is not UTF-8
        (b"\x30\x01\x00", 129),  # topic is cut off
        (b"\x32\x06\x00\x01a\x00\x00\x00", 130),  # packet id 0
        (b"\x34\x06\x00\x01a\x00\x01\x00", 130),  # QoS 2
        (b"\x30\x06\x00\x00\x03\x23\x00\x01", 148),  # topic alias
        (CONNACK, 130),
        (SUBACK, 130),
        (b"\xc0\x00", 130),  # PINGREQ is the client's
    ],
)
async def test_what_breaks_the_protocol(data: bytes, code: int) -> None:
    """The broker is told what was wrong, the owner gets PROTOCOL_ERROR, nothing is buffered."""
    network = FakeNetwork()
    client, link, transport = network.connected_client()
    await turn()
    link.data_received(data)
    assert [end.why for end in client.ends] == [EndReason.PROTOCOL_ERROR]
    assert transport.how_closed == "closed"
    goodbye = transport.packets()[-1]
    assert isinstance(goodbye, mqtt5.DisconnectPacket)
    assert int(goodbye.reason_code) == code


async def test_what_no_link_can_send_is_our_own_error() -> None:
    """`test_packets_3.py` has what is no topic."""
    _, link, _ = FakeNetwork().connected_client()
    with pytest.raises(LocalProtocolError, match="QoS 2"):
        link.publish("topic", b"", qos=2)
    with pytest.raises(LocalProtocolError):
        link.publish("topic", b"", properties=PublishProperties(expiry_s=-1))


@pytest.mark.parametrize("stage", ["waiting", "opening", "connecting", "subscribing", "connected"])
@pytest.mark.parametrize(
    ("how", "closed"), [("abort", "aborted"), ("disconnect", "closed"), ("leave_behind", "")]
)
async def test_closing_at_every_stage(stage: str, how: str, closed: str) -> None:
    """Closing works at every stage, says nothing to the owner, and the next connect works."""
    network = FakeNetwork()
    client, link = network.client("topic")
    if stage == "waiting":
        blockers = [network.client()[1] for _ in range(64)]
        for blocker in blockers:
            blocker.connect()
    link.connect()
    link.connect()
    if stage in ("connecting", "subscribing", "connected"):
        transport = network.accept()
        link.data_received(b"" if stage == "connecting" else CONNACK)
        link.data_received(SUBACK if stage == "connected" else b"")
    getattr(link, how)()
    getattr(link, how)()
    if stage in ("connecting", "subscribing", "connected"):
        assert transport.how_closed == closed
    if stage == "opening":
        assert network.accept().how_closed == "aborted"
    if stage == "waiting":
        assert network.pace.waiting == 0
        for blocker in blockers:
            blocker.abort()
        network.openings.clear()
    link.connect()
    network.accept()
    sub_id = 2 if stage in ("subscribing", "connected") else 1
    link.data_received(CONNACK + mqtt5.SubAckPacket(sub_id, [mqtt5.SubAckReasonCode(1)]).write())
    assert link.is_connected
    assert client.ends == []


async def test_goodbye_to_a_peer_that_does_not_read_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A connection whose goodbye cannot be written is dropped after a while."""
    monkeypatch.setattr("fleet_wire.links.lean.link._GOODBYE_TIMEOUT_S", 0.0)
    _, link, transport = FakeNetwork().connected_client()
    transport.unwritten = 1
    transport.close = lambda: None  # type: ignore[method-assign]
    link.disconnect()
    await turn()
    await turn()
    assert transport.how_closed == "aborted"


async def test_pace_lets_a_few_connect_at_a_time() -> None:
    """At most 64 attempts are open; each end of one starts the next, in order."""
    network = FakeNetwork()
    clients = [network.client() for _ in range(70)]
    for _, link in clients:
        link.connect()
    assert (len(network.openings), network.pace.waiting) == (64, 6)
    network.accept()
    clients[0][1].data_received(CONNACK)
    network.openings.pop(0).fail("no answer")
    assert (len(network.openings), network.pace.waiting) == (64, 4)
    assert [end.why for end in clients[1][0].ends] == [EndReason.UNREACHABLE]

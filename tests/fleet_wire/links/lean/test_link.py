"""The lean link against a broker that the test plays: every order of events that it may meet."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import cast

import mqtt5
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_wire.errors import LocalProtocolError
from fleet_wire.links.lean.link import LeanLink
from fleet_wire.links.link import (
    PACKET_TOO_LARGE,
    Disconnected,
    EndReason,
    LinkLimits,
    PublishProperties,
)
from tests.helpers.fake_transport import (
    CONNACK,
    SUBACK,
    FakeNetwork,
    FakeTransport,
    publish_from_broker,
    turn,
)
from tests.helpers.waiting import eventually

NEVER_S = 3_600.0


def _puback(packet_id: int) -> bytes:
    return mqtt5.PubAckPacket(packet_id).write()


async def test_all_packets_of_one_iteration_leave_in_one_write() -> None:
    """PUBACKs and publishes that one read causes leave together."""
    client, link, transport = FakeNetwork().connected_client("topic")
    await turn()
    transport.writes.clear()
    link.data_received(publish_from_broker(b"1", 1) + publish_from_broker(b"2", 2))
    link.publish("answer", b"")
    link.publish("heartbeat", b"", qos=0)
    assert transport.writes == []
    await turn()
    assert len(transport.writes) == 1
    assert transport.names() == ["PubAck", "PubAck", "Publish", "Publish"]
    assert client.payloads == [b"1", b"2"]


class _Door:
    """Counts visits."""

    def __init__(self) -> None:
        self.visits = 0

    def __enter__(self) -> None:
        self.visits += 1

    def __exit__(self, *_: object) -> None:
        pass


async def test_what_is_read_together_is_handed_on_in_one_visit() -> None:
    """Messages and PUBACKs that one read brings are of one moment; what else comes ends a visit."""
    network = FakeNetwork()
    client, link, _ = network.connected_client("topic")
    network.within = door = _Door()
    link.publish("answer", b"", on_ack=client.acks.append)
    came = publish_from_broker(b"1", 1) + _puback(2) + publish_from_broker(b"2", 2)
    link.data_received(came)
    assert (client.payloads, client.acks, door.visits) == ([b"1", b"2"], [0], 1)
    link.data_received(came + b"\xd0\x00" + came)
    assert client.payloads == [b"1", b"2"] * 3


async def test_what_is_whole_is_taken_before_what_breaks_the_protocol_behind_it() -> None:
    """A message in front of nonsense has come all the same."""
    client, link, transport = FakeNetwork().connected_client("topic")
    link.data_received(publish_from_broker(b"1", 1) + b"\xf0\x00" + publish_from_broker(b"2", 2))
    assert client.payloads == [b"1"]
    assert [end.why for end in client.ends] == [EndReason.PROTOCOL_ERROR]
    assert transport.how_closed == "closed"


async def test_pubacks_gather_where_messages_come_together() -> None:
    """They leave together when their time is up, or with the next message, and in order."""
    link, transport = await _gathering_link()
    link.data_received(publish_from_broker(b"3", 3))
    await turn()
    link.data_received(publish_from_broker(b"4", 4))
    await turn()
    assert transport.writes == []
    await eventually(lambda: transport.writes)
    assert transport.names() == ["PubAck", "PubAck"]
    assert len(transport.writes) == 1
    link.data_received(publish_from_broker(b"5", 5))
    link.publish("answer", b"")
    await turn()
    assert transport.names() == ["PubAck", "PubAck", "PubAck", "Publish"]


async def test_a_lone_puback_does_not_wait_for_others() -> None:
    """It may be all that the broker waits for: ejabberd sends one message at a time."""
    network = FakeNetwork(LinkLimits(acknowledge_after_s=NEVER_S))
    _, link, transport = network.connected_client("topic")
    await turn()
    transport.writes.clear()
    for number in range(1, 4):
        link.data_received(publish_from_broker(b"", number))
        await turn()
        assert transport.names() == ["PubAck"] * number


async def test_pubacks_do_not_wait_when_they_fill_a_window() -> None:
    """RabbitMQ has sent all that it will."""
    link, transport = await _gathering_link(NEVER_S)
    for number in range(3, 12):
        link.data_received(publish_from_broker(b"", number))
        await turn()
        assert transport.writes == []
    link.data_received(publish_from_broker(b"", 12))
    await turn()
    assert transport.names() == ["PubAck"] * 10
    assert len(transport.writes) == 1


async def _gathering_link(acknowledge_after_s: float = 0.005) -> tuple[LeanLink, FakeTransport]:
    """Return a link that has got two messages at once, and its connection, with no writes yet."""
    network = FakeNetwork(LinkLimits(acknowledge_after_s=acknowledge_after_s))
    _, link, transport = network.connected_client("topic")
    link.data_received(publish_from_broker(b"1", 1) + publish_from_broker(b"2", 2))
    await turn()
    transport.writes.clear()
    return link, transport


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


async def test_single_bytes() -> None:
    """A stream that comes byte by byte is read like any other."""
    client, link, _ = FakeNetwork().connected_client("topic")
    for byte in publish_from_broker(b"y" * 200, 1) + publish_from_broker(b"z", 2):
        link.data_received(bytes((byte,)))
    assert client.payloads == [b"y" * 200, b"z"]


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


async def test_anything_before_connack_breaks_the_protocol() -> None:
    """The first packet must be CONNACK."""
    client, link = (network := FakeNetwork()).client()
    link.connect()
    network.accept()
    link.data_received(publish_from_broker(b""))
    assert [end.why for end in client.ends] == [EndReason.PROTOCOL_ERROR]


async def test_more_unacknowledged_than_the_receive_maximum() -> None:
    """A broker that ignores our receive maximum is closed on."""
    client, link, transport = FakeNetwork(LinkLimits(receive_max=3)).connected_client("topic")
    client.acknowledges = False
    for packet_id in (1, 2, 3, 3):
        link.data_received(publish_from_broker(b"", packet_id))
    assert transport.how_closed == ""
    link.data_received(publish_from_broker(b"", 4))
    assert [end.why for end in client.ends] == [EndReason.PROTOCOL_ERROR]


async def test_window_of_the_broker_and_order_behind_it() -> None:
    """No more than the broker's receive maximum is in flight; what waits keeps its order."""
    client, link, transport = FakeNetwork().connected_client()
    for number in range(50):
        link.publish("topic", b"%d" % number, on_ack=client.acks.append)
    await turn()
    assert transport.names().count("Publish") == 20
    link.data_received(_puback(5) + _puback(1))
    await turn()
    sent = [packet for packet in transport.packets() if isinstance(packet, mqtt5.PublishPacket)]
    assert [int(packet.payload) for packet in sent] == list(range(22))
    assert client.acks == [0, 0]


async def test_puback_of_unknown_ids_is_harmless() -> None:
    """A PUBACK that nobody waits for changes nothing."""
    client, link, _ = FakeNetwork().connected_client()
    link.publish("topic", b"", on_ack=client.acks.append)
    link.data_received(_puback(60_000) + _puback(1) + _puback(1))
    assert client.acks == [0]
    assert link.is_connected


async def test_retransmission_with_dup_when_the_session_resumes() -> None:
    """The same packet ids again, in order, marked DUP; what waited follows unmarked."""
    client, link, first = (network := FakeNetwork()).connected_client()
    for number in range(22):
        link.publish("topic", b"%d" % number)
    await turn()
    link.data_received(_puback(2))
    link.connection_lost(None)
    link.connect()
    second = network.accept()
    link.data_received(mqtt5.ConnAckPacket(session_present=True, receive_max=30).write())
    await turn()
    before = [packet for packet in first.packets() if isinstance(packet, mqtt5.PublishPacket)]
    again = [packet for packet in second.packets() if isinstance(packet, mqtt5.PublishPacket)]
    assert [packet.payload for packet in again] == [
        b"%d" % number for number in range(22) if number != 1
    ]
    assert [packet.packet_id for packet in again[:19]] == [
        packet.packet_id for packet in before if packet.packet_id not in (2, 21)
    ]
    assert [packet.duplicate for packet in again] == [True] * 20 + [False]
    assert [end.why for end in client.ends] == [EndReason.BROKER_CLOSED]


async def test_retransmission_as_new_when_the_session_is_lost() -> None:
    """A broker without the session gets everything as if for the first time."""
    _, link, _ = (network := FakeNetwork()).connected_client()
    link.publish("topic", b"1")
    for session_present in (True, False):
        link.connection_lost(None)
        link.connect()
        transport = network.accept()
        link.data_received(mqtt5.ConnAckPacket(session_present=session_present).write())
        await turn()
        (packet,) = [p for p in transport.packets() if isinstance(p, mqtt5.PublishPacket)]
        assert packet.duplicate == session_present


async def test_queue_is_limited() -> None:
    """Above `max_queued` a publish raises, and nothing of it remains."""
    _, link = FakeNetwork(LinkLimits(max_queued=3)).client()
    for _ in range(3):
        link.publish("topic", b"")
    with pytest.raises(LocalProtocolError, match="3 messages wait"):
        link.publish("topic", b"")


@pytest.mark.parametrize("topic", ["", "a/+", "#", "a\0b", "x" * 70_000, "\ud800"])
async def test_invalid_topics_raise(topic: str) -> None:
    """What MQTT does not allow as a topic is our own side's error."""
    _, link, _ = FakeNetwork().connected_client()
    for qos in (0, 1):
        with pytest.raises(LocalProtocolError):
            link.publish(topic, b"", qos=qos)
    with pytest.raises(LocalProtocolError, match="QoS 2"):
        link.publish("topic", b"", qos=2)
    with pytest.raises(LocalProtocolError):
        link.publish("topic", b"", properties=PublishProperties(expiry_s=-1))


async def test_packet_above_the_brokers_limit() -> None:
    """Too large for the broker: an error at once, or 149 where it was queued before."""
    client, link = (network := FakeNetwork()).client()
    link.publish("topic", bytes(500), on_ack=client.acks.append)
    link.publish("topic", b"fits", on_ack=client.acks.append)
    link.connect()
    transport = network.accept()
    link.data_received(mqtt5.ConnAckPacket(max_packet_size=100).write())
    await turn()
    assert client.acks == [PACKET_TOO_LARGE]
    assert transport.names() == ["Connect", "Publish"]
    with pytest.raises(LocalProtocolError, match="the broker takes 100"):
        link.publish("topic", bytes(500))


async def test_back_pressure() -> None:
    """While the peer does not read, QoS 0 is dropped, and QoS 1 waits."""
    _, link, transport = FakeNetwork().connected_client()
    await turn()
    transport.writes.clear()
    link.pause_writing()
    link.publish("topic", b"waits")
    link.publish("topic", b"dropped", qos=0)
    await turn()
    assert transport.writes == []
    link.resume_writing()
    await turn()
    assert transport.names() == ["Publish"]


async def test_old_messages_are_not_acknowledged_on_a_new_connection() -> None:
    """Only a message of this connection gets a PUBACK, and only once."""
    client, link, _ = (network := FakeNetwork()).connected_client("topic")
    client.acknowledges = False
    link.data_received(publish_from_broker(b"old", 1))
    link.connection_lost(ConnectionResetError(104, "reset"))
    link.connect()
    transport = network.accept()
    link.data_received(CONNACK + mqtt5.SubAckPacket(2, [mqtt5.SubAckReasonCode(1)]).write())
    link.data_received(publish_from_broker(b"new", 1))
    for message in (client.messages[0], client.messages[1], client.messages[1]):
        link.acknowledge(message)
    await turn()
    assert transport.names().count("PubAck") == 1
    assert client.ends == [Disconnected(EndReason.BROKER_CLOSED, None, "Connection reset by peer")]


async def test_refused_connack_and_suback() -> None:
    """An error code in CONNACK or SUBACK ends the attempt with that code."""
    client, link = (network := FakeNetwork()).client("topic")
    link.connect()
    network.accept()
    refused = mqtt5.ConnAckPacket(reason_code=mqtt5.ConnAckReasonCode.BAD_USER_NAME_OR_PASSWORD)
    link.data_received(refused.write())
    link.connect()
    network.accept()
    denied = mqtt5.SubAckPacket(1, [mqtt5.SubAckReasonCode.NOT_AUTHORIZED])
    link.data_received(CONNACK + denied.write())
    assert client.ends == [
        Disconnected(EndReason.REFUSED, 134, "bad user name or password"),
        Disconnected(EndReason.REFUSED, 135, "SUBSCRIBE: not authorized"),
    ]
    assert client.sessions_present == []


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


async def test_broker_says_why_it_closes() -> None:
    """The code of the broker's DISCONNECT reaches the owner, once."""
    client, link, _ = FakeNetwork().connected_client()
    code = mqtt5.DisconnectReasonCode.SESSION_TAKEN_OVER
    link.data_received(mqtt5.DisconnectPacket(reason_code=code).write() * 2)
    assert client.ends == [Disconnected(EndReason.BROKER_CLOSED, 142, "session taken over")]


async def test_handler_that_raises_closes_its_link_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An exception from a handler is logged, and ends that link with HANDLER_ERROR."""
    network = FakeNetwork()
    client, link, transport = network.connected_client("topic")
    other = network.connected_client("topic")[1]

    def on_message(message: object) -> None:  # noqa: ARG001
        raise ZeroDivisionError

    client.on_message = on_message  # type: ignore[method-assign]
    with caplog.at_level(logging.ERROR):
        link.data_received(publish_from_broker(b"", 1) * 3)
    assert [end.why for end in client.ends] == [EndReason.HANDLER_ERROR]
    assert "ZeroDivisionError" in caplog.text
    assert transport.how_closed == "aborted"
    assert other.is_connected


async def test_session_that_raises_ends_the_attempt() -> None:
    """A handler that cannot say its session gets HANDLER_ERROR, and the pace goes on."""
    network = FakeNetwork()
    client, link = network.client()
    client.say(client_id="x" * 70_000)
    link.connect()
    network.accept()
    assert [end.why for end in client.ends] == [EndReason.HANDLER_ERROR]
    network.connected_client()


async def test_frozen_link_neither_reads_nor_writes() -> None:
    """Frozen: reading pauses, writes are held; a loss is noticed at thaw."""
    network = FakeNetwork()
    client, link, transport = network.connected_client("topic")
    await turn()
    transport.writes.clear()
    link.freeze()
    link.publish("topic", b"held")
    link.publish("topic", b"dropped", qos=0)
    await turn()
    assert transport.is_reading_paused
    assert transport.writes == []
    link.connection_lost(None)
    assert (link.is_connected, client.ends) == (True, [])
    link.thaw()
    assert client.ends == []
    await turn()
    assert [end.why for end in client.ends] == [EndReason.BROKER_CLOSED]


async def test_left_connection_is_neither_written_to_nor_heard() -> None:
    """Nothing of a frozen link reaches the connection that it left, and nothing comes from it."""
    client, link, old = FakeNetwork().connected_client("topic")
    await turn()
    old.writes.clear()
    link.freeze()
    link.publish("topic", b"held")
    link.leave_behind()
    link.thaw()
    await turn()
    assert not old.is_reading_paused
    old.deliver(publish_from_broker(b"late"))
    cast("asyncio.Protocol", old.protocol).connection_lost(None)
    assert (old.writes, client.messages, client.ends) == ([], [], [])


async def test_freeze_inside_a_read_holds_the_rest() -> None:
    """What has been read already is not delivered to a handler that froze its link."""
    client, link, transport = FakeNetwork().connected_client("topic")

    def on_message(message: object) -> None:
        client.messages.append(message)  # type: ignore[arg-type]
        link.freeze()

    client.on_message = on_message  # type: ignore[method-assign]
    link.data_received(publish_from_broker(b"1") + publish_from_broker(b"2"))
    assert client.payloads == [b"1"]
    link.thaw()
    await turn()
    assert client.payloads == [b"1", b"2"]
    assert transport.is_reading_paused


async def test_ping_when_idle_and_end_without_answer() -> None:
    """A ping goes out only when nothing was sent; without any answer the link ends."""
    network = FakeNetwork(LinkLimits(ping_timeout_s=3))
    client, link, transport = network.connected_client("topic")
    await turn()
    now = network.wheel.tick
    assert link.check(now + 58) == now + 59
    assert link.check(now + 59) == now + 62
    await turn()
    assert transport.names().count("PingReq") == 1
    link.data_received(b"\xd0\x00")
    assert link.check(now + 70) == now + 73
    assert link.check(now + 73) == 0
    assert [end.why for end in client.ends] == [EndReason.KEEPALIVE]


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

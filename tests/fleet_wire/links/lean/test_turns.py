"""What comes together is taken in turns: timers, pings and other links have theirs in between."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import mqtt5
import pytest
import uvloop

from fleet_sim.broker.process import BrokerProcess
from fleet_wire.links.lean.link import LeanLinkFactory
from fleet_wire.links.link import EndReason, LinkLimits, Message, Session
from tests.helpers.fake_transport import (
    CONNACK,
    FakeNetwork,
    publish_from_broker,
    turn,
)
from tests.helpers.recorder import Recorder, RecorderOfSeveral
from tests.helpers.waiting import eventually

MANY = 500
A_TURN = 128
LIMITS = LinkLimits(receive_max=65_535, max_in_flight=10_000)


def _flood(count: int = MANY) -> tuple[bytes, list[bytes]]:
    """Return messages as one read brings them, and their payloads."""
    payloads = [b"%d" % number for number in range(count)]
    return b"".join(map(publish_from_broker, payloads)), payloads


async def test_a_turn_takes_so_many_packets_and_leaves_the_rest() -> None:
    """Meanwhile nothing more is read. In the end all have come, in order, before the nonsense."""
    client, link, transport = FakeNetwork().connected_client("topic")
    flood, payloads = _flood()
    link.data_received(flood + b"\xf0\x00")
    for number in range(1, MANY // A_TURN + 1):
        assert client.payloads == payloads[: number * A_TURN]
        assert transport.is_reading_paused
        await turn()
    assert client.payloads == payloads
    assert [end.why for end in client.ends] == [EndReason.PROTOCOL_ERROR]


async def test_timers_have_their_turn_in_a_flood() -> None:
    """A ping is written before the last message is taken. What ends the link ends the flood."""
    client, link, transport = FakeNetwork().connected_client("topic")
    await turn()
    transport.writes.clear()
    link.data_received(_flood()[0])
    link.check(link.check(0) + 1_000)  # as the wheel does when nothing was sent for long
    await turn()
    assert transport.names() == ["PingReq"]
    link.abort()
    await turn()
    assert len(client.messages) < MANY


async def test_a_link_that_freezes_in_a_flood_goes_on_when_it_thaws() -> None:
    """Nothing is lost, nothing comes twice."""
    client, link, transport = FakeNetwork().connected_client("topic")
    flood, payloads = _flood()
    link.data_received(flood)
    link.freeze()
    await turn()
    await turn()
    assert (len(client.messages), transport.is_reading_paused) == (A_TURN, True)
    link.thaw()
    await eventually(lambda: len(client.messages) == MANY)
    assert client.payloads == payloads
    assert not transport.is_reading_paused


async def test_who_takes_several_gets_what_stands_in_a_row_at_once() -> None:
    """What is no message parts it: all stays in order, and everything is acknowledged.

    Who fails at it loses the connection, and gets nothing of what follows.
    """
    network = FakeNetwork()
    client = RecorderOfSeveral(network, Session("client"))
    client.link.connect()
    transport = network.accept()
    transport.deliver(CONNACK)
    client.link.publish("topic", b"", on_ack=client.came.append)
    await turn()
    transport.writes.clear()
    one, two, three, four = (publish_from_broker(b"%d" % each, each) for each in range(1, 5))
    puback = mqtt5.PubAckPacket(1).write()
    transport.deliver(one + two + puback + three + mqtt5.PingRespPacket().write() + four)
    assert client.came == [[b"1", b"2"], 0, [b"3"], [b"4"]]
    await turn()
    assert [getattr(each, "packet_id", 0) for each in transport.packets()] == [1, 2, 3, 4]
    client.came = None  # type: ignore[assignment]
    transport.deliver(one + two + puback)
    assert [end.why for end in client.ends] == [EndReason.HANDLER_ERROR]


class _Subscriber(Recorder):
    """Counts its messages by turn of the event loop."""

    turn = 0
    by_turn: Counter[int]

    def on_message(self, message: Message) -> None:
        """Count it."""
        self.by_turn[self.turn] += 1
        super().on_message(message)


@pytest.mark.broker
@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_the_retained_messages_of_a_fleet_leave_every_turn_short(
    mosquitto: BrokerProcess, run: Callable[[Coroutine[Any, Any, None]], None]
) -> None:
    """One read of uvloop may bring a quarter of a megabyte, and the next one follows at once.

    A turn may take the rest of one read and the beginning of the next.
    """
    run(_hear_of_a_fleet(mosquitto))


async def _hear_of_a_fleet(mosquitto: BrokerProcess) -> None:
    links = LeanLinkFactory(mosquitto.address, limits=LIMITS)
    fleet = Recorder(links, Session("fleet"))
    fleet.link.connect()
    await eventually(lambda: fleet.link.is_connected)
    for number in range(4_000):
        topic = f"cars/{number}/state"
        fleet.link.publish(topic, bytes(300), retain=True, on_ack=fleet.acks.append)
    await eventually(lambda: len(fleet.acks) == 4_000)
    monitor = _Subscriber(links, Session("monitor", ("cars/+/state",)))
    monitor.by_turn = Counter()
    monitor.link.connect()
    while len(monitor.messages) < 4_000:
        monitor.turn += 1
        await asyncio.sleep(0)
    assert max(monitor.by_turn.values()) <= 2 * A_TURN
    assert (monitor.ends, len({message.topic for message in monitor.messages})) == ([], 4_000)
    for client in (fleet, monitor):
        client.link.abort()
    await asyncio.sleep(0)

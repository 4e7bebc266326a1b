"""A connection that is left behind: the broker learns nothing, and the next one takes it over."""

from __future__ import annotations

from fleet_wire.links.link import Will
from tests.helpers.harness import Clients, Difference, Harness
from tests.helpers.recorder import Recorder


def wills_of_a_takeover(harness: Harness) -> list[bytes]:
    """Return what the broker publishes of a connection with the will "gone" that is taken over.

    MQTT 5 has it published (section 3.1.4); mosquitto and rumqttd do not where the session goes on.
    """
    return [b"gone"] if Difference.WILL_AT_TAKEOVER in harness.differences else []


async def test_session_goes_on(harness: Harness, clients: Clients) -> None:
    """The next connection resumes the session; nothing of the old one comes, be it for its will."""
    watcher = await clients.connected("watcher", "will")
    client = await clients.connected(
        "client", "in", session_expiry_s=600, will=Will("will", b"gone")
    )
    client.link.leave_behind()
    assert not client.link.is_connected
    await clients.connect(client)
    watcher.link.publish("in", b"hello")
    await harness.until(lambda: client.messages)
    watcher.link.publish("will", b"end")
    await harness.until(lambda: b"end" in watcher.payloads)
    assert watcher.payloads == [*wills_of_a_takeover(harness), b"end"]
    assert client.sessions_present == [False, True]
    assert client.ends == []


async def test_unacknowledged_comes_again(harness: Harness, clients: Clients) -> None:
    """What the client had not acknowledged, and what it was sent meanwhile, comes on its return."""
    client = await clients.connected("client", "in", session_expiry_s=600)
    client.acknowledges = False
    sender = await clients.connected("sender")
    sender.link.publish("in", b"1")
    await harness.until(lambda: client.messages)
    client.link.leave_behind()
    client.acknowledges = True
    sender.link.publish("in", b"2", on_ack=sender.acks.append)
    await harness.until(lambda: sender.acks)
    await clients.connect(client)
    await harness.until(lambda: len(client.messages) == 3)
    assert client.payloads == [b"1", b"1", b"2"]
    marks = Difference.NO_DUPLICATES_FROM_BROKER not in harness.differences
    both_sent = Difference.ONE_IN_FLIGHT not in harness.differences
    assert [message.duplicate for message in client.messages] == [False, marks, marks and both_sent]
    sender.link.publish("in", b"3")
    await harness.until(lambda: client.payloads[3:] == [b"3"])


async def test_unacknowledged_is_sent_again(harness: Harness, clients: Clients) -> None:
    """What the broker had not acknowledged arrives by the next connection, and so does the rest."""
    receiver = await clients.connected("receiver", "out", session_expiry_s=600)
    client = await clients.connected("client", session_expiry_s=600)
    harness.stop_reading()
    client.link.publish("out", b"1", on_ack=client.acks.append)
    await harness.let_pass(0.05)
    client.link.leave_behind()
    client.link.publish("out", b"2", on_ack=client.acks.append)
    harness.continue_reading()
    await clients.connect(client)
    await harness.until(lambda: len(client.acks) == 2)
    await harness.until(lambda: {*receiver.payloads} == {b"1", b"2"})
    assert client.ends == []


async def test_frozen_link_leaves_what_it_held(harness: Harness, clients: Clients) -> None:
    """A frozen link may leave too; once thawed it connects, and what it held goes out."""
    watcher = await clients.connected("watcher", "out", "will")
    client = await clients.connected("client", session_expiry_s=600, will=Will("will", b"gone"))
    client.link.freeze()
    client.link.publish("out", b"held", on_ack=client.acks.append)
    client.link.leave_behind()
    client.link.thaw()
    await clients.connect(client)
    came = [*wills_of_a_takeover(harness), b"held"]  # of two connections: in either order
    await harness.until(lambda: client.acks and len(watcher.payloads) >= len(came))
    assert sorted(watcher.payloads) == sorted(came)
    kept = Difference.NO_SESSION_WITHOUT_SUBSCRIPTIONS not in harness.differences
    assert client.sessions_present == [False, kept]
    assert client.ends == []


async def test_will_comes_when_the_keepalive_is_over(harness: Harness, clients: Clients) -> None:
    """Without a next connection the broker gives the client up, and the client learns nothing."""
    watcher = await clients.connected("watcher", "will")
    client = await clients.connected("client", keepalive_s=1, will=Will("will", b"silent"))
    client.link.leave_behind()
    watcher.link.publish("will", b"still there")
    await harness.until(lambda: len(watcher.messages) == 2)
    assert watcher.payloads == [b"still there", b"silent"]
    assert client.ends == []
    await clients.connect(client)


async def test_nothing_to_leave(harness: Harness, clients: Clients) -> None:
    """Without a connection, and the second time, nothing happens."""
    client = clients.make("client", "in")
    client.link.leave_behind()
    await clients.connect(client)
    client.link.leave_behind()
    client.link.leave_behind()
    await clients.connect(client)
    client.link.disconnect()
    client.link.leave_behind()
    await clients.connect(client)
    client.link.publish("in", b"hello")
    await harness.until(lambda: client.messages)
    assert len(client.sessions_present) == 3
    assert client.ends == []


async def connect_and_publish(harness: Harness, client: Recorder) -> None:
    """Connect and hear oneself, or end before."""
    client.link.connect()
    await harness.until(lambda: client.link.is_connected or client.ends)
    if client.link.is_connected:
        client.link.publish("in", b"hello")
    await harness.until(lambda: client.messages or client.ends)


async def test_leave_while_connecting(harness: Harness, clients: Clients) -> None:
    """A connection may be left before it is made, and before the broker has answered CONNECT."""
    client = clients.make("client", "in")
    client.link.connect()
    client.link.leave_behind()
    assert not client.link.is_connected
    harness.stop_reading()
    client.link.connect()
    await harness.let_pass(0.05)
    client.link.leave_behind()
    harness.continue_reading()
    await connect_and_publish(harness, client)
    if Difference.CONNECTS_IN_ANY_ORDER in harness.differences and client.ends:
        client.ends.clear()
        await connect_and_publish(harness, client)
    assert client.payloads == [b"hello"]
    assert client.ends == []

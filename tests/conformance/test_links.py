"""What every link to every broker must do, or is known to do otherwise.

The stories in `links/every_broker.txt` say most of it; what no story can say stands here.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_wire.links.link import PublishProperties
from tests.helpers.harness import Clients, Difference, Harness
from tests.helpers.link_player import LinkPlayer
from tests.helpers.recorder import Recorder
from tests.helpers.transcripts import Story, stories

SHARED_SUBSCRIPTIONS_NOT_SUPPORTED = 158


@pytest.mark.parametrize(
    "story",
    [*stories(Path(__file__).with_name("links") / "every_broker.txt")],
    ids=lambda story: story.name,
)
async def test_story(harness: Harness, story: Story) -> None:
    """What comes to each client is what the story says."""
    await LinkPlayer(harness).play(story)


async def test_properties_arrive(harness: Harness, clients: Clients) -> None:
    """Response topic, correlation data, user properties and expiry come with the message."""
    receiver = await clients.connected("receiver", "topic")
    sender = await clients.connected("sender")
    properties = PublishProperties(
        response_topic="answer/here",
        correlation_data=b"\x00\xff",
        expiry_s=60,
        user_properties=(("traceparent", "00-1"), ("traceparent", "00-2")),
    )
    sender.link.publish("topic", b"", properties=properties)
    await harness.until(lambda: receiver.messages)
    message = receiver.messages[0]
    if Difference.NO_PROPERTIES in harness.differences:
        assert (message.response_topic, message.correlation_data) == (None, None)
        assert (message.expiry_s, message.user_properties) == (None, [])
        return
    assert message.response_topic == "answer/here"
    assert message.correlation_data == b"\x00\xff"
    assert message.user_properties == [("traceparent", "00-1"), ("traceparent", "00-2")]
    assert message.expiry_s is not None
    assert 50 < message.expiry_s <= 60


async def test_a_group_shares_what_comes(harness: Harness, clients: Clients) -> None:
    """Each message for a group goes to one of its members; not every broker has groups."""
    members = [clients.make(name, "$share/group/jobs/+") for name in ("one", "other")]
    for member in members:
        member.link.connect()
    await harness.until(lambda: all(one.link.is_connected or one.ends for one in members))
    if Difference.REFUSES_GROUPS in harness.differences:
        unsaid = Difference.NO_REASON_CODES in harness.differences
        code = None if unsaid else SHARED_SUBSCRIPTIONS_NOT_SUPPORTED
        assert [one.ends[0].code for one in members] == [code, code]
        return
    alone = await clients.connected("alone", "jobs/+")
    for number in range(6):
        alone.link.publish("jobs/1", b"%d" % number)
    await harness.until(lambda: len(alone.messages) == 6)
    expected = [] if Difference.DEAF_GROUPS in harness.differences else alone.payloads
    await harness.until(lambda: sum(len(one.messages) for one in members) == len(expected))
    assert sorted(members[0].payloads + members[1].payloads) == expected


async def test_unacknowledged_is_sent_again(harness: Harness, clients: Clients) -> None:
    """What the broker had not acknowledged when the connection broke arrives after all."""
    receiver = await clients.connected("receiver", "topic", session_expiry_s=600)
    sender = await clients.connected("sender", session_expiry_s=600)
    harness.stop_reading()
    for payload in (b"1", b"2", b"3"):
        sender.link.publish("topic", payload, on_ack=sender.acks.append)
    await harness.let_pass(0.05)
    sender.link.abort()
    harness.continue_reading()
    await clients.connect(sender)
    await harness.until(lambda: len(sender.acks) == 3)
    await harness.until(lambda: {*receiver.payloads} == {b"1", b"2", b"3"})
    assert sender.ends == []


async def test_calls_from_inside_callbacks(harness: Harness, clients: Clients) -> None:
    """A handler may publish, acknowledge, disconnect and connect from inside its callbacks."""
    client = clients.make("client", "topic", clean_start=True)

    def on_connected(*, session_present: bool) -> None:
        client.sessions_present.append(session_present)
        if len(client.sessions_present) == 1:
            client.link.disconnect()
            client.link.connect()
        elif len(client.sessions_present) == 2:
            client.link.publish("topic", b"go", qos=0)

    def on_message(message: object) -> None:
        client.messages.append(message)  # type: ignore[arg-type]
        client.link.abort()
        client.link.connect()

    client.on_connected = on_connected  # type: ignore[method-assign]
    client.on_message = on_message  # type: ignore[method-assign]
    client.link.connect()
    await harness.until(lambda: len(client.sessions_present) == 3)
    assert len(client.messages) == 1
    assert client.ends == []


async def test_unacknowledged_is_sent_after_a_takeover(harness: Harness, clients: Clients) -> None:
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

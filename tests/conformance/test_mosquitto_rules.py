"""What mosquitto does where MQTT leaves a choice: the broker model has to do the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fleet_wire.links.link import (
    NO_MATCHING_SUBSCRIBERS,
    SUCCESS,
    EndReason,
    LinkLimits,
    PublishProperties,
    Will,
)
from tests.helpers.brokers import running_mosquitto
from tests.helpers.harness import Clients, Harness, LiveHarness, ModelHarness
from tests.helpers.recorder import Recorder

MAX_QUEUED = 5
MORE_THAN_ANY_DEFAULT = 1_200
BOTH_BROKERS = [pytest.param("mosquitto", marks=pytest.mark.broker), "model"]


@pytest.fixture
def max_queued_messages() -> int:
    """Return the queue's limit, unless a test has another."""
    return MAX_QUEUED


@pytest.fixture(params=BOTH_BROKERS)
def harness(request: pytest.FixtureRequest, max_queued_messages: int) -> Iterator[Harness]:
    """Give mosquitto and the model of it, both with short queues."""
    if request.param == "model":
        yield ModelHarness(max_queued_messages=max_queued_messages)
        return
    with running_mosquitto(f"max_queued_messages {max_queued_messages}\n") as broker:
        yield LiveHarness("lean", broker)


async def test_window_is_the_clients_and_the_queue_has_its_size_on_top(
    harness: Harness, clients: Clients
) -> None:
    """A client gets as many as its receive maximum; as many more wait above the queue's limit."""
    receiver = await clients.connected("receiver", "topic", limits=LinkLimits(receive_max=3))
    receiver.acknowledges = False
    sender = await clients.connected("sender")
    for number in range(20):
        sender.link.publish("topic", b"%d" % number, on_ack=sender.acks.append)
    await harness.until(lambda: len(sender.acks) == 20)
    await harness.until(lambda: len(receiver.messages) == 3)
    receiver.acknowledges = True
    for message in list(receiver.messages):
        receiver.link.acknowledge(message)
    await harness.until(lambda: len(receiver.messages) == 3 + 3 + MAX_QUEUED)
    sender.link.publish("topic", b"end")
    await harness.until(lambda: receiver.payloads[-1] == b"end")
    assert receiver.payloads == [b"%d" % number for number in range(11)] + [b"end"]
    assert {*sender.acks} == {SUCCESS}


async def test_queue_of_an_absent_client_keeps_the_oldest(
    harness: Harness, clients: Clients
) -> None:
    """A full queue drops what comes last, and its sender gets success; QoS 0 does not wait."""
    receiver = await clients.connected("receiver", "topic", session_expiry_s=60)
    receiver.link.disconnect()
    sender = await clients.connected("sender")
    sender.link.publish("topic", b"qos 0", qos=0)
    for number in range(8):
        sender.link.publish("topic", b"%d" % number, on_ack=sender.acks.append)
    await harness.until(lambda: len(sender.acks) == 8)
    await clients.connect(receiver)
    sender.link.publish("topic", b"end")
    await harness.until(lambda: b"end" in receiver.payloads)
    assert receiver.payloads == [b"0", b"1", b"2", b"3", b"4", b"end"]
    assert {*sender.acks} == {SUCCESS}


@pytest.mark.parametrize("max_queued_messages", [0])
async def test_queue_limit_of_0_is_no_limit(harness: Harness, clients: Clients) -> None:
    """Whatever comes for an absent client waits for it (man mosquitto.conf)."""
    receiver = await clients.connected("receiver", "topic", session_expiry_s=60)
    receiver.link.disconnect()
    sender = await clients.connected("sender")
    for number in range(MORE_THAN_ANY_DEFAULT):
        sender.link.publish("topic", b"%d" % number, on_ack=sender.acks.append)
    await harness.until(lambda: len(sender.acks) == MORE_THAN_ANY_DEFAULT)
    await clients.connect(receiver)
    await harness.until(lambda: len(receiver.messages) == MORE_THAN_ANY_DEFAULT)


async def test_a_smaller_receive_maximum_is_not_heeded_by_resends(
    harness: Harness, clients: Clients
) -> None:
    """All that was in flight is sent again at once: a client that can take less closes.

    MQTT forbids it (MQTT-3.3.4-9), mosquitto 2.0 and 2.1 do it, so a firmware that lowers its
    receive maximum never comes in again while so much is in flight.
    """
    first = await _holding_five(harness, clients)
    first.link.abort()
    smaller = clients.make("same", "topic", session_expiry_s=60, limits=LinkLimits(receive_max=2))
    smaller.link.connect()
    await harness.until(lambda: smaller.ends)
    assert smaller.ends[0].why is EndReason.PROTOCOL_ERROR
    assert smaller.messages == []
    await clients.connect(first)
    await harness.until(lambda: len(first.messages) == 10)
    assert [message.duplicate for message in first.messages] == [False] * 5 + [True] * 5


async def test_a_larger_receive_maximum_lets_in_more_at_once(
    harness: Harness, clients: Clients
) -> None:
    """What was in flight is sent again, and what waits fills the rest of the new window."""
    first = await _holding_five(harness, clients, also_waiting=5)
    first.link.abort()
    larger = clients.make("same", "topic", session_expiry_s=60, limits=LinkLimits(receive_max=8))
    larger.acknowledges = False
    await clients.connect(larger)
    await harness.until(lambda: len(larger.messages) == 8)
    await harness.let_pass(0.2)
    assert [message.duplicate for message in larger.messages] == [True] * 5 + [False] * 3
    larger.link.acknowledge(larger.messages[0])
    await harness.until(lambda: len(larger.messages) == 9)


async def _holding_five(harness: Harness, clients: Clients, *, also_waiting: int = 0) -> Recorder:
    """Return a client with a full window of five messages that it has not acknowledged."""
    limits = LinkLimits(receive_max=5)
    receiver = await clients.connected("same", "topic", session_expiry_s=60, limits=limits)
    receiver.acknowledges = False
    sender = await clients.connected("sender")
    for number in range(5 + also_waiting):
        sender.link.publish("topic", b"%d" % number, on_ack=sender.acks.append)
    await harness.until(lambda: len(sender.acks) == 5 + also_waiting)
    await harness.until(lambda: len(receiver.messages) == 5)
    return receiver


@pytest.mark.parametrize(
    ("first_expiry_s", "clean_start", "delay_s", "is_published"),
    [
        (0, False, 0, True),
        (60, False, 0, False),
        (60, True, 0, True),
        (60, True, 1, False),
        (0, False, 1, False),
    ],
)
async def test_will_on_takeover(
    harness: Harness,
    clients: Clients,
    first_expiry_s: int,
    clean_start: bool,  # noqa: FBT001
    delay_s: int,
    is_published: bool,  # noqa: FBT001
) -> None:
    """A takeover publishes the will only where the session ends, and the will has no delay."""
    watcher = await clients.connected("watcher", "will", "end")
    will = Will("will", b"old", delay_s=delay_s)
    old = await clients.connected("same", session_expiry_s=first_expiry_s, will=will)
    new = await clients.connected("same", clean_start=clean_start)
    await harness.until(lambda: old.ends)
    await harness.let_pass(delay_s * 2.5)
    new.link.publish("end", b"end")
    await harness.until(lambda: b"end" in watcher.payloads)
    assert watcher.payloads == ([b"old", b"end"] if is_published else [b"end"])
    assert new.sessions_present == [first_expiry_s > 0 and not clean_start]


@pytest.mark.parametrize(("expiry_s", "delay_s"), [(0, 1), (60, 1), (1, 60)])
async def test_delayed_will_comes_after_its_delay_or_with_the_end_of_the_session(
    harness: Harness, clients: Clients, expiry_s: int, delay_s: int
) -> None:
    """The will waits for the shorter of its delay and the session, but a session of 0 waits too."""
    watcher = await clients.connected("watcher", "will")
    will = Will("will", b"late", delay_s=delay_s)
    lost = await clients.connected("lost", session_expiry_s=expiry_s, will=will)
    lost.link.abort()
    await harness.let_pass(0.5)
    assert watcher.messages == []
    await harness.until(lambda: watcher.messages)
    assert watcher.payloads == [b"late"]


async def test_connect_of_a_client_that_has_gone_is_taken_all_the_same(
    harness: Harness, clients: Clients
) -> None:
    """What a busy broker reads late it reads in order: CONNECT, then the end, so the will comes."""
    watcher = await clients.connected("watcher", "will")
    will = Will("will", b"was here")
    client = clients.make("client", session_expiry_s=60, will=will)
    harness.stop_reading()
    client.link.connect()
    await harness.let_pass(0.5)
    client.link.abort()
    await harness.let_pass(0.5)
    assert watcher.messages == []
    harness.continue_reading()
    await harness.until(lambda: watcher.messages)
    assert watcher.payloads == [b"was here"]
    await clients.connect(client)
    assert client.sessions_present == [True]


async def test_return_in_time_cancels_a_delayed_will(harness: Harness, clients: Clients) -> None:
    """Who comes back within the delay was never gone."""
    watcher = await clients.connected("watcher", "will")
    will = Will("will", b"late", delay_s=1)
    client = await clients.connected("client", session_expiry_s=60, will=will)
    client.link.abort()
    await harness.let_pass(0.1)
    await clients.connect(client)
    await harness.let_pass(2.5)
    assert watcher.messages == []
    assert client.sessions_present == [False, True]


async def test_session_ends_with_its_expiry(harness: Harness, clients: Clients) -> None:
    """After its expiry a session is gone, and nobody subscribes to its topic."""
    client = await clients.connected("client", "topic", session_expiry_s=1)
    sender = await clients.connected("sender")
    client.link.disconnect()
    await harness.let_pass(0.05)
    sender.link.publish("topic", b"1", on_ack=sender.acks.append)
    await harness.until(lambda: sender.acks == [SUCCESS])
    await harness.let_pass(2.3)
    sender.link.publish("topic", b"2", on_ack=sender.acks.append)
    await harness.until(lambda: sender.acks == [SUCCESS, NO_MATCHING_SUBSCRIBERS])
    await clients.connect(client)
    assert client.sessions_present == [False, False]
    assert client.messages == []


async def test_members_of_a_group_take_turns_present_or_not(
    harness: Harness, clients: Clients
) -> None:
    """Each message goes to one member; an absent one has its turn, and finds it on return."""
    here = await clients.connected("here", "$share/group/jobs/+", session_expiry_s=60)
    away = await clients.connected("away", "$share/group/jobs/+", session_expiry_s=60)
    alone = await clients.connected("alone", "$share/other/jobs/+")
    away.link.disconnect()
    sender = await clients.connected("sender")
    for number in range(6):
        sender.link.publish("jobs/1", b"%d" % number, on_ack=sender.acks.append)
    await harness.until(lambda: len(sender.acks) == 6 and len(alone.messages) == 6)
    await clients.connect(away)
    await harness.until(lambda: len(away.messages) == len(here.messages) == 3)
    assert sorted(here.payloads + away.payloads) == alone.payloads


async def test_each_matching_filter_brings_a_copy(harness: Harness, clients: Clients) -> None:
    """Filters of one client that overlap each bring the message; wildcards miss `$` topics."""
    filters = ("a/b/c", "a/+/c", "a/#", "#", "a/b/c/#", "+/+", "b/#")
    receiver = await clients.connected("receiver", *filters)
    sender = await clients.connected("sender")
    counts = {"a/b/c": 5, "a": 2, "b": 2, "$a/b": 0, "a/": 3, "/a": 2}
    for topic, count in counts.items():
        sender.link.publish(topic, topic.encode(), on_ack=sender.acks.append)
        code = SUCCESS if count else NO_MATCHING_SUBSCRIBERS
        await harness.until(lambda: sender.acks)
        assert sender.acks.pop() == code
    sender.link.publish("b/end", b"end")
    await harness.until(lambda: receiver.payloads.count(b"end") == 3)
    assert {topic: receiver.payloads.count(topic.encode()) for topic in counts} == counts


async def test_retained_is_kept_without_subscribers_and_cleared_by_an_empty_payload(
    harness: Harness, clients: Clients
) -> None:
    """Retained messages come at each SUBSCRIBE, until one is empty or expired."""
    sender = await clients.connected("sender")
    brief = PublishProperties(expiry_s=1)
    for topic, properties in (("kept/1", None), ("kept/2", None), ("kept/brief", brief)):
        sender.link.publish(
            topic, b"kept", retain=True, properties=properties, on_ack=sender.acks.append
        )
    sender.link.publish("kept/2", b"", retain=True, on_ack=sender.acks.append)
    await harness.until(lambda: len(sender.acks) == 4)
    assert {*sender.acks} == {NO_MATCHING_SUBSCRIBERS}
    await harness.let_pass(2.1)
    reader = await clients.connected("reader", "kept/#", session_expiry_s=60)
    await harness.until(lambda: reader.messages)
    reader.link.disconnect()
    await clients.connect(reader)
    sender.link.publish("kept/end", b"end")
    await harness.until(lambda: b"end" in reader.payloads)
    assert [(each.topic, each.retain) for each in reader.messages] == [
        ("kept/1", True),
        ("kept/1", True),
        ("kept/end", False),
    ]


async def test_what_is_left_of_the_expiry_is_passed_on(harness: Harness, clients: Clients) -> None:
    """The expiry interval that arrives is what the wait has left of it."""
    receiver = await clients.connected("receiver", "topic", session_expiry_s=60)
    receiver.link.disconnect()
    sender = await clients.connected("sender")
    sender.link.publish("topic", b"", properties=PublishProperties(expiry_s=10))
    await harness.let_pass(2.1)
    await clients.connect(receiver)
    await harness.until(lambda: receiver.messages)
    assert receiver.messages[0].expiry_s in (7, 8)


async def test_closed_for_silence_without_a_word(harness: Harness, clients: Clients) -> None:
    """A broker that gives up a silent client closes the connection without a DISCONNECT."""
    watcher = await clients.connected("watcher", "will")
    frozen = await clients.connected("frozen", keepalive_s=2, will=Will("will", b"silent"))
    frozen.link.freeze()
    await harness.let_pass(2.5)
    assert watcher.messages == []
    await harness.until(lambda: watcher.messages)
    frozen.link.thaw()
    await harness.until(lambda: frozen.ends)
    assert (frozen.ends[0].why, frozen.ends[0].code) == (EndReason.BROKER_CLOSED, None)

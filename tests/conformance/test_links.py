"""The one test body: what every link to every broker must do, or is known to do otherwise."""

from __future__ import annotations

from fleet_wire.links.link import (
    NO_MATCHING_SUBSCRIBERS,
    SESSION_TAKEN_OVER,
    SUCCESS,
    EndReason,
    LinkLimits,
    PublishProperties,
    Will,
)
from tests.helpers.harness import Clients, Difference, Harness

SHARED_SUBSCRIPTIONS_NOT_SUPPORTED = 158
WIDE = LinkLimits(max_packet_bytes=2_000_000)


async def test_qos_1_both_ways_in_order(harness: Harness, clients: Clients) -> None:
    """A hundred messages each way come in order, acknowledged to the sender."""
    left = await clients.connected("left", "to/left")
    right = await clients.connected("right", "to/right")
    sent = [b"%d" % number for number in range(100)]
    for payload in sent:
        left.link.publish("to/right", payload, on_ack=left.acks.append)
        right.link.publish("to/left", payload, on_ack=right.acks.append)
    await harness.until(lambda: len(left.acks) == len(right.acks) == 100)
    await harness.until(lambda: len(left.messages) == len(right.messages) == 100)
    assert left.payloads == right.payloads == sent
    assert {*left.acks, *right.acks} == {SUCCESS}
    assert {message.qos for message in left.messages} == {1}
    assert left.ends == right.ends == []


async def test_qos_0_is_delivered_and_dropped_while_away(
    harness: Harness, clients: Clients
) -> None:
    """QoS 0 goes out while connected; what is published before that is lost."""
    receiver = await clients.connected("receiver", "topic")
    sender = clients.make("sender")
    sender.link.publish("topic", b"lost", qos=0)
    await clients.connect(sender)
    sender.link.publish("topic", b"kept", qos=0)
    await harness.until(lambda: receiver.payloads == [b"kept"])


async def test_no_matching_subscriber(harness: Harness, clients: Clients) -> None:
    """The PUBACK of a message for nobody says so."""
    sender = await clients.connected("sender")
    sender.link.publish("nobody/listens", b"", on_ack=sender.acks.append)
    await harness.until(lambda: sender.acks)
    silent = {Difference.NO_REASON_CODES, Difference.IGNORES_SUBSCRIBERS} & harness.differences
    assert sender.acks == [SUCCESS if silent else NO_MATCHING_SUBSCRIBERS]


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


async def test_retained_presence_comes_on_subscribe(harness: Harness, clients: Clients) -> None:
    """A retained message comes to who subscribes later, marked as such; a live one is not."""
    early = await clients.connected("early", "presence")
    sender = await clients.connected("sender")
    sender.link.publish("presence", b"online", retain=True, on_ack=sender.acks.append)
    await harness.until(lambda: sender.acks and early.messages)
    late = await clients.connected("late", "presence")
    await harness.until(lambda: late.messages)
    assert late.payloads == [b"online"]
    assert late.messages[0].retain
    assert not early.messages[0].retain


async def test_retained_presence_of_all_comes_by_a_wildcard(
    harness: Harness, clients: Clients
) -> None:
    """Who subscribes to all cars learns at once which are there."""
    sender = await clients.connected("sender")
    for topic in ("presence/1", "presence/2"):
        sender.link.publish(topic, b"online", retain=True, on_ack=sender.acks.append)
    await harness.until(lambda: len(sender.acks) == 2)
    late = await clients.connected("late", "presence/+")
    sender.link.publish("presence/end", b"end")
    lacking = Difference.NO_RETAINED_BY_WILDCARD in harness.differences
    expected = set() if lacking else {"presence/1", "presence/2"}
    await harness.until(lambda: len(late.messages) == len(expected) + 1)
    assert {message.topic for message in late.messages if message.retain} == expected
    assert b"end" in late.payloads


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


async def test_will_on_abort_and_none_on_disconnect(harness: Harness, clients: Clients) -> None:
    """A dropped connection publishes the will; a goodbye does not."""
    watcher = await clients.connected("watcher", "will/+")
    dropped = await clients.connected("dropped", will=Will("will/dropped", b"gone"))
    polite = await clients.connected("polite", will=Will("will/polite", b"gone"))
    polite.link.disconnect()
    dropped.link.abort()
    await harness.until(lambda: watcher.messages)
    watcher.link.publish("will/end", b"")
    await harness.until(lambda: watcher.messages[-1].topic == "will/end")
    assert [message.topic for message in watcher.messages] == ["will/dropped", "will/end"]
    assert dropped.ends == polite.ends == []
    assert not dropped.link.is_connected
    assert not polite.link.is_connected


async def test_takeover_by_the_same_client_id(harness: Harness, clients: Clients) -> None:
    """A second client with the same id ends the first, which learns why."""
    first = await clients.connected("same")
    second = await clients.connected("same")
    await harness.until(lambda: first.ends)
    assert [end.why for end in first.ends] == [EndReason.BROKER_CLOSED]
    unsaid = {Difference.NO_REASON_CODES, Difference.NO_TAKEOVER_CODE} & harness.differences
    assert first.ends[0].code == (None if unsaid else SESSION_TAKEN_OVER)
    assert second.link.is_connected


async def test_withheld_puback_is_redelivered(harness: Harness, clients: Clients) -> None:
    """What was not acknowledged comes again when the session resumes, as a duplicate."""
    receiver = await clients.connected("receiver", "topic", session_expiry_s=600)
    receiver.acknowledges = False
    sender = await clients.connected("sender")
    sender.link.publish("topic", b"once")
    await harness.until(lambda: receiver.messages)
    stale = receiver.messages[0]
    receiver.link.abort()
    receiver.acknowledges = True
    await clients.connect(receiver)
    await harness.until(lambda: len(receiver.messages) == 2)
    assert receiver.sessions_present == [False, True]
    assert receiver.payloads == [b"once", b"once"]
    marks = Difference.NO_DUPLICATES_FROM_BROKER not in harness.differences
    assert [message.duplicate for message in receiver.messages] == [False, marks]
    receiver.link.acknowledge(stale)  # of a connection that has gone: no harm
    sender.link.publish("topic", b"next")
    await harness.until(lambda: receiver.payloads[2:] == [b"next"])


async def test_session_keeps_what_came_meanwhile(harness: Harness, clients: Clients) -> None:
    """Messages to a client that is away wait in its session, and come on its return."""
    receiver = await clients.connected("receiver", "topic", session_expiry_s=600)
    receiver.link.disconnect()
    sender = await clients.connected("sender")
    for payload in (b"1", b"2", b"3"):
        sender.link.publish("topic", payload, on_ack=sender.acks.append)
    await harness.until(lambda: len(sender.acks) == 3)
    await clients.connect(receiver)
    await harness.until(lambda: len(receiver.messages) == 3)
    assert receiver.payloads == [b"1", b"2", b"3"]
    assert receiver.sessions_present == [False, True]


async def test_session_that_expired_keeps_nothing(harness: Harness, clients: Clients) -> None:
    """With a session expiry of 0 nothing waits, and the session is new on return."""
    receiver = await clients.connected("receiver", "topic", session_expiry_s=0)
    receiver.link.disconnect()
    sender = await clients.connected("sender", "sent")
    sender.link.publish("topic", b"lost", on_ack=sender.acks.append)
    await harness.until(lambda: sender.acks)
    await clients.connect(receiver)
    sender.link.publish("topic", b"new")
    await harness.until(lambda: b"new" in receiver.payloads)
    keeps = Difference.KEEPS_SESSION in harness.differences
    assert receiver.sessions_present == [False, keeps]
    assert receiver.payloads == ([b"lost", b"new"] if keeps else [b"new"])


async def test_expired_message_is_not_delivered(harness: Harness, clients: Clients) -> None:
    """A message that expired while it waited never comes; one beside it does."""
    receiver = await clients.connected("receiver", "topic", session_expiry_s=600)
    receiver.link.disconnect()
    sender = await clients.connected("sender")
    brief = PublishProperties(expiry_s=1)
    sender.link.publish("topic", b"brief", properties=brief, on_ack=sender.acks.append)
    sender.link.publish("topic", b"lasting", on_ack=sender.acks.append)
    await harness.until(lambda: len(sender.acks) == 2)
    await harness.let_pass(2.1)
    await clients.connect(receiver)
    await harness.until(lambda: b"lasting" in receiver.payloads)
    unheeded = {Difference.NO_PROPERTIES, Difference.DELIVERS_EXPIRED} & harness.differences
    assert receiver.payloads == ([b"brief", b"lasting"] if unheeded else [b"lasting"])


async def test_queued_while_away_is_sent_on_connect(harness: Harness, clients: Clients) -> None:
    """QoS 1 that is published before the link connects goes out once it does, in order."""
    receiver = await clients.connected("receiver", "topic")
    sender = clients.make("sender")
    sent = [b"%d" % number for number in range(50)]
    for payload in sent:
        sender.link.publish("topic", payload, on_ack=sender.acks.append)
    await clients.connect(sender)
    await harness.until(lambda: len(sender.acks) == len(receiver.messages) == 50)
    assert receiver.payloads == sent


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


async def test_megabyte_both_ways(harness: Harness, clients: Clients) -> None:
    """A payload of a megabyte passes where the limits of both ends allow it."""
    receiver = await clients.connected("receiver", "topic", limits=WIDE)
    sender = await clients.connected("sender", limits=WIDE)
    payload = bytes(range(250)) * 4_000
    sender.link.publish("topic", payload, on_ack=sender.acks.append)
    await harness.until(lambda: receiver.messages and sender.acks)
    assert receiver.payloads == [payload]
    assert sender.acks == [SUCCESS]


async def test_message_above_our_limit(harness: Harness, clients: Clients) -> None:
    """A broker that is told our limit keeps from us what is above, or loses us; others go on."""
    small = await clients.connected("small", "topic", limits=LinkLimits(max_packet_bytes=2_000))
    wide = await clients.connected("wide", "topic", limits=WIDE)
    wide.link.publish("topic", bytes(100_000))
    wide.link.publish("topic", b"short")
    await harness.until(lambda: len(wide.messages) == 2)
    unheeded = {Difference.NO_PROPERTIES, Difference.IGNORES_PACKET_LIMIT} & harness.differences
    if not unheeded:
        await harness.until(lambda: small.payloads == [b"short"])
    elif Difference.TAKES_ANY_SIZE in harness.differences:
        await harness.until(lambda: len(small.messages) == 2)
    else:
        await harness.until(lambda: small.ends)
        assert small.ends[0].why is EndReason.PROTOCOL_ERROR
    assert wide.link.is_connected


async def test_broker_that_stops_reading_loses_nothing(harness: Harness, clients: Clients) -> None:
    """QoS 1 to a broker that does not read waits, and all of it arrives when it reads again."""
    receiver = await clients.connected("receiver", "topic")
    sender = await clients.connected("sender")
    harness.stop_reading()
    for number in range(300):
        sender.link.publish("topic", b"%d " % number + bytes(20_000), on_ack=sender.acks.append)
    await harness.let_pass(0.05)
    assert sender.acks == []
    harness.continue_reading()
    await harness.until(lambda: len(sender.acks) == len(receiver.messages) == 300)
    assert [int(payload.split()[0]) for payload in receiver.payloads] == list(range(300))
    assert sender.ends == []


async def test_silent_client_is_closed_by_the_broker(harness: Harness, clients: Clients) -> None:
    """The broker gives up a frozen client after its keepalive; the client learns it on thaw."""
    watcher = await clients.connected("watcher", "will")
    frozen = await clients.connected("frozen", keepalive_s=1, will=Will("will", b"silent"))
    frozen.link.freeze()
    frozen.link.publish("will", b"held back")
    await harness.until(lambda: watcher.messages)
    assert watcher.payloads == [b"silent"]
    assert frozen.link.is_connected
    assert frozen.ends == []
    frozen.link.thaw()
    await harness.until(lambda: frozen.ends)
    assert frozen.ends[0].why is EndReason.BROKER_CLOSED
    assert frozen.ends[0].code in (141, None)  # keep alive timeout (section 3.14.2.1)
    await clients.connect(frozen)
    await harness.until(lambda: b"held back" in watcher.payloads)


async def test_thaw_in_time_loses_nothing(harness: Harness, clients: Clients) -> None:
    """What waited on both sides of a frozen link flows after a thaw, on the same connection."""
    frozen = await clients.connected("frozen", "in")
    other = await clients.connected("other", "out")
    frozen.link.freeze()
    frozen.link.publish("out", b"1", on_ack=frozen.acks.append)
    other.link.publish("in", b"2", on_ack=other.acks.append)
    await harness.until(lambda: other.acks)
    assert (frozen.messages, frozen.acks, other.messages) == ([], [], [])
    frozen.link.thaw()
    await harness.until(lambda: frozen.acks and frozen.messages and other.messages)
    assert frozen.ends == []


async def test_idle_client_keeps_its_connection(harness: Harness, clients: Clients) -> None:
    """A client that says nothing pings often enough for the broker to keep it."""
    watcher = await clients.connected("watcher", "will")
    idle = await clients.connected("idle", "in", keepalive_s=1, will=Will("will", b"lost"))
    await harness.let_pass(2.6)
    watcher.link.publish("in", b"still there?")
    await harness.until(lambda: idle.messages)
    assert (idle.ends, watcher.messages) == ([], [])


async def test_broker_crash_and_return(harness: Harness, clients: Clients) -> None:
    """A crash ends the connection once; a broker that is away is unreachable, then there again."""
    client = await clients.connected("client")
    harness.kill_broker()
    await harness.until(lambda: client.ends)
    client.link.publish("topic", b"", on_ack=client.acks.append)
    client.link.connect()
    await harness.until(lambda: len(client.ends) == 2)
    assert [end.why for end in client.ends] == [EndReason.BROKER_CLOSED, EndReason.UNREACHABLE]
    harness.restart_broker()
    await clients.connect(client)
    await harness.until(lambda: client.acks)


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

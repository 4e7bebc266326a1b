"""The broker model: what crashes, storms and a hang do, and what becomes of who waits meanwhile."""

from __future__ import annotations

import pytest

from fleet_sim.broker.model.broker import HOP_S
from fleet_wire.links.link import (
    FIRST_ERROR_CODE,
    NO_MATCHING_SUBSCRIBERS,
    NOT_AUTHORIZED,
    EndReason,
    LinkLimits,
    PublishProperties,
    Will,
)
from tests.helpers.broker_place import Place


def test_stop_loses_connections_sessions_and_retained(place: Place) -> None:
    """After a crash nobody is known, nothing waits, and until the start nobody answers."""
    client = place.connected("client", "topic", session_expiry_s=60, will=Will("topic", b"will"))
    client.link.publish("topic", b"kept", retain=True)
    place.time.run_for(1)
    place.broker.stop()
    place.time.run_for(1)
    client.link.connect()
    place.time.run_for(1)
    assert [(end.why, end.detail) for end in client.ends] == [
        (EndReason.BROKER_CLOSED, "connection closed"),
        (EndReason.UNREACHABLE, "connection refused"),
    ]
    place.broker.start()
    place.connect(client)
    place.time.run_for(1)
    assert client.sessions_present == [False, False]
    assert client.payloads == [b"kept"]


def test_persistent_broker_keeps_sessions_and_retained() -> None:
    """With persistence, what was queued comes after the restart; short sessions are gone."""
    place = Place(is_persistent=True)
    client = place.connected("client", "topic", session_expiry_s=60)
    brief = place.connected("brief", "topic")
    sender = place.connected("sender")
    client.link.disconnect()
    place.time.run_for(1)
    sender.link.publish("topic", b"kept", retain=True)
    place.time.run_for(1)
    place.broker.stop()
    place.broker.start()
    place.time.run_for(1)
    place.connect(brief)
    place.connect(client)
    place.time.run_for(1)
    assert client.sessions_present == [False, True]
    assert brief.sessions_present == [False, False]
    assert [message.retain for message in client.messages] == [False, True]


@pytest.mark.parametrize("code", [FIRST_ERROR_CODE, NOT_AUTHORIZED])
def test_refused_connect_says_why(place: Place, code: int) -> None:
    """With the authentication backend down every CONNECT is refused with its code."""
    place.broker.refuse_connects_with = code
    client = place.client("client")
    client.link.connect()
    place.time.run_for(1)
    (end,) = client.ends
    assert (end.why, end.code) == (EndReason.REFUSED, code)
    assert end.detail == f"CONNACK: reason code {code}"
    place.broker.refuse_connects_with = None
    place.connect(client)


def test_connects_are_served_one_after_the_other(place: Place) -> None:
    """With a cost for each CONNECT, the last of a storm waits for all others."""
    place.broker.connect_cost_s = 0.1
    storm = [place.client(f"car-{number}") for number in range(20)]
    for client in storm:
        client.link.connect()
    place.time.run_for(1.05)
    assert [client.link.is_connected for client in storm] == [True] * 10 + [False] * 10
    place.time.run_for(1)
    assert all(client.link.is_connected for client in storm)


def test_slow_connects_time_out_and_still_take_their_turn(place: Place) -> None:
    """Who waits longer than its timeout gives up; the broker has lost the time all the same."""
    place.broker.connect_cost_s = 1.0
    limits = LinkLimits(connect_timeout_s=2.5)
    storm = [place.client(f"car-{number}", limits=limits) for number in range(5)]
    for client in storm:
        client.link.connect()
    place.time.run_for(3)
    assert [client.link.is_connected for client in storm] == [True, True, False, False, False]
    assert {end.why for client in storm for end in client.ends} == {EndReason.UNREACHABLE}
    late = place.client("late", limits=LinkLimits(connect_timeout_s=5))
    late.link.connect()
    place.time.run_for(2.9)
    assert not late.link.is_connected
    place.time.run_for(0.2)
    assert late.link.is_connected


def test_a_storm_of_connects_delays_what_comes_behind_it(place: Place) -> None:
    """The broker does one thing at a time: a PUBLISH waits for the CONNECTs that came before it."""
    receiver, sender = place.connected("receiver", "topic"), place.connected("sender")
    place.broker.connect_cost_s = 0.1
    sender.link.publish("topic", b"before", on_ack=sender.acks.append)
    storm = [place.client(f"car-{number}") for number in range(20)]
    for client in storm[:10]:
        client.link.connect()
    place.time.run_for(HOP_S * 0.5)
    sender.link.publish("topic", b"amid", on_ack=sender.acks.append)
    place.time.run_for(HOP_S * 0.1)
    for client in storm[10:]:
        client.link.connect()
    sender.link.disconnect()
    place.time.run_for(0.5)
    assert receiver.payloads == [b"before"]
    place.time.run_for(0.49)
    assert receiver.payloads == [b"before"]
    place.time.run_for(0.02)
    assert receiver.payloads == [b"before", b"amid"]
    assert sum(client.link.is_connected for client in storm) == 10
    place.time.run_for(1)
    assert all(client.link.is_connected for client in storm)


def test_a_lone_connect_delays_nothing_but_itself(place: Place) -> None:
    """Its CONNACK comes when the work is done; who speaks later finds the broker free."""
    place.broker.connect_cost_s = 0.1
    client = place.client("client")
    client.link.connect()
    place.time.run_for(0.1 + HOP_S * 1.9)
    assert not client.link.is_connected
    place.time.run_for(HOP_S * 0.2)
    assert client.link.is_connected
    client.link.publish("topic", b"", on_ack=client.acks.append)
    place.time.run_for(HOP_S * 2.1)
    assert len(client.acks) == 1


def test_connects_wait_while_the_broker_hangs(place: Place) -> None:
    """A hung broker works through nothing, and takes up the storm where it stopped."""
    place.broker.connect_cost_s = 0.1
    storm = [place.client(f"car-{number}") for number in range(4)]
    for client in storm:
        client.link.connect()
    place.time.run_for(0.15)
    place.broker.stop_reading()
    place.time.run_for(5)
    assert [client.link.is_connected for client in storm] == [True, True, False, False]
    place.broker.continue_reading()
    place.time.run_for(0.15)
    assert [client.link.is_connected for client in storm] == [True, True, True, False]
    place.time.run_for(0.1)
    assert all(client.link.is_connected for client in storm)


def test_a_crash_ends_the_work(place: Place) -> None:
    """Who waits in a storm loses its connection, and a broker that starts anew is free."""
    place.broker.connect_cost_s = 1.0
    storm = [place.client(f"car-{number}") for number in range(5)]
    for client in storm:
        client.link.connect()
    place.time.run_for(0.5)
    place.broker.stop()
    place.broker.start()
    place.time.run_for(0.6)
    assert [client.ends[0].why for client in storm] == [EndReason.BROKER_CLOSED] * 5
    late = place.client("late")
    late.link.connect()
    place.time.run_for(1.1)
    assert late.link.is_connected


def test_connect_that_was_given_up_is_taken_all_the_same(place: Place) -> None:
    """The broker reads CONNECT, then that the client has gone: a session, and the will."""
    watcher = place.connected("watcher", "will")
    place.broker.connect_cost_s = 1.0
    client = place.client("client", session_expiry_s=60, will=Will("will", b""))
    client.link.connect()
    place.time.run_for(0.5)
    client.link.abort()
    place.time.run_for(2)
    assert len(watcher.messages) == 1
    place.connect(client)
    assert client.sessions_present == [True]


def test_connect_that_waits_is_lost_with_the_broker(place: Place) -> None:
    """A CONNECT that waits for its turn when the broker crashes is closed, not accepted later."""
    place.broker.connect_cost_s = 1.0
    client = place.client("client")
    client.link.connect()
    place.time.run_for(0.5)
    place.broker.stop()
    place.broker.start()
    place.time.run_for(1)
    assert [end.why for end in client.ends] == [EndReason.BROKER_CLOSED]


def test_connect_that_nobody_read_is_lost_with_the_broker(place: Place) -> None:
    """A broker that does not read, and crashes, closes those whose CONNECT it has not read."""
    place.broker.stop_reading()
    client = place.client("client")
    client.link.connect()
    place.time.run_for(1)
    place.broker.stop()
    place.broker.start()
    place.time.run_for(1)
    assert [end.why for end in client.ends] == [EndReason.BROKER_CLOSED]
    place.connect(client)


def test_broker_that_does_not_read_is_noticed_by_the_missing_pingresp(place: Place) -> None:
    """A broker that does not read answers no ping: its clients give it up and cannot return."""
    client = place.connected("client", keepalive_s=30)
    place.broker.stop_reading()
    place.time.run_for(38)
    assert client.ends == []
    place.time.run_for(3)
    assert [(end.why, end.detail) for end in client.ends] == [
        (EndReason.KEEPALIVE, "no PINGRESP in 10 s")
    ]
    client.link.connect()
    place.time.run_for(11)
    assert [end.why for end in client.ends] == [EndReason.KEEPALIVE, EndReason.UNREACHABLE]
    place.broker.continue_reading()
    place.connect(client)


def test_the_answer_that_is_missed_is_that_to_the_next_ping(place: Place) -> None:
    """Pings go out every 29 s: at 87 s it was answered, at 116 s it is not, for 10 s."""
    client = place.connected("client", keepalive_s=30)
    place.time.run_for(100)
    place.broker.stop_reading()
    place.time.run_for(25)
    assert client.ends == []
    place.time.run_for(2)
    assert [end.why for end in client.ends] == [EndReason.KEEPALIVE]


def test_a_broker_that_crashed_has_forgotten_the_wills() -> None:
    """Also those of sessions that it has kept, and which end later."""
    place = Place(is_persistent=True)
    place.connected("client", "topic", session_expiry_s=2, will=Will("topic", b"will"))
    place.broker.stop()
    place.broker.start()
    place.time.run_for(10)
    watcher = place.connected("watcher", "topic")
    watcher.link.publish("topic", b"")
    place.time.run_for(1)
    assert watcher.payloads == [b""]


def test_a_broker_that_reads_again_in_time_loses_nobody(place: Place) -> None:
    """The ping was answered late, and not too late."""
    client = place.connected("client", keepalive_s=30)
    place.broker.stop_reading()
    place.time.run_for(35)
    place.broker.continue_reading()
    place.time.run_for(3_600)
    assert client.ends == []


def test_timers_of_a_broker_that_does_not_read_wait_too(place: Place) -> None:
    """A will that falls due while the broker does not read comes when it reads again."""
    watcher = place.connected("watcher", "will", keepalive_s=0)
    lost = place.connected("lost", will=Will("will", b"late", delay_s=1))
    lost.link.abort()
    place.time.run_for(0.5)
    place.broker.stop_reading()
    place.time.run_for(5)
    assert watcher.messages == []
    place.broker.continue_reading()
    place.time.run_for(1)
    assert watcher.payloads == [b"late"]


def test_a_broker_that_hung_and_crashed_keeps_time_again() -> None:
    """Nothing of the hang is left after the start: a will with a delay comes when it is due."""
    place = Place()
    place.broker.stop_reading()
    place.time.run_for(1)
    place.broker.stop()
    place.broker.start()
    watcher = place.connected("watcher", "will", keepalive_s=0)
    lost = place.connected("lost", will=Will("will", b"due", delay_s=1))
    lost.link.abort()
    place.time.run_for(3)
    assert watcher.payloads == [b"due"]


def test_a_broker_that_starts_anew_is_free_at_once() -> None:
    """Even in the first second of all."""
    place = Place()
    place.broker.stop()
    place.broker.start()
    place.broker.connect_cost_s = 0.1
    client = place.client("client")
    client.link.connect()
    place.time.run_for(0.15)
    assert client.link.is_connected


def test_who_does_not_ping_waits_for_a_broker_that_does_not_read(place: Place) -> None:
    """Without a keepalive there is no ping whose answer could be missed."""
    client = place.connected("client", keepalive_s=0)
    place.broker.stop_reading()
    place.time.run_for(3_600)
    assert client.ends == []


def test_what_is_sent_again_is_retained_all_the_same(place: Place) -> None:
    """A state that a crash of the broker swallowed is there for those who come later."""
    client = place.connected("client")
    place.broker.stop_reading()
    properties = PublishProperties(correlation_data=b"id")
    client.link.publish("topic", b"kept", retain=True, properties=properties)
    place.time.run_for(1)
    place.broker.stop()
    place.broker.start()
    place.time.run_for(1)
    place.connect(client)
    later = place.connected("later", "topic")
    place.time.run_for(1)
    assert [(one.payload, one.retain, one.correlation_data) for one in later.messages] == [
        (b"kept", True, b"id")
    ]


def test_a_connect_on_its_way_is_lost_with_the_broker(place: Place) -> None:
    """It arrives where nobody is any more: the client learns it and does not wait in vain."""
    client = place.client("client")
    client.link.connect()
    place.time.run_for(HOP_S / 2)
    place.broker.stop()
    place.time.run_for(1)
    assert [end.why for end in client.ends] == [EndReason.BROKER_CLOSED]


def test_a_client_that_the_broker_does_not_hear_gives_up_and_says_so(place: Place) -> None:
    """The reason has the time that it waited."""
    place.broker.stop_reading()
    client = place.client("client", limits=LinkLimits(connect_timeout_s=2.5))
    client.link.connect()
    place.time.run_for(3)
    (end,) = client.ends
    assert (end.why, end.detail) == (EndReason.UNREACHABLE, "no answer in 2.5 s")


def test_a_session_of_one_second_is_a_session(place: Place) -> None:
    """Whoever is back within it goes on where it was."""
    client = place.connected("client", session_expiry_s=1)
    client.link.disconnect()
    place.time.run_for(0.5)
    place.connect(client)
    assert client.sessions_present == [False, True]


def test_a_session_that_has_expired_begins_anew(place: Place) -> None:
    """Also where nothing has come meanwhile that would have shown it; what it wanted is gone."""
    client = place.connected("client", "topic", session_expiry_s=1)
    client.link.disconnect()
    place.time.run_for(5)
    client.say(subscriptions=())
    place.connect(client)
    client.link.publish("topic", b"", on_ack=client.acks.append)
    place.time.run_for(1)
    assert client.sessions_present == [False, False]
    assert client.acks == [NO_MATCHING_SUBSCRIBERS]


@pytest.mark.parametrize("topic_filter", ["a/b", "a/+", "+/b", "a/#", "#"])
@pytest.mark.parametrize("qos", [0, 1])
def test_what_is_retained_comes_to_every_kind_of_filter(
    place: Place, qos: int, topic_filter: str
) -> None:
    """Marked as such, which what comes later is not."""
    sender = place.connected("sender")
    sender.link.publish("a/b", b"kept", qos=qos, retain=True)
    place.time.run_for(1)
    client = place.connected("client", topic_filter)
    place.time.run_for(1)
    sender.link.publish("a/b", b"new", qos=qos, retain=True)
    place.time.run_for(1)
    said = [(message.payload, message.qos, message.retain) for message in client.messages]
    assert said == [(b"kept", qos, True), (b"new", qos, False)]


@pytest.mark.parametrize("retain", [True, False])
def test_a_will_is_there_for_those_who_come_later_if_it_says_so(
    place: Place, *, retain: bool
) -> None:
    """A monitor that starts after a box was lost learns of it."""
    lost = place.connected("lost", will=Will("will", b"gone", retain=retain))
    lost.link.abort()
    place.time.run_for(1)
    later = place.connected("later", "will")
    place.time.run_for(1)
    assert later.payloads == ([b"gone"] if retain else [])


@pytest.mark.parametrize(("qos", "payloads"), [(0, []), (1, [b"gone"])])
def test_a_will_waits_for_who_is_away_if_its_quality_of_service_says_so(
    place: Place, qos: int, payloads: list[bytes]
) -> None:
    """At QoS 1 the broker keeps it for a session, as any other message."""
    watcher = place.connected("watcher", "will", session_expiry_s=60)
    lost = place.connected("lost", will=Will("will", b"gone", qos=qos, retain=False))
    watcher.link.disconnect()
    lost.link.abort()
    place.time.run_for(1)
    place.connect(watcher)
    place.time.run_for(1)
    assert watcher.payloads == payloads
    assert [message.qos for message in watcher.messages] == [1] * len(payloads)

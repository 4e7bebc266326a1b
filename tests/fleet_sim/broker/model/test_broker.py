"""The broker model: faults, limits, access, time, and that nothing is lost or out of order.

What it shares with the real links stands in `tests/conformance`.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import weakref
from collections.abc import Callable

import msgspec
import pytest

from fleet_sim.broker.model.broker import HOP_S, BrokerLimits, BrokerModel
from fleet_wire.errors import LocalProtocolError
from fleet_wire.links.link import (
    FIRST_ERROR_CODE,
    MALFORMED_PACKET,
    NO_MATCHING_SUBSCRIBERS,
    NOT_AUTHORIZED,
    PACKET_TOO_LARGE,
    SUCCESS,
    Disconnected,
    Ended,
    LinkLimits,
    Message,
    PublishProperties,
    Session,
    Will,
)
from tests.helpers.recorder import Recorder
from tests.helpers.virtual_scheduler import VirtualScheduler

CONNECT_HOPS = 4
"""CONNECT, CONNACK, SUBSCRIBE, SUBACK."""


class Acks:
    """An `on_ack` that a test can watch go."""

    def __call__(self, code: int) -> None:
        """Take a PUBACK."""


class Place:
    """A broker in virtual time, and its clients."""

    def __init__(
        self,
        *,
        hop: float | Callable[[], float] = HOP_S,
        limits: BrokerLimits | None = None,
        is_persistent: bool = False,
    ) -> None:
        self.time = VirtualScheduler()
        self.broker = BrokerModel(self.time, hop=hop, limits=limits, is_persistent=is_persistent)

    def client(
        self, client_id: str, *filters: str, limits: LinkLimits | None = None, **session: object
    ) -> Recorder:
        """Return a client that is not connected."""
        return Recorder(
            lambda handler: self.broker.link(handler, limits),
            Session(client_id, filters, **session),  # type: ignore[arg-type]
        )

    def connected(
        self, client_id: str, *filters: str, limits: LinkLimits | None = None, **session: object
    ) -> Recorder:
        """Return a client that is connected."""
        client = self.client(client_id, *filters, limits=limits, **session)
        self.connect(client)
        return client

    def connect(self, client: Recorder) -> None:
        """Connect a client."""
        client.link.connect()
        self.time.run_until(lambda: client.link.is_connected)


@pytest.fixture
def place() -> Place:
    """Give a broker with mosquitto's limits."""
    return Place()


# Time


def test_callbacks_never_come_from_inside_a_call(place: Place) -> None:
    """Connect, publish, thaw and stop return before any callback comes."""
    client = place.client("client", "topic")
    client.link.connect()
    assert client.sessions_present == []
    place.time.run_for(1)
    client.link.publish("topic", b"", on_ack=client.acks.append)
    client.link.freeze()
    place.time.run_for(1)
    client.link.thaw()
    place.broker.stop()
    assert (client.messages, client.acks, client.ends) == ([], [], [])
    place.time.run_for(1)
    assert (len(client.messages), client.acks, len(client.ends)) == (1, [SUCCESS], 1)


def test_each_packet_takes_a_hop(place: Place) -> None:
    """A connect takes four hops, a message from client to client two."""
    client = place.client("client", "topic")
    client.link.connect()
    place.time.run_until(lambda: client.link.is_connected)
    assert place.time.now_s() == pytest.approx(CONNECT_HOPS * HOP_S)
    start_s = place.time.now_s()
    client.link.publish("topic", b"")
    place.time.run_until(lambda: client.messages)
    assert place.time.now_s() - start_s == pytest.approx(2 * HOP_S)


def test_drawn_hops_keep_the_order_of_each_connection() -> None:
    """However hops are drawn, what was sent first arrives first."""
    draws = itertools.cycle([0.5, 0.1, 0.3, 0.0, 0.2])
    place = Place(hop=lambda: next(draws))
    sender, receiver = place.connected("sender"), place.connected("receiver", "topic")
    sent = [b"%d" % number for number in range(50)]
    for payload in sent:
        sender.link.publish("topic", payload)
        place.time.run_for(0.05)
    place.time.run_for(5)
    assert receiver.payloads == sent


def test_no_hop_at_all_still_is_an_event() -> None:
    """Without latency everything happens at one moment, and in order."""
    place = Place(hop=0)
    client = place.connected("client", "topic")
    for number in range(30):
        client.link.publish("topic", b"%d" % number, on_ack=client.acks.append)
    assert client.acks == []
    place.time.run_until(lambda: len(client.acks) == len(client.messages) == 30)
    assert place.time.now_s() == 0
    assert client.payloads == [b"%d" % number for number in range(30)]


def test_an_idle_fleet_costs_no_events(place: Place) -> None:
    """Once connected, clients with a keepalive and a will leave nothing to be called."""
    clients = [
        place.connected(f"car-{number}", f"cars/{number}", keepalive_s=5, will=Will("w", b""))
        for number in range(20)
    ]
    place.time.run_for(60)
    assert place.time.pending == 0
    place.time.run_for(86_400)
    assert all(client.link.is_connected for client in clients)


def test_same_calls_same_callbacks_with_any_hash_seed() -> None:
    """Two processes with other hash seeds see the same events in the same order."""
    outputs = [
        subprocess.run(
            [sys.executable, "-m", "tests.helpers.broker_model_story"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    assert outputs[0].count(b"\n") > 100


def test_delayed_will_comes_with_the_end_of_a_shorter_session(place: Place) -> None:
    """A session of one second ends the wait of a will with a longer delay."""
    watcher = place.connected("watcher", "will")
    lost = place.connected("lost", session_expiry_s=1, will=Will("will", b"", delay_s=60))
    lost.link.abort()
    place.time.run_for(2.1)
    assert len(watcher.messages) == 1


def test_second_loss_starts_the_will_delay_anew(place: Place) -> None:
    """A return cancels the delay of the first loss for good; the second loss has its own."""
    watcher = place.connected("watcher", "will")
    client = place.connected("client", session_expiry_s=60, will=Will("will", b"", delay_s=2))
    client.link.abort()
    place.time.run_for(1)
    place.connect(client)
    place.time.run_for(0.5)
    client.link.abort()
    place.time.run_for(2)
    assert watcher.messages == []
    place.time.run_for(1)
    assert len(watcher.messages) == 1


def test_retained_message_ends_a_second_before_a_queued_one(place: Place) -> None:
    """In the very second of its expiry a message that waits still comes, a retained one not."""
    away = place.connected("away", "topic", session_expiry_s=60)
    away.link.disconnect()
    sender = place.connected("sender")
    sender.link.publish("topic", b"brief", retain=True, properties=PublishProperties(expiry_s=2))
    place.time.run_for(2.5)
    place.connect(away)
    place.time.run_for(0.1)
    assert [(message.retain, message.expiry_s) for message in away.messages] == [(False, None)]


def test_retained_message_lets_go_of_its_sender(place: Place) -> None:
    """What the broker keeps for long does not keep the callback of whoever published it."""
    client = place.connected("client")
    acks = Acks()
    client.link.publish("topic", b"kept", retain=True, on_ack=acks)
    place.time.run_for(1)
    gone = weakref.ref(acks)
    del acks
    assert gone() is None


# Faults


def test_stop_loses_connections_sessions_and_retained(place: Place) -> None:
    """After a crash nobody is known, nothing waits, and until the start nobody answers."""
    client = place.connected("client", "topic", session_expiry_s=60, will=Will("topic", b"will"))
    client.link.publish("topic", b"kept", retain=True)
    place.time.run_for(1)
    place.broker.stop()
    place.time.run_for(1)
    client.link.connect()
    place.time.run_for(1)
    assert [end.why for end in client.ends] == [Ended.BROKER_CLOSED, Ended.UNREACHABLE]
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
    assert (end.why, end.code) == (Ended.REFUSED, code)
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
    assert {end.why for client in storm for end in client.ends} == {Ended.UNREACHABLE}
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
    assert [client.ends[0].why for client in storm] == [Ended.BROKER_CLOSED] * 5
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
    assert [end.why for end in client.ends] == [Ended.BROKER_CLOSED]


def test_connect_that_nobody_read_is_lost_with_the_broker(place: Place) -> None:
    """A broker that does not read, and crashes, closes those whose CONNECT it has not read."""
    place.broker.stop_reading()
    client = place.client("client")
    client.link.connect()
    place.time.run_for(1)
    place.broker.stop()
    place.broker.start()
    place.time.run_for(1)
    assert [end.why for end in client.ends] == [Ended.BROKER_CLOSED]
    place.connect(client)


def test_broker_that_does_not_read_is_noticed_by_the_missing_pingresp(place: Place) -> None:
    """A broker that does not read answers no ping: its clients give it up and cannot return."""
    client = place.connected("client", keepalive_s=30)
    place.broker.stop_reading()
    place.time.run_for(38)
    assert client.ends == []
    place.time.run_for(3)
    assert [end.why for end in client.ends] == [Ended.KEEPALIVE]
    client.link.connect()
    place.time.run_for(11)
    assert [end.why for end in client.ends] == [Ended.KEEPALIVE, Ended.UNREACHABLE]
    place.broker.continue_reading()
    place.connect(client)


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


# Limits and access


def test_publish_without_right_is_refused_and_goes_nowhere(place: Place) -> None:
    """An access rule that denies a publish shows in the PUBACK; QoS 0 and wills just vanish."""
    place.broker.may_publish = lambda client_id, topic: (client_id, topic) != ("bad", "topic")
    watcher = place.connected("watcher", "topic", "other")
    bad = place.connected("bad", will=Will("topic", b"will"))
    bad.link.publish("topic", b"1", on_ack=bad.acks.append)
    bad.link.publish("topic", b"2", qos=0)
    bad.link.publish("other", b"3", on_ack=bad.acks.append)
    place.time.run_for(1)
    bad.link.abort()
    place.time.run_for(1)
    assert bad.acks == [NOT_AUTHORIZED, SUCCESS]
    assert watcher.payloads == [b"3"]


def test_a_will_needs_its_clients_right_also_when_its_session_is_replaced(place: Place) -> None:
    """Whoever connects with the same id and a clean start ends the session: its will comes."""
    place.broker.may_publish = lambda client_id, _: client_id != "bad"
    watcher = place.connected("watcher", "will")
    for client_id in ("bad", "good"):
        place.connected(client_id, will=Will("will", client_id.encode()))
        place.connected(client_id, clean_start=True)
    place.time.run_for(1)
    assert watcher.payloads == [b"good"]


def test_who_was_taken_over_has_no_say_any_more(place: Place) -> None:
    """What it sent before it learned of that goes nowhere, and gets no answer."""
    watcher = place.connected("watcher", "topic")
    old = place.connected("same")
    twin = place.client("same")
    twin.link.connect()
    place.time.run_for(HOP_S * 1.5)
    old.link.publish("topic", b"too late", on_ack=old.acks.append)
    place.time.run_for(1)
    assert (watcher.payloads, old.acks) == ([], [])
    assert (len(old.ends), twin.link.is_connected) == (1, True)


def test_a_client_that_gets_more_than_it_can_take_leaves_in_good_order(place: Place) -> None:
    """DISCONNECT with a reason: as at mosquitto there is no will, and its owner reads why."""
    watcher = place.connected("watcher", "will")
    wide = place.connected("client", "topic", session_expiry_s=60, limits=LinkLimits(receive_max=3))
    wide.acknowledges = False
    for number in range(3):
        watcher.link.publish("topic", b"%d" % number)
    place.time.run_for(1)
    wide.link.disconnect()
    narrow = place.client(
        "client", "topic", session_expiry_s=60, limits=LinkLimits(receive_max=1),
        will=Will("will", b""),
    )  # fmt: skip
    narrow.acknowledges = False
    narrow.link.connect()
    place.time.run_for(1)
    (end,) = narrow.ends
    assert (end.why, end.detail) == (Ended.PROTOCOL_ERROR, "more than we can receive")
    assert watcher.messages == []


def test_packet_ids_are_for_what_is_acknowledged(place: Place) -> None:
    """They count from 1; QoS 0 has none, and takes no place in the window."""
    client = place.connected("client", "topic", limits=LinkLimits(receive_max=2))
    client.acknowledges = False
    sender = place.connected("sender")
    for qos in (1, 0, 0, 1):
        sender.link.publish("topic", b"", qos=qos)
        place.time.run_for(1)
    assert [message.packet_id for message in client.messages] == [1, None, None, 2]


def test_subscribe_without_right_ends_the_connection(place: Place) -> None:
    """SUBACK with an error code counts as a refusal."""
    place.broker.may_subscribe = lambda _, topic_filter: topic_filter != "secret"
    client = place.client("client", "open", "secret")
    client.link.connect()
    place.time.run_for(1)
    assert [(end.why, end.code) for end in client.ends] == [(Ended.REFUSED, NOT_AUTHORIZED)]


def test_malformed_filter_ends_the_connection(place: Place) -> None:
    """A filter that MQTT does not allow gets DISCONNECT with the code of a malformed packet."""
    client = place.client("client", "a/#/b")
    client.link.connect()
    place.time.run_for(1)
    assert [(end.why, end.code) for end in client.ends] == [(Ended.BROKER_CLOSED, MALFORMED_PACKET)]


def test_drops_are_counted_by_client() -> None:
    """What a full queue drops is counted for the client that misses it."""
    place = Place(limits=BrokerLimits(max_queued_messages=3))
    away = place.connected("away", "topic", session_expiry_s=60)
    away.link.disconnect()
    sender = place.connected("sender")
    for _ in range(5):
        sender.link.publish("topic", b"")
    place.time.run_for(1)
    assert place.broker.dropped == {"away": 2}


def test_qos_0_to_a_client_that_does_not_read_is_dropped_in_the_end() -> None:
    """A frozen client's buffers hold so many messages; more at QoS 0 are dropped and counted."""
    place = Place(limits=BrokerLimits(max_queued_messages=3))
    frozen = place.connected("frozen", "topic", keepalive_s=0)
    sender = place.connected("sender")
    frozen.link.freeze()
    for number in range(5):
        sender.link.publish("topic", b"%d" % number, qos=0)
        place.time.run_for(1)
    frozen.link.thaw()
    place.time.run_for(1)
    assert frozen.payloads == [b"0", b"1", b"2"]
    assert place.broker.dropped == {"frozen": 2}


def test_limits_of_0_are_none() -> None:
    """As in mosquitto.conf: all goes out at once, and all that comes for who is away waits."""
    limits = BrokerLimits(max_inflight_messages=0, max_queued_messages=0)
    place = Place(limits=limits)
    away = place.connected("away", "topic", session_expiry_s=60)
    away.link.disconnect()
    sender = place.connected("sender", limits=LinkLimits(max_in_flight=2_000))
    for number in range(2_000):
        sender.link.publish("topic", b"%d" % number, on_ack=sender.acks.append)
    place.time.run_for(HOP_S * 2.5)
    assert sender.acks == [SUCCESS] * 2_000
    place.connect(away)
    place.time.run_for(1)
    assert len(away.messages) == 2_000


def test_broker_limit_refuses_large_packets() -> None:
    """Once connected the link raises; what was queued before is answered with 149."""
    place = Place(limits=BrokerLimits(max_packet_bytes=1_000))
    client = place.client("client")
    client.link.publish("topic", bytes(1_000), on_ack=client.acks.append)
    client.link.publish("topic", bytes(900), on_ack=client.acks.append)
    place.connect(client)
    place.time.run_for(1)
    assert client.acks == [PACKET_TOO_LARGE, 16]
    with pytest.raises(LocalProtocolError, match="the broker takes 1000"):
        client.link.publish("topic", bytes(1_000))


def test_small_client_misses_only_what_is_too_large_with_its_properties(place: Place) -> None:
    """The client's limit counts topic and properties too."""
    limits = LinkLimits(max_packet_bytes=100)
    client = place.connected("client", "topic", limits=limits)
    sender = place.connected("sender")
    fits = PublishProperties(correlation_data=bytes(20), response_topic="r", expiry_s=9)
    large = PublishProperties(user_properties=(("name", "v" * 90),))
    for properties in (fits, large, None):
        sender.link.publish("topic", bytes(40), properties=properties)
    place.time.run_for(1)
    assert [message.correlation_data for message in client.messages] == [bytes(20), None]


@pytest.mark.parametrize(
    ("topic", "qos", "properties", "why"),
    [
        ("", 1, None, "'': not a topic"),
        ("a/+", 1, None, "'a/+': not a topic"),
        ("a/#", 1, None, "'a/#': not a topic"),
        ("a\0", 1, None, r"'a\x00': not a topic"),
        ("a" * 65_536, 1, None, f"'{'a' * 200}': not a topic"),
        ("a", 2, None, "a: QoS 2, only 0 and 1 are allowed"),
        ("a", 1, PublishProperties(response_topic="b/#"), "a: response topic 'b/#' is not a topic"),
        ("a", 1, PublishProperties(response_topic="+/b"), "a: response topic '+/b' is not a topic"),
        ("a", 1, PublishProperties(response_topic=""), "a: response topic '' is not a topic"),
        ("a", 1, PublishProperties(expiry_s=-1), "a: expiry -1 s"),
    ],
)
def test_what_mqtt_does_not_allow_is_not_sent(
    place: Place, topic: str, qos: int, properties: PublishProperties | None, why: str
) -> None:
    """A publish that MQTT does not allow raises at once, and says what is wrong with which."""
    client = place.connected("client")
    with pytest.raises(LocalProtocolError) as error:
        client.link.publish(topic, b"", qos=qos, properties=properties)
    assert str(error.value) == why


def test_what_mqtt_just_allows_is_sent(place: Place) -> None:
    """The longest topic, and an expiry of no time at all."""
    client = place.connected("client")
    properties = PublishProperties(expiry_s=0)
    client.link.publish("a" * 65_535, b"", properties=properties, on_ack=client.acks.append)
    place.time.run_for(1)
    assert client.acks == [NO_MATCHING_SUBSCRIBERS]


def test_more_than_max_queued_is_refused_to_the_owner(place: Place) -> None:
    """A link that is not connected keeps so many messages, and refuses more."""
    client = place.client("client", limits=LinkLimits(max_queued=2))
    client.link.publish("topic", b"")
    client.link.publish("topic", b"")
    with pytest.raises(LocalProtocolError, match="2 messages wait"):
        client.link.publish("topic", b"")


def test_client_without_id_gets_one(place: Place) -> None:
    """Two clients without an id do not take each other over."""
    first, second = place.connected(""), place.connected("")
    place.time.run_for(1)
    assert first.link.is_connected
    assert second.link.is_connected


# Leaving a connection behind


def test_left_connection_is_closed_when_its_keepalive_is_over(place: Place) -> None:
    """It counts from the last ping, as for a frozen client; the client learns nothing."""
    watcher = place.connected("watcher", "will", keepalive_s=0)
    client = place.connected("client", keepalive_s=10, will=Will("will", b"silent"))
    place.time.run_for(50)  # pings at 9, 18 ... 45
    client.link.leave_behind()
    place.time.run_for(10)
    assert watcher.messages == []
    place.time.run_for(2)
    assert (watcher.payloads, client.ends) == ([b"silent"], [])


def test_connect_that_was_left_behind_is_served_all_the_same(place: Place) -> None:
    """The broker accepts a CONNECT that it has got, and publishes the will when nothing follows."""
    watcher = place.connected("watcher", "will", keepalive_s=0)
    client = place.client("client", keepalive_s=10, will=Will("will", b"silent"))
    client.link.connect()
    place.time.run_for(HOP_S / 2)
    client.link.leave_behind()
    place.time.run_for(20)
    assert (watcher.payloads, client.sessions_present, client.ends) == ([b"silent"], [], [])


def test_silence_on_a_left_connection_does_not_end_the_next(place: Place) -> None:
    """Once taken over, a connection that was left behind has no part in what follows."""
    watcher = place.connected("watcher", "will", keepalive_s=0)
    client = place.connected(
        "client", session_expiry_s=60, keepalive_s=10, will=Will("will", b"silent")
    )
    client.link.leave_behind()
    place.connect(client)
    place.time.run_for(60)
    assert client.link.is_connected
    assert (watcher.messages, client.ends) == ([], [])


# Freezing


def test_frozen_link_that_aborts_publishes_its_will(place: Place) -> None:
    """A frozen link cannot say goodbye: disconnect closes it as abort does."""
    watcher = place.connected("watcher", "will")
    client = place.connected("client", will=Will("will", b"gone"))
    client.link.freeze()
    client.link.disconnect()
    place.time.run_for(1)
    assert watcher.payloads == [b"gone"]
    client.link.thaw()
    place.time.run_for(1)
    assert client.ends == []


def test_pings_count_until_the_freeze(place: Place) -> None:
    """The keepalive counts from the last ping before the freeze, and anew after a thaw."""
    watcher = place.connected("watcher", "will", keepalive_s=0)
    client = place.connected("client", keepalive_s=10, will=Will("will", b"silent"))
    place.time.run_for(100)  # pings at 9, 18 ... 99
    client.link.freeze()
    place.time.run_for(14)
    client.link.thaw()  # pings at 114
    client.link.freeze()
    place.time.run_for(15)
    assert watcher.messages == []
    place.time.run_for(2)
    assert watcher.payloads == [b"silent"]


def test_a_keepalive_of_two_seconds_pings_every_second(place: Place) -> None:
    """The broker hears the last ping a second before the client falls silent, not two."""
    watcher = place.connected("watcher", "will", keepalive_s=0)
    client = place.connected("client", keepalive_s=2, will=Will("will", b"silent"))
    place.time.run_for(11.5)
    client.link.freeze()
    place.time.run_for(3)  # at 14.5; from the ping at 10 on it would be 14
    assert watcher.messages == []
    place.time.run_for(1)
    assert watcher.payloads == [b"silent"]


def test_connect_while_frozen_waits_for_the_thaw_or_its_timeout(place: Place) -> None:
    """CONNECT of a frozen link goes out at the thaw, if that comes in time."""
    client = place.client("client")
    client.link.freeze()
    client.link.connect()
    place.time.run_for(5)
    assert not client.link.is_connected
    client.link.thaw()
    place.time.run_for(1)
    assert client.link.is_connected
    client.link.disconnect()
    client.link.freeze()
    client.link.connect()
    place.time.run_for(11)
    assert [end.why for end in client.ends] == [Ended.UNREACHABLE]


def test_takeover_of_a_frozen_client_is_learned_at_the_thaw(place: Place) -> None:
    """What the broker sent before it closed comes first, then the reason."""
    frozen = place.connected("same", "topic", session_expiry_s=60)
    frozen.link.freeze()
    other = place.connected("other")
    other.link.publish("topic", b"unseen")
    place.time.run_for(1)
    twin = place.connected("same", session_expiry_s=60)
    place.time.run_for(1)
    assert (frozen.ends, twin.payloads) == ([], [b"unseen"])
    frozen.link.thaw()
    place.time.run_for(1)
    assert (frozen.payloads, frozen.ends[0].code) == ([b"unseen"], 142)
    assert [message.duplicate for message in twin.messages] == [True]


def test_nothing_overtakes_what_waited_for_the_thaw(place: Place) -> None:
    """Messages that arrive at the moment of the thaw come after those that waited."""
    frozen = place.connected("frozen", "topic")
    other = place.connected("other")
    frozen.link.freeze()
    other.link.publish("topic", b"1")
    place.time.run_for(1)
    other.link.publish("topic", b"2")
    place.time.run_for(HOP_S * 1.5)
    frozen.link.thaw()
    frozen.link.freeze()
    frozen.link.thaw()
    place.time.run_for(1)
    assert frozen.payloads == [b"1", b"2"]


def test_what_arrives_in_the_moment_of_the_thaw_waits_its_turn() -> None:
    """A message that is due at the very moment of the thaw comes after those that waited."""
    place = Place(hop=0.25)
    frozen = place.connected("frozen", "topic")
    other = place.connected("other")
    frozen.link.freeze()
    other.link.publish("topic", b"1")
    place.time.run_for(1)
    place.time.call_later(0.5, frozen.link.thaw)  # before the broker's own call for that moment
    other.link.publish("topic", b"2")
    place.time.run_for(1)
    assert frozen.payloads == [b"1", b"2"]


# Handlers


def test_a_raising_handler_loses_its_own_link_alone(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception from a handler ends that link, with a log entry; the others go on."""
    broken, sound = place.connected("broken", "topic"), place.connected("sound", "topic")

    def on_message(_: Message) -> None:
        raise RuntimeError("a defect")

    broken.on_message = on_message  # type: ignore[method-assign, assignment]
    sound.link.publish("topic", b"")
    place.time.run_for(1)
    assert [end.why for end in broken.ends] == [Ended.HANDLER_ERROR]
    assert len(sound.messages) == 1
    assert "a defect" in caplog.text


def test_a_handler_that_has_no_session_to_offer_loses_its_own_link_alone(place: Place) -> None:
    """The link ends at once, and may be told to connect again."""
    client = place.client("client")

    def session() -> Session:
        raise RuntimeError("a defect")

    client.session = session  # type: ignore[method-assign]
    client.link.connect()
    place.time.run_for(1)
    assert [end.why for end in client.ends] == [Ended.HANDLER_ERROR]
    del client.session
    place.connect(client)


def test_a_raising_on_disconnected_is_logged(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception from the last callback of a connection harms nobody."""
    client, other = place.connected("client"), place.connected("other")

    def on_disconnected(_: Disconnected) -> None:
        raise RuntimeError("a late defect")

    client.on_disconnected = on_disconnected  # type: ignore[method-assign, assignment]
    place.broker.stop()
    place.time.run_for(1)
    assert len(other.ends) == 1
    assert "a late defect" in caplog.text
    assert "on_disconnected raised" in caplog.text


def test_second_acknowledge_and_foreign_messages_do_no_harm(place: Place) -> None:
    """Only the first PUBACK of a message of this connection counts."""
    limits = LinkLimits(receive_max=1)
    client = place.connected("client", "topic", session_expiry_s=60, limits=limits)
    client.acknowledges = False
    sender = place.connected("sender")
    for number in range(3):
        sender.link.publish("topic", b"%d" % number)
    place.time.run_for(1)
    first = client.messages[0]
    client.link.acknowledge(first)
    client.link.acknowledge(first)
    place.time.run_for(1)
    assert client.payloads == [b"0", b"1"]
    client.link.acknowledge(msgspec.structs.replace(client.messages[1], payload=b"not the one"))
    place.time.run_for(1)
    assert client.payloads == [b"0", b"1"]

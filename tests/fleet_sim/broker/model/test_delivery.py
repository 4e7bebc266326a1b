"""Whatever happens to two clients: nothing at QoS 1 is lost, out of order, or late."""

from __future__ import annotations

from functools import partial

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fleet_sim.broker.model.broker import HOP_S, BrokerLimits, BrokerModel
from fleet_wire.links.link import LinkLimits, Message, PublishProperties, Session
from tests.helpers.recorder import Recorder
from tests.helpers.virtual_scheduler import VirtualScheduler

CLOCK_GRAIN_S = 1.0
"""The broker counts expiry in whole seconds."""
SETTLE_S = 100.0
CONNECT_COST_S = 0.3
"""So long that other packets wait behind a CONNECT."""


class Peer(Recorder):
    """A client with a session that outlives every test."""

    def __init__(self, machine: Delivery | Expiry, name: str, *filters: str) -> None:
        self._machine = machine
        self._acknowledged = 0
        links = partial(machine.broker.link, limits=LinkLimits(receive_max=4))
        session = Session(name, filters, session_expiry_s=1_000_000, keepalive_s=5)
        super().__init__(links, session)

    def on_message(self, message: Message) -> None:
        """Keep it, and acknowledge it now or later."""
        self._machine.received.append((int(message.payload), self._machine.time.now_s()))
        super().on_message(message)
        self._acknowledged += self.acknowledges

    def withhold(self, *, withholds: bool) -> None:
        """Keep acknowledgements back from now on, or make up for it."""
        self.acknowledges = not withholds
        if not withholds:
            for message in self.messages[self._acknowledged :]:
                self.link.acknowledge(message)
            self._acknowledged = len(self.messages)


class Delivery(RuleBasedStateMachine):
    """A sender and a receiver that come and go, in any order of events."""

    def __init__(self) -> None:
        super().__init__()
        self.time = VirtualScheduler()
        limits = BrokerLimits(max_inflight_messages=3, max_queued_messages=100_000)
        self.broker = BrokerModel(self.time, limits=limits)
        self.broker.connect_cost_s = CONNECT_COST_S
        self.received: list[tuple[int, float]] = []
        self.expiry_s: list[int | None] = []
        self.acked_at_s: dict[int, float] = {}
        self.receiver = Peer(self, "receiver", "topic")
        self.receiver.link.connect()
        self.time.run_for(1)
        self.sender = Peer(self, "sender")
        self.sender.link.connect()

    @rule(expiry_s=st.none() | st.integers(1, 3), count=st.integers(1, 6))
    def publish(self, expiry_s: int | None, count: int) -> None:
        """Send some numbers."""
        for _ in range(count):
            number = len(self.expiry_s)
            self.expiry_s.append(expiry_s)
            properties = None if expiry_s is None else PublishProperties(expiry_s=expiry_s)
            self.sender.link.publish(
                "topic",
                b"%d" % number,
                properties=properties,
                on_ack=partial(self._acked, number),
            )

    def _acked(self, number: int, _: int) -> None:
        assert number not in self.acked_at_s
        self.acked_at_s[number] = self.time.now_s()

    @rule(duration_s=st.sampled_from([HOP_S / 2, HOP_S, 3 * HOP_S, 0.3, 2.5, 9.0]))
    def pass_time(self, duration_s: float) -> None:
        """Let time pass: less than a hop, or more than a keepalive."""
        self.time.run_for(duration_s)

    @rule(is_sender=st.booleans())
    def connect(self, *, is_sender: bool) -> None:
        """Connect a client, if it is not connected."""
        (self.sender if is_sender else self.receiver).link.connect()

    @rule(is_sender=st.booleans())
    def abort(self, *, is_sender: bool) -> None:
        """Let a client crash."""
        (self.sender if is_sender else self.receiver).link.abort()

    @rule(is_sender=st.booleans())
    def disconnect(self, *, is_sender: bool) -> None:
        """Let a client leave."""
        (self.sender if is_sender else self.receiver).link.disconnect()

    @rule(is_sender=st.booleans())
    def leave_behind(self, *, is_sender: bool) -> None:
        """Let a client forget its connection."""
        (self.sender if is_sender else self.receiver).link.leave_behind()

    @rule(is_sender=st.booleans())
    def freeze(self, *, is_sender: bool) -> None:
        """Take a client's network away."""
        (self.sender if is_sender else self.receiver).link.freeze()

    @rule(is_sender=st.booleans())
    def thaw(self, *, is_sender: bool) -> None:
        """Give it back."""
        (self.sender if is_sender else self.receiver).link.thaw()

    @rule()
    def stop_reading(self) -> None:
        """Let the broker stop reading."""
        self.broker.stop_reading()

    @rule()
    def continue_reading(self) -> None:
        """Let it read again."""
        self.broker.continue_reading()

    @rule(withholds=st.booleans())
    def withhold(self, *, withholds: bool) -> None:
        """Let the receiver keep its acknowledgements back, or make up for it."""
        self.receiver.withhold(withholds=withholds)

    @precondition(lambda self: self.received)
    @invariant()
    def comes_in_order(self) -> None:
        """Check that a number that comes for the first time is above all before it.

        One with an expiry may die in the queue and be sent again, behind those after it.
        """
        seen = [number for number, _ in self.received if self.expiry_s[number] is None]
        first_times = list(dict.fromkeys(seen))
        assert first_times == sorted(first_times)

    def teardown(self) -> None:
        """Let all settle: what does not expire has come and is acknowledged, nothing came late."""
        self.broker.continue_reading()
        self.withhold(withholds=False)
        for party in (self.sender, self.receiver):
            party.link.thaw()
        self.time.run_for(1)
        for party in (self.sender, self.receiver):
            party.link.connect()
        self.time.run_for(SETTLE_S)
        self.withhold(withholds=False)
        received = {number for number, _ in self.received}
        lasting = {number for number, expiry_s in enumerate(self.expiry_s) if expiry_s is None}
        assert lasting <= received
        assert self.acked_at_s.keys() == {*range(len(self.expiry_s))}
        self.comes_in_order()


class Expiry(RuleBasedStateMachine):
    """A receiver that comes and goes while messages with an expiry wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.time = VirtualScheduler()
        self.broker = BrokerModel(self.time)
        self.received: list[tuple[int, float]] = []
        self.sent: list[tuple[int, float]] = []
        self.receiver = Peer(self, "receiver", "topic")
        self.sender = Peer(self, "sender")
        for party in (self.receiver, self.sender):
            party.link.connect()
        self.time.run_for(1)

    @rule(expiry_s=st.integers(1, 5), count=st.integers(1, 6))
    def publish(self, expiry_s: int, count: int) -> None:
        """Send some numbers that expire."""
        for _ in range(count):
            number, properties = len(self.sent), PublishProperties(expiry_s=expiry_s)
            self.sent.append((expiry_s, self.time.now_s()))
            self.sender.link.publish("topic", b"%d" % number, properties=properties)

    @rule(duration_s=st.sampled_from([HOP_S, 0.4, 1.0, 2.7]))
    def pass_time(self, duration_s: float) -> None:
        """Let time pass."""
        self.time.run_for(duration_s)

    @rule()
    def leave(self) -> None:
        """Let the receiver go."""
        self.receiver.link.abort()

    @rule()
    def come(self) -> None:
        """Let it come back."""
        self.receiver.link.connect()

    @rule(withholds=st.booleans())
    def withhold(self, *, withholds: bool) -> None:
        """Let the receiver's window fill, or empty it."""
        self.receiver.withhold(withholds=withholds)

    @invariant()
    def nothing_comes_late(self) -> None:
        """Check that no message leaves the broker after its expiry."""
        for number, received_s in self.received:
            expiry_s, sent_s = self.sent[number]
            assert received_s <= sent_s + expiry_s + CLOCK_GRAIN_S + 2 * HOP_S


TestDelivery = Delivery.TestCase
TestDelivery.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestExpiry = Expiry.TestCase
TestExpiry.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)

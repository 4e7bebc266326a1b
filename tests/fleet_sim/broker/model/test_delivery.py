"""Whatever happens to two clients: nothing at QoS 1 is lost or out of order."""

from __future__ import annotations

from functools import partial

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fleet_sim.broker.model.broker import HOP_S, BrokerLimits, BrokerModel
from fleet_wire.links.link import LinkLimits, Message, PublishProperties, Session
from tests.helpers.recorder import Recorder
from tests.helpers.virtual_scheduler import VirtualScheduler

SETTLE_S = 100.0
CONNECT_COST_S = 0.3
"""So long that other packets wait behind a CONNECT."""


class Peer(Recorder):
    """A client with a session that outlives every test."""

    def __init__(self, machine: Delivery, name: str, *filters: str) -> None:
        self._machine = machine
        self._acknowledged = 0
        links = partial(machine.broker.link, limits=LinkLimits(receive_max=4))
        session = Session(name, filters, session_expiry_s=1_000_000, keepalive_s=5)
        super().__init__(links, session)

    def on_message(self, message: Message) -> None:
        """Keep it, and acknowledge it now or later."""
        self._machine.received.append(int(message.payload))
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
        self.received: list[int] = []
        self.expiry_s: list[int | None] = []
        self.acked: list[int] = []
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

    def _acked(self, number: int, _code: int) -> None:
        self.acked.append(number)

    @rule(duration_s=st.sampled_from([HOP_S / 2, HOP_S, 3 * HOP_S, 0.3, 2.5, 9.0]))
    def pass_time(self, duration_s: float) -> None:
        """Let time pass: less than a hop, or more than a keepalive."""
        self.time.run_for(duration_s)

    @rule(is_sender=st.booleans(), how=st.sampled_from(["connect", "thaw"]))
    def come_back(self, *, is_sender: bool, how: str) -> None:
        """Connect a client, if it is not connected, or give it its network back."""
        getattr((self.sender if is_sender else self.receiver).link, how)()

    @rule(
        is_sender=st.booleans(),
        how=st.sampled_from(["abort", "disconnect", "leave_behind", "freeze"]),
    )
    def go(self, *, is_sender: bool, how: str) -> None:
        """Let a client crash, leave, forget its connection, or lose its network."""
        getattr((self.sender if is_sender else self.receiver).link, how)()

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
        seen = [number for number in self.received if self.expiry_s[number] is None]
        first_times = list(dict.fromkeys(seen))
        assert first_times == sorted(first_times)

    def teardown(self) -> None:
        """Let all settle: what does not expire has come, and each was acknowledged once."""
        self.broker.continue_reading()
        self.withhold(withholds=False)
        for party in (self.sender, self.receiver):
            party.link.thaw()
        self.time.run_for(1)
        for party in (self.sender, self.receiver):
            party.link.connect()
        self.time.run_for(SETTLE_S)
        self.withhold(withholds=False)
        lasting = {number for number, expiry_s in enumerate(self.expiry_s) if expiry_s is None}
        assert lasting <= {*self.received}
        assert sorted(self.acked) == [*range(len(self.expiry_s))]
        self.comes_in_order()


TestDelivery = Delivery.TestCase
TestDelivery.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

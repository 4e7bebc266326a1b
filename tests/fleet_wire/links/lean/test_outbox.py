"""QoS 1 on its way out, without any I/O."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from fleet_wire.links.lean.outbox import LAST_PACKET_ID, Outbox


def _packet(number: int) -> bytes:
    return bytes((0x32, number % 256))


class _Run:
    """An outbox, its connection and who is told."""

    def __init__(self, window: int) -> None:
        self.outbox = Outbox()
        self.outbox.window = self.window = window
        self.acks: list[int] = []
        self.in_flight: list[int] = []
        self.published = 0

    def publish(self) -> None:
        number = self.published
        self.published += 1

        def on_ack(_: int) -> None:
            self.acks.append(number)

        self.outbox.wait(self.outbox.next_id(), _packet(number), on_ack)

    def send(self) -> None:
        while (sendable := self.outbox.pop_sendable()) is not None:
            assert sendable[0] not in self.in_flight
            self.in_flight.append(sendable[0])
        assert len(self.in_flight) <= self.window

    def acknowledge(self) -> None:
        if self.in_flight:
            on_ack = self.outbox.acknowledged(self.in_flight.pop(0))
            assert on_ack is not None
            on_ack(0)

    def lose(self) -> None:
        self.in_flight.clear()
        self.outbox.reconnected(session_present=False, window=self.window)

    def resume(self) -> None:
        self.in_flight.clear()
        self.outbox.reconnected(session_present=True, window=self.window)


@given(
    steps=st.lists(
        st.sampled_from([_Run.publish, _Run.send, _Run.acknowledge, _Run.lose, _Run.resume]),
        max_size=200,
    ),
    window=st.integers(1, 5),
)
def test_each_message_is_acknowledged_once(
    steps: list[Callable[[_Run], None]], window: int
) -> None:
    """Whatever happens, the window holds, ids in use differ, and each ack comes exactly once."""
    run = _Run(window)
    for step in steps:
        step(run)
    while len(run.acks) < run.published:
        run.send()
        run.acknowledge()
    assert sorted(run.acks) == list(range(run.published))
    assert run.outbox.start(run.outbox.next_id(), _packet(0), None)


def test_ids_come_round_past_what_is_in_flight() -> None:
    """After the last id comes the first that is free."""
    outbox = Outbox()
    outbox.window = 10
    outbox.start(1, _packet(1), None)
    outbox.reserve_id(LAST_PACKET_ID)
    assert outbox.next_id() == 2

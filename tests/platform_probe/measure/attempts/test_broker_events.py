"""What is remembered of what the broker said."""

from __future__ import annotations

from fleet_wire.contract.broker_log import BrokerEvent, BrokerEventKind
from platform_probe.measure.attempts.broker_events import MAX_EACH, MAX_NAMELESS, BrokerEvents

KIND = BrokerEventKind


def test_so_many_are_remembered_and_no_more() -> None:
    """The latest of each client, of the latest clients, and of what names none."""
    events = BrokerEvents(max_clients=2)
    for second in range(MAX_EACH + 3):
        events.add(BrokerEvent(second, "car-1", KIND.TAKEN_OVER))
    assert events.counts_since("car-1", 0.0) == {"taken_over": MAX_EACH}
    assert events.counts_since("car-1", 4.0) == {"taken_over": MAX_EACH - 1}
    assert events.taken == MAX_EACH + 3
    for name in ("car-2", "made-up"):
        events.add(BrokerEvent(0.0, name, KIND.DENIED))
    assert events.counts_since("car-1", 0.0) == {}
    assert events.counts_since("made-up", 0.0) == {"denied": 1}
    for second in range(MAX_NAMELESS + 1):
        events.add(BrokerEvent(second, None, KIND.TLS_ERROR))
    assert events.nameless[0].at == 1


def test_counts_since_a_moment_leave_out_the_usual() -> None:
    """That a client came and said goodbye is no evidence; what came before is none either."""
    events = BrokerEvents()
    for at, kind in (
        (1.0, KIND.TIMED_OUT),
        (5.0, KIND.CONNECTED),
        (6.0, KIND.TAKEN_OVER),
        (7.0, KIND.TAKEN_OVER),
        (8.0, KIND.LEFT),
    ):
        events.add(BrokerEvent(at, "car-1", kind))
    assert events.counts_since("car-1", 5.0) == {"taken_over": 2}
    assert events.counts_since("car-1", 0.0) == {"taken_over": 2, "timed_out": 1}

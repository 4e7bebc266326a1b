"""Sessions of the broker model."""

from __future__ import annotations

from fleet_sim.broker.model.packets import Publication
from fleet_sim.broker.model.session import LAST_PACKET_ID, BrokerSession


def test_packet_ids_pass_over_those_in_flight() -> None:
    """Packet ids go round without 0, and no id is used twice at a time."""
    session = BrokerSession("client")
    message = Publication("topic", b"", 1, False)  # noqa: FBT003
    session.in_flight = {1: (message, None), 2: (message, None)}  # type: ignore[dict-item]
    session.last_packet_id = LAST_PACKET_ID
    assert session.next_packet_id() == 3
    session.last_packet_id = 0
    del session.in_flight[2]
    assert session.next_packet_id() == 2


def test_a_session_lives_through_its_last_second() -> None:
    """The broker counts whole seconds; one with a connection never expires."""
    session = BrokerSession("client")
    session.expires_at_s = 5
    assert [session.is_expired(clock_s) for clock_s in (4, 5, 6)] == [False, False, True]
